/* Prints where the kernel put things in this process, and 8 bytes of AT_RANDOM. */
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
    uint64_t word;
    void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memcpy(&word, (void *)getauxval(AT_RANDOM), sizeof word);
    printf("stack %p heap %p map %p vdso %p exe %p random %#llx\n", (void *)&word, sbrk(0), map,
           (void *)getauxval(AT_SYSINFO_EHDR), (void *)main, (unsigned long long)word);
    return 0;
}

#define _GNU_SOURCE
#include "arch/host/os.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

void os_map(unsigned long address, size_t size)
{
    void *want = (void *)address;

    if (mmap(want, size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != want) {
        perror("os_map");
        abort();
    }
}

void os_unmap(unsigned long address, size_t size)
{
    munmap((void *)address, size);
}

unsigned long os_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000UL + now.tv_nsec;
}

void os_write(const char *text, size_t size)
{
    if (write(2, text, size) < 0)
        abort();
}

void os_abort(void)
{
    abort();
}

/*
 * In place of mm/pagetable.c: a kernel page table that is a list. kernel_map() puts fresh zeroed
 * memory of the host at va; only kernel_translate() knows that it should be the same as that at
 * pa, which is enough for descriptors and guard pages.
 */
#include "mm/pagetable.h"
#include "arch/host/os.h"
#include "lib/errno.h"

#define MAPPINGS_MAX 4096

static struct {
    u64 va, size;
    paddr_t pa;
} mappings[MAPPINGS_MAX]; /* size 0: free */

int kernel_map(u64 va, paddr_t pa, u64 size, u32 prot)
{
    (void)prot;
    if (kernel_translate(va) != PADDR_NONE)
        return -EEXIST;
    for (size_t i = 0; i < MAPPINGS_MAX; i++) {
        if (mappings[i].size != 0)
            continue;
        os_map(va, size);
        mappings[i].va = va;
        mappings[i].size = size;
        mappings[i].pa = pa;
        return 0;
    }
    return -ENOMEM;
}

/* Whole mappings only, as many as lie in the range. */
int kernel_unmap(u64 va, u64 size)
{
    for (size_t i = 0; i < MAPPINGS_MAX; i++)
        if (mappings[i].size != 0 && mappings[i].va >= va &&
            mappings[i].va + mappings[i].size <= va + size) {
            os_unmap(mappings[i].va, mappings[i].size);
            mappings[i].size = 0;
        }
    return 0;
}

int kernel_protect(u64 va, u64 size, u32 prot)
{
    (void)va, (void)size, (void)prot;
    return 0;
}

paddr_t kernel_translate(u64 va)
{
    if (va >> 44 == HOST_LINEAR_BASE >> 44)
        return va - HOST_LINEAR_BASE;
    for (size_t i = 0; i < MAPPINGS_MAX; i++)
        if (va >= mappings[i].va && va - mappings[i].va < mappings[i].size)
            return mappings[i].pa + (va - mappings[i].va);
    return PADDR_NONE;
}

/*
 * The boot allocator: a pointer that moves up. It lives from the moment the kernel knows where
 * its image ends until the page frames take over, and its memory is never given back.
 */
#include "mm/bump.h"
#include "lib/string.h"

static char *first, *next, *limit; /* next == limit: closed or not open yet */

void mm_init(void *start, void *end)
{
    first = next = start;
    limit = (char *)end > (char *)start ? end : start;
}

void *mm_alloc(size_t size, size_t align)
{
    u64 start = (u64)next, left = limit - next;
    u64 skip;

    if (size == 0 || align == 0 || (align & (align - 1)) != 0)
        return NULL;
    skip = -start & (align - 1);
    if (skip > left || size > left - skip)
        return NULL;
    next += skip + size;
    return memset((char *)start + skip, 0, size);
}

void mm_close(char **start, char **end)
{
    *start = first;
    *end = next;
    limit = next;
}

size_t mm_used(void)
{
    return next - first;
}

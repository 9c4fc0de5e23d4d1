/* In place of the parts of the kernel below those under test: the host's memory, and no log. */
#include <stdio.h>

#include "core/log.h"
#include "fuzz.h"
#include "mm/kmalloc.h"
#include "mm/vmalloc.h"
#include "sched/reclaim.h"

void assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
    abort();
}

void log_print(u32 level, const char *fmt, ...)
{
    (void)level, (void)fmt;
}

void *kmalloc_any_nosleep(size_t size)
{
    return calloc(1, size);
}

void *slab_alloc_nosleep(u64 cache_number)
{
    (void)cache_number;
    return calloc(1, KMALLOC_CLASS_MAX);
}

void *kmalloc_retry(size_t size)
{
    (void)size;
    return NULL;
}

void kfree(void *object)
{
    free(object);
}

void *vmalloc(size_t size)
{
    return calloc(1, size);
}

void vfree(void *address)
{
    free(address);
}

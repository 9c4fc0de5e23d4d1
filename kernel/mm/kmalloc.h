/*
 * Kernel memory by the byte. What comes out is always zero: objects are zeroed when they are
 * freed. Never sleeps; any context. The sleeping versions are in sched/reclaim.h.
 * Theory in mm/slab.c.
 */
#pragma once

#include "lib/kasan.h"
#include "lib/types.h"

struct kmem_cache;

#define KMALLOC_CLASSES   13
#define KMALLOC_CLASS_MAX 2048UL /* what is larger comes as whole pages */

/* The size class of a constant size up to KMALLOC_CLASS_MAX; folds away. */
static __always_inline u32 kmalloc_class(size_t size)
{
    return size <= 16     ? 0
           : size <= 32   ? 1
           : size <= 48   ? 2
           : size <= 64   ? 3
           : size <= 96   ? 4
           : size <= 128  ? 5
           : size <= 192  ? 6
           : size <= 256  ? 7
           : size <= 384  ? 8
           : size <= 512  ? 9
           : size <= 768  ? 10
           : size <= 1024 ? 11
                          : 12;
}

/* The caches have the numbers 1 to KMALLOC_CLASSES in the order of their size. */
void *slab_alloc_nosleep(u64 cache_number);

/* Any size: small ones by table, others as whole pages. */
void *kmalloc_any_nosleep(size_t size);

/*
 * size bytes of zeros, aligned to 16 (powers of two up to a page: to their size). NULL: none, or
 * size 0.
 */
static __always_inline void *kmalloc_nosleep(size_t size)
{
    if (!KASAN && __builtin_constant_p(size) && size != 0 && size <= KMALLOC_CLASS_MAX)
        return slab_alloc_nosleep(kmalloc_class(size) + 1);
    return kmalloc_any_nosleep(size);
}

/* Takes any object of kmalloc or of a cache; NULL does nothing. */
void kfree(void *object);

/* Of any pointer variable. */
static inline void scoped_end_kmalloc(void *variable)
{
    if (*(void **)variable)
        kfree(*(void **)variable);
}

/* After page_init(). */
void kmalloc_init(void);

/*
 * A cache of objects of one size. align: a power of two up to a page, 0 for 16. Name is kept, not
 * copied. At boot; there is no end of a cache. NULL when out of memory.
 */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align);
void *kmem_cache_alloc_nosleep(struct kmem_cache *cache);
void kmem_cache_free(struct kmem_cache *cache, void *object);

/* For /proc/slabinfo and leak tests: the n-th cache from 0; false behind the last. */
struct kmem_info {
    const char *name;
    u32 size;   /* bytes an object takes */
    u64 active; /* objects in use; exact when nothing runs */
    u64 total;  /* objects there is room for */
    u64 pages;
};
bool kmem_cache_info(u32 n, struct kmem_info *info);

/* Gives back what this CPU's lists, the empty slabs and KASAN hold; for smp_call_all(). */
void kmalloc_drain(void *unused);

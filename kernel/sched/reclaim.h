/*
 * Allocation that may sleep: the allocators of mm, tried again after shrinkers gave memory back
 * and, at last, after the out-of-memory hook found somebody to end. Theory in reclaim.c.
 *
 * NULL means hopeless; callers return -ENOMEM. All memory comes zeroed, but for stacks and for
 * pages without PA_ZERO. In atomic context they do not sleep, and fail as the _nosleep ones do.
 */
#pragma once

#include "lib/list.h"
#include "mm/kmalloc.h"
#include "mm/page.h"

void *kmalloc_retry(size_t size);
void *kmem_cache_alloc_retry(struct kmem_cache *cache);
struct page *page_alloc_retry(u32 order, u32 flags);

static __always_inline void *kmalloc(size_t size)
{
    void *object = kmalloc_nosleep(size);

    return likely(object) ? object : kmalloc_retry(size);
}

static inline void *kmem_cache_alloc(struct kmem_cache *cache)
{
    void *object = kmem_cache_alloc_nosleep(cache);

    return likely(object) ? object : kmem_cache_alloc_retry(cache);
}

static inline struct page *page_alloc(u32 order, u32 flags)
{
    struct page *page = page_alloc_nosleep(order, flags);

    return likely(page) ? page : page_alloc_retry(order, flags);
}

void *vmalloc(size_t size);
void *stack_alloc(void);

struct shrinker {
    struct list link;
    const char *name;
    /* Tries to free `target` pages; returns about how many it did. May sleep, may not allocate. */
    size_t (*shrink)(struct shrinker *shrinker, size_t target);
};

/* Never taken back. Shrinkers are asked in the order of registration. */
void shrinker_register(struct shrinker *shrinker);

/* Frees up to `target` pages through the shrinkers; returns about how many. May sleep. */
size_t reclaim_pages(size_t target);

/* Called when nothing can be reclaimed, to end a process: true: try again. May sleep. */
void reclaim_set_oom_hook(bool (*hook)(void));

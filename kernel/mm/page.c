/*
 * Page frames.
 *
 * What it is: a buddy allocator over blocks of 2^0 to 2^10 pages, with a cache of single pages for
 * each CPU in front of it. Memory comes to it section by section (mm/section.c).
 *
 * Interface: page.h. page_alloc_nosleep() and page_free() of one page are the fast path: they move
 * one pointer of the CPU's cache, with preemption off and no lock.
 *
 * Structures: a CPU's cache is an array of pointers that fills a 512-byte slot aligned to its size.
 * `top` points at the last page in it, or at slot 0, which is NULL: empty is found when the NULL
 * is loaded, full when the next place would be aligned to 512. Under fault injection, which counts
 * every allocation, the NULL is in the last slot: the cache is empty and full.
 *
 * Invariants:
 * I1. A free block's first page has PG_FREE and PG_BUDDY, its order, and is in the list of that
 *     order; the other pages of a block have neither. A page in a CPU's cache has PG_FREE only.
 * I2. Two blocks that are buddies lie in one aligned 4 MiB, whose descriptors are mapped together.
 * I3. While sections are left to build, the allocator keeps RESERVE pages for those who cannot wait
 *     for a section (PA_NO_BUILD; see I2 of section.c).
 * I4. An interrupt handler does not touch the CPU's cache, which the code below it may be
 *     changing; page_drain() does, when that code is not in its fast path.
 *
 * Locking: frames.lock (RANK_FRAMES, IRQs masked) guards the lists and counts.
 *
 * Life of a page: not taken up -> (section_build) free block -> (page_alloc) owned, refs 1 ->
 * (page_put to 0, page_free) CPU cache -> (cache_flush) free block.
 *
 * Rejected: a bitmap for each order; the flag in the descriptor says the same and is at hand.
 */
#include "mm/page.h"
#include "core/fail.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "lib/string.h"
#include "mm/kasan.h"
#include "mm/page_impl.h"

#define RESERVE     32 /* pages (I3) */
#define CACHE_SLOTS 63
#define CACHE_BATCH 32
#define CHUNK_ORDER 4 /* a refill takes blocks of up to 16 pages */

struct page_cache {
    struct page **top;
    struct page *slots[CACHE_SLOTS];
} __aligned(512);
_Static_assert(sizeof(struct page_cache) == 512, "full is found by alignment");

static struct {
    struct spinlock lock;
    struct list free[PAGE_ORDER_MAX + 1]; /* [L] */
    u64 counts[PAGE_ORDER_MAX + 1];       /* blocks in each list [L] */
    u64 free_pages;                       /* in the lists [L] */
} frames = {.lock = SPINLOCK_INIT(RANK_FRAMES)};

static DEFINE_PERCPU(struct page_cache, page_cache);
static u32 cache_floor; /* the slot of a cache that holds the NULL below its pages [I] */

/* Puts a free block into its list, joined with its buddies as far as they are free. */
static void give_locked(struct page *page, u32 order)
{
    frames.free_pages += 1UL << order;
    while (order < PAGE_ORDER_MAX) {
        struct page *buddy = (struct page *)((u64)page ^ sizeof *page << order); /* I2 */

        if (!(buddy->flags & PG_BUDDY) || buddy->order != order)
            break;
        list_del(&buddy->list);
        buddy->flags = 0;
        frames.counts[order]--;
        page = MIN(page, buddy);
        order++;
    }
    page->flags = PG_FREE | PG_BUDDY;
    page->order = order;
    list_add(&page->list, &frames.free[order]);
    frames.counts[order]++;
}

/*
 * Takes a block of at least `order` off the lists and gives back halves of it until its order is
 * at most `most`, which its first page tells. NULL when there is none.
 */
static struct page *take_locked(u32 order, u32 most)
{
    struct page *page;

    while (order <= PAGE_ORDER_MAX && list_empty(&frames.free[order]))
        order++;
    if (order > PAGE_ORDER_MAX)
        return NULL;
    page = list_first(&frames.free[order], struct page, list);
    list_del(&page->list);
    page->flags = 0;
    frames.counts[order]--;
    frames.free_pages -= 1UL << order;
    while (order > most) {
        order--;
        give_locked(page + (1UL << order), order);
    }
    page->order = order;
    return page;
}

void frames_add(paddr_t start, paddr_t end)
{
    kasan_poison(phys_to_virt(start), end - start, KASAN_FREE_PAGE);
    spin_guard_irqsave(&frames.lock);
    while (start < end) {
        u32 order = 0;

        while (order < PAGE_ORDER_MAX && !(start & PAGE_SIZE << order) &&
               start + (PAGE_SIZE << (order + 1)) <= end)
            order++;
        give_locked(phys_to_page(start), order);
        start += PAGE_SIZE << order;
    }
}

/* Is it time to build a section, before the RESERVE goes (I3)? */
static bool low_locked(void)
{
    return frames.free_pages < RESERVE && section_left();
}

static struct page *alloc_block(u32 order, u32 pa_flags)
{
    for (;;) {
        irqflags_t flags = spin_lock_irqsave(&frames.lock);
        bool low = low_locked() && !(pa_flags & PA_NO_BUILD);
        struct page *page = low ? NULL : take_locked(order, order);

        spin_unlock_irqrestore(&frames.lock, flags);
        if (page || pa_flags & PA_NO_BUILD || !section_build_more())
            return page;
    }
}

/* Fills this CPU's cache with about CACHE_BATCH pages. IRQs masked, not in a handler. */
static void cache_refill(struct page_cache *cache)
{
    struct page **top = cache->top;

    spin_acquire(&frames.lock);
    while (top < &cache->slots[CACHE_BATCH] && !low_locked()) {
        struct page *block = take_locked(0, CHUNK_ORDER);

        if (!block)
            break;
        for (u32 i = 1U << block->order; i-- > 0;) { /* the lowest address is handed out first */
            block[i].flags = PG_FREE;
            *++top = &block[i];
        }
    }
    spin_release(&frames.lock);
    cache->top = top;
}

static u32 cache_count(const struct page_cache *cache)
{
    return READ_ONCE(cache->top) - &cache->slots[cache_floor];
}

/* Moves pages of this CPU's cache to the lists until `keep` are left. IRQs masked. */
static void cache_flush(struct page_cache *cache, u32 keep)
{
    spin_acquire(&frames.lock);
    while (cache_count(cache) > keep)
        give_locked(*cache->top--, 0);
    spin_release(&frames.lock);
}

static void page_prepare(struct page *page, u32 order)
{
    page->flags = 0;
    page->refs.count = 1;
    page->mapcount = 0;
    page->order = order;
    page->slab = 0;
    page->spare = 0;
    page->mapping = NULL;
    page->index = 0;
    page->private = 0;
    page->private2 = 0;
    kasan_unpoison(page_to_virt(page), PAGE_SIZE << order);
}

static __noinline struct page *page_zeroed(struct page *page, u32 order)
{
    char *va = page_to_virt(page);

    for (u64 at = 0; at < PAGE_SIZE << order; at += PAGE_SIZE)
        page_zero(va + at);
    return page;
}

/* Ends the fast path. One page when the cache has none, or may not be used. */
static __noinline struct page *alloc_slow(u32 pa_flags)
{
    struct page *page = NULL;

    preempt_fast_end();
    if (fail_alloc())
        return NULL;
    if (!in_irq()) {
        irqflags_t flags = irq_save();
        struct page_cache *cache = &this_cpu(page_cache);

        if (!*cache->top)
            cache_refill(cache);
        if ((page = *cache->top))
            cache->top--;
        irq_restore(flags);
    }
    if (!page && !(page = alloc_block(0, pa_flags)))
        return NULL;
    page_prepare(page, 0);
    return pa_flags & PA_ZERO ? page_zeroed(page, 0) : page;
}

struct page *page_alloc_block(u32 order, u32 pa_flags)
{
    struct page *page;

    if (order > PAGE_ORDER_MAX || fail_alloc() || !(page = alloc_block(order, pa_flags)))
        return NULL;
    page_prepare(page, order);
    return pa_flags & PA_ZERO ? page_zeroed(page, order) : page;
}

/* Gives the CPU away first, as another thread wants it. */
static __noinline struct page *alloc_end_check(struct page *page, u32 pa_flags)
{
    preempt_check();
    return pa_flags & PA_ZERO ? page_zeroed(page, 0) : page;
}

struct page *page_alloc_one(u32 pa_flags)
{
    u32 count = preempt_save();
    struct page_cache *cache = &this_cpu(page_cache);
    struct page *page = *cache->top;

    if (unlikely(!page || count & PREEMPT_IRQ))
        return alloc_slow(pa_flags);
    cache->top--;
    page_prepare(page, 0);
    if (unlikely(preempt_restore(count)))
        return alloc_end_check(page, pa_flags);
    return pa_flags & PA_ZERO ? page_zeroed(page, 0) : page;
}

void page_free_block(struct page *page, u32 order)
{
    irqflags_t flags;

    if (page->flags & PG_FIXED)
        return;
    if (page->flags & PG_FREE || order > PAGE_ORDER_MAX)
        panic("page %012lx freed twice, or with a wrong order (%u)", page_to_phys(page), order);
    kasan_poison(page_to_virt(page), PAGE_SIZE << order, KASAN_FREE_PAGE);
    flags = irq_save();
    if (order == 0 && !in_irq())
        cache_flush(&this_cpu(page_cache), CACHE_BATCH);
    spin_acquire(&frames.lock);
    give_locked(page, order);
    spin_release(&frames.lock);
    irq_restore(flags);
}

static __noinline void free_slow_enable(struct page *page)
{
    preempt_fast_end();
    page_free_block(page, 0);
}

void page_free_one(struct page *page)
{
    u32 count = preempt_save();
    struct page_cache *cache = &this_cpu(page_cache);
    struct page **next = cache->top + 1;

    if (unlikely(page->flags & (PG_FREE | PG_FIXED) || count & PREEMPT_IRQ ||
                 IS_ALIGNED((u64)next, sizeof *cache))) {
        free_slow_enable(page);
        return;
    }
    kasan_poison(page_to_virt(page), PAGE_SIZE, KASAN_FREE_PAGE);
    page->flags = PG_FREE;
    *next = page;
    cache->top = next;
    if (unlikely(preempt_restore(count)))
        preempt_check();
}

void page_drain(void *unused __maybe_unused)
{
    irqflags_t flags = irq_save();

    if (!preempt_in_fast()) /* I4 */
        cache_flush(&this_cpu(page_cache), 0);
    irq_restore(flags);
}

u64 pages_free(void)
{
    u64 total = READ_ONCE(frames.free_pages) + section_pages_untaken();
    u32 cpu;

    for_each_cpu(cpu)
        total += cache_count(&per_cpu(page_cache, cpu));
    return total;
}

void page_counts(u64 counts[PAGE_ORDER_MAX + 1])
{
    spin_guard_irqsave(&frames.lock);
    memcpy(counts, frames.counts, sizeof frames.counts);
}

void frames_init(void)
{
    u32 cpu;

    for (u32 order = 0; order <= PAGE_ORDER_MAX; order++)
        list_init(&frames.free[order]);
    cache_floor = fail_alloc_wanted() ? CACHE_SLOTS - 1 : 0;
    for_each_cpu(cpu) {
        struct page_cache *cache = &per_cpu(page_cache, cpu);

        cache->top = &cache->slots[cache_floor];
    }
}

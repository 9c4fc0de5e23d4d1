/*
 * The page-table entries of ranges: taking pages out, changing their protection, sharing them for
 * fork, moving them.
 *
 * Many entries are changed with one flush. A page may be freed only when no TLB holds it, so
 * zapping goes over the range twice: entries are hidden (invalid, but they still know their page),
 * the range is flushed, then the pages are given back. That needs no list of pages and no memory.
 */
#include "core/fail.h"
#include "core/panic.h"
#include "io/mapping.h"
#include "lib/errno.h"
#include "sched/reclaim.h"
#include "vm/space_impl.h"

bool memory_make_room(void)
{
    struct page *page = fail_alloc_injected() ? NULL : page_alloc(0, 0);

    if (page)
        page_put(page);
    return page;
}

pte_t *__noinline entry_make_retry(struct vm_space *space, u64 va)
{
    pte_t *entry = NULL;

    while (!entry && memory_make_room())
        entry = pt_make(&space->pt, va);
    return entry;
}

enum vm_rss region_rss_kind(const struct vm_region *region)
{
    struct mapping *mapping = region->mapping;

    return mapping && mapping->ops && mapping->ops->fill ? RSS_FILE : RSS_SHMEM;
}

u32 region_entry_prot(const struct vm_region *region, bool own)
{
    u32 prot = (region->prot & VM_PROT_KEPT) | PT_USER; /* tells the compiler what cannot be set */

    if (own)
        return prot | PT_PRIVATE;
    if (region_private(region) || region->flags & VM_NOTIFY)
        prot &= ~PROT_WRITE;
    if (!(prot & VM_PROT_MASK) && region->prot & PROT_WRITE)
        prot |= PROT_READ; /* PROT_WRITE alone: readable, as all that is accessible */
    return prot;
}

void page_sync_code(struct page *page)
{
    if (__atomic_load_n(&page->flags, __ATOMIC_RELAXED) & PG_ICACHE_CLEAN)
        return;
    icache_sync(page_to_virt(page), PAGE_SIZE);
    __atomic_or_fetch(&page->flags, PG_ICACHE_CLEAN, __ATOMIC_RELEASE);
}

/* Addresses of the first and behind the last page that a walk has changed; end 0: none. */
struct span {
    u64 first, end;
};

static inline void span_add(struct span *span, u64 va)
{
    if (!span->end)
        span->first = va;
    span->end = va + PAGE_SIZE;
}

/* Hides all entries of the range. */
static struct span hide(struct vm_space *space, u64 start, u64 end)
{
    struct span span = {0, 0};

    for_each_pte(walk, &space->pt, start, end) {
        pte_store(walk.entry, pte_hidden(*walk.entry));
        span_add(&span, pte_walk_va(&walk));
    }
    return span;
}

void pages_release(struct vm_space *space, const struct vm_region *region, u64 start, u64 end)
{
    s64 own = 0, others = 0;

    for_each_pte(walk, &space->pt, start, end) {
        pte_t pte = *walk.entry;

        pte_store(walk.entry, 0);
        if (pte_special(pte))
            continue;
        if (pte_private(pte))
            own++;
        else
            others++;
        page_put(phys_to_page(pte_pa(pte)));
    }
    rss_add(space, RSS_ANON, -own);
    if (others)
        rss_add(space, region_rss_kind(region), -others);
}

void pages_zap(struct vm_space *space, u64 start, u64 end)
{
    struct span span = hide(space, start, end);
    struct vm_region *region;

    if (!span.end)
        return;
    space->peak_rss = MAX(space->peak_rss, vm_rss_pages(space));
    tlb_flush_range(&space->pt, span.first, span.end, false);
    for (region = vm_region_at_or_above(space, span.first); region && region->start < span.end;
         region = vm_region_next(region))
        pages_release(space, region, MAX(span.first, region->start), MIN(span.end, region->end));
}

void tables_trim(struct vm_space *space, u64 start, u64 end)
{
    struct vm_region *next = vm_region_at_or_above(space, start);
    struct vm_region *prev = region_before(space, next);
    void *tables = NULL;

    if (!pt_detach_tables(&space->pt, start, end, prev ? prev->end : 0,
                          next ? next->start : VM_USER_END, &tables))
        return;
    tlb_flush_range(&space->pt, start, end, true);
    pt_free_tables(tables);
}

/* What pages_protect does to the entries of a region, worked out once. */
struct protection {
    u64 own, own_shared; /* permissions of its own copies, and of those that others use too */
    u64 other;           /* of pages that are not its own */
    bool check;          /* own copies may become writable: is somebody else using them? */
    bool code;
};

static struct protection protection_of(const struct vm_region *region)
{
    u32 own = region_entry_prot(region, true), other = region_entry_prot(region, false);

    return (struct protection){
        .own = pte_permissions(own),
        .own_shared = own & PROT_WRITE ? pte_permissions((own & ~PROT_WRITE) | PROT_READ)
                                       : pte_permissions(own),
        .other = pte_permissions(region->flags & VM_PHYSICAL ? own : other),
        .check = own & PROT_WRITE,
        .code = own & PROT_EXEC && !(region->flags & VM_PHYSICAL),
    };
}

static inline pte_t protect_entry(const struct protection *p, pte_t pte)
{
    if (unlikely(p->code) && !pte_executable(pte))
        page_sync_code(phys_to_page(pte_pa(pte)));
    if (!pte_private(pte))
        return pte_permit(pte, p->other);
    if (p->check && !pte_writable(pte) && ref_read(&phys_to_page(pte_pa(pte))->refs) != 1)
        return pte_permit(pte, p->own_shared); /* since a fork: the next store copies it */
    return pte_permit(pte, p->own);
}

void pages_protect(struct vm_region *region, u64 start, u64 end)
{
    struct protection protection = protection_of(region);
    struct page_table *pt = &region->space->pt;
    struct span span = {0, 0};

    for_each_pte(walk, pt, start, end) {
        pte_t pte = *walk.entry, new = protect_entry(&protection, pte);

        if (new == pte)
            continue;
        pte_store(walk.entry, new);
        span_add(&span, pte_walk_va(&walk));
    }
    if (span.end)
        tlb_flush_range(pt, span.first, span.end, false);
}

int pages_share(struct vm_space *from, struct vm_space *to, const struct vm_region *region,
                bool *flush)
{
    pte_t *copies = NULL; /* entry 0 of the copy's table for addresses from `table` */
    u64 table = 0;
    s64 shared = 0;
    int error = 0;

    for_each_pte(walk, &from->pt, region->start, region->end) {
        u64 va = pte_walk_va(&walk);
        pte_t pte = *walk.entry;

        if (!pte_private(pte))
            continue; /* a page of a file, which a fault brings back */
        if (!copies || va - table >= PT_LEAF_SIZE) {
            table = ALIGN_DOWN(va, PT_LEAF_SIZE);
            copies = entry_make(to, table);
            if (!copies) {
                error = -ENOMEM;
                break;
            }
        }
        if (pte_writable(pte)) {
            pte = pte_readonly(pte);
            pte_store(walk.entry, pte);
            *flush = true;
        }
        page_get(phys_to_page(pte_pa(pte)));
        pte_store(&copies[bytes_to_pages(va - table)], pte);
        shared++;
    }
    rss_add(to, RSS_ANON, shared);
    return error;
}

int pages_move(struct vm_space *space, u64 from, u64 to, u64 len, u64 *done)
{
    int error = 0;

    *done = len;
    for_each_pte(walk, &space->pt, from, from + len) {
        u64 offset = pte_walk_va(&walk) - from;
        pte_t *target = entry_make(space, to + offset);

        if (!target) {
            *done = offset;
            error = -ENOMEM;
            break;
        }
        pte_store(target, *walk.entry); /* for a moment the page is in both places */
        pte_store(walk.entry, 0);
    }
    tlb_flush_range(&space->pt, from, from + *done, false);
    return error;
}

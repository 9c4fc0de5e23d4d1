/*
 * The page-table entries of ranges: taking pages out, changing their protection, sharing them for
 * fork, moving them.
 *
 * Many entries are changed with one flush. A page may be freed only when no TLB holds it, so
 * zapping goes over the range twice: entries are hidden (invalid, but they still know their page),
 * the range is flushed, then the pages are given back. That needs no list of pages and no memory.
 */
#include "core/panic.h"
#include "io/mapping.h"
#include "lib/errno.h"
#include "sched/reclaim.h"
#include "vm/space_impl.h"

pte_t *__noinline entry_make_retry(struct vm_space *space, u64 va)
{
    pte_t *entry;

    do { /* make room by an allocation that may sleep, then try again */
        struct page *page = page_alloc(0, 0);

        if (!page)
            return NULL;
        page_put(page);
        entry = pt_make(&space->pt, va);
    } while (!entry);
    return entry;
}

enum vm_rss region_rss_kind(const struct vm_region *region)
{
    struct mapping *mapping = region->mapping;

    return mapping && mapping->ops && mapping->ops->fill ? RSS_FILE : RSS_SHMEM;
}

u32 region_entry_prot(const struct vm_region *region, bool own)
{
    u32 prot = region->prot | PT_USER;

    if (own)
        return prot | PT_PRIVATE;
    if (region_private(region) || region->flags & VM_NOTIFY)
        prot &= ~PROT_WRITE;
    if (!(prot & VM_PROT_MASK) && region->prot)
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

/* The first entry at or above `entry` that is not empty; `end` when there is none. */
static inline pte_t *next_present(pte_t *entry, pte_t *end)
{
    for (; entry < end; entry++) {
        if (*entry)
            return entry;
        while (entry + 4 < end && !(entry[1] | entry[2] | entry[3] | entry[4]))
            entry += 4;
    }
    return end;
}

/* Walks the entries of [start, end) that are not empty: `entry` for va, in tables of pt. */
#define for_each_present(run, stop, entry, last, pt, start, end)                                \
    for (run = pt_next(pt, start, end);                                                         \
         run.entry &&                                                                           \
         (stop = pt_run_end(run, end), last = run.entry + bytes_to_pages(stop - run.va), true); \
         run = pt_next(pt, stop, end))                                                          \
        for (entry = next_present(run.entry, last); entry < last;                               \
             entry = next_present(entry + 1, last))

static u64 entry_va(struct pt_run run, const pte_t *entry)
{
    return run.va + (entry - run.entry) * PAGE_SIZE;
}

/* Addresses of the first and behind the last page that a walk has changed; end 0: none. */
struct span {
    u64 first, end;
};

static inline void span_add(struct span *span, struct pt_run run, const pte_t *entry)
{
    u64 va = entry_va(run, entry);

    if (!span->end)
        span->first = va;
    span->end = va + PAGE_SIZE;
}

/* Hides all entries of the range. */
static struct span hide(struct vm_space *space, u64 start, u64 end)
{
    struct span span = {0, 0};
    pte_t *entry, *last;
    struct pt_run run;
    u64 stop;

    for_each_present(run, stop, entry, last, &space->pt, start, end) {
        pte_store(entry, pte_hidden(*entry));
        span_add(&span, run, entry);
    }
    return span;
}

void pages_release(struct vm_space *space, const struct vm_region *region, u64 start, u64 end)
{
    s64 own = 0, others = 0;
    pte_t *entry, *last;
    struct pt_run run;
    u64 stop;

    for_each_present(run, stop, entry, last, &space->pt, start, end) {
        pte_t pte = *entry;

        pte_store(entry, 0);
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
    u64 own, own_shared, other; /* permissions of its copies, of those that others use too, of pages
                                   that are not its own */
    bool check;                 /* own copies may become writable: is somebody else using them? */
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

void pages_protect(struct vm_space *space, struct vm_region *region, u64 start, u64 end)
{
    struct protection protection = protection_of(region);
    struct span span = {0, 0};
    pte_t *entry, *last;
    struct pt_run run;
    u64 stop;

    for_each_present(run, stop, entry, last, &space->pt, start, end) {
        pte_t pte = *entry, new = protect_entry(&protection, pte);

        if (new == pte)
            continue;
        pte_store(entry, new);
        span_add(&span, run, entry);
    }
    if (span.end)
        tlb_flush_range(&space->pt, span.first, span.end, false);
}

int pages_share(struct vm_space *from, struct vm_space *to, const struct vm_region *region,
                bool *flush)
{
    u64 stop, table = 0, end = region->end;
    pte_t *entry, *last,
        *copies = NULL; /* entry 0 of the copy's table for addresses from `table` */
    struct pt_run run;
    s64 shared = 0;
    int error = 0;

    for_each_present(run, stop, entry, last, &from->pt, region->start, end) {
        u64 va = entry_va(run, entry);
        pte_t pte = *entry;

        if (!pte_private(pte))
            continue; /* a page of a file, which a fault brings back */
        if (!copies || va - table >= PT_LEAF_SIZE) {
            table = ALIGN_DOWN(va, PT_LEAF_SIZE);
            copies = entry_make(to, table);
            if (!copies) {
                error = -ENOMEM;
                goto out;
            }
        }
        if (pte_writable(pte)) {
            pte = pte_readonly(pte);
            pte_store(entry, pte);
            *flush = true;
        }
        page_get(phys_to_page(pte_pa(pte)));
        pte_store(&copies[bytes_to_pages(va - table)], pte);
        shared++;
    }
out:
    rss_add(to, RSS_ANON, shared);
    return error;
}

/* The part of pages_move in one table: false when there is no memory for a table at the target. */
static bool move_run(struct vm_space *space, struct pt_run run, u64 stop, u64 offset, u64 *done)
{
    pte_t *last = run.entry + bytes_to_pages(stop - run.va), *entry, *target;

    for (entry = next_present(run.entry, last); entry < last;
         entry = next_present(entry + 1, last)) {
        *done = entry_va(run, entry);
        target = entry_make(space, *done + offset);
        if (!target)
            return false;
        pte_store(target, *entry); /* for a moment the page is in both places */
        pte_store(entry, 0);
    }
    return true;
}

int pages_move(struct vm_space *space, u64 from, u64 to, u64 len, u64 *done)
{
    u64 end = from + len, stop, failed;
    struct pt_run run;
    int error = 0;

    for (run = pt_next(&space->pt, from, end); run.entry && !error;
         run = pt_next(&space->pt, stop, end)) {
        stop = pt_run_end(run, end);
        if (!move_run(space, run, stop, to - from, &failed))
            error = -ENOMEM;
    }
    *done = error ? failed - from : len;
    tlb_flush_range(&space->pt, from, from + *done, false);
    return error;
}

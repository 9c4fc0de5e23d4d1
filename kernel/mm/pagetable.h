/*
 * Page tables: the walks of a user's, and the kernel's mappings. Theory in mm/pagetable.c.
 *
 * Locks: a user table belongs to its caller's lock (that of the vm_space); kernel_* calls have
 * a lock of their own. Nothing here sleeps.
 */
#pragma once

#include "arch/pagetable.h"
#include "mm/page.h"

/* What one last-level table covers. */
#define PT_LEAF_SIZE (512 * PAGE_SIZE)

/* An empty user table. 0 or -ENOMEM. */
int pt_init(struct page_table *pt);

/*
 * Frees the root, the last table page of it. The table must be live on no CPU (pt_live_at). No
 * flush is needed: its ASID belongs to nobody until all TLBs have been emptied.
 */
void pt_destroy(struct page_table *pt);

/* The last-level entry for va; NULL when no table holds one. */
pte_t *pt_find(const struct page_table *pt, u64 va);

/* The same, with the tables on the way made as needed. NULL when out of memory. */
pte_t *pt_make(struct page_table *pt, u64 va);

/* The first address at or above va and below `end` that a last-level table covers, if any. */
struct pt_place {
    pte_t *entry; /* NULL: there is none */
    u64 va;
} pt_next(const struct page_table *pt, u64 va, u64 end);

/* A walk over the entries of a range that are not empty: *walk.entry, for pte_walk_va(&walk). */
struct pte_walk {
    const struct page_table *pt;
    u64 next, end;       /* what is left of the range behind this table */
    pte_t *entry, *last; /* in this table; `last` is for `next` */
};

#define for_each_pte(walk, pt, start, end) \
    for (struct pte_walk walk = {pt, start, end, NULL, NULL}; pte_walk_find(&walk); walk.entry++)

/* On to the first entry from walk->entry on; false: there is none. */
static __always_inline bool pte_walk_find(struct pte_walk *walk)
{
    for (;;) {
        struct pt_place at;

        for (; walk->entry < walk->last; walk->entry++) {
            if (*walk->entry)
                return true;
            while (walk->entry + 4 < walk->last &&
                   !(walk->entry[1] | walk->entry[2] | walk->entry[3] | walk->entry[4]))
                walk->entry += 4;
        }
        at = pt_next(walk->pt, walk->next, walk->end);
        if (!at.entry)
            return false;
        walk->entry = at.entry;
        walk->next = MIN((at.va | (PT_LEAF_SIZE - 1)) + 1, walk->end);
        walk->last = at.entry + (walk->next - at.va) / PAGE_SIZE;
    }
}

static inline u64 pte_walk_va(const struct pte_walk *walk)
{
    return walk->next - (walk->last - walk->entry) * PAGE_SIZE;
}

/*
 * Frees the tables under [start, end) that map nothing outside [floor, ceiling), where the caller
 * knows that nothing is mapped. True when some were freed or are to be freed: they come back on
 * *list, chained by their first word, and are given to pt_free_tables() after a flush of the space.
 */
bool pt_detach_tables(struct page_table *pt, u64 start, u64 end, u64 floor, u64 ceiling,
                      void **list);
void pt_free_tables(void *list);

/*
 * Replaces one live or empty entry under the rules of the Arm manual: with break before make
 * where they ask for it, with a flush where a stale copy could matter. Done when it returns.
 */
void pte_update(struct page_table *pt, u64 va, pte_t *entry, pte_t value);

/*
 * The kernel's half. va, pa and size are multiples of 4 KiB; blocks of 1 GiB and 2 MiB are used
 * where all three allow, so kernel_unmap and kernel_protect must be called at the granularity of
 * the mapping (a block half changed is a bug, and -EINVAL). kernel_map over something mapped
 * is -EEXIST. prot is of PROT_R, PROT_W, PROT_X, PT_DEVICE, PT_NC. 0, -ENOMEM, -EINVAL, -EEXIST.
 * kernel_unmap and kernel_protect flush on all CPUs; tables are kept.
 */
int kernel_map(u64 va, paddr_t pa, u64 size, u32 prot);
int kernel_unmap(u64 va, u64 size);
int kernel_protect(u64 va, u64 size, u32 prot);

/* The physical address behind a kernel address; PADDR_NONE when it has none. */
#define PADDR_NONE (~(paddr_t)0)
paddr_t kernel_translate(u64 va);

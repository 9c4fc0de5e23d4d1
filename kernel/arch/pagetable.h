/*
 * Page tables: the user's, with their address-space identifiers, and the kernel's one.
 * Theory in arch/arm64/pagetable.c. Entries are read and made by the inlines of pte.h.
 *
 * Locks: a user table belongs to its caller's lock (that of the vm_space); kernel_* calls have
 * a lock of their own; pt_activate and pt_deactivate want IRQs masked or preemption off. Nothing
 * here sleeps: table pages come from the source that mm sets.
 */
#pragma once

#include "arch/pte.h"
#include "lib/types.h"

/* The linear map: RAM at physical address pa is at LINEAR_BASE + pa. */
#define LINEAR_BASE 0xffff000000000000UL

/* What one entry of a last-level table and one last-level table cover. */
#define PT_PAGE_SIZE 4096UL
#define PT_LEAF_SIZE (512 * PT_PAGE_SIZE)

struct page_table {
    paddr_t root; /* [I] */
    u64 context;  /* ASID in bits 0-15, its generation above; 0: never activated [A] */
    u64 home;     /* the only CPU that ever activated it, as pt_home(); 0 none, PT_MANY [A] */
};

#define PT_MANY (~0UL)

/* The kernel's own table (TTBR1), set by the boot code before anything here runs. [I] */
extern paddr_t kernel_page_table_root;

/*
 * Where table pages come from: alloc returns a zeroed page of 4 KiB by its address in the linear
 * map, or NULL; free takes it back (NULL: such pages are kept). mm calls this at boot, first
 * with the bump allocator, then with the page frames. Must not sleep.
 */
void pt_set_page_source(void *(*alloc)(void), void (*free)(void *page));

/* An empty user table. 0 or -ENOMEM. */
int pt_init(struct page_table *pt);

/*
 * Frees all table pages. No entry may be present any more that counts, and the table must be
 * live on no CPU (pt_live_at). Flushes the ASID first.
 */
void pt_destroy(struct page_table *pt);

/* The last-level entry for va; NULL when no table holds one. */
pte_t *pt_find(const struct page_table *pt, u64 va);

/* The same, with the tables on the way made as needed. NULL when out of memory. */
pte_t *pt_make(struct page_table *pt, u64 va);

/* Entries of one last-level table for consecutive pages from va on. */
struct pt_run {
    pte_t *entry; /* NULL: none */
    u64 va;
};

/*
 * The first run at or above va and below `end`: where a last-level table exists. It goes on to
 * pt_run_end(run, end), from where the walk continues:
 *
 *     for (run = pt_next(pt, start, end); run.entry; run = pt_next(pt, stop, end)) {
 *         stop = pt_run_end(run, end);
 */
struct pt_run pt_next(const struct page_table *pt, u64 va, u64 end);

static inline u64 pt_run_end(struct pt_run run, u64 end)
{
    u64 table_end = (run.va | (PT_LEAF_SIZE - 1)) + 1;

    return MIN(table_end, end);
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
 * TLB maintenance for entries of [start, end) that the caller has cleared or restricted: complete
 * on all CPUs on return, so that pages and tables may be freed. It goes page by page up to a limit;
 * beyond it, or with `tables` (table pages were detached), it takes the whole address space.
 */
void tlb_flush_range(const struct page_table *pt, u64 start, u64 end, bool tables);

/* Makes pt this CPU's user table; cheap when it is already. Orders earlier stores before it. */
void pt_activate(struct page_table *pt);

/* No user table on this CPU: every user address faults. */
void pt_deactivate(void);

/* This CPU's user table, NULL for none; kernel threads leave that of the last user in place. */
struct page_table *pt_active(void);

/* Is pt the user table of the CPU whose per-CPU area has this offset (thread_head.percpu)? */
bool pt_live_at(const struct page_table *pt, u64 percpu);

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

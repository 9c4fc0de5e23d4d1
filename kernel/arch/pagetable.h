/*
 * Page tables as the CPUs see them: which one is walked, and what a TLB may still hold of it.
 * Theory in arch/arm64/tlb.c. Entries are read and made by the inlines of pte.h; the tables are
 * mm/pagetable.c's.
 */
#pragma once

#include "arch/pte.h"
#include "lib/types.h"

/* The linear map: RAM at physical address pa is at LINEAR_BASE + pa. */
#define LINEAR_BASE  0xffff000000000000UL

#define PT_PAGE_SIZE 4096UL

struct page_table {
    paddr_t root; /* [I] */
    u64 context;  /* ASID in bits 0-15, its generation above; 0: never activated [A] */
    u64 home;     /* the only CPU that ever activated it, or none, or many: tlb.c [A] */
};

/* The kernel's own table (TTBR1), set by the boot code before anything here runs. [I] */
extern paddr_t kernel_page_table_root;

/*
 * Makes pt this CPU's user table; cheap when it is already. Orders earlier stores before it. NULL:
 * none, every user address faults. IRQs masked or preemption off. With pan=sw the table is walked
 * in user mode and by the accessors of arch/uaccess.h alone.
 */
void pt_activate(struct page_table *pt);

/* Is pt the user table of the CPU whose per-CPU area has this offset (thread_head.percpu)? */
bool pt_live_at(const struct page_table *pt, u64 percpu);

/*
 * TLB maintenance for entries of [start, end) that the caller has cleared or restricted: complete
 * on all CPUs on return, so that pages and tables may be freed. It goes page by page up to a limit;
 * beyond it, or with `tables` (table pages were detached), it takes the whole address space.
 */
void tlb_flush_range(const struct page_table *pt, u64 start, u64 end, bool tables);

/*
 * The same for the kernel's table; with start == end it only makes entries that were empty before
 * ready for use.
 */
void tlb_flush_kernel(u64 start, u64 end);

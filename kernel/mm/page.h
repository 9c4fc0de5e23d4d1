/*
 * Page frames. Theory in mm/page.c.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/pagetable.h"
#include "core/refcount.h"
#include "lib/list.h"

#define PAGE_SHIFT     12
#define PAGE_SIZE      4096UL
#define PAGE_MASK      (PAGE_SIZE - 1)
#define PAGE_ORDER_MAX 10 /* blocks of 2^0 to 2^10 pages */

struct page {
    u32 flags;            /* enum page_flag [A] */
    struct refcount refs; /* 1 from page_alloc */
    s32 mapcount;         /* user page-table entries that map it; the mapper's [A] */
    u8 order;             /* of the block of which this is the first page */
    u8 slab;              /* kmalloc: 0, or the number of the cache whose slab this is part of */
    u16 spare;
    void *mapping;    /* the owner's: struct mapping of a cached page, struct slab's cache */
    u64 index;        /* the owner's: place in the mapping, in pages */
    struct list list; /* the owner's; free blocks: in the list of their order */
    u64 private;      /* the owner's */
    u64 private2;
};

_Static_assert(sizeof(struct page) == 64, "the shift in page_to_virt");

/* Bits of page.flags; the owners change the ones from PG_LOCKED on with atomic operations. */
enum page_flag {
    PG_FREE = 1,      /* free: first page of a block in the allocator, or in a CPU's cache */
    PG_FIXED = 2,     /* never given to the allocator: image, initramfs in place */
    PG_BUDDY = 4,     /* in a list of the allocator */
    PG_KMALLOC = 8,   /* first page of a big kmalloc block */
    PG_LOCKED = 16,   /* its content is being filled or written back */
    PG_UPTODATE = 32, /* its content is that of the file */
    PG_DIRTY = 64,    /* its content is newer than that of the device */
    PG_WRITEBACK = 128,
    PG_ERROR = 256,
    PG_ACTIVE = 512,        /* used since the reclaimer last looked */
    PG_WAITERS = 1024,      /* somebody waits for the end of locked or writeback */
    PG_ICACHE_CLEAN = 4096, /* instruction fetch sees its content: no stale lines of it */
    PG_OWNER = 0x10000,     /* this bit and above: whatever the owner likes */
};

#if __STDC_HOSTED__ /* unit tests put their "RAM" where a host process can have it */
#define PAGE_LINEAR_BASE HOST_LINEAR_BASE
#define PAGE_LINEAR_BITS 44
#define VMEMMAP_BASE     HOST_VMEMMAP_BASE
#else
#define PAGE_LINEAR_BASE LINEAR_BASE
#define PAGE_LINEAR_BITS 48
#define VMEMMAP_BASE     0xffffa00000000000UL
#endif

#define vmemmap ((struct page *)VMEMMAP_BASE)

static inline void *phys_to_virt(paddr_t pa)
{
    return (void *)(PAGE_LINEAR_BASE + pa);
}

/* For addresses in the linear map only; kernel_translate() takes any. */
static inline paddr_t virt_to_phys(const void *va)
{
    return (u64)va & (BIT(PAGE_LINEAR_BITS) - 1);
}

/* Descriptors exist for memory that the allocator has taken up, see page_adopt(). */
static inline struct page *phys_to_page(paddr_t pa)
{
    return vmemmap + (pa >> PAGE_SHIFT);
}

static inline paddr_t page_to_phys(const struct page *page)
{
    return ((u64)page - VMEMMAP_BASE) << (PAGE_SHIFT - 6);
}

static inline void *page_to_virt(const struct page *page)
{
    return (void *)(((u64)page << (PAGE_SHIFT - 6)) -
                    ((VMEMMAP_BASE << (PAGE_SHIFT - 6)) - PAGE_LINEAR_BASE));
}

static inline struct page *virt_to_page(const void *va)
{
    return phys_to_page(virt_to_phys(va));
}

/* The smallest order whose block holds `size` bytes; above PAGE_ORDER_MAX when none does. */
static inline u32 page_order(u64 size)
{
    u32 order = 0;

    while (order <= PAGE_ORDER_MAX && PAGE_SIZE << order < size)
        order++;
    return order;
}

#define PA_ZERO 1u /* the block is filled with zeros */

/*
 * 2^order pages, aligned to their size, with one reference on the first page; the other fields of
 * the first page are 0, but for `order` and `list`, which holds anything. NULL: none free. Never
 * sleeps; any context. The sleeping version, which reclaims, is page_alloc() of sched/reclaim.h.
 */
struct page *page_alloc_one(u32 flags);
struct page *page_alloc_block(u32 order, u32 flags);

static __always_inline struct page *page_alloc_nosleep(u32 order, u32 flags)
{
    return order == 0 ? page_alloc_one(flags) : page_alloc_block(order, flags);
}

/*
 * Gives a block back, whatever its count of references is: for the owner of the only one.
 * The owner's fields need no clearing.
 */
void page_free_one(struct page *page);
void page_free_block(struct page *page, u32 order);

static __always_inline void page_free(struct page *page, u32 order)
{
    if (order == 0)
        page_free_one(page);
    else
        page_free_block(page, order);
}

/* One more reference, and one less: page_put frees the block at 0. */
static inline void page_get(struct page *page)
{
    ref_get(&page->refs);
}

static inline void page_put(struct page *page)
{
    if (ref_put(&page->refs))
        page_free(page, page->order);
}

DEFINE_SCOPED_PUT(page, struct page, page_put)

static inline bool page_get_unless_zero(struct page *page)
{
    return ref_get_unless_zero(&page->refs);
}

/*
 * Starts the allocator over what memmap has free and mm_close() left; descriptors are built for
 * 16 MiB at a time when first needed. After percpu_init().
 */
void page_init(void);

/*
 * Builds a section unless one is: page tables come only from those. After what is released early,
 * which builds its own, and before the first mapping.
 */
void page_start(void);

/*
 * The descriptor of a page of RAM that the allocator does not own, such as one of the built-in
 * archive; its first adoption gives it one reference and PG_FIXED. page_put never frees it.
 * NULL: no RAM there, or no memory for descriptors.
 */
struct page *page_adopt(paddr_t pa);

/* Gives reserved RAM to the allocator: whole pages within [start, end). */
void page_release(paddr_t start, paddr_t end);

/* Pages. Free ones include those in CPU caches and in memory not taken up yet. */
u64 pages_free(void);
u64 pages_total(void);

/* Empties this CPU's cache of pages into the allocator; for smp_call_all(). */
void page_drain(void *unused);

/* Free blocks of each order, for /proc/buddyinfo; not those in memory not taken up yet. */
void page_counts(u64 counts[PAGE_ORDER_MAX + 1]);

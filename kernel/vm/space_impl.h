/*
 * Private to vm: the parts of the address space. All functions want space->lock held, unless they
 * say otherwise.
 */
#pragma once

#include "io/file.h"
#include "vm/space.h"

#define VM_PROT_MASK (PROT_READ | PROT_WRITE | PROT_EXEC)

static inline u64 bytes_to_pages(u64 bytes)
{
    return bytes >> PAGE_SHIFT;
}

static inline bool region_anonymous(const struct vm_region *region)
{
    return !region->file && !(region->flags & VM_PHYSICAL);
}

static inline bool region_private(const struct vm_region *region)
{
    return !(region->flags & VM_SHARED);
}

/* Index in the mapping (or physical page number) behind an address. */
static inline u64 region_index(const struct vm_region *region, u64 addr)
{
    return region->first_page + bytes_to_pages(addr - region->start);
}

/* ---- region.c: the tree ---- */

void region_cache_init(void);
struct vm_region *region_alloc(void);

/* Drops the file and frees. Takes no lock, sleeps: call it after space->lock is released. */
void region_free(struct vm_region *region);
void region_free_list(struct list *dead);

/* For a space that ends: out of the mapping's list, and freed; the tree stays as it is. */
void region_discard(struct vm_region *region);

struct vm_region *region_prev(const struct vm_region *region);
struct vm_region *region_before(struct vm_space *space, struct vm_region *next);

/* Put a filled-in region into the tree and its mapping's list; take it out of both. */
void region_link(struct vm_space *space, struct vm_region *region);
void region_unlink(struct vm_space *space, struct vm_region *region);

/* Move its ends; the caller has checked that the place is free, and moves first_page. */
void region_resize(struct vm_region *region, u64 start, u64 end);

/*
 * Puts the pages that `proto` describes (tree fields unused) into the space, by growing a
 * neighbour where it fits. References: *used tells if proto's file reference was taken over.
 * -ENOMEM.
 */
int region_add(struct vm_space *space, const struct vm_region *proto, bool *used);

/* Cut in two at addr, strictly inside. -ENOMEM. */
int region_split(struct vm_region *region, u64 addr);

/* What to change about the regions of a range. */
struct region_change {
    /* 1: change this one, 0: it is so already, or -errno, which ends the walk. */
    int (*wanted)(const struct vm_region *region, const struct region_change *change);
    void (*apply)(struct vm_region *region, const struct region_change *change);
    u32 prot, set, clear;
    bool skip_holes; /* go on behind addresses without a region */
};

/*
 * Applies a change to [start, end), cutting and joining regions; those left over go to *dead.
 * -ENOMEM for holes (after what stands before them, or all with skip_holes, was done) and without
 * memory.
 */
int regions_change(struct vm_space *space, u64 start, u64 end, const struct region_change *change,
                   struct list *dead);

/* Join with its neighbours where they are alike; returns the region that has its pages now. The
 * ones left over go to *dead. */
struct vm_region *region_merge(struct vm_region *region, struct list *dead);

/* Highest free address for len bytes within [low, high), or 0. */
u64 gap_find(struct vm_space *space, u64 len, u64 low, u64 high);

/* Is [start, end) free? */
bool range_free(struct vm_space *space, u64 start, u64 end);

/* Adds (sign 1) or takes off (-1) the pages of a region's kind in the space's totals. */
void space_account(struct vm_space *space, const struct vm_region *region, u64 pages, s64 sign);

/* Do `pages` more fit the limits (RLIMIT_AS, RLIMIT_DATA, what the machine has)? 0, -ENOMEM. */
int space_check_limits(const struct vm_space *space, u32 prot, u32 flags, u64 pages);

/* ---- pages.c: the entries of ranges ---- */

/* Takes all pages out of [start, end), which regions cover or not, complete on all CPUs. */
void pages_zap(struct vm_space *space, u64 start, u64 end);

/* The same for a space that no CPU can reach any more: no flush. */
void pages_release(struct vm_space *space, const struct vm_region *region, u64 start, u64 end);

/* Gives back tables that [start, end) used alone, after its regions are gone. */
void tables_trim(struct vm_space *space, u64 start, u64 end);

/* Sets the entries of [start, end) of one region to its protection as it is now. */
void pages_protect(struct vm_space *space, struct vm_region *region, u64 start, u64 end);

/* fork: shares the private pages of a region, read-only in both. True: `from` needs a flush. */
int pages_share(struct vm_space *from, struct vm_space *to, const struct vm_region *region,
                bool *flush);

/* mremap: entries move from one range to another, empty one. -ENOMEM: those left are where they
 * were, and *done bytes have moved. */
int pages_move(struct vm_space *space, u64 from, u64 to, u64 len, u64 *done);

/* Entry for va, tables made; sleeps for memory. NULL: none. */
pte_t *entry_make_retry(struct vm_space *space, u64 va);

static inline pte_t *entry_make(struct vm_space *space, u64 va)
{
    pte_t *entry = pt_make(&space->pt, va);

    return likely(entry) ? entry : entry_make_retry(space, va);
}

/* Makes instructions of a page that is about to be executable visible. */
void page_sync_code(struct page *page);

/* The protection of entries in a region for a page that is (private) or is not its own copy. */
u32 region_entry_prot(const struct vm_region *region, bool own);

enum vm_rss region_rss_kind(const struct vm_region *region);

/* ---- fault.c ---- */

/*
 * Makes addr accessible for `need` (PROT_READ, PROT_WRITE or PROT_EXEC). 0; -EFAULT no region,
 * -EACCES protection, -ENXIO behind the end of the file, -EIO, -ENOSPC, -ENOMEM.
 */
int fault_in(struct vm_space *space, u64 addr, u32 need);

/* Pages present in a region; keeps the highest total. */
static inline void rss_add(struct vm_space *space, enum vm_rss kind, s64 pages)
{
    WRITE_ONCE(space->rss[kind], space->rss[kind] + pages);
}

/* ---- map.c ---- */

/* Unmap under the lock: regions go to *dead. Range checked by the caller. */
int unmap_locked(struct vm_space *space, u64 start, u64 end, struct list *dead);

/* A free range of len bytes, near `hint` if that is free; 0: none. */
u64 address_choose(struct vm_space *space, u64 hint, u64 len);

/* mlock's rule for `pages` more: RLIMIT_MEMLOCK, unless privileged. 0, -ENOMEM or -EPERM. */
int lock_check(const struct vm_space *space, u64 pages);

/* Checks and rounds up a page range of a call. 0 or -EINVAL. */
int range_check(u64 addr, u64 *len);

/* ---- mapped.c ---- */

/* Takes a file's pages out of all spaces that map it: what a truncation asks for. */
void mapping_unmap(struct mapping *mapping, u64 first, u64 last);

/* A file without a name whose pages are memory: what MAP_SHARED|MAP_ANONYMOUS maps. NULL:
   ENOMEM. */
struct file *shared_memory_create(u64 bytes);

/* ---- vdso.c ---- */

void vdso_init(void);

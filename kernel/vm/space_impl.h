/*
 * Private to vm: the parts of the address space. All functions want space->lock held, unless they
 * say otherwise.
 */
#pragma once

#include "io/file.h"
#include "vm/space.h"

#define VM_PROT_MASK (PROT_READ | PROT_WRITE | PROT_EXEC) /* access */
#define VM_PROT_KEPT (VM_PROT_MASK | PROT_BTI)            /* what region->prot holds */

_Static_assert(PROT_BTI == PT_GUARDED, "pte.h");

/* Address bits, in pages, that are random; docs quote them. */
#define MMAP_RANDOM_BITS  28
#define STACK_RANDOM_BITS 22
#define BRK_RANDOM_BITS   18

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

static inline u64 region_pages(const struct vm_region *region)
{
    return bytes_to_pages(region->end - region->start);
}

/* Index in the mapping (or physical page number) behind an address. */
static inline u64 region_index(const struct vm_region *region, u64 addr)
{
    return region->first_page + bytes_to_pages(addr - region->start);
}

/* ---- region.c: the tree ---- */

void region_cache_init(void);

/* A copy that is in no tree, with its own reference on the file. NULL: no memory. */
struct vm_region *region_new(const struct vm_region *like);

/* The space's lock by scope: `space_guard(space);` is a declaration. */
struct space_guard {
    struct vm_space *space;
};

static inline struct space_guard space_guard_begin(struct vm_space *space)
{
    mutex_lock(&space->lock);
    return (struct space_guard){space};
}

/* Releases the lock, and then the regions that were taken out under it. */
void space_unlock(struct vm_space *space);

static inline void space_guard_end(const struct space_guard *guard)
{
    space_unlock(guard->space);
}

#define space_guard(space) SCOPE_GUARD(space_guard, space_guard, space)

/* For a space that ends: out of the mapping's list, and freed; the tree stays as it is. */
void region_discard(struct vm_region *region);

struct vm_region *region_prev(const struct vm_region *region);
struct vm_region *region_before(struct vm_space *space, struct vm_region *next);

/* Puts a filled-in region into the tree and its mapping's list. */
void region_link(struct vm_space *space, struct vm_region *region);

/* Takes it out of both; it is freed when the lock is released, for that may end its file. */
void region_remove(struct vm_region *region);

/* Move its ends; the caller has checked that the place is free, and moves first_page. */
void region_resize(struct vm_region *region, u64 start, u64 end);

/*
 * Puts the pages that `proto` describes (tree fields unused) into the space, by growing a
 * neighbour where it fits; a new region takes its own reference on the file. 0 or -ENOMEM.
 */
int region_add(struct vm_space *space, const struct vm_region *proto);

/* Cut in two at addr, strictly inside. -ENOMEM. */
int region_split(struct vm_region *region, u64 addr);

/*
 * Gives [low, high) of a region another protection, set in its entries too, and other flags; cuts
 * it out for that and joins it with neighbours that are alike. 0 or -ENOMEM.
 */
int region_change(struct vm_region *region, u64 low, u64 high, u32 prot, u32 flags);

/*
 * Calls each() for the part [low, high) of every region in [start, end), which may change and join
 * regions. Ends with the first error; -ENOMEM for addresses without a region, at the first of them
 * or, with skip_holes, when all is done.
 */
int regions_walk(struct vm_space *space, u64 start, u64 end, bool skip_holes,
                 int (*each)(struct vm_region *region, u64 low, u64 high, const void *arg),
                 const void *arg);

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
void pages_protect(struct vm_region *region, u64 start, u64 end);

/* fork: shares the private pages of a region, read-only in both. True: `from` needs a flush. */
int pages_share(struct vm_space *from, struct vm_space *to, const struct vm_region *region,
                bool *flush);

/* mremap: entries move from one range to another, empty one. -ENOMEM: those left are where they
 * were, and *done bytes have moved. */
int pages_move(struct vm_space *space, u64 from, u64 to, u64 len, u64 *done);

/* For who could not get a page without sleeping: is there one now? Sleeps. */
bool memory_make_room(void);

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

void vdso_init(void);

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

/*
 * The page cache of one file: pages by index. The theory is in mapping.c.
 */
#pragma once

#include "core/spinlock.h"
#include "lib/list.h"
#include "lib/xarray.h"

struct iter;
struct mapping;
struct page;

struct mapping_ops {
    /* Bring a page in from its backing: fill all 4096 bytes. 0 or -errno. Sleeps. NULL: the
     * mapping lives in memory only; absent pages are zeros, and pages are never dropped. */
    int (*fill)(struct mapping *mapping, struct page *page);
    /* Write a dirty page back. 0 or -errno. Sleeps. */
    int (*writeback)(struct mapping *mapping, struct page *page);
    /* May one more page exist? 0, or -ENOSPC. Called with no lock. NULL: always. */
    int (*charge)(struct mapping *mapping);
    void (*uncharge)(struct mapping *mapping, u64 pages);
};

struct mapping {
    struct spinlock lock;          /* pages, page_count, and page->mapping of its pages */
    struct xarray pages;           /* [L] struct page by index; each holds a reference */
    u64 page_count;                /* [L] */
    u32 truncations;               /* [L] a page filled across one of them is stale */
    const struct mapping_ops *ops; /* [I] */
    void *host;                    /* [I] whose pages these are: the inode */
    struct spinlock regions_lock;
    struct list regions;     /* [regions_lock] of vm: who maps the file */
    struct list backed_link; /* on the list the shrinker walks, when ops->fill */
};

/* flags of mapping_get_page */
#define MAPPING_CREATE BIT(0) /* make an absent page (zeroed, or filled) */
#define MAPPING_DIRTY  BIT(1) /* it is going to be written to */

void mapping_init(struct mapping *mapping, const struct mapping_ops *ops, void *host);

/* Drop all pages, dirty or not; nobody may use the mapping any more. May sleep. */
void mapping_destroy(struct mapping *mapping);

/* The page at `index` with a reference when it is there, or NULL. Does not sleep. */
struct page *mapping_find_page(struct mapping *mapping, u64 index);

/* The same for `count` pages from `first` on: NULL where there is none. */
void mapping_find_pages(struct mapping *mapping, u64 first, u32 count, struct page **pages);

/*
 * The page at `index` with a reference, in *out. With MAPPING_CREATE an absent one is made;
 * without it -ENOENT (memory-only mapping) or it is filled from the backing. Other errors:
 * -ENOMEM, -ENOSPC (charge), -EIO or what fill says. Sleeps.
 */
int mapping_get_page(struct mapping *mapping, u64 index, u32 flags, struct page **out);

/*
 * Give `page` to the mapping at `index`: it takes over the caller's reference. The contents are
 * up to date. 0, -EEXIST, -ENOMEM, -ENOSPC.
 */
int mapping_add_page(struct mapping *mapping, u64 index, struct page *page);

/*
 * Copy between the cache and an iterator from byte `pos`. Reads end at `size`. Writes make pages;
 * the caller holds the lock of the file's size and raises it afterwards. Bytes moved, or -errno
 * when none. Sleep.
 */
ssize_t mapping_read(struct mapping *mapping, struct iter *it, u64 pos, u64 size);
ssize_t mapping_write(struct mapping *mapping, struct iter *it, u64 pos);

/* Free [start, end) bytes: whole pages go, partial ones are zeroed (hole punching). Sleeps. */
void mapping_punch(struct mapping *mapping, u64 start, u64 end);

/*
 * The file shrinks to `size` bytes: pages behind go away, the rest of the last one is zeroed,
 * and vm unmaps them. The caller has set the file's size before, so that no fault makes them
 * again. Sleeps.
 */
void mapping_truncate(struct mapping *mapping, u64 size);

/* The first byte at or after `pos`, below `size`, that is data (or a hole; size counts as one).
 * -ENXIO when there is none. */
loff_t mapping_seek(struct mapping *mapping, u64 pos, u64 size, bool data);

/* Write dirty pages back. 0 or the first error. Sleeps. */
int mapping_sync(struct mapping *mapping);

/*
 * vm registers how to take pages [first, last] out of all page tables that map the file. It is
 * called after the pages have left the mapping (page->mapping is NULL then): a fault that looked
 * a page up before must check page->mapping under its page-table lock before it maps it.
 */
void mapping_set_unmap_hook(void (*unmap)(struct mapping *mapping, u64 first, u64 last));

/* Pages in all mappings, for /proc/meminfo; exact when nothing runs. */
u64 mapping_pages(void);

void mapping_cache_init(void);

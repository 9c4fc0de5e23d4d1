/*
 * The page cache of one file.
 *
 * What it is: struct mapping holds the pages of a file by index. read and write copy between
 * them and the user; vm maps them; a filesystem without a device (tmpfs, memfd, shared anonymous
 * memory) has nothing else, one with a device fills and writes pages back through its ops.
 *
 * Structures and invariants.
 *   I1  A page in `pages` has page->mapping and page->index set, is up to date, and the mapping
 *       holds one reference to it. A page under work of fill() is not in `pages` yet.
 *   I2  page->mapping becomes NULL under `lock`, when the page leaves; the mapping's reference is
 *       dropped after.
 *   I3  Bytes of a page behind the end of the file are zero when the file grows: truncation
 *       zeroes the rest of the last page, new pages begin as zeros or are overwritten whole.
 *   I4  In a memory-only mapping (no fill) an absent page reads as zeros, and no page is ever
 *       dropped but by truncation.
 *   I5  A page is charged before it is inserted and uncharged after it has left.
 *
 * Truncation: the file's size is set by the caller, pages leave `pages` (I2), then vm takes them
 * out of page tables. A fault that had found such a page sees mapping == NULL under its
 * page-table lock, or maps it before vm's walk comes by: either way it does not stay mapped.
 * A fill that runs across a truncation is found out by `truncations` and done again.
 *
 * Locking: `lock` is a spinlock, held for a look-up and a reference. Copies to and from the user
 * run with a reference only. Writers and truncation are kept apart by the caller's inode lock;
 * faults may add pages at any time.
 *
 * Rejected: look-up under RCU (a page may be reused for anything after its last reference: every
 * free would have to wait for a grace period; the lock costs ten instructions more), a lock for
 * each page (only filling would need it, and it fills before it inserts), a list of dirty pages
 * (a walk over the index finds them, in the order of the device).
 */
#include "io/mapping.h"

#include "core/fail.h"
#include "core/percpu.h"
#include "io/iter.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "sched/reclaim.h"

/* Pages in mappings, as the sum over all CPUs. [C] under some mapping's lock */
static DEFINE_PERCPU(s64, cached_pages);

/* Pages of the built-in archive are no memory that was allocated: they do not count. */
static void count_cached(const struct page *page, int change)
{
    if (!(page->flags & PG_FIXED))
        this_cpu(cached_pages) += change;
}

u64 mapping_pages(void)
{
    s64 sum = 0;
    u32 cpu;

    for_each_cpu(cpu)
        sum += READ_ONCE(per_cpu(cached_pages, cpu));
    return sum < 0 ? 0 : sum;
}

#define BATCH          16 /* pages taken out under the lock at a time */
#define INSERT_RETRIES 7

static void (*unmap_hook)(struct mapping *mapping, u64 first, u64 last); /* [I] */

static struct spinlock backed_lock = SPINLOCK_INIT(RANK_SPIN_FIRST);
static struct list backed = LIST_INIT(backed); /* [backed_lock] mappings with a backing */

static void node_free(void *node, size_t size)
{
    kfree(node);
}

static const struct xarray_ops node_ops = {.alloc = kmalloc_nosleep, .free = node_free};
static const struct mapping_ops memory_ops;

void mapping_init(struct mapping *mapping, const struct mapping_ops *ops, void *host)
{
    spin_init(&mapping->lock, RANK_MAPPING);
    spin_init(&mapping->regions_lock, RANK_REGIONS);
    mapping->pages = (struct xarray){.ops = &node_ops};
    mapping->page_count = 0;
    mapping->truncations = 0;
    mapping->ops = ops ? ops : &memory_ops;
    mapping->host = host;
    list_init(&mapping->regions);
    list_init(&mapping->backed_link);
    if (mapping->ops->fill) {
        spin_guard(&backed_lock);

        list_add_tail(&mapping->backed_link, &backed);
    }
}

void mapping_set_unmap_hook(void (*unmap)(struct mapping *mapping, u64 first, u64 last))
{
    unmap_hook = unmap;
}

static void page_flag_set(struct page *page, u32 flag)
{
    if (!(READ_ONCE(page->flags) & flag))
        __atomic_fetch_or(&page->flags, flag, __ATOMIC_RELAXED);
}

static void page_flag_clear(struct page *page, u32 flag)
{
    __atomic_fetch_and(&page->flags, ~flag, __ATOMIC_RELAXED);
}

static int charge(struct mapping *mapping)
{
    return mapping->ops->charge ? mapping->ops->charge(mapping) : 0;
}

static void uncharge(struct mapping *mapping, u64 pages)
{
    if (mapping->ops->uncharge && pages)
        mapping->ops->uncharge(mapping, pages);
}

struct page *mapping_find_page(struct mapping *mapping, u64 index)
{
    struct page *page;

    spin_lock(&mapping->lock);
    page = xa_load(&mapping->pages, index);
    if (likely(page))
        page_get(page);
    spin_unlock(&mapping->lock);
    if (likely(page))
        page_flag_set(page, PG_ACTIVE);
    return page;
}

void mapping_find_pages(struct mapping *mapping, u64 first, u32 count, struct page **pages)
{
    spin_guard(&mapping->lock);

    for (u32 i = 0; i < count; i++) {
        pages[i] = xa_load(&mapping->pages, first + i);
        if (!pages[i])
            continue;
        page_get(pages[i]);
        page_flag_set(pages[i], PG_ACTIVE);
    }
}

/* One try of insert(); -ENOMEM: a node is missing. */
static int try_insert(struct mapping *mapping, u64 index, struct page *page, const u32 *truncations)
{
    int err;
    spin_guard(&mapping->lock);

    if (xa_load(&mapping->pages, index))
        return -EEXIST;
    if (truncations && *truncations != mapping->truncations)
        return -ESTALE;
    err = xa_store(&mapping->pages, index, page);
    if (err)
        return err;
    page->mapping = mapping; /* I1 */
    page->index = index;
    page->flags |= PG_UPTODATE;
    page_get(page);
    mapping->page_count++;
    count_cached(page, 1);
    return 0;
}

/*
 * Put a charged page in. The mapping takes a reference of its own. `truncations` is what the
 * caller saw before it filled the page (-ESTALE when it has changed), or NULL. 0, -EEXIST,
 * -ENOMEM.
 */
static int insert(struct mapping *mapping, u64 index, struct page *page, const u32 *truncations)
{
    for (int tries = 0;; tries++) {
        int err = try_insert(mapping, index, page, truncations);
        void *node;

        if (likely(err != -ENOMEM) || tries == INSERT_RETRIES || fail_alloc_injected())
            return err;
        node = kmalloc(XARRAY_NODE_SIZE); /* gets memory reclaimed; the next try takes it */
        if (!node)
            return err;
        kfree(node);
    }
}

int mapping_add_page(struct mapping *mapping, u64 index, struct page *page)
{
    int err = charge(mapping);

    if (err)
        return err;
    err = insert(mapping, index, page, NULL);
    if (err) {
        uncharge(mapping, 1);
        return err;
    }
    page_put(page); /* the mapping has taken its own */
    return 0;
}

/* What a write puts into a page that it makes. */
struct first_bytes {
    struct iter *it;
    size_t offset, part;
    ssize_t n; /* how many came: not 0 */
};

/*
 * Make the page at `index`, which was absent: filled from the backing, or zeros around `first`
 * (NULL: nothing). It is whole before anybody can see it, so that a page overwritten whole need
 * not be zeroed first. 0, -EEXIST (somebody else did), -ESTALE, or -errno.
 */
static int make_page(struct mapping *mapping, u64 index, struct first_bytes *first,
                     struct page **out)
{
    bool fill = mapping->ops->fill, whole = first && first->part == PAGE_SIZE;
    u32 truncations = READ_ONCE(mapping->truncations);
    struct page *page;
    int err = charge(mapping);

    if (err)
        return err;
    err = -ENOMEM;
    page = page_alloc(0, fill || whole ? 0 : PA_ZERO);
    if (!page)
        goto uncharge;
    page->index = index;
    if (fill) {
        err = mapping->ops->fill(mapping, page);
        if (err)
            goto put;
    } else if (first) {
        err = -EFAULT;
        first->n =
            iter_copy_from(first->it, (char *)page_to_virt(page) + first->offset, first->part);
        if (!first->n)
            goto put;
        if (whole)
            memset((char *)page_to_virt(page) + first->n, 0, PAGE_SIZE - first->n);
    }
    err = insert(mapping, index, page, fill ? &truncations : NULL);
    if (err)
        goto put;
    *out = page;
    return 0;
put:
    page_put(page);
uncharge:
    uncharge(mapping, 1);
    return err;
}

int mapping_get_page(struct mapping *mapping, u64 index, u32 flags, struct page **out)
{
    int err;

    do {
        err = 0;
        *out = mapping_find_page(mapping, index);
        if (*out)
            break;
        if (!(flags & MAPPING_CREATE) && !mapping->ops->fill)
            return -ENOENT;
        err = make_page(mapping, index, NULL, out);
    } while (err == -EEXIST || err == -ESTALE);
    if (!err && flags & MAPPING_DIRTY)
        page_flag_set(*out, PG_DIRTY);
    return err;
}

/* ---- copies ---- */

ssize_t mapping_read(struct mapping *mapping, struct iter *it, u64 pos, u64 size)
{
    size_t left, done = 0, part, n;

    if (pos >= size)
        return 0;
    for (left = MIN_T(u64, it->left, size - pos); left; left -= n) {
        size_t offset = pos & PAGE_MASK;
        struct page *page = mapping_find_page(mapping, pos >> PAGE_SHIFT);

        part = MIN(left, PAGE_SIZE - offset);
        if (unlikely(!page) && mapping->ops->fill) {
            int err = mapping_get_page(mapping, pos >> PAGE_SHIFT, 0, &page);

            if (err)
                return done ? (ssize_t)done : err;
        }
        if (likely(page)) {
            n = iter_copy_to(it, (char *)page_to_virt(page) + offset, part);
            page_put(page);
        } else {
            n = iter_clear(it, part); /* I4 */
        }
        done += n;
        pos += n;
        if (unlikely(n < part))
            return done ? (ssize_t)done : -EFAULT;
    }
    return done;
}

/* Bytes written, fewer than `part` on a fault, or -errno. */
static ssize_t write_page(struct mapping *mapping, struct iter *it, u64 index, size_t offset,
                          size_t part)
{
    struct page *page;
    ssize_t n;
    int err;

    while (!(page = mapping_find_page(mapping, index))) {
        struct first_bytes first = {it, offset, part, 0};
        struct iter before = *it;

        err = make_page(mapping, index, &first, &page);
        if (!err && first.n) {
            page_put(page);
            return first.n;
        }
        if (!err)
            break;
        *it = before;
        if (err != -EEXIST && err != -ESTALE)
            return err;
    }
    n = iter_copy_from(it, (char *)page_to_virt(page) + offset, part);
    if (n) {
        page_flag_set(page, PG_DIRTY);
        if (unlikely(READ_ONCE(page->flags) & PG_ICACHE_CLEAN))
            page_flag_clear(page, PG_ICACHE_CLEAN);
    }
    page_put(page);
    return n;
}

ssize_t mapping_write(struct mapping *mapping, struct iter *it, u64 pos)
{
    size_t done = 0;

    while (it->left) {
        size_t offset = pos & PAGE_MASK;
        size_t part = MIN(it->left, PAGE_SIZE - offset);
        ssize_t n = write_page(mapping, it, pos >> PAGE_SHIFT, offset, part);

        if (n < 0)
            return done ? (ssize_t)done : n;
        done += n;
        pos += n;
        if ((size_t)n < part)
            return done ? (ssize_t)done : -EFAULT;
    }
    return done;
}

/* ---- removal ---- */

/* A page leaves the mapping, whose reference is the caller's from now on. */
static void forget_locked(struct mapping *mapping, struct page *page)
{
    xa_erase(&mapping->pages, page->index);
    page->mapping = NULL; /* I2 */
    mapping->page_count--;
    count_cached(page, -1);
}

/* Take up to BATCH pages of [*index, last] out; returns how many, *index moves behind them. */
static u32 take_out(struct mapping *mapping, u64 *index, u64 last, struct page **pages)
{
    u32 n = 0;
    spin_guard(&mapping->lock);

    while (n < BATCH && mapping->page_count && *index <= last &&
           (pages[n] = xa_find(&mapping->pages, index, last))) {
        forget_locked(mapping, pages[n++]);
        if ((*index)++ == UINT64_MAX)
            break;
    }
    return n;
}

static void remove_range(struct mapping *mapping, u64 first, u64 last)
{
    struct page *pages[BATCH];
    u64 index = first, total = 0;
    u32 n;

    if (!READ_ONCE(mapping->page_count))
        return;
    do {
        n = take_out(mapping, &index, last, pages);
        for (u32 i = 0; i < n; i++)
            page_put(pages[i]);
        total += n;
    } while (n == BATCH);
    uncharge(mapping, total); /* I5 */
}

void mapping_destroy(struct mapping *mapping)
{
    if (mapping->ops->fill) {
        spin_guard(&backed_lock);

        list_del(&mapping->backed_link);
    }
    remove_range(mapping, 0, UINT64_MAX);
}

/* Zero bytes [from, to) of one page, if it is there or can be filled. */
static void zero_part(struct mapping *mapping, u64 index, size_t from, size_t to)
{
    struct page *page;

    if (from >= to || mapping_get_page(mapping, index, 0, &page))
        return;
    memset((char *)page_to_virt(page) + from, 0, to - from);
    page_flag_set(page, PG_DIRTY);
    page_put(page);
}

void mapping_punch(struct mapping *mapping, u64 start, u64 end)
{
    u64 first = DIV_ROUND_UP(start, PAGE_SIZE), past = end >> PAGE_SHIFT;

    if (start >= end)
        return;
    spin_lock(&mapping->lock);
    mapping->truncations++;
    spin_unlock(&mapping->lock);
    if (start >> PAGE_SHIFT == past) {
        zero_part(mapping, past, start & PAGE_MASK, end & PAGE_MASK);
        return;
    }
    if (start & PAGE_MASK)
        zero_part(mapping, start >> PAGE_SHIFT, start & PAGE_MASK, PAGE_SIZE); /* I3 */
    if (past > first) {
        remove_range(mapping, first, past - 1);
        if (unmap_hook && !list_empty(&mapping->regions))
            unmap_hook(mapping, first, past - 1);
    }
    if (end & PAGE_MASK)
        zero_part(mapping, past, 0, end & PAGE_MASK);
}

void mapping_truncate(struct mapping *mapping, u64 size)
{
    mapping_punch(mapping, size, ~(u64)PAGE_MASK);
}

/* ---- the rest ---- */

loff_t mapping_seek(struct mapping *mapping, u64 pos, u64 size, bool data)
{
    u64 index = pos >> PAGE_SHIFT, end = DIV_ROUND_UP(size, PAGE_SIZE), found = index;
    spin_guard(&mapping->lock);

    if (pos >= size)
        return -ENXIO;
    if (mapping->ops->fill)
        return data ? pos : size;
    if (data && !xa_find(&mapping->pages, &found, end - 1))
        return -ENXIO;
    while (!data && found < end && xa_load(&mapping->pages, found))
        found++;
    return found == index ? pos : MIN(found << PAGE_SHIFT, size);
}

/* The first page at or after *index whose flags have `flag`, with a reference. */
static struct page *next_flagged(struct mapping *mapping, u64 *index, u32 flag)
{
    struct page *page;
    spin_guard(&mapping->lock);

    page = xa_find(&mapping->pages, index, UINT64_MAX);
    while (page && !(READ_ONCE(page->flags) & flag))
        page = xa_find_after(&mapping->pages, index, UINT64_MAX);
    if (page)
        page_get(page);
    return page;
}

int mapping_sync(struct mapping *mapping)
{
    struct page *page;
    u64 index = 0;
    int result = 0;

    if (!mapping->ops->writeback)
        return 0;
    while ((page = next_flagged(mapping, &index, PG_DIRTY))) {
        int err;

        page_flag_clear(page, PG_DIRTY); /* before the write: a store during it dirties anew */
        err = mapping->ops->writeback(mapping, page);
        if (err) {
            page_flag_set(page, PG_DIRTY);
            result = result ? result : err;
        }
        page_put(page);
        if (index++ == UINT64_MAX)
            break;
    }
    return result;
}

/* Take clean pages that nobody but the mapping knows out of it; a second chance for PG_ACTIVE. */
static u32 take_clean(struct mapping *mapping, struct page **pages, u32 max)
{
    struct page *page;
    u64 index;
    u32 n = 0;
    spin_guard(&mapping->lock);

    xa_for_each(&mapping->pages, index, page) {
        u32 flags = READ_ONCE(page->flags);

        if (n == max)
            break;
        if (flags & (PG_DIRTY | PG_WRITEBACK | PG_LOCKED) || ref_read(&page->refs) != 1)
            continue;
        if (flags & PG_ACTIVE) {
            page_flag_clear(page, PG_ACTIVE);
            continue;
        }
        forget_locked(mapping, page);
        pages[n++] = page;
    }
    return n;
}

/* One turn over the mappings with a backing: each gives up a batch, and goes to the end. */
static size_t shrink(struct shrinker *shrinker, size_t target)
{
    struct page *pages[BATCH];
    size_t freed = 0;
    u32 turns = 0, n;

    do {
        struct mapping *mapping;

        spin_lock(&backed_lock);
        mapping = list_first(&backed, struct mapping, backed_link);
        n = mapping ? take_clean(mapping, pages, BATCH) : 0;
        if (mapping) {
            list_move_tail(&mapping->backed_link, &backed);
            uncharge(mapping, n);
        }
        spin_unlock(&backed_lock);
        if (!mapping)
            break;
        for (u32 i = 0; i < n; i++)
            page_put(pages[i]);
        freed += n;
    } while (freed < target && turns++ < 4096);
    return freed;
}

static struct shrinker mapping_shrinker = {.name = "page cache", .shrink = shrink};

void mapping_cache_init(void)
{
    shrinker_register(&mapping_shrinker);
}

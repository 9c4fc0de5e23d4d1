/*
 * madvise, msync, mincore and the mlock family (their manual pages in section 2).
 */
#include "core/uaccess.h"
#include "io/mapping.h"
#include "lib/errno.h"
#include "task/cred.h"
#include "task/rlimit.h"
#include "vm/space_impl.h"

enum madvise {
    MADV_NORMAL,
    MADV_RANDOM,
    MADV_SEQUENTIAL,
    MADV_WILLNEED,
    MADV_DONTNEED,
    MADV_FREE = 8,
    MADV_REMOVE,
    MADV_DONTFORK,
    MADV_DOFORK,
    MADV_MERGEABLE,
    MADV_UNMERGEABLE,
    MADV_HUGEPAGE,
    MADV_NOHUGEPAGE,
    MADV_DONTDUMP,
    MADV_DODUMP,
    MADV_WIPEONFORK,
    MADV_KEEPONFORK,
    MADV_COLD,
    MADV_PAGEOUT,
    MADV_POPULATE_READ,
    MADV_POPULATE_WRITE,
    MADV_DONTNEED_LOCKED,
};

#define MS_ASYNC      1
#define MS_INVALIDATE 2
#define MS_SYNC       4

#define MCL_CURRENT   1
#define MCL_FUTURE    2
#define MCL_ONFAULT   4

static int flags_wanted(const struct vm_region *region, const struct region_change *change)
{
    if (change->set & VM_WIPE_FORK && (region->file || region->flags & VM_SHARED))
        return -EINVAL;
    if (change->clear & (VM_NO_FORK | VM_NO_DUMP) && region->flags & VM_PHYSICAL)
        return -EINVAL;
    return ((region->flags | change->set) & ~change->clear) != region->flags;
}

static void flags_apply(struct vm_region *region, const struct region_change *change)
{
    region->flags = (region->flags | change->set) & ~change->clear;
}

/* Region flags that an advice sets or clears; false: it is not of that kind. */
static bool advice_flags(int advice, struct region_change *change)
{
    switch (advice) {
    case MADV_DONTFORK: change->set = VM_NO_FORK; return true;
    case MADV_DOFORK: change->clear = VM_NO_FORK; return true;
    case MADV_DONTDUMP: change->set = VM_NO_DUMP; return true;
    case MADV_DODUMP: change->clear = VM_NO_DUMP; return true;
    case MADV_WIPEONFORK: change->set = VM_WIPE_FORK; return true;
    case MADV_KEEPONFORK: change->clear = VM_WIPE_FORK; return true;
    }
    return false;
}

/* Drops the pages of [start, end): they read as zeros, or as the file, afterwards. */
static int drop(struct vm_space *space, u64 start, u64 end, int advice)
{
    struct vm_region *region = vm_region_at_or_above(space, start);
    bool hole = false;

    for (; start < end; region = vm_region_next(region)) {
        u64 stop;

        if (!region || region->start >= end)
            return -ENOMEM;
        hole |= region->start > start;
        if (region->flags & VM_PHYSICAL ||
            (region->flags & VM_LOCKED && advice != MADV_DONTNEED_LOCKED) ||
            (advice == MADV_FREE && !region_anonymous(region)))
            return -EINVAL;
        start = MAX(start, region->start);
        stop = MIN(end, region->end);
        pages_zap(space, start, stop);
        start = stop;
    }
    return hole ? -ENOMEM : 0;
}

/* MADV_REMOVE: a hole in the file behind a shared writable region. Called without the lock. */
static int punch(struct vm_space *space, u64 start, u64 end)
{
    struct file *file = NULL;
    struct vm_region *region;
    u64 from = 0;

    mutex_lock(&space->lock);
    region = vm_region_at_or_above(space, start);
    if (region && region->file && region->start <= start && region->end >= end &&
        region->flags & VM_SHARED && region->prot & PROT_WRITE) {
        file = file_get(region->file);
        from = region_index(region, start) << PAGE_SHIFT;
    }
    mutex_unlock(&space->lock);
    if (!file)
        return -EINVAL;
    mapping_punch(file->mapping, from, from + (end - start));
    file_put(file);
    return 0;
}

/* Is every page of the range in some region? */
static int covered(struct vm_space *space, u64 start, u64 end)
{
    struct vm_region *region = vm_region_at_or_above(space, start);

    for (; start < end; region = vm_region_next(region)) {
        if (!region || region->start > start)
            return -ENOMEM;
        start = region->end;
    }
    return 0;
}

/* MADV_POPULATE_*: like faults, but with errors. */
static int populate(struct vm_space *space, u64 start, u64 end, u32 need)
{
    int error = 0;

    for (; start < end && !error; start += PAGE_SIZE) {
        if (thread_signalled())
            return -EINTR;
        mutex_lock(&space->lock);
        error = fault_in(space, start, need);
        mutex_unlock(&space->lock);
    }
    switch (error) {
    case -EFAULT: return -ENOMEM;
    case -EACCES: return -EINVAL;
    case -ENXIO: return -EFAULT;
    }
    return error;
}

static int advise_locked(struct vm_space *space, u64 addr, u64 end, int advice, struct list *dead)
{
    struct region_change change = {
        .wanted = flags_wanted, .apply = flags_apply, .skip_holes = true};

    if (advice_flags(advice, &change))
        return regions_change(space, addr, end, &change, dead);
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE: return drop(space, addr, end, advice);
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_COLD:
    case MADV_PAGEOUT:
        return covered(space, addr, end); /* nothing to do, and none of it may change contents */
    }
    return -EINVAL;
}

int vm_advise(struct vm_space *space, u64 addr, u64 len, int advice)
{
    struct list dead = LIST_INIT(dead);
    int error;

    if (!len && !(addr & PAGE_MASK) && advice >= 0 && advice <= MADV_DONTNEED_LOCKED)
        return 0;
    error = range_check(addr, &len);
    if (error)
        return error;
    if (advice == MADV_REMOVE)
        return punch(space, addr, addr + len);
    if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
        return populate(space, addr, addr + len,
                        advice == MADV_POPULATE_READ ? PROT_READ : PROT_WRITE);
    mutex_lock(&space->lock);
    error = advise_locked(space, addr, addr + len, advice, &dead);
    mutex_unlock(&space->lock);
    region_free_list(&dead);
    return error;
}

/* The file to sync for the first region at or above *addr, which moves behind it. */
static struct file *sync_next(struct vm_space *space, u64 *addr, u64 end, int flags, int *error)
{
    struct vm_region *region;
    struct file *file = NULL;

    mutex_lock(&space->lock);
    region = vm_region_at_or_above(space, *addr);
    if (!region || region->start >= end) {
        *error = -ENOMEM;
        *addr = end;
    } else {
        if (region->start > *addr)
            *error = -ENOMEM;
        if (flags & MS_INVALIDATE && region->flags & VM_LOCKED)
            *error = -EBUSY;
        if (flags & MS_SYNC && region->file && region->flags & VM_SHARED &&
            region->file->ops->fsync)
            file = file_get(region->file);
        *addr = region->end;
    }
    mutex_unlock(&space->lock);
    return file;
}

int vm_sync(struct vm_space *space, u64 addr, u64 len, int flags)
{
    u64 end = addr + ALIGN_UP(len, PAGE_SIZE);
    int error = 0;

    if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || addr & PAGE_MASK ||
        (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    if (end < addr)
        return -ENOMEM;
    while (addr < end && error != -EBUSY) {
        struct file *file = sync_next(space, &addr, end, flags, &error);
        int failed;

        if (!file)
            continue;
        failed = file->ops->fsync(file, 1);
        file_put(file);
        if (failed)
            return failed;
    }
    return error;
}

/* Residency of the page at addr: in the page table, or in the cache of its file. */
static u8 resident(struct vm_space *space, const struct vm_region *region, u64 addr)
{
    pte_t *entry = pt_find(&space->pt, addr);
    struct page *page;

    if (entry && pte_present(*entry))
        return 1;
    if (!region->mapping)
        return 0;
    page = mapping_find_page(region->mapping, region_index(region, addr));
    if (page)
        page_put(page);
    return page != NULL;
}

int vm_mincore(struct vm_space *space, u64 addr, u64 len, struct user_ptr vec)
{
    u64 end = addr + ALIGN_UP(len, PAGE_SIZE);
    u8 found[256];

    if (addr & PAGE_MASK)
        return -EINVAL;
    if (end < addr || end > VM_USER_END)
        return -ENOMEM;
    while (addr < end) {
        size_t n = 0;

        mutex_lock(&space->lock);
        for (; n < sizeof(found) && addr < end; n++, addr += PAGE_SIZE) {
            struct vm_region *region = vm_region_at_or_above(space, addr);

            if (!region || region->start > addr) {
                mutex_unlock(&space->lock);
                return -ENOMEM;
            }
            found[n] = resident(space, region, addr);
        }
        mutex_unlock(&space->lock);
        if (copy_to_user(vec, found, n))
            return -EFAULT;
        vec = user_ptr_add(vec, n);
    }
    return 0;
}

int vm_lock(struct vm_space *space, u64 addr, u64 len, bool on, bool touch)
{
    struct region_change change = {.wanted = flags_wanted,
                                   .apply = flags_apply,
                                   .set = on ? VM_LOCKED : 0,
                                   .clear = on ? 0 : VM_LOCKED};
    struct list dead = LIST_INIT(dead);
    int error;

    len = ALIGN_UP(len + (addr & PAGE_MASK), PAGE_SIZE);
    addr = ALIGN_DOWN(addr, PAGE_SIZE);
    if (addr + len < addr)
        return -EINVAL;
    if (addr + len > VM_USER_END)
        return -ENOMEM;
    mutex_lock(&space->lock);
    error = on ? lock_check(space, bytes_to_pages(len)) : 0;
    if (!error)
        error = regions_change(space, addr, addr + len, &change, &dead);
    mutex_unlock(&space->lock);
    region_free_list(&dead);
    if (!error && on && touch)
        vm_populate(space, addr, len);
    return error;
}

int vm_lock_all(struct vm_space *space, u32 flags)
{
    struct region_change change = {
        .wanted = flags_wanted, .apply = flags_apply, .skip_holes = true};
    struct list dead = LIST_INIT(dead);
    bool on = flags & MCL_CURRENT;
    int error = 0;

    if (on)
        change.set = VM_LOCKED;
    else if (!flags)
        change.clear = VM_LOCKED; /* munlockall */
    mutex_lock(&space->lock);
    if (on)
        error = lock_check(space, space->total_pages - space->locked_pages);
    if (!error) {
        space->lock_future = flags & MCL_FUTURE;
        if (on || !flags)
            regions_change(space, 0, VM_USER_END, &change, &dead);
    }
    mutex_unlock(&space->lock);
    region_free_list(&dead);
    if (!error && on && !(flags & MCL_ONFAULT))
        vm_populate(space, 0, VM_USER_END);
    return error;
}

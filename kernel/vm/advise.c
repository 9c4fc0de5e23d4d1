/*
 * madvise, msync, mincore and the mlock family (their manual pages in section 2).
 */
#include "core/uaccess.h"
#include "io/mapping.h"
#include "lib/errno.h"
#include "vm/space_impl.h"

enum madvise {
    MADV_NORMAL,
    MADV_WILLNEED = 3, /* between them RANDOM, SEQUENTIAL */
    MADV_DONTNEED,
    MADV_FREE = 8,
    MADV_REMOVE,
    MADV_DONTFORK,
    MADV_DOFORK,
    MADV_MERGEABLE,
    MADV_NOHUGEPAGE = 15, /* between them UNMERGEABLE, HUGEPAGE */
    MADV_DONTDUMP,
    MADV_DODUMP,
    MADV_WIPEONFORK,
    MADV_KEEPONFORK,
    MADV_COLD,
    MADV_PAGEOUT,
    MADV_POPULATE_READ,
    MADV_POPULATE_WRITE,
    MADV_DONTNEED_LOCKED
};

#define MS_ASYNC      1
#define MS_INVALIDATE 2
#define MS_SYNC       4

#define MCL_CURRENT   1
#define MCL_FUTURE    2
#define MCL_ONFAULT   4

/* An advice or mlock: what it does to the part of a region, and the flags that it changes. */
struct change {
    int (*part)(struct vm_region *region, u64 low, u64 high, const void *change);
    u32 set, clear;
};

static int change_flags(struct vm_region *region, u64 low, u64 high, const void *arg)
{
    const struct change *change = arg;
    u32 flags = (region->flags | change->set) & ~change->clear;

    if (change->set & VM_WIPE_FORK && (region->file || region->flags & VM_SHARED))
        return -EINVAL;
    if (change->clear & (VM_NO_FORK | VM_NO_DUMP) && region->flags & VM_PHYSICAL)
        return -EINVAL;
    return flags == region->flags ? 0 : region_change(region, low, high, region->prot, flags);
}

/* Drops the pages: they read as zeros, or as the file, afterwards. */
static int drop_locked(struct vm_region *region, u64 low, u64 high, const void *arg)
{
    if (region->flags & VM_PHYSICAL)
        return -EINVAL;
    pages_zap(region->space, low, high);
    return 0;
}

static int drop(struct vm_region *region, u64 low, u64 high, const void *arg)
{
    return region->flags & VM_LOCKED ? -EINVAL : drop_locked(region, low, high, arg);
}

static int drop_anonymous(struct vm_region *region, u64 low, u64 high, const void *arg)
{
    return region_anonymous(region) ? drop(region, low, high, arg) : -EINVAL;
}

/* Nothing to do, and none of it may change contents; but all of the range must be mapped. */
static int ignore(struct vm_region *region, u64 low, u64 high, const void *arg)
{
    return 0;
}

static const struct change advices[] = {
    [MADV_NORMAL... MADV_WILLNEED] = {.part = ignore},
    [MADV_DONTNEED] = {.part = drop},
    [MADV_FREE] = {.part = drop_anonymous},
    [MADV_DONTFORK] = {change_flags, .set = VM_NO_FORK},
    [MADV_DOFORK] = {change_flags, .clear = VM_NO_FORK},
    [MADV_MERGEABLE... MADV_NOHUGEPAGE] = {.part = ignore},
    [MADV_DONTDUMP] = {change_flags, .set = VM_NO_DUMP},
    [MADV_DODUMP] = {change_flags, .clear = VM_NO_DUMP},
    [MADV_WIPEONFORK] = {change_flags, .set = VM_WIPE_FORK},
    [MADV_KEEPONFORK] = {change_flags, .clear = VM_WIPE_FORK},
    [MADV_COLD... MADV_PAGEOUT] = {.part = ignore},
    [MADV_DONTNEED_LOCKED] = {.part = drop_locked},
};

/* MADV_REMOVE: a hole in the file behind a shared writable region. */
static int punch(struct vm_space *space, u64 start, u64 end)
{
    struct file *file __scoped(file) = NULL;
    struct vm_region *region;
    u64 from;

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
    return 0;
}

/* MADV_POPULATE_*: like faults, but with errors of its own. */
static int populate(struct vm_space *space, u64 start, u64 len, u32 need)
{
    int error = vm_populate(space, start, len, need);

    switch (error) {
    case -EFAULT: return -ENOMEM;
    case -EACCES: return -EINVAL;
    case -ENXIO: return -EFAULT;
    }
    return error;
}

int vm_advise(struct vm_space *space, u64 addr, u64 len, int advice)
{
    if (!len && !(addr & PAGE_MASK) && advice >= 0 && advice <= MADV_DONTNEED_LOCKED)
        return 0;
    if (advice < 0 || advice > MADV_DONTNEED_LOCKED || addr & PAGE_MASK)
        return -EINVAL;
    len = ALIGN_UP(len, PAGE_SIZE);
    if (!len || addr + len < addr)
        return -EINVAL;
    switch (advice) {
    case MADV_REMOVE: return punch(space, addr, addr + len);
    case MADV_POPULATE_READ: return populate(space, addr, len, PROT_READ);
    case MADV_POPULATE_WRITE: return populate(space, addr, len, PROT_WRITE);
    }
    if (!advices[advice].part)
        return -EINVAL;
    space_guard(space);
    return regions_walk(space, addr, addr + len, true, advices[advice].part, &advices[advice]);
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

/* Is the page at addr in the page table, or in the cache of its file? -ENOMEM: no region. */
static int resident(struct vm_space *space, u64 addr)
{
    struct vm_region *region;
    struct page *page __scoped(page) = NULL;
    pte_t *entry;

    space_guard(space);
    region = vm_region_at_or_above(space, addr);
    if (!region || region->start > addr)
        return -ENOMEM;
    entry = pt_find(&space->pt, addr);
    if (entry && pte_present(*entry))
        return 1;
    if (region->mapping)
        page = mapping_find_page(region->mapping, region_index(region, addr));
    return page != NULL;
}

int vm_mincore(struct vm_space *space, u64 addr, u64 len, struct user_ptr vec)
{
    u64 end = addr + ALIGN_UP(len, PAGE_SIZE);

    if (addr & PAGE_MASK)
        return -EINVAL;
    if (end < addr || end > VM_USER_END || (len && end == addr))
        return -ENOMEM;
    for (; addr < end; addr += PAGE_SIZE) {
        int found = resident(space, addr);

        if (found < 0)
            return found;
        if (copy_to_user(vec, &(u8){found}, 1))
            return -EFAULT;
        vec = user_ptr_add(vec, 1);
    }
    return 0;
}

int vm_lock(struct vm_space *space, u64 addr, u64 len, bool on, bool touch)
{
    struct change change = {.set = on ? VM_LOCKED : 0, .clear = on ? 0 : VM_LOCKED};
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
        error = regions_walk(space, addr, addr + len, false, change_flags, &change);
    space_unlock(space);
    if (!error && on && touch)
        vm_populate(space, addr, len, 0);
    return error;
}

int vm_lock_all(struct vm_space *space, u32 flags)
{
    bool on = flags & MCL_CURRENT;
    struct change change = {.set = on ? VM_LOCKED : 0, .clear = flags ? 0 : VM_LOCKED};
    int error;

    mutex_lock(&space->lock);
    error = on ? lock_check(space, space->total_pages - space->locked_pages) : 0;
    if (!error) {
        space->lock_future = flags & MCL_FUTURE;
        regions_walk(space, 0, VM_USER_END, true, change_flags, &change);
    }
    space_unlock(space);
    if (!error && on && !(flags & MCL_ONFAULT))
        vm_populate(space, 0, VM_USER_END, 0);
    return error;
}

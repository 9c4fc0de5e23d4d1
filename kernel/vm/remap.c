/*
 * mremap(2): a region grows, shrinks or moves with its pages.
 */
#include "lib/errno.h"
#include "vm/space_impl.h"

struct remap {
    u64 old, old_len, new_len, new_addr;
    u32 flags;
};

/* Grows the region, which ends where the old range ends, where it is. False: no room. */
static bool grow_in_place(struct vm_space *space, struct vm_region *region, const struct remap *r)
{
    u64 end = r->old + r->new_len;

    if (region->end != r->old + r->old_len || end > VM_USER_END || end < r->old ||
        !range_free(space, region->end, end))
        return false;
    space_account(space, region, bytes_to_pages(r->new_len - r->old_len), 1);
    region_resize(region, region->start, end);
    return true;
}

/* Makes the region at the new place, moves the pages, and takes the old place away. */
static long move(struct vm_space *space, struct vm_region *region, const struct remap *r, u64 to)
{
    u64 len = MIN(r->old_len, r->new_len), done;
    struct vm_region proto = *region;
    int error;

    proto.start = to;
    proto.end = to + r->new_len;
    proto.first_page = region_anonymous(region) ? 0 : region_index(region, r->old);
    error = region_add(space, &proto);
    if (error)
        return error;
    error = pages_move(space, r->old, to, len, &done);
    if (error) { /* what has moved goes back, into tables that are there */
        pages_move(space, to, r->old, done, &done);
        unmap_locked(space, to, to + r->new_len);
        return error;
    }
    if (r->old_len && !(r->flags & MREMAP_DONTUNMAP)) /* length 0: a second view of shared memory */
        error = unmap_locked(space, r->old, r->old + r->old_len);
    return error ? error : (long)to;
}

static long remap_locked(struct vm_space *space, const struct remap *r)
{
    struct vm_region *region;
    u64 grown = r->new_len > r->old_len ? bytes_to_pages(r->new_len - r->old_len) : 0, to;
    int error;

    if (r->flags & MREMAP_FIXED) {
        error = unmap_locked(space, r->new_addr, r->new_addr + r->new_len);
        if (error)
            return error;
    }
    if (r->new_len < r->old_len && !(r->flags & MREMAP_FIXED)) {
        error = unmap_locked(space, r->old + r->new_len, r->old + r->old_len);
        return error ? error : (long)r->old;
    }
    region = vm_region_at_or_above(space, r->old);
    if (!region || region->start > r->old || region->end < r->old + r->old_len)
        return -EFAULT;
    if (!r->old_len && !(region->flags & VM_SHARED))
        return -EINVAL;
    if (grown && region->flags & (VM_PHYSICAL | VM_GROWSDOWN))
        return -EFAULT;
    if (grown && region->flags & VM_LOCKED && lock_check(space, grown))
        return -EAGAIN;
    if (r->flags & MREMAP_DONTUNMAP)
        grown = bytes_to_pages(r->new_len);
    error = space_check_limits(space, region->prot, region->flags, grown);
    if (error)
        return error;
    if (!(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
        if (!grown || (r->old_len && grow_in_place(space, region, r)))
            return r->old;
        if (!(r->flags & MREMAP_MAYMOVE))
            return -ENOMEM;
    }
    if (space->region_count + 2 > VM_MAX_REGIONS)
        return -ENOMEM;
    to = r->flags & MREMAP_FIXED ? r->new_addr : address_choose(space, 0, r->new_len);
    return to ? move(space, region, r, to) : -ENOMEM;
}

long vm_remap(struct vm_space *space, u64 old, u64 old_len, u64 new_len, u32 flags, u64 new_addr)
{
    struct remap r = {old, ALIGN_UP(old_len, PAGE_SIZE), ALIGN_UP(new_len, PAGE_SIZE), new_addr,
                      flags};
    bool locked = false;
    long result;

    if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) || old & PAGE_MASK ||
        !r.new_len)
        return -EINVAL;
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if (flags & MREMAP_DONTUNMAP && r.old_len != r.new_len)
        return -EINVAL;
    if (r.new_len > VM_USER_END)
        return -EINVAL;
    if (r.old_len > VM_USER_END || old > VM_USER_END - r.old_len)
        return -EFAULT;
    if (flags & MREMAP_FIXED) {
        if (new_addr & PAGE_MASK || new_addr > VM_USER_END - r.new_len)
            return -EINVAL;
        if (new_addr < VM_MIN_ADDRESS)
            return -EPERM;
        if (new_addr < old + r.old_len && old < new_addr + r.new_len)
            return -EINVAL;
    }
    mutex_lock(&space->lock);
    result = remap_locked(space, &r);
    if (result > 0)
        locked = vm_region_at_or_above(space, result)->flags & VM_LOCKED;
    space_unlock(space);
    if (locked)
        vm_populate(space, result, r.new_len, 0);
    return result;
}

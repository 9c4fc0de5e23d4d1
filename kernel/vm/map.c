/*
 * What places regions: mmap, munmap, mprotect, mremap and brk (their manual pages in section 2 are
 * the specification), and the stack and the vDSO of a new program.
 *
 * The vDSO is [vvar], the time page, and right behind it [vdso], both straight out of the kernel's
 * image, never writable.
 */
#include "arch/vdso.h"
#include "core/clock.h"
#include "io/mapping.h"
#include "lib/errno.h"
#include "task/cred.h"
#include "task/rlimit.h"
#include "task/task.h"
#include "vm/space_impl.h"

#define PROT_SEM 8
#define MAP_SYNC 0x80000 /* for persistent memory */

/* A free range of len bytes, near `hint` if that is free; 0: none. */
static u64 address_choose(struct vm_space *space, u64 hint, u64 len)
{
    u64 addr;

    hint = ALIGN_DOWN(hint, PAGE_SIZE);
    if (hint >= VM_MIN_ADDRESS && hint < VM_USER_END && len <= VM_USER_END - hint &&
        range_free(space, hint, hint + len))
        return hint;
    addr = gap_find(space, len, VM_MIN_ADDRESS, space->mmap_base);
    return addr ? addr : gap_find(space, len, VM_MIN_ADDRESS, VM_USER_END);
}

static int unmap_locked(struct vm_space *space, u64 start, u64 end)
{
    struct vm_region *first = vm_region_at_or_above(space, start), *region, *next;
    bool touched;
    int error;

    if (!first || first->start >= end)
        return 0;
    /* Not where one region of memory that was never touched is all there is. */
    touched = first->end < end || !region_anonymous(first) || first->flags & VM_HAS_PRIVATE;
    if (first->start < start && first->end > end) {
        if (space->region_count >= VM_MAX_REGIONS)
            return -ENOMEM;
        error = region_split(first, end);
        if (error)
            return error;
    }
    /* Nothing fails from here on. */
    if (touched)
        pages_zap(space, start, end);
    for (region = first; region && region->start < end; region = next) {
        u64 low = MAX(region->start, start), high = MIN(region->end, end);

        next = vm_region_next(region);
        space_account(space, region, bytes_to_pages(high - low), -1);
        if (region->start < low) {
            region_resize(region, region->start, low);
        } else if (region->end > high) {
            region->first_page = region_index(region, high);
            region_resize(region, high, region->end);
        } else {
            region_remove(region);
        }
    }
    if (touched)
        tables_trim(space, start, end);
    return 0;
}

int range_check(u64 addr, u64 *len)
{
    if (addr & PAGE_MASK || !*len || *len > VM_USER_END)
        return -EINVAL;
    *len = ALIGN_UP(*len, PAGE_SIZE);
    return addr > VM_USER_END - *len ? -EINVAL : 0;
}

int vm_unmap(struct vm_space *space, u64 addr, u64 len)
{
    int error = range_check(addr, &len);

    if (error)
        return error;
    space_guard(space);
    return unmap_locked(space, addr, addr + len);
}

/* Backing of a file mapping: *proto gets the file and what its mmap entry says. 1: none, it is
   memory after all. */
static int back_with_file(struct vm_region *proto, struct file *file, u64 offset, u32 prot,
                          u32 flags)
{
    int error;

    if (proto->flags & VM_SHARED && !(file->mode & FMODE_WRITE)) {
        if (prot & PROT_WRITE)
            return -EACCES;
        proto->flags |= VM_NEVER_WRITE;
    }
    if (!(file->mode & FMODE_READ))
        return -EACCES;
    if (!file->ops->mmap)
        return -ENODEV;
    error = file->ops->mmap(file, prot, flags, &proto->size);
    if (error)
        return error;
    if (!file->mapping)
        return -ENODEV;
    proto->file = file;
    proto->mapping = file->mapping;
    proto->first_page = bytes_to_pages(offset);
    if (proto->flags & VM_SHARED && file->mapping->ops && file->mapping->ops->writeback)
        proto->flags |= VM_NOTIFY;
    return 0;
}

/*
 * Decides what stands behind the new region. Shared memory without a file gets one, in *memory
 * with a reference of the caller's.
 */
static int map_backing(struct vm_region *proto, struct file *file, struct file **memory, u64 offset,
                       u64 len, u32 prot, u32 flags)
{
    u32 type = flags & MAP_TYPE;
    int error = 1;

    if (type == MAP_SHARED_VALIDATE && !file)
        return -EINVAL;
    if (type == MAP_SHARED_VALIDATE && flags & MAP_SYNC)
        return -EOPNOTSUPP;
    if (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE)
        return -EINVAL;
    if (flags & MAP_HUGETLB)
        return -EINVAL;
    if (type != MAP_PRIVATE)
        proto->flags |= VM_SHARED;
    if (flags & MAP_GROWSDOWN) {
        if (proto->flags & VM_SHARED || file)
            return -EINVAL;
        proto->flags |= VM_GROWSDOWN;
    }
    if (flags & MAP_NORESERVE)
        proto->flags |= VM_NORESERVE;
    if (file)
        error = back_with_file(proto, file, offset, prot, flags);
    if (error != 1 || !(proto->flags & VM_SHARED))
        return error < 0 ? error : 0;
    *memory = shared_memory_create(len);
    if (!*memory)
        return -ENOMEM;
    proto->flags &= ~VM_NEVER_WRITE;
    return back_with_file(proto, *memory, 0, prot, flags);
}

int lock_check(const struct vm_space *space, u64 pages)
{
    u64 limit = rlimit_get(RLIMIT_MEMLOCK);

    if (limit == RLIM_INFINITY || space->locked_pages + pages <= bytes_to_pages(limit) ||
        cred_has_cap(CAP_IPC_LOCK))
        return 0;
    return limit ? -ENOMEM : -EPERM;
}

/* Finds or clears the place, and adds the region. The new address or -errno. */
static long map_place(struct vm_space *space, u64 addr, u64 len, u32 flags, struct vm_region *proto)
{
    int error;

    space_guard(space);
    if (space->region_count >= VM_MAX_REGIONS)
        return -ENOMEM;
    if (space->lock_future)
        proto->flags |= VM_LOCKED;
    if (proto->flags & VM_LOCKED && lock_check(space, bytes_to_pages(len)))
        return -EAGAIN;
    error = space_check_limits(space, proto->prot, proto->flags, bytes_to_pages(len));
    if (error)
        return error;
    if (flags & MAP_FIXED_NOREPLACE) {
        struct vm_region *region = vm_region_at_or_above(space, addr);

        if (region && region->start < addr + len)
            return -EEXIST;
    } else if (flags & MAP_FIXED) {
        error = unmap_locked(space, addr, addr + len);
    } else {
        addr = address_choose(space, addr, len);
        error = addr ? 0 : -ENOMEM;
    }
    if (error)
        return error;
    proto->start = addr;
    proto->end = addr + len;
    error = region_add(space, proto);
    return error ? error : (long)addr;
}

/* mmap(2) ignores other bits, PROT_BTI on a CPU without it too. */
static u32 prot_kept(u32 prot)
{
    return prot & (cpu_features.bti ? VM_PROT_KEPT : VM_PROT_MASK);
}

long vm_map(struct vm_space *space, u64 addr, u64 len, u32 prot, u32 flags, struct file *file,
            u64 offset)
{
    struct file *memory __scoped(file) = NULL;
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    struct vm_region proto = {0};
    long result;

    if (!len || offset & PAGE_MASK)
        return -EINVAL;
    if (len > VM_USER_END)
        return -ENOMEM;
    len = ALIGN_UP(len, PAGE_SIZE);
    if (offset + len < offset || (file && (s64)(offset + len) < 0))
        return -EOVERFLOW;
    if (fixed && addr & PAGE_MASK)
        return -EINVAL;
    if (fixed && (addr > VM_USER_END || len > VM_USER_END - addr))
        return -ENOMEM;
    if (fixed && addr < VM_MIN_ADDRESS && !cred_has_cap(CAP_SYS_RAWIO))
        return -EPERM;
    proto.prot = prot_kept(prot);
    if (flags & MAP_LOCKED)
        proto.flags |= VM_LOCKED;
    result = map_backing(&proto, file, &memory, offset, len, prot, flags);
    if (!result)
        result = map_place(space, addr, len, flags, &proto);
    if (result >= 0 &&
        (proto.flags & VM_LOCKED || (flags & MAP_POPULATE && !(flags & MAP_NONBLOCK))))
        vm_populate(space, result, len, 0);
    return result;
}

static int protect_part(struct vm_region *region, u64 low, u64 high, const void *arg)
{
    u32 prot = *(const u32 *)arg | (region->prot & PROT_BTI); /* once guarded, always guarded */

    if (region->prot == prot)
        return 0;
    if (prot & PROT_WRITE && region->flags & VM_NEVER_WRITE)
        return -EACCES;
    if (prot & PROT_WRITE && !(region->prot & PROT_WRITE) && region_private(region) &&
        region->space->data_pages + bytes_to_pages(high - low) >
            bytes_to_pages(rlimit_get(RLIMIT_DATA)))
        return -ENOMEM;
    return region_change(region, low, high, prot, region->flags);
}

int vm_protect(struct vm_space *space, u64 addr, u64 len, u32 prot)
{
    u32 wanted = prot_kept(prot);
    struct vm_region *region;
    u64 end;

    if (addr & PAGE_MASK)
        return -EINVAL;
    if (!len)
        return 0;
    if (addr + ALIGN_UP(len, PAGE_SIZE) <= addr)
        return -ENOMEM;
    if (prot & ~(wanted | PROT_SEM | PROT_GROWSDOWN))
        return -EINVAL;
    if (range_check(addr, &len))
        return -ENOMEM;
    end = addr + len;
    space_guard(space);
    if (prot & PROT_GROWSDOWN) {
        region = vm_region_at_or_above(space, addr);
        if (region && region->start < end) {
            if (!(region->flags & VM_GROWSDOWN))
                return -EINVAL;
            addr = MIN(addr, region->start);
        }
    }
    return regions_walk(space, addr, end, false, protect_part, &wanted);
}

void vm_set_brk(struct vm_space *space, u64 end_of_data)
{
    u64 random = READ_ONCE(vm_randomize) > 1 ? vm_random_offset(BRK_RANDOM_BITS) : 0;

    space->brk_start = space->brk = ALIGN_UP(end_of_data, PAGE_SIZE) + random;
}

/* Maps [old, new) at the end of the heap. */
static int brk_grow(struct vm_space *space, u64 old, u64 new)
{
    struct vm_region heap = {
        .start = old,
        .end = new,
        .prot = PROT_READ | PROT_WRITE,
        .flags = space->lock_future ? VM_LOCKED : 0,
    };
    int error;

    if (new > VM_USER_END - PAGE_SIZE || !range_free(space, old, new + PAGE_SIZE))
        return -ENOMEM;
    error = space_check_limits(space, heap.prot, heap.flags, bytes_to_pages(new - old));
    return error ? error : region_add(space, &heap);
}

/* The break after the call; *grown: the new part of the heap, to be populated, or empty. */
static u64 brk_set(struct vm_space *space, u64 brk, u64 *from, u64 *grown)
{
    u64 old, new = ALIGN_UP(brk, PAGE_SIZE);
    int error = 0;

    space_guard(space);
    *from = old = ALIGN_UP(space->brk, PAGE_SIZE);
    if (brk < space->brk_start || brk >= VM_USER_END)
        return space->brk;
    if (new > old)
        error = brk_grow(space, old, new);
    else if (new < old)
        error = unmap_locked(space, new, old);
    if (error)
        return space->brk;
    if (new > old && space->lock_future)
        *grown = new - old;
    return space->brk = brk;
}

u64 vm_brk(struct vm_space *space, u64 brk)
{
    u64 from, grown = 0;

    brk = brk_set(space, brk, &from, &grown);
    if (grown)
        vm_populate(space, from, grown, 0);
    return brk;
}

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

static long remap_locked(struct vm_space *space, struct remap *r)
{
    struct vm_region *region;
    u64 grown = r->new_len > r->old_len ? bytes_to_pages(r->new_len - r->old_len) : 0, to;
    int error;

    region = vm_region_at_or_above(space, r->old);
    if (!region || region->start > r->old)
        return -EFAULT;
    if (r->flags & MREMAP_FIXED) {
        error = unmap_locked(space, r->new_addr, r->new_addr + r->new_len);
        if (error)
            return error;
    }
    if (r->new_len < r->old_len) { /* what goes may lie in other regions too */
        error = unmap_locked(space, r->old + r->new_len, r->old + r->old_len);
        if (error || !(r->flags & MREMAP_FIXED))
            return error ? error : (long)r->old;
        r->old_len = r->new_len;
    }
    region = vm_region_at_or_above(space, r->old); /* what it is now */
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
        return flags & MREMAP_FIXED ? -EINVAL : -ENOMEM;
    if (r.old_len > VM_USER_END || old > VM_USER_END - r.old_len)
        return r.old_len > r.new_len ? -EINVAL : -EFAULT;
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

int vm_stack_setup(struct vm_space *space, u32 prot, u64 *top)
{
    u64 end = VM_USER_END - vm_random_offset(STACK_RANDOM_BITS);
    struct vm_region stack = {
        .start = end - 33 * PAGE_SIZE, .end = end, .prot = prot, .flags = VM_GROWSDOWN};

    *top = space->stack_start = end;
    space_guard(space);
    return region_add(space, &stack);
}

static paddr_t time_pa, image_pa; /* [I] */
static u64 image_size;            /* [I] in bytes, whole pages */

void vdso_init(void)
{
    image_size = vdso_image_end - vdso_image;
    icache_sync(vdso_image, image_size);
    time_pa = kernel_translate((u64)clock_page());
    image_pa = kernel_translate((u64)vdso_image);
}

static int map_part(struct vm_space *space, u64 start, u64 size, paddr_t pa, u32 prot,
                    const char *name)
{
    struct vm_region region = {
        .start = start,
        .end = start + size,
        .prot = prot,
        .flags = VM_PHYSICAL | VM_NEVER_WRITE | VM_NO_DUMP,
        .first_page = pa >> PAGE_SHIFT,
        .name = name,
    };

    return region_add(space, &region);
}

int vm_vdso_map(struct vm_space *space)
{
    u64 start;
    int error;

    space_guard(space);
    start = address_choose(space, 0, PAGE_SIZE + image_size);
    if (!start)
        return -ENOMEM;
    error = map_part(space, start, PAGE_SIZE, time_pa, PROT_READ, "[vvar]");
    if (!error)
        error = map_part(space, start + PAGE_SIZE, image_size, image_pa,
                         prot_kept(PROT_READ | PROT_EXEC | PROT_BTI), "[vdso]");
    if (!error)
        space->vdso = start + PAGE_SIZE;
    return error;
}

u64 vm_sigreturn_address(const struct vm_space *space)
{
    return space->vdso ? space->vdso + VDSO_SIGRETURN : 0;
}

/*
 * Copies between files without the user's memory: sendfile(2), copy_file_range(2).
 *
 * One page of kernel memory goes between the two. splice(2) and tee(2) would have to hand pages
 * of pipes over; they answer as Linux does for files that cannot.
 */
#include "core/uaccess.h"
#include "fs/vfs.h"
#include "io/fdtable.h"
#include "io/iter.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "sys/calls.h"
#include "task/signal.h"

/* Lock the positions of both files, as far as they are in use, in the order of addresses. */
static void lock_positions(struct file *a, struct file *b)
{
    if (a > b) {
        struct file *swap = a;

        a = b;
        b = swap;
    }
    if (a && a->mode & FMODE_ATOMIC_POS)
        mutex_lock(&a->pos_lock);
    if (b && b != a && b->mode & FMODE_ATOMIC_POS)
        mutex_lock(&b->pos_lock);
}

static void unlock_positions(struct file *a, struct file *b)
{
    if (a && a->mode & FMODE_ATOMIC_POS)
        mutex_unlock(&a->pos_lock);
    if (b && b != a && b->mode & FMODE_ATOMIC_POS)
        mutex_unlock(&b->pos_lock);
}

/* One page's worth. Bytes written; *in_pos advances by as much. */
static ssize_t copy_chunk(struct file *in, loff_t *in_pos, struct file *out, loff_t *out_pos,
                          void *buf, size_t len)
{
    struct iter it;
    loff_t pos = *in_pos;
    ssize_t n;

    iter_kernel(&it, buf, len);
    n = file_read(in, &it, &pos);
    if (n <= 0)
        return n;
    iter_kernel(&it, buf, n);
    n = file_write(out, &it, out_pos);
    if (n > 0)
        *in_pos += n;
    return n;
}

static ssize_t copy_between(struct file *in, loff_t *in_pos, struct file *out, loff_t *out_pos,
                            size_t len)
{
    struct page *page = page_alloc(0, 0);
    ssize_t n = 0;
    size_t done = 0;

    if (!page)
        return -ENOMEM;
    len = MIN(len, IO_COUNT_MAX);
    while (done < len) {
        size_t part = MIN(len - done, PAGE_SIZE - (*in_pos & PAGE_MASK));

        n = copy_chunk(in, in_pos, out, out_pos, page_to_virt(page), part);
        if (n <= 0)
            break;
        done += n;
        if ((size_t)n < part || (done < len && signal_pending()))
            break;
    }
    page_put(page);
    return done ? (ssize_t)done : n;
}

/* offset: the user's position for `in`, or NULL for the file's own. */
static ssize_t sendfile(struct file *out, struct file *in, loff_t *offset, size_t count)
{
    struct file *moving = offset ? NULL : in;
    ssize_t n;

    if (!(in->mode & FMODE_READ))
        return -EBADF;
    if (offset && !(in->mode & FMODE_PREAD))
        return -ESPIPE;
    if (!(out->mode & FMODE_WRITE))
        return -EBADF;
    if (out->flags & O_APPEND || !(in->mode & FMODE_PREAD) || !in->ops->read || !out->ops->write)
        return -EINVAL;
    if (offset && *offset < 0)
        return -EINVAL;
    lock_positions(moving, out);
    n = copy_between(in, offset ? offset : &in->pos, out,
                     out->mode & FMODE_STREAM ? NULL : &out->pos, count);
    unlock_positions(moving, out);
    return n;
}

long sys_sendfile(u64 out_fd, u64 in_fd, u64 offset_addr, u64 count)
{
    struct fd_ref in, out;
    loff_t offset;
    ssize_t result = -EBADF;

    if (offset_addr && get_user_u64(USER_PTR(offset_addr), (u64 *)&offset))
        return -EFAULT;
    in = fd_ref_get(in_fd);
    out = fd_ref_get(out_fd);
    if (in.file && out.file)
        result = sendfile(out.file, in.file, offset_addr ? &offset : NULL, count);
    fd_ref_put(out);
    fd_ref_put(in);
    if (offset_addr && result >= 0 && put_user_u64(USER_PTR(offset_addr), offset))
        result = -EFAULT;
    return result;
}

/* Positions of a copy_file_range: where the user keeps one, or the file's own. */
struct range_end {
    struct file *file;
    u64 addr; /* of the user's position, or 0 */
    loff_t given;
};

static int range_end_get(struct range_end *end, u64 addr)
{
    end->addr = addr;
    return addr && get_user_u64(USER_PTR(addr), (u64 *)&end->given) ? -EFAULT : 0;
}

static loff_t *range_pos(struct range_end *end)
{
    return end->addr ? &end->given : &end->file->pos;
}

static ssize_t check_range(struct range_end *in, struct range_end *out, u64 len, u64 flags)
{
    loff_t from = *range_pos(in), to = *range_pos(out);
    struct inode *a = in->file->inode, *b = out->file->inode;

    if (flags)
        return -EINVAL;
    if (!a || !b)
        return -EINVAL;
    if (S_ISDIR(a->mode) || S_ISDIR(b->mode))
        return -EISDIR;
    if (!S_ISREG(a->mode) || !S_ISREG(b->mode))
        return -EINVAL;
    if (!(in->file->mode & FMODE_READ) || !(out->file->mode & FMODE_WRITE) ||
        out->file->flags & O_APPEND)
        return -EBADF;
    if (a->sb != b->sb)
        return -EXDEV;
    if (from < 0 || to < 0)
        return -EINVAL;
    if ((u64)from + len < (u64)from || (u64)to + len < (u64)to)
        return -EOVERFLOW;
    if (a == b && (u64)from < (u64)to + len && (u64)to < (u64)from + len)
        return -EINVAL;
    return 0;
}

static ssize_t copy_range(struct range_end *in, struct range_end *out, u64 len, u64 flags)
{
    struct file *in_moving = in->addr ? NULL : in->file;
    struct file *out_moving = out->addr ? NULL : out->file;
    ssize_t n;

    lock_positions(in_moving, out_moving);
    n = check_range(in, out, len, flags);
    if (!n && len)
        n = copy_between(in->file, range_pos(in), out->file, range_pos(out), len);
    unlock_positions(in_moving, out_moving);
    if (n > 0 && in->addr && put_user_u64(USER_PTR(in->addr), in->given))
        n = -EFAULT;
    if (n > 0 && out->addr && put_user_u64(USER_PTR(out->addr), out->given))
        n = -EFAULT;
    return n;
}

long sys_copy_file_range(u64 in_fd, u64 in_pos, u64 out_fd, u64 out_pos, u64 len, u64 flags)
{
    struct fd_ref in_ref = fd_ref_get(in_fd), out_ref = fd_ref_get(out_fd);
    struct range_end in = {.file = in_ref.file}, out = {.file = out_ref.file};
    ssize_t result = -EBADF;

    if (in.file && out.file) {
        result = range_end_get(&in, in_pos);
        if (!result)
            result = range_end_get(&out, out_pos);
        if (!result)
            result = copy_range(&in, &out, len, flags);
    }
    fd_ref_put(out_ref);
    fd_ref_put(in_ref);
    return result;
}

/* Both files exist and could be used; moving pages of pipes is not supported. */
static long no_splice(u64 in_fd, u64 out_fd, u64 len)
{
    struct fd_ref in = fd_ref_get(in_fd), out = fd_ref_get(out_fd);
    long result = -EINVAL;

    if (!in.file || !out.file || !(in.file->mode & FMODE_READ) || !(out.file->mode & FMODE_WRITE))
        result = -EBADF;
    fd_ref_put(out);
    fd_ref_put(in);
    return len ? result : 0;
}

long sys_splice(u64 in_fd, u64 in_pos, u64 out_fd, u64 out_pos, u64 len, u64 flags)
{
    return no_splice(in_fd, out_fd, len);
}

long sys_tee(u64 in_fd, u64 out_fd, u64 len, u64 flags)
{
    return no_splice(in_fd, out_fd, len);
}

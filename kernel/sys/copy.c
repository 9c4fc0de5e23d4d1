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

/* One side of a copy: a descriptor, and where it goes on: where the user says, or at its own. */
struct end {
    struct fd_ref ref;
    struct file *file; /* ref.file */
    u64 addr;          /* of the user's position, or 0 */
    loff_t given;
};

static void scoped_end_end(struct end *end)
{
    fd_ref_put(end->ref);
}

/* 0, -EFAULT, -EBADF; to be in the caller's scope either way. */
static int end_get(struct end *end, u32 fd, u64 addr)
{
    end->ref = fd_ref_get(fd);
    end->file = end->ref.file;
    end->addr = addr;
    if (addr && get_user_u64(USER_PTR(addr), (u64 *)&end->given))
        return -EFAULT;
    return end->file ? 0 : -EBADF;
}

static loff_t *end_pos(struct end *end)
{
    return end->addr ? &end->given : &end->file->pos;
}

static int end_put_pos(struct end *end)
{
    return end->addr && put_user_u64(USER_PTR(end->addr), end->given) ? -EFAULT : 0;
}

static bool end_locks(struct end *end)
{
    return !end->addr && end->file->mode & FMODE_ATOMIC_POS;
}

/* The positions that are the files' own, in the order of addresses. */
static void lock_positions(struct end *a, struct end *b)
{
    struct end *first = a->file < b->file ? a : b, *second = first == a ? b : a;

    if (end_locks(first))
        mutex_lock(&first->file->pos_lock);
    if (end_locks(second) && !(first->file == second->file && end_locks(first)))
        mutex_lock(&second->file->pos_lock);
}

static void unlock_positions(struct end *a, struct end *b)
{
    if (end_locks(a))
        mutex_unlock(&a->file->pos_lock);
    if (end_locks(b) && !(a->file == b->file && end_locks(a)))
        mutex_unlock(&b->file->pos_lock);
}

/* One page's worth, through `buf`. Bytes written; in's position advances by as much. */
static ssize_t copy_chunk(struct end *in, struct end *out, void *buf, size_t len)
{
    loff_t pos = *end_pos(in);
    struct iter it;
    ssize_t n;

    iter_kernel(&it, buf, len);
    n = file_read(in->file, &it, &pos);
    if (n <= 0)
        return n;
    iter_kernel(&it, buf, n);
    n = file_write(out->file, &it, out->file->mode & FMODE_STREAM ? NULL : end_pos(out));
    if (n > 0)
        *end_pos(in) += n;
    return n;
}

static ssize_t copy_between(struct end *in, struct end *out, size_t len)
{
    struct page *page __scoped(page) = page_alloc(0, 0);
    ssize_t n = 0;
    size_t done = 0;

    if (!page)
        return -ENOMEM;
    len = MIN(len, IO_COUNT_MAX);
    while (done < len) {
        size_t part = MIN(len - done, PAGE_SIZE - (*end_pos(in) & PAGE_MASK));

        n = copy_chunk(in, out, page_to_virt(page), part);
        if (n <= 0)
            break;
        done += n;
        if ((size_t)n < part || (done < len && signal_pending()))
            break;
    }
    return done ? (ssize_t)done : n;
}

static int check_sendfile(struct file *out, struct end *in)
{
    if (!(in->file->mode & FMODE_READ))
        return -EBADF;
    if (in->addr && !(in->file->mode & FMODE_PREAD))
        return -ESPIPE;
    if (!(out->mode & FMODE_WRITE))
        return -EBADF;
    if (out->flags & O_APPEND || !(in->file->mode & FMODE_PREAD) || !in->file->ops->read ||
        !out->ops->write)
        return -EINVAL;
    return in->addr && in->given < 0 ? -EINVAL : 0;
}

long sys_sendfile(u64 out_fd, u64 in_fd, u64 offset, u64 count)
{
    struct end in __scoped(end), out __scoped(end);
    ssize_t n = end_get(&in, in_fd, offset);
    int error = end_get(&out, out_fd, 0);

    if (n || error)
        return n ? n : error;
    n = check_sendfile(out.file, &in);
    if (n)
        return n;
    lock_positions(&in, &out);
    n = copy_between(&in, &out, count);
    unlock_positions(&in, &out);
    return n >= 0 && end_put_pos(&in) ? -EFAULT : n;
}

static int check_range(struct end *in, struct end *out, u64 len, u64 flags)
{
    u64 from = *end_pos(in), to = *end_pos(out);
    struct inode *a = in->file->inode, *b = out->file->inode;

    if (flags || !a || !b)
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
    if ((s64)from < 0 || (s64)to < 0)
        return -EINVAL;
    if (from + len < from || to + len < to)
        return -EOVERFLOW;
    return a == b && from < to + len && to < from + len ? -EINVAL : 0;
}

long sys_copy_file_range(u64 in_fd, u64 in_pos, u64 out_fd, u64 out_pos, u64 len, u64 flags)
{
    struct end in __scoped(end), out __scoped(end);
    ssize_t n = end_get(&in, in_fd, in_pos);
    int error = end_get(&out, out_fd, out_pos);

    if (n || error)
        return n ? n : error;
    lock_positions(&in, &out);
    n = check_range(&in, &out, len, flags);
    if (!n && len)
        n = copy_between(&in, &out, len);
    unlock_positions(&in, &out);
    return n > 0 && (end_put_pos(&in) || end_put_pos(&out)) ? -EFAULT : n;
}

/* Both files exist and could be used; moving pages of pipes is not supported. */
static long no_splice(u64 in_fd, u64 out_fd, u64 len)
{
    struct end in __scoped(end), out __scoped(end);
    int error = end_get(&in, in_fd, 0), error2 = end_get(&out, out_fd, 0);

    if (!len)
        return 0;
    if (error || error2 || !(in.file->mode & FMODE_READ) || !(out.file->mode & FMODE_WRITE))
        return -EBADF;
    return -EINVAL;
}

CALL(splice, (u64 in_fd, u64 in_pos, u64 out_fd, u64 out_pos, u64 len, u64 flags),
     no_splice(in_fd, out_fd, len))
CALL(tee, (u64 in_fd, u64 out_fd, u64 len, u64 flags), no_splice(in_fd, out_fd, len))

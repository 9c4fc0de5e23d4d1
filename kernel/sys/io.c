/*
 * read(2), write(2) and their variants, lseek(2); and copies between files without the user's
 * memory: sendfile(2), copy_file_range(2). splice(2) and tee(2) would have to hand pages of pipes
 * over; they answer as Linux does for files that cannot.
 */
#include "core/uaccess.h"
#include "fs/vfs.h"
#include "io/fdtable.h"
#include "io/iter.h"
#include "io/pipe.h"
#include "lib/errno.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "sys/calls.h"
#include "task/signal.h"

#define IOV_FAST 8 /* segments that need no allocation */

/* RWF_* of preadv2(2). */
#define RWF_HIPRI  1
#define RWF_DSYNC  2
#define RWF_SYNC   4
#define RWF_NOWAIT 8
#define RWF_APPEND 16

/* May the file be read, or written? The order of errors is Linux's. */
static inline int check_mode(const struct file *file, bool write)
{
    if (unlikely(!(file->mode & (write ? FMODE_WRITE : FMODE_READ))))
        return -EBADF;
    if (unlikely(write ? !file->ops->write : !file->ops->read))
        return -EINVAL;
    return 0;
}

/* One transfer at *pos, or, for NULL, at the file's own position. */
static inline ssize_t transfer(struct file *file, struct iter *it, const loff_t *pos, u32 flags,
                               bool write)
{
    struct io_request req = {.file = file, .iter = it};
    bool locked = !pos && file_pos_shared(file);
    ssize_t n;

    req.flags = file_io_flags(file) | flags;
    if (unlikely(locked))
        mutex_lock(&file->pos_lock);
    req.pos = pos ? *pos : file->pos;
    n = -EINVAL;
    if (likely(!file_range_overflows(req.pos, it->left)))
        n = write ? file->ops->write(&req) : file->ops->read(&req);
    if (n > 0 && !pos && !(file->mode & FMODE_STREAM))
        file->pos = req.pos;
    if (unlikely(locked))
        mutex_unlock(&file->pos_lock);
    return n;
}

/* The iterator over one user buffer. 0 or -EFAULT; what is too long is cut, as Linux does. */
static inline int buffer_iter(struct iter *it, u64 buf, u64 count)
{
    if (unlikely(!user_range_ok(USER_PTR(buf), count)))
        return -EFAULT;
    iter_user(it, USER_PTR(buf), MIN(count, IO_COUNT_MAX));
    return 0;
}

/*
 * read and write: the general parts above, with each field of the file loaded once. A file that
 * is O_PATH has neither mode, so it needs no test of its own.
 */
static __always_inline long read_or_write(u64 fd, u64 buf, u64 count, bool write)
{
    struct fd_ref ref = fd_ref_get_raw(fd);
    ssize_t (*move)(struct io_request * req);
    struct file *file = ref.file;
    struct io_request req;
    struct iter it;
    ssize_t result;
    u32 mode;

    if (unlikely(!file))
        return -EBADF;
    mode = file->mode;
    move = write ? file->ops->write : file->ops->read;
    result = -EBADF;
    if (unlikely(!(mode & (write ? FMODE_WRITE : FMODE_READ))))
        goto put;
    result = -EINVAL;
    if (unlikely(!move))
        goto put;
    result = buffer_iter(&it, buf, count);
    if (unlikely(result))
        goto put;
    if (unlikely(mode & FMODE_ATOMIC_POS && ref_read(&file->refs) > 1)) {
        result = transfer(file, &it, NULL, 0, write);
        goto put;
    }
    req.file = file;
    req.iter = &it;
    req.pos = file->pos;
    req.flags = file_io_flags(file);
    req.done = NULL;
    result = -EINVAL;
    if (unlikely(file_range_overflows(req.pos, it.left)))
        goto put;
    result = move(&req);
    if (result > 0 && !(mode & FMODE_STREAM))
        file->pos = req.pos;
put:
    fd_ref_put(ref);
    return result;
}

long sys_read(u64 fd, u64 buf, u64 count)
{
    return read_or_write(fd, buf, count, false);
}

long sys_write(u64 fd, u64 buf, u64 count)
{
    return read_or_write(fd, buf, count, true);
}

static inline long positional(u64 fd, u64 buf, u64 count, loff_t pos, bool write)
{
    struct fd_ref ref __scoped(fd) = {0};
    struct iter it;
    int error;

    if (unlikely(pos < 0))
        return -EINVAL;
    ref = fd_ref_get(fd);
    if (unlikely(!ref.file))
        return -EBADF;
    if (unlikely(!(ref.file->mode & (write ? FMODE_PWRITE : FMODE_PREAD))))
        return -ESPIPE;
    error = check_mode(ref.file, write);
    if (likely(!error))
        error = buffer_iter(&it, buf, count);
    return unlikely(error) ? error : transfer(ref.file, &it, &pos, 0, write);
}

CALL(pread64, (u64 fd, u64 buf, u64 count, u64 pos), positional(fd, buf, count, pos, false))
CALL(pwrite64, (u64 fd, u64 buf, u64 count, u64 pos), positional(fd, buf, count, pos, true))

/* ---- vectors ---- */

/* Copy a vector in and check it. The total of its lengths (cut), or -errno. */
static ssize_t vector_copy(struct iovec *iov, u64 addr, u64 count)
{
    size_t total = 0;

    if (copy_from_user(iov, USER_PTR(addr), count * sizeof(*iov)))
        return -EFAULT;
    for (u64 i = 0; i < count; i++)
        if ((s64)iov[i].len < 0)
            return -EINVAL;
    for (u64 i = 0; i < count; i++) {
        if (!user_range_ok(USER_PTR(iov[i].base), iov[i].len))
            return -EFAULT;
        total += MIN(iov[i].len, IO_COUNT_MAX - total);
    }
    return total;
}

static long vector_transfer(struct file *file, u64 addr, u32 count, const loff_t *pos, u32 flags,
                            bool write)
{
    struct iovec fast[IOV_FAST], *iov = fast, *large __scoped(kmalloc) = NULL;
    struct iter it;
    ssize_t total;
    int error;

    if (count > IOV_MAX)
        return -EINVAL;
    if (count > IOV_FAST) {
        iov = large = kmalloc(count * sizeof(*iov));
        if (!iov)
            return -ENOMEM;
    }
    total = vector_copy(iov, addr, count);
    error = total < 0 ? (int)total : check_mode(file, write);
    if (error || !total)
        return error;
    iter_iovec(&it, iov, count, total, true);
    return transfer(file, &it, pos, flags, write);
}

static int rwf_to_io(const struct file *file, u32 rwf, u32 *flags)
{
    *flags = 0;
    if (rwf & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
        return -EOPNOTSUPP;
    if (rwf & RWF_NOWAIT && !file_is_pipe(file))
        return -EOPNOTSUPP; /* nothing else can say that it would block */
    *flags = (rwf & (RWF_DSYNC | RWF_SYNC) ? IO_DSYNC : 0) | (rwf & RWF_HIPRI ? IO_HIPRI : 0) |
             (rwf & RWF_NOWAIT ? IO_NONBLOCK : 0) | (rwf & RWF_APPEND ? IO_APPEND : 0);
    return 0;
}

/* `own`: at the file's own position. */
static long vector_call(u64 fd, u64 iov, u64 count, loff_t pos, bool own, u32 rwf, bool write)
{
    struct fd_ref ref __scoped(fd) = {0};
    u32 flags;
    int error;

    if (!own && pos < 0)
        return -EINVAL;
    ref = fd_ref_get(fd);
    if (!ref.file)
        return -EBADF;
    if (!own && !(ref.file->mode & (write ? FMODE_PWRITE : FMODE_PREAD)))
        return -ESPIPE;
    error = rwf_to_io(ref.file, rwf, &flags);
    return error ? error : vector_transfer(ref.file, iov, count, own ? NULL : &pos, flags, write);
}

CALL(readv, (u64 fd, u64 iov, u64 count), vector_call(fd, iov, count, 0, true, 0, false))
CALL(writev, (u64 fd, u64 iov, u64 count), vector_call(fd, iov, count, 0, true, 0, true))

/* The high half of the position, the last argument, is for 32-bit programs. */
CALL(preadv, (u64 fd, u64 iov, u64 count, u64 pos, u64 unused),
     vector_call(fd, iov, count, pos, false, 0, false))
CALL(pwritev, (u64 fd, u64 iov, u64 count, u64 pos, u64 unused),
     vector_call(fd, iov, count, pos, false, 0, true))
CALL(preadv2, (u64 fd, u64 iov, u64 count, u64 pos, u64 unused, u64 rwf),
     vector_call(fd, iov, count, pos, pos == UINT64_MAX, rwf, false))
CALL(pwritev2, (u64 fd, u64 iov, u64 count, u64 pos, u64 unused, u64 rwf),
     vector_call(fd, iov, count, pos, pos == UINT64_MAX, rwf, true))

long sys_lseek(u64 fd, u64 offset, u64 whence)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);

    if (!ref.file)
        return -EBADF;
    return (u32)whence <= SEEK_HOLE ? file_seek(ref.file, offset, whence) : -EINVAL;
}

/* ---- copies between files ---- */

/*
 * One side of a copy, which goes through a page of kernel memory: a descriptor, and where it goes
 * on, where the user says or at the file's own position. That is not locked: the copy may wait for
 * room in a pipe as long as it likes, and nobody else shall wait with it.
 */
struct end {
    struct fd_ref ref;
    struct file *file; /* ref.file */
    u64 addr;          /* of the user's position, or 0 */
    loff_t pos;
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
    if (addr && get_user_u64(USER_PTR(addr), (u64 *)&end->pos))
        return -EFAULT;
    if (!end->file)
        return -EBADF;
    if (!addr)
        end->pos = READ_ONCE(end->file->pos);
    return 0;
}

/* 0 or -EFAULT */
static int end_put_pos(struct end *end)
{
    if (end->addr)
        return put_user_u64(USER_PTR(end->addr), end->pos) ? -EFAULT : 0;
    if (!(end->file->mode & FMODE_STREAM))
        WRITE_ONCE(end->file->pos, end->pos);
    return 0;
}

/* One page's worth, through `buf`. Bytes written; in's position advances by as much. */
static ssize_t copy_chunk(struct end *in, struct end *out, void *buf, size_t len)
{
    loff_t pos = in->pos;
    struct iter it;
    ssize_t n;

    iter_kernel(&it, buf, len);
    n = file_read(in->file, &it, &pos);
    if (n <= 0)
        return n;
    iter_kernel(&it, buf, n);
    n = file_write(out->file, &it, out->file->mode & FMODE_STREAM ? NULL : &out->pos);
    if (n > 0)
        in->pos += n;
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
        size_t part = MIN(len - done, PAGE_SIZE - (in->pos & PAGE_MASK));

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
        !out->ops->write || (in->file->inode && S_ISDIR(in->file->inode->mode)))
        return -EINVAL;
    return in->addr && in->pos < 0 ? -EINVAL : 0;
}

long sys_sendfile(u64 out_fd, u64 in_fd, u64 offset, u64 count)
{
    struct end in __scoped(end), out __scoped(end);
    ssize_t n = end_get(&in, in_fd, offset);
    int error = end_get(&out, out_fd, 0);

    if (n || error)
        return n ? n : error;
    n = (s64)count < 0 ? -EINVAL : check_sendfile(out.file, &in);
    if (n)
        return n;
    n = copy_between(&in, &out, count);
    return n >= 0 && (end_put_pos(&out) || end_put_pos(&in)) ? -EFAULT : n;
}

/* *len is cut to what the file to read from still has. */
static int check_range(struct end *in, struct end *out, u64 *len, u32 flags)
{
    u64 from = in->pos, to = out->pos;
    struct inode *a = in->file->inode, *b = out->file->inode;
    u64 size;

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
    if (from + *len < from || to + *len < to)
        return -EOVERFLOW;
    size = READ_ONCE(a->size);
    *len = MIN(*len, from < size ? size - from : 0);
    return a == b && from < to + *len && to < from + *len ? -EINVAL : 0;
}

long sys_copy_file_range(u64 in_fd, u64 in_pos, u64 out_fd, u64 out_pos, u64 len, u64 flags)
{
    struct end in __scoped(end), out __scoped(end);
    ssize_t n = end_get(&in, in_fd, in_pos);
    int error = end_get(&out, out_fd, out_pos);

    if (n || error)
        return n ? n : error;
    n = check_range(&in, &out, &len, flags);
    if (!n && len)
        n = copy_between(&in, &out, len);
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

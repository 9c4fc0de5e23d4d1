/*
 * Open files.
 *
 * What it is: struct file is what a descriptor stands for: an object with operations, a position
 * and flags. Descriptors (fdtable.c), running calls, mappings and messages hold counted
 * references.
 *
 * Interface: io/file.h. One request type (struct io_request) carries every transfer; read(2) is
 * the synchronous case, splice, exec and kernel readers use the same operations with other
 * iterators.
 *
 * Invariants.
 *   I1  ops, mode, private, inode, mapping and path do not change after the file has been given
 *       to a second user (published in a table).
 *   I2  A file found under RCU is used only after file_get_unless_zero(); its memory is not
 *       reused before a grace period has passed since the last reference.
 *   I3  release runs once, in a context that may sleep, after the last reference is gone.
 *   I4  file->pos of a file with FMODE_ATOMIC_POS is read and written under pos_lock whenever
 *       somebody else holds a reference too; a sole user needs no lock, and nobody can become
 *       the second but by its help. No one sleeps for an event under pos_lock: copies between
 *       files, which may, look at the position before and set it after (sys/io.c).
 *
 * Life: file_alloc() (one reference) -> the opener completes it -> fd_publish() -> file_put() of
 * the last -> file_release(): ops->release, fs puts path and inode, memory after a grace period.
 *
 * Rejected: an asynchronous release by task work (close() would return before locks and peers
 * saw it), storage that is type-stable (the grace period also covers what ops point at).
 */
#include "io/file.h"

#include "core/panic.h"
#include "io/fdtable.h"
#include "io/iter.h"
#include "io/mapping.h"
#include "lib/errno.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "task/task.h"

static struct kmem_cache *file_cache;
struct file_hooks file_hooks;

struct file *file_alloc(const struct file_ops *ops, u32 flags, void *private)
{
    struct file *file = kmem_cache_alloc(file_cache);

    if (!file)
        return NULL;
    file->ops = ops;
    ref_init(&file->refs, 1);
    file->flags = flags;
    if (!(flags & O_PATH)) /* 0, 1, 2: read, write, both; 3 is neither */
        file->mode = (flags + 1) & O_ACCMODE;
    file->private = private;
    mutex_init(&file->pos_lock, RANK_FILE_POS);
    return file;
}

_Static_assert(FMODE_READ == 1 && FMODE_WRITE == 2, "file_alloc derives them from O_ACCMODE");

static void file_free(struct rcu_head *head)
{
    kmem_cache_free(file_cache, container_of(head, struct file, rcu));
}

void file_release(struct file *file)
{
    if (file->ops && file->ops->release)
        file->ops->release(file);
    file_hooks.path_put(file);
    rcu_call(&file->rcu, file_free);
}

static __always_inline ssize_t transfer(struct file *file, struct iter *it, loff_t *pos, u32 mode)
{
    struct io_request req = {.file = file, .iter = it, .pos = pos ? *pos : 0};
    ssize_t (*perform)(struct io_request * req), n;

    if (!(file->mode & mode))
        return -EBADF;
    perform = mode == FMODE_READ ? file->ops->read : file->ops->write;
    if (!perform || file_range_overflows(req.pos, it->left))
        return -EINVAL;
    req.flags = file_io_flags(file);
    n = perform(&req);
    if (pos && n > 0)
        *pos = req.pos;
    return n;
}

ssize_t file_read(struct file *file, struct iter *it, loff_t *pos)
{
    return transfer(file, it, pos, FMODE_READ);
}

ssize_t file_write(struct file *file, struct iter *it, loff_t *pos)
{
    return transfer(file, it, pos, FMODE_WRITE);
}

ssize_t file_read_kernel(struct file *file, void *buf, size_t len, loff_t pos)
{
    struct iter it;

    iter_kernel(&it, buf, len);
    return file_read(file, &it, &pos);
}

ssize_t file_write_kernel(struct file *file, const void *buf, size_t len, loff_t pos)
{
    struct iter it;

    iter_kernel(&it, buf, len);
    return file_write(file, &it, &pos);
}

/* A write that begins past a limit: the error, and the signal of RLIMIT_FSIZE. */
static __noinline int write_refused(const struct io_request *req, u64 limit)
{
    struct task *task = current_task();

    if (file_range_overflows(req->pos, req->iter->left))
        return -EINVAL;
    if (task && (u64)req->pos >= limit)
        signal_send_task(task, SIGXFSZ, NULL);
    return -EFBIG;
}

int file_write_prepare(struct io_request *req, u64 size, u64 max_size)
{
    u64 limit = rlimit_get(RLIMIT_FSIZE);

    if (req->iter->left == 0)
        return 0;
    if (req->flags & IO_APPEND)
        req->pos = size;
    if (unlikely((u64)req->pos >= MIN(limit, max_size)))
        return write_refused(req, limit);
    iter_truncate(req->iter, MIN(limit, max_size) - req->pos);
    return 0;
}

loff_t file_seek_none(struct file *file, loff_t offset, int whence)
{
    file->pos = 0;
    return 0;
}

loff_t file_seek_size(struct file *file, loff_t offset, int whence, u64 size, u64 max)
{
    switch (whence) {
    case SEEK_SET: break;
    case SEEK_CUR:
        if (__builtin_add_overflow(offset, file->pos, &offset))
            return -EINVAL;
        break;
    case SEEK_END:
        if (__builtin_add_overflow(offset, (loff_t)size, &offset))
            return -EINVAL;
        break;
    case SEEK_DATA:
    case SEEK_HOLE:
        if ((u64)offset >= size)
            return -ENXIO;
        if (whence == SEEK_HOLE)
            offset = size;
        break;
    default: return -EINVAL;
    }
    if (offset < 0 || (u64)offset > max)
        return -EINVAL;
    file->pos = offset;
    return offset;
}

loff_t file_seek(struct file *file, loff_t offset, int whence)
{
    bool locked = file_pos_shared(file);
    loff_t result;

    if (!(file->mode & FMODE_LSEEK) || !file->ops->seek)
        return -ESPIPE;
    if (locked)
        mutex_lock(&file->pos_lock);
    result = file->ops->seek(file, offset, whence);
    if (locked)
        mutex_unlock(&file->pos_lock);
    return result;
}

void file_free_private(struct file *file)
{
    kfree(file->private);
}

void io_init(void)
{
    file_cache = kmem_cache_create("file", sizeof(struct file), 8);
    assert(file_cache);
    fdtable_init();
    mapping_cache_init();
}

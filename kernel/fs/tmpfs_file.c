/*
 * The data of tmpfs's regular files: reading, writing, seeking over holes, mapping, allocation,
 * and seals (memfd). The theory is in tmpfs.c.
 */
#include "fs/tmpfs_impl.h"

#include "fs/mount.h"
#include "io/iter.h"
#include "io/vm_map.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "task/signal.h"

#define FALLOC_FL_KEEP_SIZE  1
#define FALLOC_FL_PUNCH_HOLE 2

#define PROT_WRITE           2
#define PROT_EXEC            4
#define MAP_SHARED           1

static int resize(struct inode *inode, u64 size)
{
    u64 old = inode->size;

    if (!S_ISREG(inode->mode))
        return -EINVAL;
    if ((size < old && inode->seals & F_SEAL_SHRINK) || (size > old && inode->seals & F_SEAL_GROW))
        return -EPERM;
    WRITE_ONCE(inode->size, size);
    if (size < old)
        mapping_truncate(&inode->mapping, size);
    inode->mtime = inode_now();
    return 0;
}

int tmpfs_setattr(struct inode *inode, const struct attr *attr)
{
    if (attr->valid & ATTR_SIZE) {
        int err = resize(inode, attr->size);

        if (err)
            return err;
    }
    inode_apply_attr(inode, attr);
    return 0;
}

static ssize_t tmpfs_read(struct io_request *req)
{
    struct inode *inode = req->file->inode;
    ssize_t n = mapping_read(&inode->mapping, req->iter, req->pos, READ_ONCE(inode->size));

    if (n > 0)
        req->pos += n;
    file_accessed(req->file);
    return n;
}

static int write_prepare(struct inode *inode, struct io_request *req)
{
    if (unlikely(inode->seals)) {
        u64 pos = req->flags & IO_APPEND ? inode->size : (u64)req->pos;

        if (inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ||
            (inode->seals & F_SEAL_GROW && pos + req->iter->left > inode->size))
            return -EPERM;
    }
    return file_write_prepare(req, inode->size, inode->sb->max_size);
}

static ssize_t tmpfs_write(struct io_request *req)
{
    struct inode *inode = req->file->inode;
    ssize_t n;

    mutex_lock(&inode->lock);
    n = write_prepare(inode, req);
    if (!n && req->iter->left) {
        n = mapping_write(&inode->mapping, req->iter, req->pos);
        if (n > 0) {
            req->pos += n;
            if ((u64)req->pos > inode->size)
                WRITE_ONCE(inode->size, req->pos);
            inode_modified(inode);
        }
    }
    mutex_unlock(&inode->lock);
    return n;
}

static loff_t tmpfs_seek(struct file *file, loff_t offset, int whence)
{
    struct inode *inode = file->inode;
    u64 size = READ_ONCE(inode->size);

    if (whence == SEEK_DATA || whence == SEEK_HOLE) {
        offset =
            offset < 0 ? -ENXIO : mapping_seek(&inode->mapping, offset, size, whence == SEEK_DATA);
        if (offset >= 0)
            file->pos = offset;
        return offset;
    }
    return file_seek_size(file, offset, whence, size, inode->sb->max_size);
}

static int tmpfs_mmap(struct file *file, struct vm_map_request *req)
{
    struct inode *inode = file->inode;

    if (req->prot & PROT_EXEC && file->path.mount && file->path.mount->flags & MS_NOEXEC)
        return -EPERM;
    if (req->flags & MAP_SHARED && req->prot & PROT_WRITE &&
        inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    req->size = &inode->size;
    file_accessed(file);
    return 0;
}

/* Make all pages of [start, end) that are absent; nothing when they cannot all be there. */
static int allocate(struct inode *inode, u64 start, u64 end)
{
    struct tmpfs *t = tmpfs_of(inode->sb);
    u64 first = start >> PAGE_SHIFT, past = DIV_ROUND_UP(end, PAGE_SIZE), max = t->max_pages;
    struct page *page;

    if (past - first > (max ? max : pages_total()))
        return -ENOSPC;
    for (u64 i = first; i < past; i++) {
        int err = signal_fatal_pending()
                      ? -EINTR
                      : mapping_get_page(&inode->mapping, i, MAPPING_CREATE, &page);

        if (err)
            return err == -ENOMEM ? -ENOSPC : err;
        page_put(page);
    }
    return 0;
}

static int fallocate_locked(struct inode *inode, int mode, u64 start, u64 end)
{
    u64 size = inode->size;
    int err;

    if (mode & FALLOC_FL_PUNCH_HOLE) {
        if (inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
            return -EPERM;
        mapping_punch(&inode->mapping, start, end);
    } else {
        bool grow = end > size && !(mode & FALLOC_FL_KEEP_SIZE);

        if (grow && inode->seals & F_SEAL_GROW)
            return -EPERM;
        err = grow ? inode_check_size(end) : 0;
        if (err)
            return err;
        err = allocate(inode, start, end);
        if (err)
            return err;
        if (grow)
            WRITE_ONCE(inode->size, end);
    }
    inode_modified(inode);
    return 0;
}

static int tmpfs_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
    struct inode *inode = file->inode;

    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE) || mode == FALLOC_FL_PUNCH_HOLE)
        return -EOPNOTSUPP;
    mutex_guard(&inode->lock);
    return fallocate_locked(inode, mode, offset, offset + len);
}

const struct file_ops tmpfs_file_ops = {
    .read = tmpfs_read,
    .write = tmpfs_write,
    .seek = tmpfs_seek,
    .mmap = tmpfs_mmap,
    .fallocate = tmpfs_fallocate,
    .fsync = file_fsync_none,
};

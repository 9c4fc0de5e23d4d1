/*
 * tmpfs: a file system in memory; also the root, devtmpfs, ramfs, and memfd's files.
 *
 * What it is: names are dentries (SB_PINNED: the dentry cache is the directory), data are the
 * pages of the inode's mapping, symbolic links are strings. So this file has little to do: it
 * makes inodes, counts links, and keeps the limits.
 *
 * Structures and invariants.
 *   I1  struct tmpfs counts pages and inodes against its limits (0: none); a page is charged by
 *       the mapping before it exists, an inode when it is made, and given back by evict.
 *   I2  A directory's size is 40 and 20 for each entry, as Linux's; its nlink is 2 and one for
 *       each directory in it.
 *   I3  Data behind inode->size are zero (mapping.c), so a file that grows shows zeros.
 *
 * Locking: the inode's lock for size and data of a file (writes, truncation, allocation); reads
 * take none. Names: the directory's lock, held by the VFS.
 *
 * Rejected: directory entries of its own beside the dentries (twice the memory, and a look-up to
 * keep both alike).
 */
#include "fs/fs.h"
#include "fs/mount.h"
#include "fs/seq.h"

#include "core/clock.h"
#include "core/panic.h"
#include "io/iter.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "task/task.h"
#include "task/signal.h"

#define TMPFS_MAGIC          0x01021994
#define RAMFS_MAGIC          0x858458f6
#define DIR_SIZE             40
#define ENTRY_SIZE           20

#define FALLOC_FL_KEEP_SIZE  1
#define FALLOC_FL_PUNCH_HOLE 2

#define PROT_WRITE           2
#define PROT_EXEC            4
#define MAP_SHARED           1

struct tmpfs {
    u64 pages, inodes;         /* [A] in use */
    u64 max_pages, max_inodes; /* [A] 0: no limit */
    u32 mode, uid, gid;        /* [I] of the root */
    bool shown;                /* [I] limits were given: for /proc/mounts */
};

static const struct inode_ops dir_ops, node_ops;
static struct filesystem tmpfs_type, ramfs_type;

static struct tmpfs *tmpfs_of(const struct super_block *sb)
{
    return sb->private;
}

/* ---- limits ---- I1 */

static int count_up(u64 *count, u64 max)
{
    u64 now = __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);

    if (likely(!max || now <= max))
        return 0;
    __atomic_sub_fetch(count, 1, __ATOMIC_RELAXED);
    return -ENOSPC;
}

static int charge(struct mapping *mapping)
{
    struct inode *inode = mapping->host;
    struct tmpfs *t = tmpfs_of(inode->sb);

    return count_up(&t->pages, READ_ONCE(t->max_pages));
}

static void uncharge(struct mapping *mapping, u64 pages)
{
    struct inode *inode = mapping->host;

    __atomic_sub_fetch(&tmpfs_of(inode->sb)->pages, pages, __ATOMIC_RELAXED);
}

static const struct mapping_ops mapping_ops = {.charge = charge, .uncharge = uncharge};

static void tmpfs_evict(struct inode *inode)
{
    __atomic_sub_fetch(&tmpfs_of(inode->sb)->inodes, 1, __ATOMIC_RELAXED);
}

/* ---- data, and the seals of memfd ---- I3 */

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
    inode->mtime = clock_realtime_ns();
    return 0;
}

static int tmpfs_setattr(struct inode *inode, const struct attr *attr)
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
    return file_write_prepare(req, inode->size, INT64_MAX);
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
    return file_seek_size(file, offset, whence, size, INT64_MAX);
}

static int tmpfs_mmap(struct file *file, u32 prot, u32 flags, const u64 **size)
{
    struct inode *inode = file->inode;

    if (prot & PROT_EXEC && file->path.mount && file->path.mount->flags & MS_NOEXEC)
        return -EPERM;
    if (flags & MAP_SHARED && prot & PROT_WRITE &&
        inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    *size = &inode->size;
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

/* ---- making and removing names ---- */

static int make_inode(struct super_block *sb, struct inode *dir, u32 mode, struct inode **out)
{
    struct tmpfs *t = tmpfs_of(sb);
    struct inode *inode;

    if (count_up(&t->inodes, READ_ONCE(t->max_inodes)))
        return -ENOSPC;
    inode = inode_alloc(sb, mode, &mapping_ops);
    if (!inode) {
        __atomic_sub_fetch(&t->inodes, 1, __ATOMIC_RELAXED);
        return -ENOMEM;
    }
    inode_owner_init(inode, dir, mode);
    inode->ops = &node_ops;
    if (S_ISREG(mode)) {
        inode->fops = &tmpfs_file_ops;
    } else if (S_ISDIR(mode)) {
        inode->ops = &dir_ops;
        inode->fops = &dir_pinned_ops;
        inode->size = DIR_SIZE;
        inode->nlink = 2;
    }
    *out = inode;
    return 0;
}

/* A name came or went. I2 */
static void dir_changed(struct inode *dir, s64 entries, s64 now)
{
    dir->size += entries * ENTRY_SIZE;
    dir->mtime = dir->ctime = now;
}

static int tmpfs_make(struct inode *dir, struct dentry *dentry, u32 mode, dev_t dev,
                      const char *text)
{
    size_t len = text ? strlen(text) : 0;
    char *link = text ? kmalloc(len + 1 + 8) : NULL; /* slack for hash_name() */
    struct inode *inode;
    int err = -ENOMEM;

    if (link || !text)
        err = make_inode(dir->sb, dir, mode, &inode);
    if (err) {
        kfree(link);
        return err;
    }
    if (link) {
        memcpy(link, text, len);
        inode->link = link;
        inode->size = len;
    }
    inode->rdev = dev;
    dir->nlink += S_ISDIR(mode);
    dentry_attach(dentry, inode);
    dir_changed(dir, 1, inode->ctime);
    return 0;
}

static int tmpfs_link(struct inode *dir, struct dentry *dentry, struct inode *inode)
{
    if (inode->nlink >= INT32_MAX)
        return -EMLINK;
    inode->nlink++;
    inode->ctime = clock_realtime_ns();
    dentry_attach(dentry, inode_get(inode));
    dir_changed(dir, 1, inode->ctime);
    return 0;
}

static int tmpfs_remove(struct inode *dir, struct dentry *dentry)
{
    struct inode *inode = dentry->inode;
    bool is_dir = S_ISDIR(inode->mode);

    if (is_dir && !list_empty(&dentry->children))
        return -ENOTEMPTY;
    inode->ctime = clock_realtime_ns();
    dir_changed(dir, -1, inode->ctime);
    dir->nlink -= is_dir;
    inode->nlink -= is_dir ? 2 : 1;
    return 0;
}

/* A directory goes from one to another. */
static void move_link(struct inode *from, struct inode *to, const struct inode *inode)
{
    if (!S_ISDIR(inode->mode) || from == to)
        return;
    from->nlink--;
    to->nlink++;
}

static int tmpfs_rename(struct rename *r)
{
    struct inode *moved = r->old->inode, *other = r->new->inode;
    bool exchange = r->flags & RENAME_EXCHANGE;
    s64 now = clock_realtime_ns();
    int err = other && !exchange ? tmpfs_remove(r->new_dir, r->new) : 0;

    if (err)
        return err;
    move_link(r->old_dir, r->new_dir, moved);
    if (exchange) {
        move_link(r->new_dir, r->old_dir, other);
        other->ctime = now;
    }
    dir_changed(r->old_dir, exchange ? 0 : -1, now);
    dir_changed(r->new_dir, exchange ? 0 : 1, now);
    moved->ctime = now;
    return 0;
}

static int tmpfs_tmpfile(struct inode *dir, struct dentry *dentry, u32 mode)
{
    struct inode *inode;
    int err = make_inode(dir->sb, dir, mode, &inode);

    if (err)
        return err;
    inode->nlink = 0;
    dentry_attach(dentry, inode);
    return 0;
}

static const struct inode_ops node_ops = {.setattr = tmpfs_setattr, .evict = tmpfs_evict};

static const struct inode_ops dir_ops = {
    .make = tmpfs_make,
    .link = tmpfs_link,
    .remove = tmpfs_remove,
    .rename = tmpfs_rename,
    .tmpfile = tmpfs_tmpfile,
    .setattr = tmpfs_setattr,
    .evict = tmpfs_evict,
};

/* ---- options: tmpfs(5) ---- */

/* A number, which with base 0 may end in a unit, and with `percent` be a part of memory. */
static int parse_number(const char *text, u32 base, bool percent, u64 *value)
{
    static const char units[] = "kmgt";
    const char *end, *unit;

    if (str_to_u64(text, base, value, &end))
        return -EINVAL;
    if (*end == '%' && percent) {
        *value = pages_total() * *value / 100 * PAGE_SIZE;
        end++;
    } else if (*end && !base && (unit = strchr(units, *end | 0x20))) {
        u32 shift = 10 * (unit - units + 1);

        if (*value > UINT64_MAX >> shift)
            return -EINVAL;
        *value <<= shift;
        end++;
    }
    return *end ? -EINVAL : 0;
}

static int parse_option(struct tmpfs *t, const char *option)
{
    enum { SIZE, BLOCKS, INODES, MODE, UID, GID, COUNT };
    static const struct {
        const char *prefix;
        u32 base;
    } options[COUNT] = {
        [SIZE] = {"size=", 0}, [BLOCKS] = {"nr_blocks=", 0}, [INODES] = {"nr_inodes=", 0},
        [MODE] = {"mode=", 8}, [UID] = {"uid=", 10},         [GID] = {"gid=", 10},
    };
    const char *text = NULL;
    u32 which = 0;
    u64 value;

    while (which < COUNT && !(text = str_skip_prefix(option, options[which].prefix)))
        which++;
    if (!text || parse_number(text, options[which].base, which == SIZE, &value) ||
        (which >= MODE && value > UINT32_MAX))
        return -EINVAL;
    switch (which) {
    case SIZE: t->max_pages = DIV_ROUND_UP(value, PAGE_SIZE); break;
    case BLOCKS: t->max_pages = value; break;
    case INODES: t->max_inodes = value; break;
    case MODE: t->mode = value & S_IALLUGO; break;
    case UID: t->uid = value; break;
    case GID: t->gid = value; break;
    }
    t->shown |= which < MODE;
    return 0;
}

/* Comma-separated, as mount(2) has them, in a buffer that is changed; NULL: none. */
static int parse_options(struct tmpfs *t, char *options)
{
    while (options && *options) {
        char *next = strchr(options, ',');
        int err;

        if (next)
            *next++ = '\0';
        err = *options ? parse_option(t, options) : 0;
        if (err)
            return err;
        options = next;
    }
    return 0;
}

static int tmpfs_remount(struct super_block *sb, u32 *flags, char *options)
{
    struct tmpfs *t = tmpfs_of(sb), changed = *t;
    int err = parse_options(&changed, options);

    if (err)
        return err;
    if ((changed.max_pages && changed.max_pages < t->pages) ||
        (changed.max_inodes && changed.max_inodes < t->inodes))
        return -EINVAL;
    WRITE_ONCE(t->max_pages, changed.max_pages);
    WRITE_ONCE(t->max_inodes, changed.max_inodes);
    t->shown = changed.shown;
    return 0;
}

/* ---- instances ---- */

static void tmpfs_show_options(struct super_block *sb, struct seq *s)
{
    struct tmpfs *t = tmpfs_of(sb);

    if (t->shown && t->max_pages)
        seq_printf(s, ",size=%luk", t->max_pages * (PAGE_SIZE / 1024));
    if (t->shown && t->max_inodes)
        seq_printf(s, ",nr_inodes=%lu", t->max_inodes);
    if (t->mode != (0777 | S_ISVTX) && sb->type != &rootfs_type)
        seq_printf(s, ",mode=%03o", t->mode);
    if (t->uid)
        seq_printf(s, ",uid=%u", t->uid);
    if (t->gid)
        seq_printf(s, ",gid=%u", t->gid);
}

static void tmpfs_statfs(struct super_block *sb, struct kstatfs *out)
{
    struct tmpfs *t = tmpfs_of(sb);
    u64 pages = READ_ONCE(t->pages), inodes = READ_ONCE(t->inodes);

    out->blocks = t->max_pages ? t->max_pages : pages + pages_free();
    out->bfree = out->bavail = out->blocks - MIN(pages, out->blocks);
    out->files = t->max_inodes;
    out->ffree = t->max_inodes ? t->max_inodes - MIN(inodes, t->max_inodes) : 0;
}

static const struct super_ops super_ops = {
    .statfs = tmpfs_statfs,
    .remount = tmpfs_remount,
    .show_options = tmpfs_show_options,
};

/*
 * "tmpfs" has half of memory, and as many inodes as half of its pages, unless options say
 * otherwise; the other types have no limits.
 */
int tmpfs_mount(const struct filesystem *type, char *options, struct super_block **out)
{
    struct super_block *sb = super_alloc(type, &super_ops);
    struct tmpfs *t = kmalloc(sizeof(*t));
    struct inode *root;
    int err = -ENOMEM;

    if (!sb || !t) {
        kfree(t);
        goto put;
    }
    sb->private = t;
    sb->flags = SB_PINNED;
    t->mode = 0755;
    if (type == &tmpfs_type) {
        t->max_pages = t->max_inodes = pages_total() / 2;
        t->mode = 0777 | S_ISVTX;
        t->uid = current_cred()->fsuid;
        t->gid = current_cred()->fsgid;
    }
    err = parse_options(t, options);
    if (!err)
        err = make_inode(sb, NULL, S_IFDIR | t->mode, &root);
    if (err)
        goto put;
    root->uid = t->uid;
    root->gid = t->gid;
    return super_finish(sb, root, out);
put:
    super_put(sb);
    return err;
}

const struct filesystem rootfs_type = {
    .name = "rootfs",
    .flags = FS_NODEV,
    .magic = TMPFS_MAGIC,
    .mount = tmpfs_mount,
};

static struct filesystem tmpfs_type = {
    .name = "tmpfs",
    .flags = FS_NODEV,
    .magic = TMPFS_MAGIC,
    .mount = tmpfs_mount,
};

static struct filesystem ramfs_type = {
    .name = "ramfs",
    .flags = FS_NODEV,
    .magic = RAMFS_MAGIC,
    .mount = tmpfs_mount,
};

void tmpfs_init(void)
{
    filesystem_register(&tmpfs_type);
    filesystem_register(&ramfs_type);
}

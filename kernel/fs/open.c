/*
 * Opening files.
 *
 * What it is: from a place to a struct file: the checks of open(2), the operations by the kind of
 * file (regular and directory: the inode's; FIFO: a pipe; character device: its driver), and what
 * must be given back when the file is released.
 *
 * Invariants.
 *   I1  file->path holds the references to mount and dentry, and by the dentry to the inode;
 *       file->inode and file->mapping borrow from it.
 *   I2  A file with FMODE_WRITER is counted in its inode's and its mount's writers; one with
 *       FMODE_NO_WRITERS, a program that runs, is counted against them in its inode's.
 *   I3  A file that has just been made is opened whatever its mode says: open(O_CREAT|O_WRONLY,
 *       0400) works once.
 */
#include "fs/fs.h"
#include "fs/walk.h"

#include "core/panic.h"
#include "io/pipe.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "task/task.h"

#define OPEN_ONCE (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC) /* not flags of the open file */

static const struct file_ops path_ops; /* of O_PATH files: nothing can be done */

/* What open wants of the inode: MAY_*. */
static u32 wanted(u32 flags)
{
    static const u8 by_mode[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};

    return by_mode[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

/* The checks that depend on the kind of file and the mount. */
static int check_kind(const struct path *path, u32 want)
{
    struct inode *inode = path->dentry->inode;

    switch (inode->mode & S_IFMT) {
    case S_IFLNK: return -ELOOP;
    case S_IFDIR:
        if (want & MAY_WRITE)
            return -EISDIR;
        break;
    case S_IFCHR:
    case S_IFBLK:
        if (path->mount->flags & MS_NODEV)
            return -EACCES;
        return S_ISBLK(inode->mode) ? -ENXIO : 0;
    case S_IFSOCK: return -ENXIO;
    case S_IFREG:
        if (want & MAY_WRITE)
            return mount_may_write(path->mount);
        break;
    case S_IFIFO: break;
    default: return -ENXIO;
    }
    return 0;
}

static int check_open(const struct path *path, u32 flags, bool created)
{
    struct inode *inode = path->dentry->inode;
    u32 want = wanted(flags);
    int err;

    if (flags & O_DIRECTORY && !S_ISDIR(inode->mode) && (flags & O_TMPFILE) != O_TMPFILE)
        return -ENOTDIR;
    err = check_kind(path, want);
    if (!err && !created) /* I3 */
        err = inode_permission_cred(inode, want, current_cred());
    if (likely(err || !(flags & (O_NOATIME | O_DIRECT))))
        return err;
    if (flags & O_NOATIME && !created && !inode_owner_ok(inode))
        return -EPERM;
    return flags & O_DIRECT ? -EINVAL : 0; /* nothing here goes past the page cache */
}

/* I2: one more on the side of the writers (1) or of the programs (-1). 0, or -ETXTBSY. */
static int writers_add(struct inode *inode, s32 side)
{
    s32 old = __atomic_load_n(&inode->writers, __ATOMIC_RELAXED);

    do {
        if (side > 0 ? old < 0 : old > 0)
            return -ETXTBSY;
    } while (!__atomic_compare_exchange_n(&inode->writers, &old, old + side, true, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED));
    return 0;
}

static int writer_get(struct file *file)
{
    int err = writers_add(file->inode, 1);

    if (err)
        return err;
    __atomic_add_fetch(&file->path.mount->writers, 1, __ATOMIC_RELAXED);
    file->mode |= FMODE_WRITER;
    return 0;
}

/* I2 holds for O_TRUNC without a right to write, too. */
static __noinline int truncate_open(struct inode *inode)
{
    struct attr attr = {.valid = ATTR_SIZE | ATTR_MTIME};
    int err = writers_add(inode, 1);

    if (err)
        return err;
    err = inode_setattr(inode, &attr);
    __atomic_sub_fetch(&inode->writers, 1, __ATOMIC_RELEASE);
    return err;
}

/* Give the file its operations. */
static int open_kind(struct file *file, struct inode *inode, u32 flags)
{
    int err = 0;

    switch (inode->mode & S_IFMT) {
    case S_IFREG:
        file->ops = inode->fops;
        file->mapping = &inode->mapping;
        file->mode |= FMODE_SEEKABLE | FMODE_ATOMIC_POS;
        if (file->mode & FMODE_WRITE)
            err = writer_get(file);
        break;
    case S_IFDIR:
        file->ops = inode->fops;
        file->mode |= FMODE_SEEKABLE | FMODE_ATOMIC_POS;
        break;
    case S_IFCHR: return chardev_open(file, inode->rdev);
    case S_IFIFO:
        return inode->ops->open ? inode->ops->open(inode, file) : fifo_open(file, &inode->pipe);
    }
    if (!err && inode->ops->open)
        err = inode->ops->open(inode, file);
    if (!err && flags & O_TRUNC && S_ISREG(inode->mode))
        err = truncate_open(inode);
    return err;
}

/* Open *path; its references go over, whether it works or not. */
static int open_path(const struct path *path, u32 flags, bool created, struct file **out)
{
    struct inode *inode = path->dentry->inode;
    struct file *file;
    int err = 0;

    if (flags & O_PATH) {
        if (flags & O_DIRECTORY && !S_ISDIR(inode->mode))
            err = -ENOTDIR;
    } else {
        err = check_open(path, flags, created);
    }
    file = err ? NULL : file_alloc(NULL, flags, NULL);
    if (!file) {
        path_put(path);
        return err ? err : -ENOMEM;
    }
    file->path = *path; /* I1 */
    file->inode = inode;
    if (flags & O_PATH) {
        file->ops = &path_ops;
        file->mode = FMODE_PATH;
    } else {
        err = open_kind(file, inode, created ? flags & ~O_TRUNC : flags);
        file->flags &= ~OPEN_ONCE;
    }
    if (err) {
        if (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode))
            file->ops = NULL; /* the driver refused: nothing to release */
        file_put(file);
        return err;
    }
    *out = file;
    return 0;
}

/* ---- with O_CREAT ---- */

static int open_create(struct walk *w, u32 flags, u32 mode, struct file **out)
{
    struct making m = {.mode = S_IFREG | (mode & S_IALLUGO & ~current_umask())};
    struct path to;
    bool made;
    int err;

    for (;;) {
        if (w->last_type != LAST_NAME) { /* ".", "/", or a link that is a place */
            to = w->at;
            path_get(&to);
            made = false;
            break;
        }
        if (w->want_dir)
            return -EISDIR;
        err = make_in(&w->at, &w->last, false, &m, &to.dentry);
        made = !err;
        if (to.dentry)
            to.mount = mount_get(w->at.mount);
        if (made)
            break;
        if (err != -EEXIST || flags & O_EXCL) {
            scoped_end_path(&to);
            return err;
        }
        walk_cross(&to);
        if (!S_ISLNK(to.dentry->inode->mode) || flags & O_NOFOLLOW)
            break;
        err = walk_follow_last(w, &to);
        if (err)
            return err;
    }
    if (!made && S_ISDIR(to.dentry->inode->mode)) {
        path_put(&to);
        return -EISDIR;
    }
    return open_path(&to, flags, made, out);
}

/* ---- without a name ---- */

int file_open_unnamed(const struct path *dir, const char *name, u32 flags, u32 mode,
                      struct file **out)
{
    struct inode *inode = dir->dentry->inode;
    struct path to = {dir->mount, dentry_alloc(dir->dentry->sb, dir->dentry, name, strlen(name))};
    int err;

    if (!to.dentry)
        return -ENOMEM;
    err = inode->ops->tmpfile(inode, to.dentry, S_IFREG | mode);
    if (err) {
        dentry_put(to.dentry);
        return err;
    }
    if (!*name)
        format_buf(to.dentry->inline_name, DENTRY_NAME_INLINE, "#%lu", to.dentry->inode->ino);
    mount_get(to.mount);
    return open_path(&to, flags, true, out);
}

static int open_tmpfile(const struct path *dir, u32 flags, u32 mode, struct file **out)
{
    struct inode *inode = dir->dentry->inode;
    int err = inode_permission(inode, MAY_WRITE | MAY_EXEC);

    if (!err)
        err = mount_may_write(dir->mount);
    if (err)
        return err;
    if (!S_ISDIR(inode->mode) || !inode->ops->tmpfile)
        return S_ISDIR(inode->mode) ? -EOPNOTSUPP : -ENOTDIR;
    err = file_open_unnamed(dir, "", flags, mode & S_IALLUGO & ~current_umask(), out);
    if (!err && !(flags & O_EXCL))
        (*out)->inode->flags |= INODE_NOCHECK;
    return err;
}

/* ---- the calls ---- */

int file_open_at(int at_fd, const char *name, u32 flags, u32 mode, u32 lookup, struct file **out)
{
    struct walk w __scoped(walk);
    int err;

    if (!(flags & O_NOFOLLOW))
        lookup |= LOOKUP_FOLLOW;
    if (unlikely(flags & O_CREAT)) {
        err = walk_parent(&w, at_fd, name, lookup);
        if (!err)
            err = open_create(&w, flags, mode, out);
    } else {
        if (flags & O_DIRECTORY)
            lookup |= LOOKUP_DIRECTORY;
        err = walk_path(&w, at_fd, name, lookup);
        if (likely(!err)) {
            if (unlikely((flags & O_TMPFILE) == O_TMPFILE)) {
                err = open_tmpfile(&w.at, flags, mode, out);
            } else {
                err = open_path(&w.at, flags, false, out);
                w.at.dentry = NULL;
            }
        }
    }
    return err;
}

int file_open_kernel(const char *path, u32 flags, u32 mode, struct file **out)
{
    return file_open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode, 0, out);
}

int path_open(const struct path *path, u32 flags, struct file **out)
{
    path_get(path);
    return open_path(path, flags, false, out);
}

static int check_exec(const struct path *path)
{
    struct inode *inode = path->dentry->inode;

    if (S_ISLNK(inode->mode))
        return -ELOOP;
    if (!S_ISREG(inode->mode) || path->mount->flags & MS_NOEXEC)
        return -EACCES;
    return inode_permission(inode, MAY_EXEC);
}

int file_open_exec(int at_fd, const char *name, u32 at_flags, struct file **out)
{
    struct path path;
    u32 lookup;
    int err = lookup_flags_at(at_flags, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, &lookup);

    if (!err)
        err = path_lookup(at_fd, name, lookup, &path);
    if (err)
        return err;
    err = check_exec(&path);
    if (err) {
        path_put(&path);
        return err;
    }
    err = open_path(&path, O_RDONLY | O_LARGEFILE, true, out); /* execute, not read, is needed */
    if (err)
        return err;
    err = writers_add((*out)->inode, -1);
    if (err)
        file_put(*out);
    else
        (*out)->mode |= FMODE_NO_WRITERS;
    return err;
}

void file_allow_write(struct file *file)
{
    if (!(file->mode & FMODE_NO_WRITERS))
        return;
    file->mode &= ~FMODE_NO_WRITERS;
    __atomic_add_fetch(&file->inode->writers, 1, __ATOMIC_RELEASE);
}

void file_getattr(struct file *file, struct kstat *st)
{
    if (file->inode) {
        path_getattr(&file->path, st);
        return;
    }
    memset(st, 0, sizeof(*st));
    st->ino = file->id;
    st->mode = file->ops->stat_mode;
    st->nlink = 1;
    st->blksize = 4096;
    st->uid = current_cred()->fsuid;
    st->gid = current_cred()->fsgid;
    st->dev = MKDEV(0, 0xffff); /* files without a file system share one */
}

/* ---- what io calls ---- */

static void hook_path_put(struct file *file)
{
    struct path path = file->path;

    if (!path.dentry)
        return;
    if (unlikely(file->inode->locks))
        file_locks_drop(file, NULL);
    if (file->mode & FMODE_WRITER) { /* I2 */
        __atomic_sub_fetch(&file->inode->writers, 1, __ATOMIC_RELEASE);
        __atomic_sub_fetch(&path.mount->writers, 1, __ATOMIC_RELAXED);
    }
    file_allow_write(file);
    path_put(&path);
}

static void hook_closed(struct file *file, struct fdtable *owner)
{
    if (unlikely(file->inode->locks))
        file_locks_drop(file, owner);
}

void vfs_init(void)
{
    dcache_init();
    inode_init();
    file_hooks = (struct file_hooks){.path_put = hook_path_put, .closed = hook_closed};
    tmpfs_init();
    mount_init();
    unnamed_init();
    devtmpfs_init();
}

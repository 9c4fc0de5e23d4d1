/*
 * System calls that change attributes and sizes of files: chmod, chown, utimensat, truncate,
 * fallocate; and those on extended attributes, of which no file has any.
 */
#include "sys/calls.h"

#include "arch/trap.h"
#include "core/clock.h"
#include "core/uaccess.h"
#include "fs/namei.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "task/cred.h"

#define UTIME_NOW      ((1L << 30) - 1)
#define UTIME_OMIT     ((1L << 30) - 2)
#define SYS_SETXATTR   5 /* the number of the first call about extended attributes */
#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536
#define XATTR_CREATE   1
#define XATTR_REPLACE  2

/* ---- one change, by path or by descriptor ---- */

static long set_at(const struct path *path, struct attr *attr)
{
    int err = mount_may_write(path->mount);

    return err ? err : inode_setattr(path->dentry->inode, attr);
}

static long set_by_name(int at_fd, u64 name, u32 flags, struct attr *attr)
{
    struct path path __scoped(path) = {0};
    u32 lookup;
    long err = lookup_flags_at(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &lookup);

    if (!err)
        err = path_lookup_user(at_fd, USER_PTR(name), lookup, &path);
    if (err)
        return err;
    if (attr->valid & ATTR_MODE && S_ISLNK(path.dentry->inode->mode))
        return -EOPNOTSUPP; /* a link's mode means nothing */
    return set_at(&path, attr);
}

/* A pipe or its like has no attributes that could change. */
static long set_by_fd(u32 fd, struct attr *attr)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);

    if (!ref.file)
        return -EBADF;
    return ref.file->path.dentry ? set_at(&ref.file->path, attr) : -EPERM;
}

long sys_fchmod(u64 fd, u64 mode)
{
    struct attr attr = {.valid = ATTR_MODE, .mode = mode & S_IALLUGO};

    return set_by_fd(fd, &attr);
}

long sys_fchmodat2(u64 at_fd, u64 name, u64 mode, u64 flags)
{
    struct attr attr = {.valid = ATTR_MODE, .mode = mode & S_IALLUGO};

    return set_by_name(at_fd, name, flags, &attr);
}

long sys_fchmodat(u64 at_fd, u64 name, u64 mode)
{
    return sys_fchmodat2(at_fd, name, mode, 0);
}

static struct attr owner_attr(u64 uid, u64 gid)
{
    return (struct attr){
        .valid = ATTR_CHOWN | ((u32)uid != UINT32_MAX ? ATTR_UID : 0) |
                 ((u32)gid != UINT32_MAX ? ATTR_GID : 0),
        .uid = uid,
        .gid = gid,
    };
}

long sys_fchown(u64 fd, u64 uid, u64 gid)
{
    struct attr attr = owner_attr(uid, gid);

    return set_by_fd(fd, &attr);
}

long sys_fchownat(u64 at_fd, u64 name, u64 uid, u64 gid, u64 flags)
{
    struct attr attr = owner_attr(uid, gid);

    return set_by_name(at_fd, name, flags, &attr);
}

/* ---- times ---- */

/* Seconds beyond what a count of ns can hold (the year 2262) are cut. 0 or -EINVAL. */
static int one_time(const s64 spec[2], u32 which, u32 which_set, u32 *valid, s64 *ns)
{
    const s64 limit = INT64_MAX / (s64)NS_PER_SEC - 1;

    if (spec[1] == UTIME_OMIT)
        return 0;
    *valid |= which;
    if (spec[1] == UTIME_NOW)
        return 0;
    if (spec[1] < 0 || spec[1] >= (s64)NS_PER_SEC)
        return -EINVAL;
    *valid |= which_set;
    *ns = MAX(MIN(spec[0], limit), -limit) * (s64)NS_PER_SEC + spec[1];
    return 0;
}

long sys_utimensat(u64 at_fd, u64 name, u64 times, u64 flags)
{
    struct attr attr = {.valid = ATTR_ATIME | ATTR_MTIME};
    s64 spec[4];

    if (times) {
        if (copy_from_user(spec, USER_PTR(times), sizeof(spec)))
            return -EFAULT;
        if (spec[1] == UTIME_OMIT && spec[3] == UTIME_OMIT)
            return 0;
        attr.valid = 0;
        if (one_time(spec, ATTR_ATIME, ATTR_ATIME_SET, &attr.valid, &attr.atime) ||
            one_time(spec + 2, ATTR_MTIME, ATTR_MTIME_SET, &attr.valid, &attr.mtime))
            return -EINVAL;
    }
    if (!name && (s32)at_fd != AT_FDCWD)
        return flags ? -EINVAL : set_by_fd(at_fd, &attr);
    return set_by_name(at_fd, name, flags, &attr);
}

/* ---- sizes ---- */

static int check_size(loff_t size)
{
    return size < 0 ? -EINVAL : inode_check_size(size);
}

static long truncate_at(const struct path *path, u64 size)
{
    struct attr attr = {.valid = ATTR_SIZE, .size = size};
    struct inode *inode = path->dentry->inode;
    int err;

    if (!S_ISREG(inode->mode))
        return S_ISDIR(inode->mode) ? -EISDIR : -EINVAL;
    err = mount_may_write(path->mount);
    if (!err)
        err = inode_permission(inode, MAY_WRITE);
    if (!err && READ_ONCE(inode->writers) < 0)
        err = -ETXTBSY;
    return err ? err : inode_setattr(inode, &attr);
}

long sys_truncate(u64 name, u64 size)
{
    struct path path __scoped(path) = {0};
    long err = check_size(size);

    if (!err)
        err = path_lookup_user(AT_FDCWD, USER_PTR(name), LOOKUP_FOLLOW, &path);
    return err ? err : truncate_at(&path, size);
}

long sys_ftruncate(u64 fd, u64 size)
{
    struct attr attr = {.valid = ATTR_SIZE | ATTR_MTIME, .size = size};
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);
    struct file *file = ref.file;
    long err;

    if (!file)
        return -EBADF;
    if (!file->inode || !S_ISREG(file->inode->mode) || !(file->mode & FMODE_WRITE))
        return -EINVAL;
    err = check_size(size);
    return err ? err : inode_setattr(file->inode, &attr);
}

static long fallocate_file(struct file *file, u32 mode, s64 offset, s64 len)
{
    s64 end;

    if (offset < 0 || len <= 0)
        return -EINVAL;
    if (mode & ~0x7fU)
        return -EOPNOTSUPP;
    if (!(file->mode & FMODE_WRITE))
        return -EBADF;
    if (!file->inode || S_ISFIFO(file->inode->mode))
        return -ESPIPE;
    if (!S_ISREG(file->inode->mode))
        return S_ISDIR(file->inode->mode) ? -EISDIR : -ENODEV;
    if (__builtin_add_overflow(offset, len, &end) || (u64)end > file->inode->sb->max_size)
        return -EFBIG;
    return file->ops->fallocate ? file->ops->fallocate(file, mode, offset, len) : -EOPNOTSUPP;
}

long sys_fallocate(u64 fd, u64 mode, u64 offset, u64 len)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);

    return ref.file ? fallocate_file(ref.file, mode, offset, len) : -EBADF;
}

/* ---- extended attributes: the space is there, the names are not kept ---- */

/* The twelve calls in the order of their numbers: four operations, each in three ways. */
enum xattr_op { XATTR_SET, XATTR_GET, XATTR_LIST, XATTR_REMOVE };
enum xattr_way { BY_PATH, BY_LINK, BY_FD, XATTR_WAYS };

static int file_exists(enum xattr_way way, u64 file)
{
    struct fd_ref ref __scoped(fd) = {0};
    struct path path __scoped(path) = {0};

    if (way != BY_FD)
        return path_lookup_user(AT_FDCWD, USER_PTR(file), way == BY_PATH ? LOOKUP_FOLLOW : 0,
                                &path);
    ref = fd_ref_get(file);
    return ref.file ? 0 : -EBADF;
}

/* What a file answers that has none and takes none. */
long sys_xattr(u64 file, u64 name_ptr, u64 value, u64 size, u64 flags)
{
    u32 call = user_frame(self_task())->syscall - SYS_SETXATTR;
    enum xattr_op op = call / XATTR_WAYS;
    char name[XATTR_NAME_MAX + 1];
    ssize_t n;
    int err;

    if (op == XATTR_SET && flags & ~(u64)(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    if (op == XATTR_SET && size > XATTR_SIZE_MAX)
        return -E2BIG;
    err = file_exists(call % XATTR_WAYS, file);
    if (err || op == XATTR_LIST)
        return err;
    n = strncpy_from_user(name, USER_PTR(name_ptr), sizeof(name));
    if (n < 0)
        return n;
    if (n == 0 || n > XATTR_NAME_MAX)
        return -ERANGE;
    if (op == XATTR_SET)
        return -EOPNOTSUPP;
    if (str_skip_prefix(name, "trusted."))
        return cred_has_cap(CAP_SYS_ADMIN) || op == XATTR_GET ? -ENODATA : -EPERM;
    return str_skip_prefix(name, "security.") ? -ENODATA : -EOPNOTSUPP;
}

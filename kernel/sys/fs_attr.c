/*
 * System calls that change or tell attributes and sizes of files: chmod, chown, utimensat,
 * truncate, fallocate, stat and its kin, statfs, access; and those on extended attributes, of which
 * no file has any. Structures are arm64 Linux's (stat(2), statx(2), statfs(2)).
 */
#include "sys/calls.h"

#include "arch/trap.h"
#include "core/clock.h"
#include "fs/namei.h"
#include "io/fdtable.h"
#include "io/pipe.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "sys/abi.h"
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

static long set_by_name(int at_fd, u64 name, u32 flags, struct attr attr)
{
    struct path path __scoped(path) = {0};
    u32 lookup;
    long err = lookup_flags_at(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &lookup);

    if (!err)
        err = path_lookup_user(at_fd, USER_PTR(name), lookup, &path);
    if (err)
        return err;
    if (attr.valid & ATTR_MODE && S_ISLNK(path.dentry->inode->mode))
        return -EOPNOTSUPP; /* a link's mode means nothing */
    return set_at(&path, &attr);
}

/* A pipe or its like has no attributes that could change. */
static long set_by_fd(u32 fd, struct attr attr)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);

    if (!ref.file)
        return -EBADF;
    return ref.file->path.dentry ? set_at(&ref.file->path, &attr) : -EPERM;
}

static struct attr mode_attr(u64 mode)
{
    return (struct attr){.valid = ATTR_MODE, .mode = mode & S_IALLUGO};
}

CALL(fchmod, (u64 fd, u64 mode), set_by_fd(fd, mode_attr(mode)))
CALL(fchmodat, (u64 at_fd, u64 name, u64 mode), set_by_name(at_fd, name, 0, mode_attr(mode)))
CALL(fchmodat2, (u64 at_fd, u64 name, u64 mode, u64 flags),
     set_by_name(at_fd, name, flags, mode_attr(mode)))

static struct attr owner_attr(u64 uid, u64 gid)
{
    return (struct attr){
        .valid = ATTR_CHOWN | ((u32)uid != UINT32_MAX ? ATTR_UID : 0) |
                 ((u32)gid != UINT32_MAX ? ATTR_GID : 0),
        .uid = uid,
        .gid = gid,
    };
}

CALL(fchown, (u64 fd, u64 uid, u64 gid), set_by_fd(fd, owner_attr(uid, gid)))
CALL(fchownat, (u64 at_fd, u64 name, u64 uid, u64 gid, u64 flags),
     set_by_name(at_fd, name, flags, owner_attr(uid, gid)))

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
        return flags ? -EINVAL : set_by_fd(at_fd, attr);
    return set_by_name(at_fd, name, flags, attr);
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
    if (file_is_pipe(file))
        return -ESPIPE;
    if (!file->inode || !S_ISREG(file->inode->mode))
        return file->inode && S_ISDIR(file->inode->mode) ? -EISDIR : -ENODEV;
    if (__builtin_add_overflow(offset, len, &end))
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

    if (op == XATTR_SET && (u32)flags & ~(XATTR_CREATE | XATTR_REPLACE))
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

/* ---- what a file or a file system is ---- */

struct stat_abi {
    u64 dev, ino;
    u32 mode, nlink, uid, gid;
    u64 rdev, pad1;
    s64 size;
    s32 blksize, pad2;
    s64 blocks;
    struct timespec_abi atime, mtime, ctime;
    u32 unused[2];
};

_Static_assert(sizeof(struct stat_abi) == 128, "struct stat");

struct statx_time {
    s64 seconds;
    u32 nanoseconds, pad;
};

struct statx_abi {
    u32 mask, blksize;
    u64 attributes;
    u32 nlink, uid, gid;
    u16 mode, pad1;
    u64 ino, size, blocks, attributes_mask;
    struct statx_time atime, btime, ctime, mtime;
    u32 rdev_major, rdev_minor, dev_major, dev_minor;
    u64 mount_id;
    u64 spare[13];
};

_Static_assert(sizeof(struct statx_abi) == 256, "struct statx");

#define STATX_BASIC           0x7ff
#define STATX_BTIME           0x800
#define STATX_MNT_ID          0x1000
#define STATX_RESERVED        0x80000000
#define STATX_ATTR_MOUNT_ROOT 0x2000
#define AT_STATX_SYNC_TYPE    0x6000

struct statfs_abi {
    u64 type, bsize;
    struct kstatfs counts;
    u32 fsid[2];
    u64 namelen, frsize, flags, spare[4];
};

_Static_assert(sizeof(struct statfs_abi) == 120, "struct statfs");

#define ST_VALID            0x20
#define PIPEFS_MAGIC        0x50495045
#define ANON_INODE_FS_MAGIC 0x09041934

/* Before 1970 the seconds are rounded down, so that the rest is not negative. */
static struct timespec_abi time_of(s64 ns)
{
    s64 seconds = ns / (s64)NS_PER_SEC;

    seconds -= ns < seconds * (s64)NS_PER_SEC;
    return (struct timespec_abi){seconds, ns - seconds * (s64)NS_PER_SEC};
}

/* Every byte is written, so nothing need be zeroed first. */
static __always_inline long stat_put(u64 to, const struct kstat *st)
{
    struct stat_abi out;

    out.dev = st->dev;
    out.ino = st->ino;
    out.mode = st->mode;
    out.nlink = st->nlink;
    out.uid = st->uid;
    out.gid = st->gid;
    out.rdev = st->rdev;
    out.pad1 = 0;
    out.size = st->size;
    out.blksize = st->blksize;
    out.pad2 = 0;
    out.blocks = st->blocks;
    out.atime = time_of(st->atime);
    out.mtime = time_of(st->mtime);
    out.ctime = time_of(st->ctime);
    out.unused[0] = out.unused[1] = 0;
    return copy_to_user(USER_PTR(to), &out, sizeof(out));
}

static int stat_fd(u32 fd, struct kstat *st)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get_raw(fd);

    if (!ref.file)
        return -EBADF;
    file_getattr(ref.file, st);
    return 0;
}

/* By name, or with AT_EMPTY_PATH and "" by descriptor. */
static __always_inline int stat_name(int at_fd, u64 name, u32 flags, struct kstat *st)
{
    const u32 known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
    struct user_path path __scoped(user_path);
    u32 lookup = LOOKUP_FOLLOW;
    int err = user_path_get(&path, USER_PTR(name));

    if (flags && lookup_flags_at(flags, known, &lookup))
        return -EINVAL;
    if (unlikely(err))
        return err;
    if (flags & AT_EMPTY_PATH && !*path.text && at_fd != AT_FDCWD)
        return stat_fd(at_fd, st);
    return path_stat(at_fd, path.text, lookup, st);
}

long sys_newfstatat(u64 at_fd, u64 name, u64 to, u64 flags)
{
    struct kstat st;
    int err = stat_name(at_fd, name, flags, &st);

    return likely(!err) ? stat_put(to, &st) : err;
}

long sys_fstat(u64 fd, u64 to)
{
    struct kstat st;
    int err = stat_fd(fd, &st);

    return err ? err : stat_put(to, &st);
}

static struct statx_time statx_time_of(s64 ns)
{
    struct timespec_abi t = time_of(ns);

    return (struct statx_time){t.seconds, t.nanoseconds, 0};
}

long sys_statx(u64 at_fd, u64 name, u64 flags, u64 mask, u64 to)
{
    struct statx_abi out = {.attributes_mask = STATX_ATTR_MOUNT_ROOT};
    struct kstat st;
    int err;

    if ((u32)mask & STATX_RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
        return -EINVAL;
    err = stat_name(at_fd, name, (u32)flags & ~AT_STATX_SYNC_TYPE, &st);
    if (err)
        return err;
    out.mask = STATX_BASIC | STATX_MNT_ID | (st.btime ? mask & STATX_BTIME : 0);
    out.attributes = st.mount_root ? STATX_ATTR_MOUNT_ROOT : 0;
    out.blksize = st.blksize;
    out.nlink = st.nlink;
    out.uid = st.uid;
    out.gid = st.gid;
    out.mode = st.mode;
    out.ino = st.ino;
    out.size = st.size;
    out.blocks = st.blocks;
    out.atime = statx_time_of(st.atime);
    if (out.mask & STATX_BTIME)
        out.btime = statx_time_of(st.btime);
    out.ctime = statx_time_of(st.ctime);
    out.mtime = statx_time_of(st.mtime);
    out.rdev_major = dev_major(st.rdev);
    out.rdev_minor = dev_minor(st.rdev);
    out.dev_major = dev_major(st.dev);
    out.dev_minor = dev_minor(st.dev);
    out.mount_id = st.mount_id;
    return copy_to_user(USER_PTR(to), &out, sizeof(out));
}

/* ---- file systems ---- */

/* ST_* of statvfs(3): the low four as MS_*, the others moved. */
static u32 statfs_flags(const struct mount *mount)
{
    u32 flags = READ_ONCE(mount->flags);

    return ST_VALID | (flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)) |
           (mount_may_write(mount) ? MS_RDONLY : 0) | (flags & MS_RELATIME ? 4096 : 0) |
           (flags & MS_NOSYMFOLLOW ? 8192 : 0);
}

/* sb NULL: a file without a file system (pipes, eventfds) shows one of its own kind. */
static long statfs_put(u64 to, struct super_block *sb, u32 flags, u32 magic)
{
    struct statfs_abi out = {
        .type = magic, .bsize = 4096, .frsize = 4096, .namelen = NAME_MAX, .flags = flags};

    if (sb && sb->ops->statfs)
        sb->ops->statfs(sb, &out.counts);
    out.fsid[0] = sb ? sb->dev : 0;
    return copy_to_user(USER_PTR(to), &out, sizeof(out));
}

static long statfs_put_mount(u64 to, const struct mount *mount)
{
    return statfs_put(to, mount->sb, statfs_flags(mount), mount->sb->type->magic);
}

long sys_statfs(u64 name, u64 to)
{
    struct path path __scoped(path);
    long err = path_lookup_user(AT_FDCWD, USER_PTR(name), LOOKUP_FOLLOW, &path);

    return err ? err : statfs_put_mount(to, path.mount);
}

long sys_fstatfs(u64 fd, u64 to)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get_raw(fd);

    if (!ref.file)
        return -EBADF;
    if (ref.file->path.mount)
        return statfs_put_mount(to, ref.file->path.mount);
    return statfs_put(to, NULL, ST_VALID,
                      S_ISFIFO(ref.file->ops->stat_mode) ? PIPEFS_MAGIC : ANON_INODE_FS_MAGIC);
}

/* ---- access ---- */

long sys_faccessat2(u64 at_fd, u64 name, u64 mode, u64 flags)
{
    const u32 known = AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    struct user_path path __scoped(user_path);
    int err = user_path_get(&path, USER_PTR(name));
    u32 lookup;

    if (lookup_flags_at(flags, known, &lookup) || (u32)mode & ~7U)
        return -EINVAL;
    if (!(flags & AT_EACCESS))
        lookup |= LOOKUP_REAL;
    return err ? err : vfs_access(at_fd, path.text, mode, lookup);
}

CALL(faccessat, (u64 at_fd, u64 name, u64 mode), sys_faccessat2(at_fd, name, mode, 0))

long sys_readlinkat(u64 at_fd, u64 name, u64 to, u64 size)
{
    struct user_path user __scoped(user_path);
    struct path path __scoped(path) = {0};
    char small[128], *large __scoped(kmalloc) = NULL, *buf = small;
    ssize_t n = user_path_get(&user, USER_PTR(name));

    if ((s32)size <= 0)
        return -EINVAL;
    if (!n)
        n = path_lookup(at_fd, user.text, LOOKUP_EMPTY, &path);
    if (n)
        return n;
    if (!*user.text && !S_ISLNK(path.dentry->inode->mode))
        return -ENOENT;
    if (size > sizeof(small))
        buf = large = kmalloc(PATH_MAX);
    if (!buf)
        return -ENOMEM;
    n = vfs_readlink(&path, buf, MIN_T(u64, (u32)size, PATH_MAX));
    return n > 0 && copy_to_user(USER_PTR(to), buf, n) ? -EFAULT : n;
}

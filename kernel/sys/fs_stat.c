/*
 * System calls that say what a file or a file system is: stat and its kin, statfs, access.
 * Structures are arm64 Linux's (stat(2), statx(2), statfs(2)).
 */
#include "sys/calls.h"

#include "core/clock.h"
#include "core/uaccess.h"
#include "fs/namei.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"

struct time_abi {
    s64 seconds;
    u64 nanoseconds;
};

struct stat_abi {
    u64 dev, ino;
    u32 mode, nlink, uid, gid;
    u64 rdev, pad1;
    s64 size;
    s32 blksize, pad2;
    s64 blocks;
    struct time_abi atime, mtime, ctime;
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
    u64 type, bsize, blocks, bfree, bavail, files, ffree;
    u32 fsid[2];
    u64 namelen, frsize, flags, spare[4];
};

_Static_assert(sizeof(struct statfs_abi) == 120, "struct statfs");

#define ST_VALID            0x20
#define PIPEFS_MAGIC        0x50495045
#define ANON_INODE_FS_MAGIC 0x09041934

/* Before 1970 the seconds are rounded down, so that the rest is not negative. */
static struct time_abi time_of(s64 ns)
{
    s64 seconds = ns / (s64)NS_PER_SEC;

    seconds -= ns < seconds * (s64)NS_PER_SEC;
    return (struct time_abi){seconds, ns - seconds * (s64)NS_PER_SEC};
}

/* Every byte is written, so nothing need be zeroed first. */
static long stat_put(u64 to, const struct kstat *st)
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
static int stat_name(int at_fd, u64 name, u32 flags, struct kstat *st)
{
    const u32 known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
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
    struct time_abi t = time_of(ns);

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

/* mount NULL: a file without a file system (pipes, eventfds) shows one of its own kind, `magic`. */
static long statfs_put(u64 to, const struct mount *mount, u32 magic)
{
    struct super_block *sb = mount ? mount->sb : NULL;
    struct kstatfs st = {.type = sb ? sb->magic : magic, .bsize = 4096};
    struct statfs_abi out = {.namelen = NAME_MAX};

    if (sb && sb->ops->statfs)
        sb->ops->statfs(sb, &st);
    out.type = st.type;
    out.bsize = out.frsize = st.bsize;
    out.blocks = st.blocks;
    out.bfree = st.bfree;
    out.bavail = st.bavail;
    out.files = st.files;
    out.ffree = st.ffree;
    out.fsid[0] = sb ? sb->dev : 0;
    out.flags = mount ? statfs_flags(mount) : ST_VALID;
    return copy_to_user(USER_PTR(to), &out, sizeof(out));
}

long sys_statfs(u64 name, u64 to)
{
    struct path path __scoped(path);
    long err = path_lookup_user(AT_FDCWD, USER_PTR(name), LOOKUP_FOLLOW, &path);

    return err ? err : statfs_put(to, path.mount, 0);
}

long sys_fstatfs(u64 fd, u64 to)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get_raw(fd);

    if (!ref.file)
        return -EBADF;
    return statfs_put(to, ref.file->path.mount,
                      S_ISFIFO(ref.file->ops->stat_mode) ? PIPEFS_MAGIC : ANON_INODE_FS_MAGIC);
}

/* ---- access ---- */

long sys_faccessat2(u64 at_fd, u64 name, u64 mode, u64 flags)
{
    const u32 known = AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    struct user_path path __scoped(user_path);
    int err = user_path_get(&path, USER_PTR(name));
    u32 lookup;

    if (lookup_flags_at(flags, known, &lookup) || mode & ~7UL)
        return -EINVAL;
    if (!(flags & AT_EACCESS))
        lookup |= LOOKUP_REAL;
    return err ? err : vfs_access(at_fd, path.text, mode, lookup);
}

long sys_faccessat(u64 at_fd, u64 name, u64 mode)
{
    return sys_faccessat2(at_fd, name, mode, 0);
}

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

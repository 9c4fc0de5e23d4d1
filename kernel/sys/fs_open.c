/*
 * System calls that give a descriptor for a name: openat, openat2, memfd_create.
 */
#include "sys/calls.h"

#include "core/uaccess.h"
#include "fs/fs.h"
#include "fs/namei.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "task/cred.h"

#define TMPFILE_BIT 020000000 /* O_TMPFILE without O_DIRECTORY */
#define OPEN_FLAGS                                                                         \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |  \
     O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | \
     O_PATH | TMPFILE_BIT)
#define OPEN_PATH_FLAGS       (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)

#define RESOLVE_NO_XDEV       1
#define RESOLVE_NO_MAGICLINKS 2
#define RESOLVE_NO_SYMLINKS   4
#define RESOLVE_BENEATH       8
#define RESOLVE_IN_ROOT       16
#define RESOLVE_CACHED        32

struct open_how {
    u64 flags, mode, resolve;
};

/* What no combination of flags may be. 0 or -EINVAL. */
static int check_flags(u32 flags)
{
    if (flags & TMPFILE_BIT) {
        if ((flags & (O_TMPFILE | O_CREAT)) != O_TMPFILE)
            return -EINVAL;
        if ((flags & O_ACCMODE) == O_RDONLY)
            return -EINVAL;
    }
    return 0;
}

static long open_user(int at_fd, u64 name, u32 flags, u32 mode, u32 lookup)
{
    struct user_path path;
    struct file *file;
    int fd, err;

    err = user_path_get(&path, USER_PTR(name));
    if (unlikely(err))
        return err;
    fd = fd_reserve(flags & O_CLOEXEC);
    if (likely(fd >= 0)) {
        err = file_open_at(at_fd, path.text, flags & ~O_CLOEXEC, mode, lookup, &file);
        if (likely(!err)) {
            fd_publish(fd, file);
        } else {
            fd_unreserve(fd);
            fd = err;
        }
    }
    user_path_put(&path);
    return fd;
}

/* Flags that openat() does not know it ignores. */
long sys_openat(u64 at_fd, u64 name, u64 flags, u64 mode)
{
    u32 f = (flags & OPEN_FLAGS) | O_LARGEFILE;

    if (f & O_PATH)
        f &= OPEN_PATH_FLAGS;
    if (unlikely(check_flags(f)))
        return -EINVAL;
    return open_user(at_fd, name, f, f & (O_CREAT | TMPFILE_BIT) ? mode & S_IALLUGO : 0, 0);
}

/* The fields we know; what lies behind must be zero. */
static int read_how(u64 from, u64 size, struct open_how *how)
{
    u8 byte;

    if (size < sizeof(*how) || size > 4096)
        return size < sizeof(*how) ? -EINVAL : -E2BIG;
    if (copy_from_user(how, USER_PTR(from), sizeof(*how)))
        return -EFAULT;
    for (u64 i = sizeof(*how); i < size; i++) {
        if (get_user_u8(USER_PTR(from + i), &byte))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    return 0;
}

static int resolve_to_lookup(u64 resolve, u32 *lookup)
{
    static const struct {
        u32 resolve, lookup;
    } pairs[] = {
        {RESOLVE_NO_XDEV, LOOKUP_NO_XDEV},         {RESOLVE_NO_MAGICLINKS, LOOKUP_NO_MAGIC},
        {RESOLVE_NO_SYMLINKS, LOOKUP_NO_SYMLINKS}, {RESOLVE_BENEATH, LOOKUP_BENEATH},
        {RESOLVE_IN_ROOT, LOOKUP_IN_ROOT},
    };

    *lookup = 0;
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        if (resolve & pairs[i].resolve)
            *lookup |= pairs[i].lookup;
        resolve &= ~(u64)pairs[i].resolve;
    }
    if (resolve & RESOLVE_CACHED) /* never sure to be answered without sleeping */
        return resolve & ~(u64)RESOLVE_CACHED ? -EINVAL : -EAGAIN;
    if (resolve || (*lookup & LOOKUP_BENEATH && *lookup & LOOKUP_IN_ROOT))
        return -EINVAL;
    return 0;
}

long sys_openat2(u64 at_fd, u64 name, u64 how_ptr, u64 size)
{
    struct open_how how;
    u32 lookup;
    int err = read_how(how_ptr, size, &how);

    if (err)
        return err;
    if (how.flags & ~(u64)OPEN_FLAGS || (how.flags & O_PATH && how.flags & ~(u64)OPEN_PATH_FLAGS))
        return -EINVAL;
    if (how.flags & (O_CREAT | TMPFILE_BIT) ? how.mode & ~(u64)S_IALLUGO : how.mode)
        return -EINVAL;
    err = check_flags(how.flags);
    if (!err)
        err = resolve_to_lookup(how.resolve, &lookup);
    if (err)
        return err;
    return open_user(at_fd, name, how.flags | O_LARGEFILE, how.mode, lookup);
}

long sys_memfd_create(u64 name_ptr, u64 flags)
{
    char name[NAME_MAX + 1];
    struct file *file;
    ssize_t n;
    int fd, err;

    if (flags & ~(u64)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        return -EINVAL;
    n = strncpy_from_user(name, USER_PTR(name_ptr), sizeof(name));
    if (n < 0)
        return n;
    if (n > NAME_MAX - (ssize_t)strlen("memfd:"))
        return -EINVAL;
    fd = fd_reserve(flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
    if (fd < 0)
        return fd;
    err = memfd_create(name, flags, &file);
    if (err) {
        fd_unreserve(fd);
        return err;
    }
    fd_publish(fd, file);
    return fd;
}

/* No file system here gives file handles. */
long sys_name_to_handle_at(u64 at_fd, u64 name, u64 handle, u64 mount_id, u64 flags)
{
    (void)at_fd, (void)name, (void)handle, (void)mount_id;
    return flags & ~(u64)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) ? -EINVAL : -EOPNOTSUPP;
}

long sys_open_by_handle_at(u64 mount_fd, u64 handle, u64 flags)
{
    (void)mount_fd, (void)handle, (void)flags;
    return cred_has_cap(CAP_DAC_READ_SEARCH) ? -EOPNOTSUPP : -EPERM;
}

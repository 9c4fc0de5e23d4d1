/*
 * System calls that give a descriptor for a name: openat, openat2, memfd_create.
 */
#include "sys/abi.h"
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

/* O_TMPFILE is three flags in one, and wants to write. */
static bool flags_ok(u32 flags)
{
    if (!(flags & TMPFILE_BIT))
        return true;
    return (flags & (O_TMPFILE | O_CREAT)) == O_TMPFILE && (flags & O_ACCMODE) != O_RDONLY;
}

static long open_user(int at_fd, u64 name, u32 flags, u32 mode, u32 lookup)
{
    struct user_path path __scoped(user_path);
    int fd, err = user_path_get(&path, USER_PTR(name));
    struct file *file;

    if (unlikely(err))
        return err;
    fd = fd_reserve(flags & O_CLOEXEC);
    if (unlikely(fd < 0))
        return fd;
    err = file_open_at(at_fd, path.text, flags & ~O_CLOEXEC, mode, lookup, &file);
    if (unlikely(err)) {
        fd_unreserve(fd);
        return err;
    }
    fd_publish(fd, file);
    return fd;
}

/* Flags that openat() does not know it ignores. */
long sys_openat(u64 at_fd, u64 name, u64 flags, u64 mode)
{
    u32 f = (flags & OPEN_FLAGS) | O_LARGEFILE;

    if (f & O_PATH)
        f &= OPEN_PATH_FLAGS;
    if (unlikely(!flags_ok(f)))
        return -EINVAL;
    return open_user(at_fd, name, f, f & (O_CREAT | TMPFILE_BIT) ? mode & S_IALLUGO : 0, 0);
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
    int err = struct_get(&how, sizeof(how), sizeof(how), how_ptr, size);

    if (err)
        return err;
    if (how.flags & ~(u64)OPEN_FLAGS || (how.flags & O_PATH && how.flags & ~(u64)OPEN_PATH_FLAGS))
        return -EINVAL;
    if (how.flags & (O_CREAT | TMPFILE_BIT) ? how.mode & ~(u64)S_IALLUGO : how.mode)
        return -EINVAL;
    if (!flags_ok(how.flags))
        return -EINVAL;
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
    int err;

    if (flags & ~(u64)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        return -EINVAL;
    n = strncpy_from_user(name, USER_PTR(name_ptr), sizeof(name));
    if (n < 0)
        return n;
    if (n > NAME_MAX - (ssize_t)strlen("memfd:"))
        return -EINVAL;
    err = memfd_create(name, flags, &file);
    return err ? err : fd_install(file, 0, flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
}

/* No file system here gives file handles. */
long sys_name_to_handle_at(u64 at_fd, u64 name, u64 handle, u64 mount_id, u64 flags)
{
    return flags & ~(u64)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) ? -EINVAL : -EOPNOTSUPP;
}

long sys_open_by_handle_at(u64 mount_fd, u64 handle, u64 flags)
{
    return cred_has_cap(CAP_DAC_READ_SEARCH) ? -EOPNOTSUPP : -EPERM;
}

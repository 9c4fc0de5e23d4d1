/*
 * System calls on mounts, writing back, and advisory locks.
 */
#include "sys/calls.h"

#include "core/uaccess.h"
#include "fs/fs.h"
#include "fs/namei.h"
#include "io/fdtable.h"
#include "io/pipe.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "task/cred.h"

#define MS_MAGIC      0xc0ed0000UL /* some old programs put it into the upper half of the flags */
#define MS_MAGIC_MASK 0xffff0000UL
#define TYPE_MAX      64

/* ---- mount ---- */

/* Options end at a NUL or with the page; memory behind them need not be there. */
static int options_get(u64 from, struct page **page)
{
    char *text;
    ssize_t n;

    if (!from)
        return 0;
    *page = page_alloc(0, 0);
    if (!*page)
        return -ENOMEM;
    text = page_to_virt(*page);
    n = strncpy_from_user(text, USER_PTR(from), PAGE_SIZE);
    text[PAGE_SIZE - 1] = '\0';
    return n < 0 ? n : 0;
}

static int bind_or_move(struct path *at, const char *source, u64 flags)
{
    struct path from __scoped(path) = {0};
    int err = *source ? path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from) : -EINVAL;

    if (err)
        return err;
    return flags & MS_BIND ? mount_bind(at, &from, flags & MS_REC) : mount_move(at, &from);
}

/* mount(2) is five calls in one, told apart by flags in this order. type, options may be NULL. */
static int mount_dispatch(struct path *at, const char *source, const char *type, u64 flags,
                          char *options)
{
    const u64 propagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

    if (!cred_has_cap(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & MS_REMOUNT)
        return mount_remount(at, flags, options);
    if (flags & MS_BIND)
        return bind_or_move(at, source, flags);
    if (flags & propagation) { /* mounts are private, and stay so */
        if (at->dentry != at->mount->root || flags & (MS_SHARED | MS_UNBINDABLE))
            return -EINVAL;
        return 0;
    }
    if (flags & MS_MOVE)
        return bind_or_move(at, source, flags);
    if (!type)
        return -EINVAL;
    return mount_new(at, type, *source ? source : "none", flags, options);
}

long sys_mount(u64 source, u64 target, u64 type, u64 flags, u64 options)
{
    struct user_path from __scoped(user_path) = {.text = ""};
    struct page *page __scoped(page) = NULL;
    struct path at __scoped(path) = {0};
    char type_name[TYPE_MAX];
    ssize_t n = type ? strncpy_from_user(type_name, USER_PTR(type), TYPE_MAX) : 0;
    int err;

    if (n < 0)
        return n;
    if (n == TYPE_MAX)
        return -ENODEV;
    err = source ? user_path_get(&from, USER_PTR(source)) : 0;
    if (!err)
        err = options_get(options, &page);
    if (!err)
        err = path_lookup_user(AT_FDCWD, USER_PTR(target), LOOKUP_FOLLOW, &at);
    if (err)
        return err;
    if ((flags & MS_MAGIC_MASK) == MS_MAGIC)
        flags &= ~MS_MAGIC_MASK;
    if (flags >> 31) /* what Linux keeps for itself */
        return -EINVAL;
    return mount_dispatch(&at, from.text, type ? type_name : NULL, flags,
                          page ? page_to_virt(page) : NULL);
}

long sys_umount2(u64 target, u64 flags)
{
    struct path path __scoped(path) = {0};
    u32 lookup = flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
    long err = -EINVAL;

    if (!(flags & ~(u64)(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW)))
        err = path_lookup_user(AT_FDCWD, USER_PTR(target), lookup, &path);
    if (err)
        return err;
    return cred_has_cap(CAP_SYS_ADMIN) ? mount_umount(&path, flags) : -EPERM;
}

long sys_pivot_root(u64 new_root, u64 put_old)
{
    struct path root __scoped(path) = {0}, old __scoped(path) = {0};
    u32 lookup = LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
    long err = cred_has_cap(CAP_SYS_ADMIN) ? 0 : -EPERM;

    if (!err)
        err = path_lookup_user(AT_FDCWD, USER_PTR(new_root), lookup, &root);
    if (!err)
        err = path_lookup_user(AT_FDCWD, USER_PTR(put_old), lookup, &old);
    return err ? err : mount_pivot_root(&root, &old);
}

/* ---- writing back ---- */

static long sync_file(u32 fd, int datasync)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);

    if (!ref.file)
        return -EBADF;
    return ref.file->ops->fsync ? ref.file->ops->fsync(ref.file, datasync) : -EINVAL;
}

CALL(fsync, (u64 fd), sync_file(fd, 0))
CALL(fdatasync, (u64 fd), sync_file(fd, 1))

/* No file system has anything to write back but by fsync(). */
CALL(sync, (void), 0)

long sys_syncfs(u64 fd)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);

    return ref.file ? 0 : -EBADF;
}

/* ---- advice and ranges: checked, and nothing else is needed here ---- */

long sys_sync_file_range(u64 fd, u64 offset, u64 len, u64 flags)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);
    const struct inode *inode;
    s64 end;

    if (!ref.file)
        return -EBADF;
    if ((u32)flags & ~7U || (s64)offset < 0 || (s64)len < 0 ||
        __builtin_add_overflow((s64)offset, (s64)len, &end))
        return -EINVAL;
    inode = ref.file->inode;
    return inode && (S_ISREG(inode->mode) || S_ISDIR(inode->mode)) ? 0 : -ESPIPE;
}

long sys_fadvise64(u64 fd, u64 offset, u64 len, u64 advice)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);

    if (!ref.file)
        return -EBADF;
    if (file_is_pipe(ref.file))
        return -ESPIPE;
    return (u32)advice <= 5 && (s64)len >= 0 ? 0 : -EINVAL;
}

long sys_readahead(u64 fd, u64 offset, u64 count)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);

    if (!ref.file || !(ref.file->mode & FMODE_READ))
        return -EBADF;
    return ref.file->inode && S_ISREG(ref.file->inode->mode) && (s64)count >= 0 ? 0 : -EINVAL;
}

long sys_flock(u64 fd, u64 operation)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);

    return file_flock(ref.file, operation);
}

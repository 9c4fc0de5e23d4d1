/*
 * System calls on mounts, writing back, and advisory locks.
 */
#include "sys/calls.h"

#include "core/uaccess.h"
#include "fs/fs.h"
#include "fs/namei.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "task/cred.h"

#define MS_MAGIC      0xc0ed0000UL /* some old programs put it into the upper half of the flags */
#define MS_MAGIC_MASK 0xffff0000UL
#define TYPE_MAX      64

/* ---- mount ---- */

/* Where, what flags, and the strings of one call. */
struct mount_call {
    struct path at;
    char type[TYPE_MAX];
    bool typed; /* a type was given, if only "" */
    struct user_path source;
    char *options; /* a page, or NULL */
};

/* Options end at a NUL or with the page; memory behind them need not be there. */
static int options_get(u64 from, char **out)
{
    struct page *page;
    ssize_t n;

    *out = NULL;
    if (!from)
        return 0;
    page = page_alloc(0, 0);
    if (!page)
        return -ENOMEM;
    n = strncpy_from_user(page_to_virt(page), USER_PTR(from), PAGE_SIZE);
    if (n < 0) {
        page_put(page);
        return n;
    }
    *out = page_to_virt(page);
    (*out)[PAGE_SIZE - 1] = '\0';
    return 0;
}

static int bind_or_move(struct mount_call *c, u64 flags)
{
    struct path from;
    int err =
        *c->source.text ? path_lookup(AT_FDCWD, c->source.text, LOOKUP_FOLLOW, &from) : -EINVAL;

    if (err)
        return err;
    err = flags & MS_BIND ? mount_bind(&c->at, &from, flags & MS_REC) : mount_move(&c->at, &from);
    path_put(&from);
    return err;
}

/* mount(2) is five calls in one, told apart by flags in this order. */
static int mount_dispatch(struct mount_call *c, u64 flags)
{
    const u64 propagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

    if (!cred_has_cap(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & MS_REMOUNT)
        return mount_remount(&c->at, flags, c->options);
    if (flags & MS_BIND)
        return bind_or_move(c, flags);
    if (flags & propagation) { /* mounts are private, and stay so */
        if (c->at.dentry != c->at.mount->root || flags & (MS_SHARED | MS_UNBINDABLE))
            return -EINVAL;
        return 0;
    }
    if (flags & MS_MOVE)
        return bind_or_move(c, flags);
    if (!c->typed)
        return -EINVAL;
    return mount_new(&c->at, c->type, *c->source.text ? c->source.text : "none", flags, c->options);
}

static int strings_get(struct mount_call *c, u64 source, u64 type, u64 options)
{
    ssize_t n = 0;
    int err = 0;

    c->type[0] = '\0';
    c->typed = type;
    c->source.text = "";
    c->source.page = NULL;
    if (type)
        n = strncpy_from_user(c->type, USER_PTR(type), TYPE_MAX);
    if (n < 0)
        return n;
    if (n == TYPE_MAX)
        return -ENODEV;
    if (source)
        err = user_path_get(&c->source, USER_PTR(source));
    if (err)
        return err;
    err = options_get(options, &c->options);
    if (err)
        user_path_put(&c->source);
    return err;
}

long sys_mount(u64 source, u64 target, u64 type, u64 flags, u64 options)
{
    struct mount_call c;
    int err = strings_get(&c, source, type, options);

    if (err)
        return err;
    if ((flags & MS_MAGIC_MASK) == MS_MAGIC)
        flags &= ~MS_MAGIC_MASK;
    err = path_lookup_user(AT_FDCWD, USER_PTR(target), LOOKUP_FOLLOW, &c.at);
    if (!err) {
        err = mount_dispatch(&c, flags);
        path_put(&c.at);
    }
    if (c.options)
        page_put(virt_to_page(c.options));
    user_path_put(&c.source);
    return err;
}

long sys_umount2(u64 target, u64 flags)
{
    struct path path;
    long err;

    if (flags & ~(u64)(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW))
        return -EINVAL;
    err = path_lookup_user(AT_FDCWD, USER_PTR(target), flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW,
                           &path);
    if (err)
        return err;
    err = cred_has_cap(CAP_SYS_ADMIN) ? mount_umount(&path, flags) : -EPERM;
    path_put(&path);
    return err;
}

long sys_pivot_root(u64 new_root, u64 put_old)
{
    struct path root, old;
    long err;

    if (!cred_has_cap(CAP_SYS_ADMIN))
        return -EPERM;
    err = path_lookup_user(AT_FDCWD, USER_PTR(new_root), LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &root);
    if (err)
        return err;
    err = path_lookup_user(AT_FDCWD, USER_PTR(put_old), LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &old);
    if (!err) {
        err = mount_pivot_root(&root, &old);
        path_put(&old);
    }
    path_put(&root);
    return err;
}

/* ---- writing back ---- */

static long sync_file(u32 fd, int datasync)
{
    struct fd_ref ref = fd_ref_get(fd);
    long err;

    if (!ref.file)
        return -EBADF;
    err = ref.file->ops->fsync ? ref.file->ops->fsync(ref.file, datasync) : -EINVAL;
    fd_ref_put(ref);
    return err;
}

long sys_fsync(u64 fd)
{
    return sync_file(fd, 0);
}

long sys_fdatasync(u64 fd)
{
    return sync_file(fd, 1);
}

/* No file system has anything to write back but by fsync(). */
long sys_sync(void)
{
    return 0;
}

long sys_syncfs(u64 fd)
{
    struct fd_ref ref = fd_ref_get(fd);

    if (!ref.file)
        return -EBADF;
    fd_ref_put(ref);
    return 0;
}

/* A pipe or the like cannot be positioned: -ESPIPE; advice and ranges else need nothing here. */
static long check_range_call(u32 fd, bool valid)
{
    struct fd_ref ref = fd_ref_get(fd);
    long err = 0;

    if (!ref.file)
        return -EBADF;
    if (!ref.file->inode || S_ISFIFO(ref.file->inode->mode))
        err = -ESPIPE;
    else if (!valid)
        err = -EINVAL;
    fd_ref_put(ref);
    return err;
}

long sys_sync_file_range(u64 fd, u64 offset, u64 len, u64 flags)
{
    s64 end;

    if (flags & ~7UL || (s64)offset < 0 || (s64)len < 0 ||
        __builtin_add_overflow((s64)offset, (s64)len, &end))
        return -EINVAL;
    return check_range_call(fd, true);
}

long sys_fadvise64(u64 fd, u64 offset, u64 len, u64 advice)
{
    (void)offset;
    return check_range_call(fd, advice <= 5 && (s64)len >= 0);
}

long sys_readahead(u64 fd, u64 offset, u64 count)
{
    struct fd_ref ref = fd_ref_get(fd);
    long err = 0;

    (void)offset, (void)count;
    if (!ref.file)
        return -EBADF;
    if (!(ref.file->mode & FMODE_READ))
        err = -EBADF;
    else if (!ref.file->inode || !S_ISREG(ref.file->inode->mode))
        err = -EINVAL;
    fd_ref_put(ref);
    return err;
}

/* ---- locks ---- */

long sys_flock(u64 fd, u64 operation)
{
    struct fd_ref ref = fd_ref_get(fd);
    long err;

    if (!ref.file)
        return -EBADF;
    err = file_flock(ref.file, operation);
    fd_ref_put(ref);
    return err;
}

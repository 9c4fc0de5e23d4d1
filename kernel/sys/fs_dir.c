/*
 * System calls on names and directories, and those that give a descriptor for a name: openat,
 * openat2, memfd_create.
 */
#include "core/uaccess.h"
#include "fs/fs.h"
#include "fs/namei.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/cred.h"

/* ---- names ---- */

long sys_mkdirat(u64 at_fd, u64 name, u64 mode)
{
    struct user_path path __scoped(user_path);
    int err = user_path_get(&path, USER_PTR(name));

    return err ? err : vfs_mkdir(at_fd, path.text, mode);
}

long sys_mknodat(u64 at_fd, u64 name, u64 mode, u64 dev)
{
    struct user_path path __scoped(user_path);
    int err = user_path_get(&path, USER_PTR(name));

    return err ? err : vfs_mknod(at_fd, path.text, mode & (S_IFMT | S_IALLUGO), (u32)dev);
}

long sys_unlinkat(u64 at_fd, u64 name, u64 flags)
{
    if ((u32)flags & ~AT_REMOVEDIR)
        return -EINVAL;

    struct user_path path __scoped(user_path);
    int err = user_path_get(&path, USER_PTR(name));

    return err ? err : vfs_remove(at_fd, path.text, flags & AT_REMOVEDIR);
}

/* Two names at a time, which the caller put into its scope. */
static int two_paths(struct user_path *a, u64 a_ptr, struct user_path *b, u64 b_ptr)
{
    int err = user_path_get(a, USER_PTR(a_ptr));

    b->page = NULL;
    return err ? err : user_path_get(b, USER_PTR(b_ptr));
}

long sys_symlinkat(u64 text_ptr, u64 at_fd, u64 name)
{
    struct user_path text __scoped(user_path), path __scoped(user_path);
    int err = two_paths(&text, text_ptr, &path, name);

    return err ? err : vfs_symlink(text.text, at_fd, path.text);
}

long sys_linkat(u64 old_fd, u64 old, u64 new_fd, u64 new, u64 flags)
{
    struct user_path from __scoped(user_path), to __scoped(user_path);
    int err = two_paths(&from, old, &to, new);
    u32 lookup = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;

    if ((u32)flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (flags & AT_EMPTY_PATH) {
        if (!cred_has_cap(CAP_DAC_READ_SEARCH))
            return -ENOENT;
        lookup |= LOOKUP_EMPTY;
    }
    return err ? err : vfs_link(old_fd, from.text, new_fd, to.text, lookup);
}

long sys_renameat2(u64 old_fd, u64 old, u64 new_fd, u64 new, u64 flags)
{
    struct user_path from __scoped(user_path), to __scoped(user_path);
    int err = two_paths(&from, old, &to, new);

    return err ? err : vfs_rename(old_fd, from.text, new_fd, to.text, flags);
}

CALL(renameat, (u64 old_fd, u64 old, u64 new_fd, u64 new),
     sys_renameat2(old_fd, old, new_fd, new, 0))

/* ---- where the task stands ---- */

static long change_dir(const struct path *path)
{
    struct inode *inode = path->dentry->inode;
    int err = S_ISDIR(inode->mode) ? inode_permission(inode, MAY_EXEC) : -ENOTDIR;

    if (!err)
        fs_context_set_path(current_fs(), &current_fs()->cwd, path);
    return err;
}

long sys_chdir(u64 name)
{
    struct path path __scoped(path);
    long err = path_lookup_user(AT_FDCWD, USER_PTR(name), LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

    return err ? err : change_dir(&path);
}

long sys_fchdir(u64 fd)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get_raw(fd);

    if (!ref.file)
        return -EBADF;
    return ref.file->path.dentry ? change_dir(&ref.file->path) : -ENOTDIR;
}

long sys_chroot(u64 name)
{
    struct path path __scoped(path);
    long err = path_lookup_user(AT_FDCWD, USER_PTR(name), LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

    if (!err)
        err = inode_permission(path.dentry->inode, MAY_EXEC);
    if (!err && !cred_has_cap(CAP_SYS_CHROOT))
        err = -EPERM;
    if (!err)
        fs_context_set_path(current_fs(), &current_fs()->root, &path);
    return err;
}

/* The length with the NUL. A directory outside the root is marked as Linux does. */
long sys_getcwd(u64 to, u64 size)
{
    static const char mark[] = "(unreachable)";
    struct page *page __scoped(page) = page_alloc(0, 0);
    struct path cwd __scoped(path) = {0};
    char *buf, *text;
    size_t len;
    long n;

    if (!page)
        return -ENOMEM;
    buf = page_to_virt(page);
    fs_context_get_path(current_fs(), &current_fs()->cwd, &cwd);
    if (dentry_unhashed(cwd.dentry) && !dentry_is_root(cwd.dentry))
        return -ENOENT;
    n = path_text(&cwd, buf + sizeof(mark), PATH_MAX - sizeof(mark), &text);
    if (n < 0)
        return n;
    if (n > 0) {
        text -= strlen(mark);
        memcpy(text, mark, strlen(mark));
    }
    len = strlen(text) + 1;
    return len > size ? -ERANGE : copy_to_user(USER_PTR(to), text, len) ? -EFAULT : (long)len;
}

CALL(umask, (u64 mask), __atomic_exchange_n(&current_fs()->umask, mask & 0777, __ATOMIC_RELAXED))

/* ---- reading directories ---- */

/* Header of struct linux_dirent64; the name follows, then zeros up to a multiple of 8. */
struct dirent_head {
    u64 ino, off;
    u16 length;
    u8 type;
    char name[5]; /* the first bytes of it: the header fills whole words */
};

#define NAME_AT offsetof(struct dirent_head, name)

struct getdents {
    struct dir_emit emit;
    char *buf;
    size_t used, room;
    bool refused; /* the last entry found no room */
};

static bool emit_dirent(struct dir_emit *emit, const char *name, u32 len, u64 ino, u32 dtype,
                        u64 next)
{
    struct getdents *g = container_of(emit, struct getdents, emit);
    size_t length = ALIGN_UP(NAME_AT + len + 1, 8);
    struct dirent_head *head = (void *)(g->buf + g->used);

    if (unlikely(g->room - g->used < length)) {
        g->refused = true;
        return false;
    }
    *(u64 *)((char *)head + length - 8) = 0; /* the end of the name; what is before is written */
    head->ino = ino;
    head->off = next;
    head->length = length;
    head->type = dtype;
    memcpy(head->name, name, len);
    g->used += length;
    return true;
}

/*
 * Records are made in a page of ours and copied when it is full, so that no lock of the directory
 * is held while user memory faults. Bytes, or -errno when there are none.
 */
static long read_entries(struct file *file, u64 to, size_t count, struct getdents *g)
{
    size_t total = 0;
    bool more;
    int err;

    do {
        u64 start = g->emit.pos;

        g->used = 0;
        g->room = MIN(count - total, PAGE_SIZE);
        g->refused = false;
        err = file->ops->readdir(file, &g->emit);
        if (err || !g->used) {
            if (!err && g->refused)
                err = -EINVAL; /* not even one record fits */
            break;
        }
        if (copy_to_user(USER_PTR(to + total), g->buf, g->used)) {
            g->emit.pos = start;
            err = -EFAULT;
            break;
        }
        total += g->used;
        more = g->refused && g->room == PAGE_SIZE;
    } while (more && total < count);
    return total ? (long)total : err;
}

static long getdents_locked(struct file *file, u64 to, size_t count)
{
    struct getdents g = {.emit = {emit_dirent, file->pos}};
    struct page *page __scoped(page) = NULL;
    long n;

    if (file->inode && file->inode->flags & INODE_DEAD)
        return -ENOENT;
    page = page_alloc(0, 0);
    if (!page)
        return -ENOMEM;
    g.buf = page_to_virt(page);
    n = read_entries(file, to, count, &g);
    file->pos = g.emit.pos;
    return n;
}

long sys_getdents64(u64 fd, u64 to, u64 count)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);
    struct file *file = ref.file;
    bool locked;
    long n;

    if (!file)
        return -EBADF;
    if (!file->ops->readdir)
        return -ENOTDIR;
    locked = file_pos_shared(file);
    if (locked)
        mutex_lock(&file->pos_lock);
    n = getdents_locked(file, to, MIN_T(u64, (u32)count, INT32_MAX));
    if (locked)
        mutex_unlock(&file->pos_lock);
    return n;
}

/* ---- opening ---- */

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

    if ((u32)flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
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
CALL(name_to_handle_at, (u64 at_fd, u64 name, u64 handle, u64 mount_id, u64 flags),
     (u32)flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) ? -EINVAL : -EOPNOTSUPP)

CALL(open_by_handle_at, (u64 mount_fd, u64 handle, u64 flags),
     cred_has_cap(CAP_DAC_READ_SEARCH) ? -EOPNOTSUPP : -EPERM)

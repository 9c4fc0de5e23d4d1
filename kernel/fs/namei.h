/*
 * From names to places and files. The theory is in namei.c.
 */
#pragma once

#include "core/uaccess.h"
#include "fs/mount.h"

#define AT_FDCWD            (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR        0x200
#define AT_EACCESS          0x200
#define AT_SYMLINK_FOLLOW   0x400
#define AT_NO_AUTOMOUNT     0x800
#define AT_EMPTY_PATH       0x1000

#define LOOKUP_FOLLOW       BIT(0) /* a symbolic link at the end is followed */
#define LOOKUP_DIRECTORY    BIT(1) /* the end must be a directory */
#define LOOKUP_EMPTY        BIT(2) /* "" names what at_fd stands for */
#define LOOKUP_REAL         BIT(3) /* with the real ids (access(2)) */
#define LOOKUP_NO_SYMLINKS  BIT(4) /* openat2: RESOLVE_* */
#define LOOKUP_NO_MAGIC     BIT(5)
#define LOOKUP_NO_XDEV      BIT(6)
#define LOOKUP_BENEATH      BIT(7)
#define LOOKUP_IN_ROOT      BIT(8)
#define LOOKUP_PARENT       BIT(9) /* internal: stop before the last component */

/* A path from user memory, in line when short. */
#define USER_PATH_INLINE 128
struct user_path {
    const char *text;
    struct page *page; /* NULL: in line */
    char small[USER_PATH_INLINE + 8];
};

/* The rest of user_path_get(), when its first part said `n`. */
int user_path_get_long(struct user_path *path, struct user_ptr from, ssize_t n);

/* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM: then there is nothing to put, but putting is harmless. */
static inline int user_path_get(struct user_path *path, struct user_ptr from)
{
    ssize_t n = strncpy_from_user(path->small, from, USER_PATH_INLINE);

    path->text = path->small;
    path->page = NULL;
    return likely((size_t)n < USER_PATH_INLINE) ? 0 : user_path_get_long(path, from, n);
}

void user_path_put(struct user_path *path);

static inline void scoped_end_user_path(struct user_path *path)
{
    if (unlikely(path->page))
        user_path_put(path);
}

/*
 * Find what `name` means from directory at_fd (or AT_FDCWD; ignored when absolute): *out with
 * references. `name` needs 8 readable bytes behind its NUL. May sleep. -errno as
 * path_resolution(7).
 */
int path_lookup(int at_fd, const char *name, u32 flags, struct path *out);
/* stat of a path: as path_lookup(), but only the attributes come out. */
int path_stat(int at_fd, const char *name, u32 flags, struct kstat *st);

/* The same of a name in user memory; on an error out->dentry is NULL. */
int path_lookup_user(int at_fd, struct user_ptr name, u32 flags, struct path *out);

/* LOOKUP_* for the AT_* flags of a call that follows by default; -EINVAL if not in `allowed`. */
int lookup_flags_at(u32 at_flags, u32 allowed, u32 *lookup);

/*
 * open(2). `mode` before the umask. *out with one reference, not yet in a table. flags must be
 * checked by open_flags_check() when they come from a program.
 */
int file_open_at(int at_fd, const char *name, u32 flags, u32 mode, u32 lookup, struct file **out);

/* From the root of the current task (of init in kernel threads). */
int file_open_kernel(const char *path, u32 flags, u32 mode, struct file **out);

/*
 * A program to execute: a regular file with execute permission on a mount without noexec.
 * at_flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW. Also -EACCES, -ETXTBSY; writing is denied as long
 * as the file is open, or until file_allow_write(), which its one user may call.
 */
int file_open_exec(int at_fd, const char *path, u32 at_flags, struct file **out);
void file_allow_write(struct file *file);

/* Open what *path names; takes references of its own. The checks of open(2) are made. */
int path_open(const struct path *path, u32 flags, struct file **out);

/*
 * A new file of *dir's file system, which must have ops->tmpfile, that is in no directory; `name`
 * is for /proc ("": its number): memfd.
 */
int file_open_unnamed(const struct path *dir, const char *name, u32 flags, u32 mode,
                      struct file **out);

/* The calls that make and remove names; `mode` before the umask. */
int vfs_mkdir(int at_fd, const char *name, u32 mode);
int vfs_mknod(int at_fd, const char *name, u32 mode, dev_t dev);
int vfs_symlink(const char *text, int at_fd, const char *name);
int vfs_link(int old_fd, const char *old, int new_fd, const char *new, u32 lookup);
int vfs_remove(int at_fd, const char *name, bool rmdir);
int vfs_rename(int old_fd, const char *old, int new_fd, const char *new, u32 flags);
ssize_t vfs_readlink(const struct path *path, char *buf, size_t size);

/* access(2): may the current task do `mask` (MAY_*; 0: does it exist)? lookup: LOOKUP_REAL too. */
int vfs_access(int at_fd, const char *name, u32 mask, u32 lookup);

/* A node in a directory held by the kernel. 0, -EEXIST... */
int vfs_mknod_in(const struct path *dir, const char *name, u32 mode, dev_t dev);

/*
 * The path of a place as the current task sees it: text inside buf, ended by NUL, at *out.
 * " (deleted)" is added for removed files. 0, or -ENAMETOOLONG. 1: not below the task's root.
 */
int path_text(const struct path *path, char *buf, size_t size, char **out);

/* The path inside its file system, whatever is mounted where. */
int path_text_inside(const struct path *path, char *buf, size_t size, char **out);

/* What readlink of /proc/PID/fd/N says of any open file, pipes and eventfds included. */
int file_text(struct file *file, char *buf, size_t size, char **out);

/*
 * A place through which an open file can be reached and opened anew: its own, or, for pipes and
 * what else has none, one made up. *out with references. For /proc/PID/fd/N. 0 or -ENOMEM.
 */
int file_place(struct file *file, struct path *out);

/* The file behind such a made-up place, or NULL. */
struct file *inode_anon_file(const struct inode *inode);

/* fstat of any open file. */
void file_getattr(struct file *file, struct kstat *st);

/* umask(2) of the current task. */
static inline u32 current_umask(void)
{
    return READ_ONCE(current_fs()->umask);
}

/*
 * The objects of the virtual file system: inodes, superblocks, and what a file system implements.
 * The theory is in namei.c (names), dcache.c (entries), mount.c (mounts) and inode.c (files).
 */
#pragma once

#include "dev/chardev.h"
#include "io/file.h"
#include "io/mapping.h"
#include "task/task.h"

struct cred;
struct dentry;
struct file_locks;
struct kstat;
struct mount;
struct pipe;
struct pseudo;
struct super_block;

#define NAME_MAX       255
#define PATH_MAX       4096

#define S_IFMT         0170000
#define S_IFSOCK       0140000
#define S_IFLNK        0120000
#define S_IFREG        0100000
#define S_IFBLK        0060000
#define S_IFDIR        0040000
#define S_IFCHR        0020000
#define S_IFIFO        0010000
#define S_ISUID        04000
#define S_ISGID        02000
#define S_ISVTX        01000
#define S_IXGRP        00010
#define S_IALLUGO      07777

#define S_ISLNK(mode)  (((mode)&S_IFMT) == S_IFLNK)
#define S_ISREG(mode)  (((mode)&S_IFMT) == S_IFREG)
#define S_ISDIR(mode)  (((mode)&S_IFMT) == S_IFDIR)
#define S_ISCHR(mode)  (((mode)&S_IFMT) == S_IFCHR)
#define S_ISBLK(mode)  (((mode)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(mode) (((mode)&S_IFMT) == S_IFIFO)

/* DT_* of a directory record. */
static inline u32 mode_to_dtype(u32 mode)
{
    return (mode & S_IFMT) >> 12;
}

/* What inode_permission() is asked for. */
#define MAY_EXEC  1
#define MAY_WRITE 2
#define MAY_READ  4

/* inode->flags */
#define INODE_DEAD    BIT(0) /* [L] a removed directory: nothing may be made in it */
#define INODE_NOCHECK BIT(1) /* [I] linkable with nlink 0: O_TMPFILE without O_EXCL */

/*
 * A file, whatever its names. Dentries and other holders count `refs`; memory goes after a grace
 * period. Letters: [L] `lock` for writers, read as they are.
 */
struct inode {
    const struct inode_ops *ops; /* [I] */
    const struct file_ops *fops; /* [I] of open regular files and directories */
    struct super_block *sb;      /* [I] */
    u32 mode, uid, gid;          /* [L] */
    u32 nlink;                   /* [L] */
    u64 ino;                     /* [I] */
    u64 size;                    /* [L] */
    s64 atime, mtime, ctime;     /* ns since 1970; [L] but atime [A] */
    s64 btime;                   /* [I] */
    dev_t rdev;                  /* [I] */
    struct refcount refs;        /* [A] */
    s32 writers;                 /* [A] > 0: open for writing; < 0: writing denied (exec) */
    u32 flags;                   /* INODE_* */
    u32 seals;                   /* [L] F_SEAL_* */
    char *link;                  /* [I] a symbolic link's text with 8 bytes of slack, or NULL */
    struct file_locks *locks;    /* of lock.c; NULL until one was set */
    struct pipe *pipe;           /* a FIFO's, while open */
    void *private;               /* [I] of the file system */
    const struct pseudo *kind;   /* [I] of pseudo.c */
    u32 part;                    /* [I] and this */
    void *xattrs;                /* slot for extended attributes; none are kept yet */
    struct mutex lock;           /* RANK_INODE_PARENT for directories, else RANK_INODE */
    struct mapping mapping;      /* regular files only */
    struct rcu_head rcu;
};

/* Which members of struct attr count. */
#define ATTR_MODE      BIT(0)
#define ATTR_UID       BIT(1)
#define ATTR_GID       BIT(2)
#define ATTR_SIZE      BIT(3)
#define ATTR_ATIME     BIT(4) /* now, unless ATTR_ATIME_SET */
#define ATTR_MTIME     BIT(5)
#define ATTR_ATIME_SET BIT(6) /* the owner's right */
#define ATTR_MTIME_SET BIT(7)
#define ATTR_CHOWN     BIT(8) /* chown(2), even of nobody to nobody: set-id bits go */

struct attr {
    u32 valid, mode, uid, gid;
    u64 size;
    s64 atime, mtime;
};

/* stat's answer; the system calls put it into the user's layout. */
struct kstat {
    u64 ino, size, blocks; /* blocks of 512 bytes */
    s64 atime, mtime, ctime, btime;
    dev_t dev, rdev;
    u32 mode, nlink, uid, gid, blksize;
    u64 mount_id;
    bool mount_root; /* it is the root of its mount */
};

#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2

struct rename {
    struct inode *old_dir, *new_dir; /* locked */
    struct dentry *old, *new;        /* new may be negative */
    u32 flags;
};

/*
 * A file system's part. The directory's lock is held by all that take `dir`; the VFS has checked
 * permissions, existence and types. Making a name ends in dentry_attach(); the VFS hashes. All may
 * sleep but `permission` and `alive`. 0 or -errno. NULL: -EPERM (making names), -EOPNOTSUPP, or
 * the generic behaviour.
 */
struct inode_ops {
    int (*lookup)(struct inode *dir, struct dentry *dentry); /* attach, or leave negative */
    /* A file of any kind; text: of a symbolic link. */
    int (*make)(struct inode *dir, struct dentry *dentry, u32 mode, dev_t dev, const char *text);
    int (*link)(struct inode *dir, struct dentry *dentry, struct inode *inode);
    int (*remove)(struct inode *dir, struct dentry *dentry); /* victim's lock held too */
    int (*rename)(struct rename *r);
    int (*tmpfile)(struct inode *dir, struct dentry *dentry, u32 mode);
    /* A symbolic link that is no text but a place: *out with references. -ENOSYS: it is text. */
    int (*follow)(struct dentry *dentry, struct path *out);
    /* Its text, as much as fits, no NUL: the length. For links without inode->link. */
    ssize_t (*readlink)(struct dentry *dentry, char *buf, size_t size);
    int (*setattr)(struct inode *inode, const struct attr *attr); /* lock held */
    void (*getattr)(struct inode *inode, struct kstat *st);       /* after the generic filling */
    int (*permission)(struct inode *inode, u32 mask, const struct cred *cred);
    int (*open)(struct inode *inode, struct file *file); /* after the checks; may change ops */
    bool (*alive)(struct dentry *dentry); /* false: forget this entry, look up anew */
    void (*evict)(struct inode *inode);   /* the last reference is gone, memory not yet */
};

struct kstatfs {
    u64 blocks, bfree, bavail, files, ffree; /* blocks of PAGE_SIZE bytes */
};

struct seq;

/* Of one mounted instance; NULL: nothing to do. All may sleep. */
struct super_ops {
    void (*statfs)(struct super_block *sb, struct kstatfs *out);
    int (*remount)(struct super_block *sb, u32 *flags, char *options);
    void (*show_options)(struct super_block *sb, struct seq *seq); /* ",size=..." for mounts */
};

#define SB_PINNED BIT(0) /* every entry is in the dentry cache: a miss there is -ENOENT */

struct super_block {
    const struct filesystem *type; /* [I] */
    const struct super_ops *ops;   /* [I] */
    struct dentry *root;           /* [I] counted */
    dev_t dev;                     /* [I] st_dev */
    u32 flags;                     /* SB_* */
    struct refcount refs;          /* [A] mounts, and the type itself for shared instances */
    struct mutex rename_lock;      /* one rename between directories at a time */
    u64 last_ino;                  /* [A] */
    void *private;                 /* [I] of the file system; kfree()d in the end */
};

struct filesystem {
    const char *name;
    u32 flags; /* FS_* */
    u64 magic;
    const void *data; /* of the file system */
    /* A superblock with one reference, by super_alloc() and super_finish(). options: or NULL. */
    int (*mount)(const struct filesystem *type, char *options, struct super_block **out);
    struct super_block *shared; /* [I] FS_SHARED: the instance */
    struct list link;
};

#define FS_NODEV  BIT(0) /* needs no block device: "nodev" in /proc/filesystems */
#define FS_SHARED BIT(1) /* one instance, made when registered, is shown by all mounts */

/* At boot only, never taken back. */
void filesystem_register(struct filesystem *type);
struct filesystem *filesystem_find(const char *name);
extern struct list filesystems; /* [I] struct filesystem */

/* A superblock without a root, one reference; NULL: no memory. */
struct super_block *super_alloc(const struct filesystem *type, const struct super_ops *ops);

/*
 * The end of a mount function: sb gets its root directory (whose reference is taken), and goes to
 * *out. Either may be NULL, for want of memory: -ENOMEM, and both are put.
 */
int super_finish(struct super_block *sb, struct inode *root, struct super_block **out);

/* NULL does nothing. May sleep. */
void super_put(struct super_block *sb);

/*
 * A new inode of `sb` with one reference and a number, times now, owner 0, nlink 1; its lock and,
 * for regular files, its mapping (mapping_ops may be NULL) are ready. NULL: no memory.
 */
struct inode *inode_alloc(struct super_block *sb, u32 mode, const struct mapping_ops *mops);

/* Owner and mode of what the current task makes in `dir` (NULL: none): set-gid directories. */
void inode_owner_init(struct inode *inode, const struct inode *dir, u32 mode);

DEFINE_REF_GET(inode)

void inode_release(struct inode *inode);

/* May sleep. */
static inline void inode_put(struct inode *inode)
{
    if (ref_put(&inode->refs))
        inode_release(inode);
}

/* Has `cred` the rights `mask` on the inode? 0 or -EACCES. Does not sleep. */
int inode_permission_cred(struct inode *inode, u32 mask, const struct cred *cred);
int inode_permission(struct inode *inode, u32 mask);

/* The same by mode bits and capabilities only, for a file system's own `permission`. */
int inode_permission_mode(struct inode *inode, u32 mask, const struct cred *cred);

/* Is the current task the owner, or privileged like one (CAP_FOWNER)? */
bool inode_owner_ok(const struct inode *inode);

/* Put valid members of `attr` into the inode; the end of a file system's setattr. Lock held. */
void inode_apply_attr(struct inode *inode, const struct attr *attr);

/*
 * Change attributes with all checks: chmod, chown, utimens, truncate. Takes the inode's lock.
 * The caller has checked that the mount may be written.
 */
int inode_setattr(struct inode *inode, struct attr *attr);

/* May a file become that large? 0, or -EFBIG and SIGXFSZ by RLIMIT_FSIZE. */
int inode_check_size(u64 size);

/* What stat says of the file at a place. */
void path_getattr(const struct path *path, struct kstat *st);

/* Before data is written: set-id bits off, times. Lock held. */
void inode_modified(struct inode *inode);

/* After data was read through `file`: the access time, by the mount's rule (relatime). */
void file_accessed(struct file *file);

/* One directory entry after another, given to `emit`; see dir_emit(). */
struct dir_emit {
    /* False: no room, stop. `next` is the position behind this entry. */
    bool (*emit)(struct dir_emit *e, const char *name, u32 len, u64 ino, u32 dtype, u64 next);
    u64 pos; /* in and out: where to go on */
};

static inline bool dir_emit(struct dir_emit *e, const char *name, u32 len, u64 ino, u32 dtype,
                            u64 next)
{
    if (!e->emit(e, name, len, ino, dtype, next))
        return false;
    e->pos = next;
    return true;
}

/* Emits "." and ".." at positions 0 and 1. False: no room. */
bool dir_emit_dots(struct file *file, struct dir_emit *e);

/*
 * Where a task stands. Tasks made with CLONE_FS share one.
 */
struct fs_context {
    struct refcount refs; /* [A] */
    u32 umask;            /* [A] */
    struct spinlock lock; /* root and cwd */
    struct path root, cwd;
};

/* What init, and the kernel itself, begin with: the root of the first mount. */
extern struct fs_context init_fs_context;

/* The current task's, or init_fs_context in a kernel thread; no reference. */
static inline struct fs_context *current_fs(void)
{
    struct task *task = current_task();

    return likely(task) && likely(task->fs) ? task->fs : &init_fs_context;
}

/* A copy with one reference; NULL: no memory. */
struct fs_context *fs_context_copy(struct fs_context *from);

DEFINE_REF_GET(fs_context)

/* May sleep. NULL is allowed. */
void fs_context_put(struct fs_context *fs);

/* Give the current task its own (unshare CLONE_FS). 0 or -ENOMEM. */
int fs_context_unshare(void);

/* `which` is &fs->root or &fs->cwd: a copy with references; make it `path`. */
void fs_context_get_path(struct fs_context *fs, const struct path *which, struct path *out);
void fs_context_set_path(struct fs_context *fs, struct path *which, const struct path *path);

/* pivot_root: where it stands at `old`, `new` takes its place. Does not sleep. */
void fs_context_replace(struct fs_context *fs, const struct path *old, const struct path *new);

/* Boot: caches, types, the root mount, devtmpfs. After io_init(). */
void vfs_init(void);

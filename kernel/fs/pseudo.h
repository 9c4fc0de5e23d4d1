/*
 * A kit for file systems whose files are made up by the kernel: procfs, sysfs. The theory is in
 * pseudo.c.
 *
 * A struct pseudo describes one kind of file. Directories list their fixed children in a table
 * and may add others by callbacks. A file's `key` (inode->private) says which object it is about:
 * it is inherited by the children of a table, or given by the lookup callback.
 */
#pragma once

#include "fs/mount.h"
#include "fs/seq.h"

struct pseudo;

/* What a lookup callback found. */
struct pseudo_child {
    const struct pseudo *kind;
    void *key; /* with the reference that kind->put drops */
};

struct pseudo {
    const char *name; /* in a table; a table ends with name NULL */
    u32 mode;         /* type and permissions */
    bool keyed;       /* the key is counted: get and put below are called for it */

    /* Regular files: one of show or fops; write may be NULL. */
    int (*show)(struct seq *s, struct inode *inode);
    /* The text of one write(), NUL-terminated, at most a page less 1. 0 or -errno. */
    int (*store)(struct inode *inode, char *text, size_t len);
    const struct file_ops *fops;
    int (*open)(struct inode *inode, struct file *file);

    /* Symbolic links: text, or a place, whose text is its path unless there is readlink too. */
    ssize_t (*readlink)(struct inode *inode, char *buf, size_t size);
    int (*follow)(struct inode *inode, struct path *out);

    /* Directories. */
    const struct pseudo *table;
    int (*lookup)(struct inode *dir, const char *name, u32 len, struct pseudo_child *out);
    /*
     * The first dynamic child at index >= *index: writes its name (NAME_MAX + 1 bytes), its
     * number for d_ino (0: any), and sets *index to its place; the next call comes with
     * *index + 1. False: no more.
     */
    bool (*iterate)(struct inode *dir, u64 *index, char *name, u64 *ino, u32 *dtype);

    /*
     * Keys: get counts one more for a child of a table, put drops one. What a key points at stays
     * valid memory for a grace period after the last put: alive, owner and permission are called
     * under RCU.
     */
    void *(*get)(void *key);
    void (*put)(void *key);
    bool (*alive)(void *key);                         /* false: the object is gone */
    void (*owner)(void *key, u32 *uid, u32 *gid);     /* at each stat and permission check */
    int (*permission)(struct inode *inode, u32 mask); /* instead of mode bits; does not sleep */
    int (*link_count)(struct inode *inode);           /* st_nlink of a directory */
    u32 (*mode_now)(struct inode *inode);             /* st_mode, where it changes */
};

/* The key of an inode of such a file system. */
static inline void *pseudo_key(const struct inode *inode)
{
    return inode->private;
}

/*
 * A superblock whose root is of that kind. For the mount function of a struct filesystem; the
 * same instance may be given out many times (super_get).
 */
int pseudo_super(const struct filesystem *type, const struct pseudo *root, void *key,
                 struct super_block **out);

/*
 * Trees that drivers and others add to at boot or later (sysfs, /proc/sys): a fixed directory or
 * file below `dir` about `object` (its key), NULL: no memory. They stay for ever. `kind` may be
 * shared; name is copied.
 */
struct dentry *pseudo_add(struct dentry *dir, const char *name, const struct pseudo *kind,
                          void *object);

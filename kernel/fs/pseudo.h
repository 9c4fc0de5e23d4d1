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

    /* Regular files. show writes the whole text (seq.h). */
    int (*show)(struct seq *s, struct inode *inode);
    /* The text of one write(), NUL-terminated, at most a page less 1. 0 or -errno. */
    int (*store)(struct inode *inode, char *text, size_t len);

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
     * valid memory for a grace period after the last put: alive and owner are called under RCU.
     */
    void *(*get)(void *key);
    void (*put)(void *key);
    bool (*alive)(void *key);                     /* false: the object is gone */
    void (*owner)(void *key, u32 *uid, u32 *gid); /* at each stat and permission check */
    int (*link_count)(struct inode *inode);       /* st_nlink of a directory */
    u32 (*mode_now)(struct inode *inode);         /* st_mode, where it changes */
};

/* The key of an inode of such a file system. */
static inline void *pseudo_key(const struct inode *inode)
{
    return inode->private;
}

/* The mount function of a file system whose `data` is the root's kind. */
int pseudo_mount(const struct filesystem *type, char *options, struct super_block **out);

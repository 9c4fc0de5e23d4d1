/*
 * A kit for file systems whose files are made up by the kernel: procfs, sysfs. The theory is in
 * pseudo.c.
 *
 * A struct pseudo describes one kind of file. Directories list their fixed children in a table
 * and may have others with numbers for names. A file's `key` (inode->private) says which object it
 * is about: it is inherited by the children of a table, or given by the lookup callback.
 */
#pragma once

#include "fs/mount.h"
#include "fs/seq.h"

/*
 * What keys are: get counts one more, put drops one. What a key points at stays valid memory for a
 * grace period after the last put: alive and owner are called under RCU.
 */
struct pseudo_keys {
    void *(*get)(void *key);
    void (*put)(void *key);
    bool (*alive)(void *key);                     /* false: the object is gone */
    void (*owner)(void *key, u32 *uid, u32 *gid); /* at each stat and permission check */
};

struct pseudo {
    const char *name;               /* in a table; a table ends with name NULL */
    u32 mode;                       /* type and permissions */
    const struct pseudo_keys *keys; /* NULL: no key, or one that is not counted */
    const void *data;               /* for the functions below: pseudo_data() */

    /* Regular files. show writes the whole text (seq.h), or tells in s->error why not. */
    void (*show)(struct seq *s, struct inode *inode);
    /* The text of one write(), NUL-terminated, at most a page less 1. 0 or -errno. */
    int (*store)(struct inode *inode, char *text, size_t len);

    /* Symbolic links: text, or a place, whose text is its path unless there is readlink too. */
    ssize_t (*readlink)(struct inode *inode, char *buf, size_t size);
    int (*follow)(struct inode *inode, struct path *out);

    /* Directories. Children with decimal numbers for names are of one kind. */
    const struct pseudo *table, *numbered;
    void *(*lookup)(struct inode *dir, u32 number); /* the child's key, counted; NULL: none */
    int (*next)(struct inode *dir, u32 from);       /* the first number >= from; -1: no more */

    int (*link_count)(struct inode *inode); /* st_nlink of a directory */
    u32 (*mode_now)(struct inode *inode);   /* st_mode, where it changes */
};

/* The key of an inode of such a file system. */
static inline void *pseudo_key(const struct inode *inode)
{
    return inode->private;
}

static inline const void *pseudo_data(const struct inode *inode)
{
    return ((const struct pseudo *)inode->kind)->data;
}

/* A child's own number, of a numbered child. */
static inline u32 pseudo_number(const struct inode *inode)
{
    return inode->part;
}

/* The mount function of a file system whose `data` is the root's kind. */
int pseudo_mount(const struct filesystem *type, char *options, struct super_block **out);

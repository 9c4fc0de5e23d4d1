/*
 * What the files of tmpfs share; private to them. The theory is in tmpfs.c.
 */
#pragma once

#include "fs/fs.h"
#include "fs/vfs.h"

struct tmpfs {
    u64 pages, inodes;         /* [A] in use */
    u64 max_pages, max_inodes; /* [A] 0: no limit */
    u32 mode, uid, gid;        /* [I] of the root */
    bool shown;                /* [I] limits were given: for /proc/mounts */
};

static inline struct tmpfs *tmpfs_of(const struct super_block *sb)
{
    return sb->private;
}

extern const struct file_ops tmpfs_file_ops;

/* Data: tmpfs_file.c. */
int tmpfs_setattr(struct inode *inode, const struct attr *attr);

/*
 * Mounts: which superblock's tree hangs where. The theory is in mount.c.
 */
#pragma once

#include "fs/dentry.h"
#include "lib/errno.h"
#include "lib/list.h"

/* Flags of mount(2). */
#define MS_RDONLY      1
#define MS_NOSUID      2
#define MS_NODEV       4
#define MS_NOEXEC      8
#define MS_REMOUNT     32
#define MS_NOSYMFOLLOW 256
#define MS_NOATIME     1024
#define MS_NODIRATIME  2048
#define MS_BIND        4096
#define MS_MOVE        8192
#define MS_REC         16384
#define MS_UNBINDABLE  (1 << 17)
#define MS_PRIVATE     (1 << 18)
#define MS_SLAVE       (1 << 19)
#define MS_SHARED      (1 << 20)
#define MS_RELATIME    (1 << 21)
#define MS_STRICTATIME (1 << 24)

/* What a mount keeps of them in mount->flags. */
#define MOUNT_FLAGS                                                                               \
    (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | MS_NOATIME | MS_NODIRATIME | \
     MS_RELATIME)

#define MNT_FORCE       1
#define MNT_DETACH      2
#define UMOUNT_NOFOLLOW 8

struct mount {
    struct refcount refs;      /* [A] one is the tree's while mounted */
    u32 flags;                 /* [A] MS_* of MOUNT_FLAGS */
    struct dentry *root;       /* [I] counted */
    struct super_block *sb;    /* [I] counted */
    struct mount *parent;      /* [tree] counted; NULL: the root, or not mounted */
    struct dentry *mountpoint; /* [tree] counted; in parent */
    struct hlist_node hash;    /* [tree] by parent and mountpoint; RCU readers */
    struct list children;      /* [tree] by sibling */
    struct list sibling;
    struct list all; /* [mount_lock] in order of mounting */
    u32 id;          /* [I] */
    u32 writers;     /* [A] files open for writing */
    char *source;    /* [I] "tmpfs", for /proc/mounts */
    struct rcu_head rcu;
};

extern struct mutex mount_lock; /* changes of the tree of mounts */

void mount_init(void);

/* What is mounted on `dentry` of `mount`, or NULL; no reference. RCU read side. */
struct mount *mount_find_rcu(const struct mount *mount, const struct dentry *dentry);

DEFINE_REF_GET(mount)

void mount_release(struct mount *mount);

/* May sleep. */
static inline void mount_put(struct mount *mount)
{
    if (ref_put(&mount->refs))
        mount_release(mount);
}

static inline void path_get(const struct path *path)
{
    mount_get(path->mount);
    dentry_get(path->dentry);
}

static inline void path_put(const struct path *path)
{
    dentry_put(path->dentry);
    mount_put(path->mount);
}

/* dentry NULL: nothing is held. */
static inline void scoped_end_path(const struct path *path)
{
    if (path->dentry)
        path_put(path);
}

/* 0 or -EROFS. */
static inline int mount_may_write(const struct mount *mount)
{
    return READ_ONCE(mount->flags) & MS_RDONLY ? -EROFS : 0;
}

/* The root of the tree that programs see; counted for ever. [I] until pivot_root */
extern struct mount *root_mount;

/* A mount of a new or shared superblock that hangs nowhere (kernel-internal), or -errno. */
int mount_create(const struct filesystem *type, const char *source, u32 flags, char *options,
                 struct mount **out);

/* The parts of mount(2). `at` is where, `from` what; all want CAP_SYS_ADMIN checked before. */
int mount_new(const struct path *at, const char *type, const char *source, u32 flags,
              char *options);
int mount_bind(const struct path *at, const struct path *from, bool recursive);
int mount_move(const struct path *at, const struct path *from);
int mount_remount(const struct path *at, u32 flags, char *options);
int mount_umount(const struct path *at, u32 flags);
int mount_pivot_root(const struct path *new_root, const struct path *put_old);

/* The lines of /proc/PID/mounts, or, with `info`, mountinfo: of what the task's root can see. */
struct seq;
void mount_show_all(struct seq *seq, bool info);

extern const struct filesystem rootfs_type; /* what the first mount is of; not for mount(2) */

/*
 * Directory entries: the cache of names. The theory is in dcache.c.
 */
#pragma once

#include "core/seqlock.h"
#include "fs/vfs.h"
#include "lib/hash.h"

/* dentry->flags */
#define DENTRY_MOUNTED     BIT(0) /* [tree] something is mounted here, in some mount */
#define DENTRY_VOLATILE    BIT(1) /* [I] leaves the cache when nobody holds it */
#define DENTRY_ALIVE_CHECK BIT(2) /* [I] ask the directory's ops->alive at each look-up */

#define DENTRY_NAME_INLINE 40
#define DENTRY_NAME_LONG   264 /* bytes of a name that does not fit in line */

struct dentry {
    struct hlist_node hash; /* [tree] writers, RCU readers */
    u64 key;                /* [tree] hash of parent and name, length in the low 8 bits */
    struct dentry *parent;  /* [tree] counted; the root's is itself */
    struct inode *inode;    /* set once; NULL: negative */
    const char *name;       /* [tree] with NUL */
    struct refcount refs;   /* [A] one of them is the cache's while hashed */
    u32 flags;
    struct super_block *sb;               /* [I] */
    struct list sibling;                  /* [tree] parent->children, by cookie */
    struct list children;                 /* [tree] hashed entries of this directory */
    u64 cookie;                           /* [tree] place in the directory, for readdir */
    u64 next_cookie;                      /* [tree] for the next child */
    char inline_name[DENTRY_NAME_INLINE]; /* readers of names look up to 7 bytes behind */
    struct rcu_head rcu;
};

/* A component of a path on its way to be looked up. */
struct name {
    const char *text; /* ends at NUL or '/', with 8 readable bytes behind */
    u64 key;          /* see dentry_key() */
};

#define NAME_LEN(key) ((u32)((key)&0xff))

/* Writers of the tree hold its lock; moves and mounts also turn its sequence. */
extern struct seqlock tree_seq;
extern u64 dentry_hash_seed;

/* The name at `text` under `parent`: *len is its length, which may be over NAME_MAX. */
static inline u64 dentry_key(const struct dentry *parent, const char *text, size_t *len)
{
    struct name_hash name = hash_name(text, (u64)parent ^ dentry_hash_seed);

    *len = name.size;
    return (name.hash & ~0xffUL) | (name.size & 0xff);
}

void dcache_init(void);

/* The hashed child of that name, without a reference; RCU read side. */
struct dentry *dentry_find_rcu(const struct dentry *parent, const char *text, u64 key);

/* The same with a reference, exact against renames. NULL: none. */
struct dentry *dentry_find(const struct dentry *parent, const struct name *name);

/*
 * An unhashed negative entry with one reference, or NULL. key: of dentry_key(), or, for an entry
 * that is never hashed, only the length, <= NAME_MAX. May sleep.
 */
struct dentry *dentry_alloc(struct super_block *sb, struct dentry *parent, const char *text,
                            u64 key);

/* Make the entry stand for `inode`, whose reference goes over. */
static inline void dentry_attach(struct dentry *dentry, struct inode *inode)
{
    rcu_assign(dentry->inode, inode);
}

/* Make it found by look-ups. The cache takes a reference of its own. */
void dentry_hash(struct dentry *dentry);

/* Make it not found, and drop the cache's reference. Nothing when it is not hashed. */
void dentry_unhash(struct dentry *dentry);

/* After a rename: `old` takes the name and the place of `new`, which is unhashed if it was. */
void dentry_move(struct dentry *old, struct dentry *new);
void dentry_exchange(struct dentry *a, struct dentry *b);

/* Drop a whole unmounted tree from the cache; the root's reference is the caller's. */
void dentry_drop_tree(struct dentry *root);

static inline bool dentry_unhashed(const struct dentry *dentry)
{
    return hlist_unhashed(&dentry->hash);
}

static inline bool dentry_is_root(const struct dentry *dentry)
{
    return dentry->parent == dentry;
}

DEFINE_REF_GET(dentry)

void dentry_release(struct dentry *dentry);
void dentry_put_volatile(struct dentry *dentry);

/* May sleep. */
static inline void dentry_put(struct dentry *dentry)
{
    if (unlikely(dentry->flags & DENTRY_VOLATILE))
        dentry_put_volatile(dentry);
    else if (ref_put(&dentry->refs))
        dentry_release(dentry);
}

/* Is `dentry` below, or the same as, `ancestor`? Tree lock or rename lock held. */
bool dentry_below(const struct dentry *dentry, const struct dentry *ancestor);

/* Operations of an open directory whose entries are all in the cache (SB_PINNED). */
extern const struct file_ops dir_pinned_ops;
loff_t dir_seek(struct file *file, loff_t offset, int whence);
ssize_t dir_read(struct io_request *req);             /* -EISDIR */
int file_fsync_none(struct file *file, int datasync); /* 0: in memory all is safe */

/*
 * The cache of directory entries.
 *
 * What it is: a struct dentry is a name in a directory and what stands behind it. All dentries
 * that look-ups may find are in one hash table, by parent and name; readers walk it under RCU
 * without a lock or a reference (namei.c). For a file system in memory (SB_PINNED) the cache is
 * the directory: there is no other copy of the names.
 *
 * Interface: dentry.h.
 *
 * Structures and invariants.
 *   I1  A hashed dentry has one reference that is the cache's own; dentry_unhash() drops it. So a
 *       dentry whose count reaches 0 is unhashed, and freed.
 *   I2  A dentry holds a reference to its parent and to its inode. inode is set once, before the
 *       dentry is hashed or by a release store while it is negative, and stays until the dentry
 *       is freed: a removed file that is open keeps name and inode.
 *   I3  parent->children holds the hashed entries in ascending order of `cookie`; a cookie is
 *       never given twice in one directory. A directory position is a cookie, so removing and
 *       adding entries makes a reader neither skip nor repeat others. A rename within the
 *       directory keeps the cookie.
 *   I4  `name` points at inline_name or at a block of DENTRY_NAME_LONG bytes that is freed with the
 *       dentry, after a grace period; both have 7 bytes of slack. A reader without the lock
 *       compares at most as many bytes as the key says, and takes a name of more than the inline
 *       size only from a block.
 *   I5  parent, name and key of a hashed dentry change only inside a write section of tree_seq.
 *       What a lock-free reader saw (a miss too) counts only when the sequence has not changed.
 *
 * Locking: tree_seq.lock, a spinlock, for the table, the children lists and the tree of mounts'
 * links. The directory's mutex is above it: whoever makes or removes a name holds
 * both. Freeing runs outside the lock.
 *
 * Life: dentry_alloc() -> dentry_attach() -> dentry_hash() -> dentry_unhash() -> last
 * dentry_put() -> a grace period. Volatile entries (those of procfs) leave as soon as nobody holds
 * them; the others belong to pinned file systems, which say when a name goes. A file system on a
 * disk will bring a list of unused entries, and a shrinker for it.
 *
 * Rejected: a lock for each dentry (four words for a race that the sequence finds out anyhow), a
 * lock for each bucket (creation is short; one lock keeps rename simple), a tree of cookies in
 * each directory (readers keep their place by a hint, see dir_readdir).
 */
#include "fs/dentry.h"

#include "core/panic.h"
#include "core/random.h"
#include "lib/errno.h"
#include "lib/kasan.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "sched/reclaim.h"

struct seqlock tree_seq = SEQLOCK_INIT(RANK_DENTRY);
u64 dentry_hash_seed; /* [I] */

static struct hlist_head *table; /* [I] */
static u32 table_shift;          /* [I] 64 - log2 of the number of buckets */
static struct kmem_cache *dentry_cache;

static struct hlist_head *bucket(u64 key)
{
    return &table[key >> table_shift];
}

typedef u64 __attribute__((aligned(1), may_alias)) loose_u64;

/* Are the first `len` bytes alike? Reads up to 7 bytes behind both, as both allow. */
__no_kasan static inline bool same_name(const char *a, const char *b, u32 len)
{
    kasan_check((u64)a, len, false);
    kasan_check((u64)b, len, false);
    for (; len >= 8; len -= 8, a += 8, b += 8)
        if (*(const loose_u64 *)a != *(const loose_u64 *)b)
            return false;
    return !((*(const loose_u64 *)a ^ *(const loose_u64 *)b) & ((1UL << len * 8) - 1));
}

struct dentry *dentry_find_rcu(const struct dentry *parent, const char *name, u64 key)
{
    struct hlist_node *node = rcu_dereference(bucket(key)->first);

    for (; node; node = rcu_dereference(node->next)) {
        struct dentry *d = hlist_entry(node, struct dentry, hash);
        const char *text;

        if (READ_ONCE(d->key) != key || READ_ONCE(d->parent) != parent)
            continue;
        text = READ_ONCE(d->name);
        if (unlikely(NAME_LEN(key) >= DENTRY_NAME_INLINE && text == d->inline_name))
            continue; /* I4: it is being renamed */
        if (likely(same_name(text, name, NAME_LEN(key))))
            return d;
    }
    return NULL;
}

struct dentry *dentry_find(const struct dentry *parent, const struct name *name)
{
    struct dentry *d;

    spin_guard(&tree_seq.lock);
    d = dentry_find_rcu(parent, name->text, name->key);
    return d ? dentry_get(d) : NULL; /* I1: it is hashed */
}

static int set_name(struct dentry *d, const char *text, u32 len)
{
    char *room = d->inline_name;

    if (unlikely(len >= DENTRY_NAME_INLINE)) {
        room = kmalloc(DENTRY_NAME_LONG);
        if (!room)
            return -ENOMEM;
    }
    memcpy(room, text, len);
    room[len] = '\0';
    d->name = room;
    return 0;
}

struct dentry *dentry_alloc(struct super_block *sb, struct dentry *parent, const char *text,
                            u64 key)
{
    struct dentry *d = kmem_cache_alloc(dentry_cache);

    if (!d)
        return NULL;
    if (set_name(d, text, NAME_LEN(key))) {
        kmem_cache_free(dentry_cache, d);
        return NULL;
    }
    ref_init(&d->refs, 1);
    d->sb = sb;
    list_init(&d->sibling);
    list_init(&d->children);
    d->parent = parent ? dentry_get(parent) : d;
    d->key = key;
    return d;
}

void dentry_hash(struct dentry *d)
{
    ref_get(&d->refs); /* I1 */
    spin_lock(&tree_seq.lock);
    d->cookie = 2 + d->parent->next_cookie++;
    list_add_tail(&d->sibling, &d->parent->children);
    hlist_add_head_rcu(&d->hash, bucket(d->key));
    spin_unlock(&tree_seq.lock);
}

static void unhash_locked(struct dentry *d)
{
    hlist_del(&d->hash);
    list_del(&d->sibling);
}

void dentry_unhash(struct dentry *d)
{
    bool was;

    spin_lock(&tree_seq.lock);
    was = !dentry_unhashed(d);
    if (was)
        unhash_locked(d);
    spin_unlock(&tree_seq.lock);
    if (was)
        dentry_put(d);
}

static void dentry_free(struct rcu_head *head)
{
    struct dentry *d = container_of(head, struct dentry, rcu);

    if (d->name != d->inline_name)
        kfree((char *)d->name);
    kmem_cache_free(dentry_cache, d);
}

/* The last reference is gone. A chain of removed directories goes in a loop, not by recursion. */
void dentry_release(struct dentry *d)
{
    for (;;) {
        struct dentry *parent = dentry_is_root(d) ? NULL : d->parent;

        debug_assert(dentry_unhashed(d) && list_empty(&d->children));
        if (d->inode)
            inode_put(d->inode);
        rcu_call(&d->rcu, dentry_free);
        if (!parent)
            return;
        if (parent->flags & DENTRY_VOLATILE) {
            dentry_put_volatile(parent);
            return;
        }
        if (!ref_put(&parent->refs))
            return;
        d = parent;
    }
}

/* A volatile dentry goes with its last user, though the cache still has its reference. */
void dentry_put_volatile(struct dentry *d)
{
    u32 one = 1;
    bool last;

    spin_lock(&tree_seq.lock);
    last = ref_put(&d->refs);
    if (!last && !dentry_unhashed(d) &&
        __atomic_compare_exchange_n(&d->refs.count, &one, 0, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED)) {
        unhash_locked(d);
        last = true;
    }
    spin_unlock(&tree_seq.lock);
    if (last)
        dentry_release(d);
}

/*
 * `to` gets the name of `from`. Long names move as blocks, so nothing need be allocated; the
 * block that `to` had goes to `from`. I4: an inline dentry may become long, and readers check.
 */
static void move_name(struct dentry *to, struct dentry *from)
{
    const char *old = to->name;

    if (from->name != from->inline_name) {
        WRITE_ONCE(to->name, from->name);
        if (old != to->inline_name) {
            WRITE_ONCE(from->name, old);
        } else {
            from->inline_name[0] = '\0';
            WRITE_ONCE(from->name, from->inline_name);
        }
    } else {
        memcpy((char *)old, from->name, NAME_LEN(from->key) + 1);
    }
}

static void swap_names(struct dentry *a, struct dentry *b)
{
    bool long_a = a->name != a->inline_name, long_b = b->name != b->inline_name;
    const char *name = a->name;
    char text[DENTRY_NAME_INLINE];

    if (!long_a)
        memcpy(text, a->inline_name, sizeof(text));
    if (!long_b)
        memcpy(a->inline_name, b->inline_name, sizeof(text));
    WRITE_ONCE(a->name, long_b ? b->name : a->inline_name);
    if (!long_a)
        memcpy(b->inline_name, text, sizeof(text));
    WRITE_ONCE(b->name, long_a ? name : b->inline_name);
}

/* Into another directory, at its end; the same one keeps the place. I3 */
static void change_parent(struct dentry *d, struct dentry *parent)
{
    if (d->parent == parent)
        return;
    WRITE_ONCE(d->parent, parent);
    d->cookie = 2 + parent->next_cookie++;
    list_move_tail(&d->sibling, &parent->children);
}

void dentry_move(struct dentry *old, struct dentry *new)
{
    struct dentry *parent = old->parent;
    irqflags_t flags = seq_write_lock(&tree_seq);
    bool was = !dentry_unhashed(new);

    hlist_del(&old->hash);
    if (was)
        unhash_locked(new);
    change_parent(old, dentry_get(new->parent));
    move_name(old, new);
    WRITE_ONCE(old->key, new->key);
    hlist_add_head_rcu(&old->hash, bucket(old->key));
    seq_write_unlock(&tree_seq, flags);
    if (was)
        dentry_put(new);
    dentry_put(parent);
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
    irqflags_t flags = seq_write_lock(&tree_seq);
    struct dentry *parent = a->parent;
    u64 key = a->key;

    hlist_del(&a->hash);
    hlist_del(&b->hash);
    swap_names(a, b);
    change_parent(a, b->parent); /* what they count stays the same */
    change_parent(b, parent);
    WRITE_ONCE(a->key, b->key);
    WRITE_ONCE(b->key, key);
    hlist_add_head_rcu(&a->hash, bucket(a->key));
    hlist_add_head_rcu(&b->hash, bucket(b->key));
    seq_write_unlock(&tree_seq, flags);
}

void dentry_drop_tree(struct dentry *root)
{
    for (;;) {
        struct dentry *d = root, *child;

        spin_lock(&tree_seq.lock);
        while ((child = list_first(&d->children, struct dentry, sibling)))
            d = child;
        if (d != root)
            unhash_locked(d);
        spin_unlock(&tree_seq.lock);
        if (d == root)
            return;
        dentry_put(d);
    }
}

bool dentry_below(const struct dentry *d, const struct dentry *ancestor)
{
    while (d != ancestor && !dentry_is_root(d))
        d = d->parent;
    return d == ancestor;
}

/* ---- reading a pinned directory ---- */

bool dir_emit_dots(struct file *file, struct dir_emit *e)
{
    struct dentry *d = file->path.dentry;
    u64 ino;

    if (e->pos == 0 && !dir_emit(e, ".", 1, d->inode->ino, 4, 1))
        return false;
    if (e->pos == 1) {
        spin_lock(&tree_seq.lock);
        ino = d->parent->inode->ino;
        spin_unlock(&tree_seq.lock);
        return dir_emit(e, "..", 2, ino, 4, 2);
    }
    return true;
}

/* The first entry at or behind `pos`, given the entry that was emitted last. Dir locked. */
static struct list *dir_start(struct dentry *dir, const struct dentry *hint, u64 pos)
{
    struct list *at = dir->children.next;

    if (hint && hint->parent == dir && !dentry_unhashed(hint) && hint->cookie + 1 == pos)
        return hint->sibling.next;
    while (at != &dir->children && list_entry(at, struct dentry, sibling)->cookie < pos)
        at = at->next;
    return at;
}

/*
 * The entry emitted last is kept in file->private, so that the next call goes on without a
 * search. The directory's lock keeps its entries in place: a pinned entry comes and goes only
 * under it. Position: the cookie behind the last entry.
 */
static int dir_readdir(struct file *file, struct dir_emit *e)
{
    struct dentry *dir = file->path.dentry, *last = NULL, *hint = file->private;
    struct inode *inode = dir->inode;
    struct list *at;

    if (!dir_emit_dots(file, e))
        return 0;
    mutex_lock(&inode->lock);
    for (at = dir_start(dir, hint, e->pos); at != &dir->children; at = at->next) {
        struct dentry *d = list_entry(at, struct dentry, sibling);

        if (!d->inode)
            continue;
        if (!dir_emit(e, d->name, NAME_LEN(d->key), d->inode->ino, mode_to_dtype(d->inode->mode),
                      d->cookie + 1))
            break;
        last = d;
    }
    if (last)
        file->private = dentry_get(last);
    mutex_unlock(&inode->lock);
    if (last && hint)
        dentry_put(hint);
    file_accessed(file);
    return 0;
}

static void dir_release(struct file *file)
{
    if (file->private)
        dentry_put(file->private);
}

loff_t dir_seek(struct file *file, loff_t offset, int whence)
{
    if (whence == SEEK_CUR)
        offset += file->pos;
    else if (whence != SEEK_SET)
        return -EINVAL;
    if (offset < 0)
        return -EINVAL;
    file->pos = offset;
    return offset;
}

ssize_t dir_read(struct io_request *req)
{
    (void)req;
    return -EISDIR;
}

int file_fsync_none(struct file *file, int datasync)
{
    (void)file, (void)datasync;
    return 0;
}

const struct file_ops dir_pinned_ops = {
    .read = dir_read,
    .seek = dir_seek,
    .readdir = dir_readdir,
    .release = dir_release,
    .fsync = file_fsync_none,
};

/* One bucket for eight pages of memory, at least 256. */
void dcache_init(void)
{
    u32 bits = 8;

    while (bits < 16 && 1UL << bits < pages_total() / 8)
        bits++;
    table_shift = 64 - bits;
    table = kmalloc(sizeof(*table) << bits);
    dentry_cache = kmem_cache_create("dentry", sizeof(struct dentry), 0);
    assert(table && dentry_cache);
    random_bytes(&dentry_hash_seed, sizeof(dentry_hash_seed));
}

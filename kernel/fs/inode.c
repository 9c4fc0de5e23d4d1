/*
 * Inodes: files without their names, who may use them, and what stat says of them.
 *
 * Structures and invariants.
 *   I1  refs counts dentries and passing holders. An inode found through a dentry under RCU is
 *       valid memory until the read side ends; fields are then read as they are.
 *   I2  Attributes change under inode->lock; readers (stat, permission checks) take no lock, and
 *       see each word old or new.
 *
 * Locking: a directory's lock (RANK_INODE_PARENT) before a child's (RANK_INODE, or nested), then
 * the mapping, then a page.
 *
 * Life: inode_alloc() -> dentry_attach() -> last inode_put(): pages, ops->evict, locks, then
 * memory after a grace period. nlink says nothing about memory.
 */
#include "fs/fs.h"
#include "fs/mount.h"

#include "core/clock.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "task/cred.h"
#include "task/task.h"

#define ATIME_LAZY (24 * 3600 * (s64)NS_PER_SEC) /* relatime: at least once a day */

static struct kmem_cache *inode_cache;

struct inode *inode_alloc(struct super_block *sb, u32 mode, const struct mapping_ops *mops)
{
    struct inode *inode = kmem_cache_alloc(inode_cache);

    if (!inode)
        return NULL;
    inode->sb = sb;
    inode->mode = mode;
    inode->ino = __atomic_add_fetch(&sb->last_ino, 1, __ATOMIC_RELAXED);
    inode->nlink = 1;
    inode->atime = inode->mtime = inode->ctime = inode->btime = clock_realtime_ns();
    ref_init(&inode->refs, 1);
    mutex_init(&inode->lock, S_ISDIR(mode) ? RANK_INODE_PARENT : RANK_INODE);
    if (S_ISREG(mode))
        mapping_init(&inode->mapping, mops, inode);
    return inode;
}

static void inode_free(struct rcu_head *head)
{
    struct inode *inode = container_of(head, struct inode, rcu);

    kfree(inode->link);
    kmem_cache_free(inode_cache, inode);
}

void inode_release(struct inode *inode)
{
    if (S_ISREG(inode->mode))
        mapping_destroy(&inode->mapping);
    if (inode->ops->evict)
        inode->ops->evict(inode);
    if (unlikely(inode->locks))
        inode_locks_free(inode);
    rcu_call(&inode->rcu, inode_free);
}

static bool in_group(const struct cred *cred, u32 gid)
{
    return cred->fsgid == gid || cred_groups_have(cred, gid);
}

void inode_owner_init(struct inode *inode, const struct inode *dir, u32 mode)
{
    const struct cred *cred = current_cred();

    inode->uid = cred->fsuid;
    inode->gid = cred->fsgid;
    if (dir && dir->mode & S_ISGID) { /* the group, and for directories the bit, is inherited */
        inode->gid = dir->gid;
        if (S_ISDIR(mode))
            mode |= S_ISGID;
        else if (mode & S_ISGID && mode & S_IXGRP && !in_group(cred, dir->gid) &&
                 !cred_can(cred, CAP_FSETID))
            mode &= ~S_ISGID;
    }
    inode->mode = mode;
}

int inode_permission_cred(struct inode *inode, u32 mask, const struct cred *cred)
{
    if (unlikely(inode->ops->permission))
        return inode->ops->permission(inode, mask, cred);
    return inode_permission_mode(inode, mask, cred);
}

int inode_permission_mode(struct inode *inode, u32 mask, const struct cred *cred)
{
    u32 mode = READ_ONCE(inode->mode), bits = mode;

    if (cred->fsuid == inode->uid)
        bits >>= 6;
    else if ((bits >> 3 ^ bits) & 7 && in_group(cred, inode->gid))
        bits >>= 3;
    if (!(mask & ~bits & 7))
        return 0;
    if (S_ISDIR(mode)) {
        if (!(mask & MAY_WRITE) && cred_can(cred, CAP_DAC_READ_SEARCH))
            return 0;
        return cred_can(cred, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
    }
    if (mask == MAY_READ && cred_can(cred, CAP_DAC_READ_SEARCH))
        return 0;
    if ((!(mask & MAY_EXEC) || mode & 0111) && cred_can(cred, CAP_DAC_OVERRIDE))
        return 0;
    return -EACCES;
}

int inode_permission(struct inode *inode, u32 mask)
{
    return inode_permission_cred(inode, mask, current_cred());
}

bool inode_owner_ok(const struct inode *inode)
{
    return current_cred()->fsuid == inode->uid || cred_has_cap(CAP_FOWNER);
}

/* ---- attributes ---- */

void inode_apply_attr(struct inode *inode, const struct attr *attr)
{
    s64 now = clock_realtime_ns();

    assert_mutex_held(&inode->lock);
    if (attr->valid & ATTR_MODE)
        inode->mode = (inode->mode & S_IFMT) | (attr->mode & S_IALLUGO);
    if (attr->valid & ATTR_UID)
        inode->uid = attr->uid;
    if (attr->valid & ATTR_GID)
        inode->gid = attr->gid;
    if (attr->valid & ATTR_ATIME)
        inode->atime = attr->valid & ATTR_ATIME_SET ? attr->atime : now;
    if (attr->valid & ATTR_MTIME)
        inode->mtime = attr->valid & ATTR_MTIME_SET ? attr->mtime : now;
    inode->ctime = now;
}

static int check_owner_change(const struct inode *inode, const struct attr *attr)
{
    const struct cred *cred = current_cred();
    bool owner = cred->fsuid == inode->uid;

    if (cred_can(cred, CAP_CHOWN))
        return 0;
    if (attr->valid & ATTR_UID && !(owner && attr->uid == inode->uid))
        return -EPERM;
    if (attr->valid & ATTR_GID &&
        !(owner && (attr->gid == inode->gid || in_group(cred, attr->gid))))
        return -EPERM;
    return 0;
}

/* May it be done at all? chmod by one outside the group loses set-gid. */
static int check_attr(struct inode *inode, struct attr *attr)
{
    int err = check_owner_change(inode, attr);

    if (err)
        return err;
    if (attr->valid & ATTR_MODE) {
        u32 gid = attr->valid & ATTR_GID ? attr->gid : inode->gid;

        if (!inode_owner_ok(inode))
            return -EPERM;
        if (!in_group(current_cred(), gid) && !cred_has_cap(CAP_FSETID))
            attr->mode &= ~S_ISGID;
    }
    if (attr->valid & (ATTR_ATIME | ATTR_MTIME) && !(attr->valid & ATTR_SIZE) &&
        !inode_owner_ok(inode)) {
        /* Both set to now: whoever may write may do it. Otherwise the owner. */
        bool touch = (attr->valid & (ATTR_ATIME | ATTR_MTIME)) == (ATTR_ATIME | ATTR_MTIME) &&
                     !(attr->valid & (ATTR_ATIME_SET | ATTR_MTIME_SET));

        return touch ? inode_permission(inode, MAY_WRITE) : -EPERM;
    }
    return 0;
}

/* The set-id bits to take away: set-gid without group execution stays for the group's members. */
static u32 set_id_bits(const struct inode *inode, u32 mode)
{
    bool keep =
        !(mode & S_IXGRP) && (in_group(current_cred(), inode->gid) || cred_has_cap(CAP_FSETID));

    return S_ISUID | (keep ? 0 : S_ISGID);
}

int inode_check_size(u64 size)
{
    struct task *task = current_task();

    if (size <= rlimit_get(RLIMIT_FSIZE))
        return 0;
    if (task)
        signal_send_task(task, SIGXFSZ, NULL);
    return -EFBIG;
}

/* A change of owner or size takes set-id bits away. */
static void drop_set_id(const struct inode *inode, struct attr *attr)
{
    u32 mode = attr->valid & ATTR_MODE ? attr->mode : inode->mode;

    if (S_ISDIR(inode->mode) || !(mode & (S_ISUID | S_ISGID)))
        return;
    if (attr->valid & ATTR_SIZE && cred_has_cap(CAP_FSETID))
        return;
    attr->mode = mode & ~set_id_bits(inode, mode) & S_IALLUGO;
    attr->valid |= ATTR_MODE;
}

int inode_setattr(struct inode *inode, struct attr *attr)
{
    int err;

    mutex_guard(&inode->lock);
    err = check_attr(inode, attr);
    if (err)
        return err;
    if (attr->valid & (ATTR_CHOWN | ATTR_SIZE))
        drop_set_id(inode, attr);
    if (inode->ops->setattr)
        return inode->ops->setattr(inode, attr);
    if (attr->valid & ATTR_SIZE)
        return -EINVAL;
    inode_apply_attr(inode, attr);
    return 0;
}

void path_getattr(const struct path *path, struct kstat *st)
{
    struct inode *inode = path->dentry->inode;

    st->ino = inode->ino;
    st->size = READ_ONCE(inode->size);
    st->blocks =
        S_ISREG(inode->mode) ? READ_ONCE(inode->mapping.page_count) * (PAGE_SIZE / 512) : 0;
    st->atime = READ_ONCE(inode->atime);
    st->mtime = READ_ONCE(inode->mtime);
    st->ctime = READ_ONCE(inode->ctime);
    st->btime = inode->btime;
    st->dev = inode->sb->dev;
    st->rdev = inode->rdev;
    st->mode = READ_ONCE(inode->mode);
    st->nlink = READ_ONCE(inode->nlink);
    st->uid = READ_ONCE(inode->uid);
    st->gid = READ_ONCE(inode->gid);
    st->blksize = PAGE_SIZE;
    st->mount_id = path->mount->id;
    st->mount_root = path->dentry == path->mount->root;
    if (unlikely(inode->ops->getattr))
        inode->ops->getattr(inode, st);
}

void inode_modified(struct inode *inode)
{
    s64 now = clock_realtime_ns();

    if (unlikely(inode->mode & (S_ISUID | S_ISGID)) && !cred_has_cap(CAP_FSETID))
        inode->mode &= ~set_id_bits(inode, inode->mode);
    inode->mtime = now;
    inode->ctime = now;
}

void file_accessed(struct file *file)
{
    struct inode *inode = file->inode;
    u32 flags = file->path.mount ? READ_ONCE(file->path.mount->flags) : MS_NOATIME;
    s64 atime = READ_ONCE(inode->atime), now;

    if (flags & (MS_NOATIME | MS_RDONLY) || file->flags & O_NOATIME ||
        (flags & MS_NODIRATIME && S_ISDIR(inode->mode)))
        return;
    now = clock_realtime_ns();
    if (flags & MS_RELATIME && atime > inode->mtime && atime > inode->ctime &&
        now - atime < ATIME_LAZY)
        return;
    WRITE_ONCE(inode->atime, now);
}

/* ---- superblocks and types ---- */

struct list filesystems = LIST_INIT(filesystems);
static u32 last_minor; /* [A] of device numbers without a device */

void filesystem_register(struct filesystem *type)
{
    int err = type->flags & FS_SHARED ? type->mount(type, NULL, &type->shared) : 0;

    assert(!err);
    list_add_tail(&type->link, &filesystems);
}

struct filesystem *filesystem_find(const char *name)
{
    struct filesystem *type;

    list_for_each_entry(type, &filesystems, link)
        if (strcmp(type->name, name) == 0)
            return type;
    return NULL;
}

struct super_block *super_alloc(const struct filesystem *type, const struct super_ops *ops)
{
    struct super_block *sb = kmalloc(sizeof(*sb));

    if (!sb)
        return NULL;
    sb->type = type;
    sb->ops = ops;
    sb->dev = MKDEV(0, __atomic_add_fetch(&last_minor, 1, __ATOMIC_RELAXED));
    ref_init(&sb->refs, 1);
    mutex_init(&sb->rename_lock, RANK_RENAME);
    return sb;
}

int super_finish(struct super_block *sb, struct inode *root, struct super_block **out)
{
    struct dentry *d = sb && root ? dentry_alloc(sb, NULL, "", 0) : NULL;

    if (!d) {
        if (root)
            inode_put(root);
        super_put(sb);
        return -ENOMEM;
    }
    dentry_attach(d, root);
    sb->root = d;
    *out = sb;
    return 0;
}

void super_put(struct super_block *sb)
{
    if (!sb || !ref_put(&sb->refs))
        return;
    if (sb->root) {
        dentry_drop_tree(sb->root);
        dentry_put(sb->root);
    }
    kfree(sb->private);
    kfree(sb);
}

void inode_init(void)
{
    inode_cache = kmem_cache_create("inode", sizeof(struct inode), 0);
    assert(inode_cache);
}

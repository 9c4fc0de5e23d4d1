/*
 * Making, removing and changing names: mkdir, mknod, symlink, link, unlink, rmdir, rename; and
 * names as programs give them.
 *
 * Each call walks to the parent directory, locks it, looks the last component up, checks, and lets
 * the file system act; the dentry cache follows when that was done. What a file is, is not
 * changed by its names, so an open file stays usable whatever happens here.
 *
 * Locking: one directory's mutex, then the file's. Two directories (rename): the superblock's
 * rename lock first, so that no third task changes who is below whom; then both by address. A
 * directory that is removed or replaced is locked by trying only; when that fails all is let go,
 * waited for, and done again (TRY_AGAIN), so no order among directories can be broken. What is
 * freed, is freed after the locks.
 */
#include "fs/walk.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "task/task.h"

#define TRY_AGAIN (-ERESTARTNOINTR) /* internal: wait for the victim's lock first */

/* ---- one name in a locked directory ---- */

int walk_lookup_locked(struct dentry *dir, const struct name *name, bool make, struct dentry **out)
{
    struct inode *inode = dir->inode;
    struct dentry *d = dentry_find(dir, name);
    int err = 0;

    assert_mutex_held(&inode->lock);
    if (d && d->flags & DENTRY_ALIVE_CHECK && !inode->ops->alive(d)) {
        dentry_unhash(d);
        dentry_put(d);
        d = NULL;
    }
    *out = d;
    if (d)
        return 0;
    if (dir->sb->flags & SB_PINNED && !make)
        return -ENOENT;
    if (inode->flags & INODE_DEAD)
        return -ENOENT;
    d = dentry_alloc(dir->sb, dir, name->text, name->key);
    if (!d)
        return -ENOMEM;
    if (!(dir->sb->flags & SB_PINNED)) {
        err = inode->ops->lookup ? inode->ops->lookup(inode, d) : -ENOENT;
        if (!err)
            dentry_hash(d);
    }
    if (err) {
        dentry_put(d);
        return err;
    }
    *out = d;
    return 0;
}

/* May a name be made in a locked directory? 0, -ENOENT (it was removed), -EACCES. */
static int may_create(struct inode *dir)
{
    assert_mutex_held(&dir->lock);
    if (dir->flags & INODE_DEAD)
        return -ENOENT;
    return inode_permission(dir, MAY_WRITE | MAY_EXEC);
}

/* May the entry be removed from, or replaced in, its directory? */
static int may_delete(struct inode *dir, const struct dentry *victim, bool want_dir)
{
    struct inode *inode = victim->inode;
    const struct cred *cred = current_cred();
    int err = inode_permission(dir, MAY_WRITE | MAY_EXEC);

    if (err)
        return err;
    if (dir->mode & S_ISVTX && cred->fsuid != inode->uid && cred->fsuid != dir->uid &&
        !cred_can(cred, CAP_FOWNER))
        return -EPERM;
    if (S_ISDIR(inode->mode) != want_dir)
        return want_dir ? -ENOTDIR : -EISDIR;
    if (READ_ONCE(victim->flags) & DENTRY_MOUNTED)
        return -EBUSY;
    return dir->flags & INODE_DEAD ? -ENOENT : 0;
}

/* ---- making ---- */

static int link_in(const struct path *parent, struct dentry *d, const struct path *from)
{
    struct inode *dir = parent->dentry->inode, *inode = from->dentry->inode;
    int err;

    if (from->mount != parent->mount)
        return -EXDEV;
    if (!dir->ops->link || S_ISDIR(inode->mode))
        return -EPERM;
    mutex_guard(&inode->lock);
    if (inode->nlink == 0 && !(inode->flags & INODE_NOCHECK))
        return -ENOENT;
    err = dir->ops->link(dir, d, inode);
    if (!err)
        inode->flags &= ~INODE_NOCHECK;
    return err;
}

static int make_entry(const struct path *parent, struct dentry *d, const struct making *m)
{
    struct inode *dir = parent->dentry->inode;

    if (m->from)
        return link_in(parent, d, m->from);
    if ((S_ISCHR(m->mode) || S_ISBLK(m->mode)) && !cred_has_cap(CAP_MKNOD))
        return -EPERM;
    return dir->ops->make ? dir->ops->make(dir, d, m->mode, m->dev, m->text) : -EPERM;
}

int make_in(const struct path *parent, const struct name *name, bool slash, const struct making *m,
            struct dentry **out)
{
    struct inode *dir = parent->dentry->inode;
    struct dentry *d;
    int err;

    mutex_guard(&dir->lock);
    err = walk_lookup_locked(parent->dentry, name, true, out);
    if (err)
        return err;
    d = *out;
    if (d->inode)
        err = -EEXIST;
    else if (slash && !S_ISDIR(m->mode))
        err = -ENOENT;
    else
        err = mount_may_write(parent->mount);
    if (!err)
        err = may_create(dir);
    if (!err)
        err = make_entry(parent, d, m);
    if (!err && dentry_unhashed(d))
        dentry_hash(d);
    if (!d->inode) {
        dentry_put(d);
        *out = NULL;
    }
    return err;
}

static int make_name(int at_fd, const char *name, const struct making *m)
{
    struct walk w __scoped(walk);
    struct dentry *d = NULL;
    int err = walk_parent(&w, at_fd, name, 0);

    if (!err)
        err = w.last_type == LAST_NAME ? make_in(&w.at, &w.last, w.want_dir, m, &d) : -EEXIST;
    if (d)
        dentry_put(d);
    return err;
}

int vfs_mkdir(int at_fd, const char *name, u32 mode)
{
    struct making m = {.mode = S_IFDIR | (mode & (0777 | S_ISVTX) & ~current_umask())};

    return make_name(at_fd, name, &m);
}

int vfs_mknod(int at_fd, const char *name, u32 mode, dev_t dev)
{
    struct making m = {.mode = mode & ~current_umask(), .dev = dev};

    if (!(mode & S_IFMT))
        m.mode |= S_IFREG;
    switch (m.mode & S_IFMT) {
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK: return make_name(at_fd, name, &m);
    case S_IFDIR: return -EPERM;
    default: return -EINVAL;
    }
}

int vfs_symlink(const char *text, int at_fd, const char *name)
{
    struct making m = {.mode = S_IFLNK | 0777, .text = text};

    return *text ? make_name(at_fd, name, &m) : -ENOENT;
}

int vfs_link(int old_fd, const char *old, int new_fd, const char *new, u32 lookup)
{
    struct path from __scoped(path) = {0};
    struct making m = {.from = &from};
    int err = path_lookup(old_fd, old, lookup, &from);

    return err ? err : make_name(new_fd, new, &m);
}

int vfs_mknod_in(const struct path *dir, const char *name, u32 mode, dev_t dev)
{
    struct making m = {.mode = mode, .dev = dev};
    size_t len;
    struct name last = {name, dentry_key(dir->dentry, name, &len)};
    struct dentry *d;
    int err = make_in(dir, &last, false, &m, &d);

    if (d)
        dentry_put(d);
    return err;
}

/* ---- removal ---- */

/* False: a directory that somebody works in. */
static bool lock_victim(struct inode *inode)
{
    if (S_ISDIR(inode->mode))
        return mutex_trylock(&inode->lock);
    mutex_lock(&inode->lock);
    return true;
}

/* Until the victim can be had; the caller holds no lock. */
static void wait_victim(struct dentry *d)
{
    mutex_lock(&d->inode->lock);
    mutex_unlock(&d->inode->lock);
}

static int remove_locked(struct walk *w, struct dentry *d, bool rmdir)
{
    struct inode *dir = w->at.dentry->inode, *inode = d->inode;
    int err;

    if (!inode)
        return -ENOENT;
    if (!rmdir && w->want_dir)
        return S_ISDIR(inode->mode) ? -EISDIR : -ENOTDIR;
    err = may_delete(dir, d, rmdir);
    if (err)
        return err;
    if (!lock_victim(inode))
        return TRY_AGAIN;
    err = dir->ops->remove ? dir->ops->remove(dir, d) : -EPERM;
    if (!err && rmdir)
        inode->flags |= INODE_DEAD;
    mutex_unlock(&inode->lock);
    if (!err)
        dentry_unhash(d);
    return err;
}

int vfs_remove(int at_fd, const char *name, bool rmdir)
{
    static const int odd[2][4] = {
        {0, -EISDIR, -EISDIR, -EISDIR}, /* unlink of . .. / */
        {0, -EINVAL, -ENOTEMPTY, -EBUSY},
    };
    struct dentry *d;
    struct inode *dir;
    struct walk w __scoped(walk);
    int err = walk_parent(&w, at_fd, name, 0);

    if (!err)
        err = odd[rmdir][w.last_type];
    if (!err)
        err = mount_may_write(w.at.mount);
    while (!err) {
        dir = w.at.dentry->inode;
        mutex_lock(&dir->lock);
        err = walk_lookup_locked(w.at.dentry, &w.last, false, &d);
        if (!err)
            err = remove_locked(&w, d, rmdir);
        mutex_unlock(&dir->lock);
        if (err == TRY_AGAIN)
            wait_victim(d);
        if (d)
            dentry_put(d); /* here the file itself may go */
        if (err != TRY_AGAIN)
            break;
        err = 0;
    }
    return err;
}

/* ---- rename ---- */

static void lock_parents(struct dentry *a, struct dentry *b)
{
    struct inode *first = MIN(a->inode, b->inode), *second = MAX(a->inode, b->inode);

    if (a != b)
        mutex_lock(&a->sb->rename_lock);
    mutex_lock(&first->lock);
    if (a != b)
        mutex_lock(&second->lock);
}

static void unlock_parents(struct dentry *a, struct dentry *b)
{
    mutex_unlock(&a->inode->lock);
    if (a == b)
        return;
    mutex_unlock(&b->inode->lock);
    mutex_unlock(&a->sb->rename_lock);
}

/* All that can be said against it with both parents locked. 1: nothing to do. */
static int rename_check(const struct walk *from, const struct walk *to, const struct rename *r)
{
    bool exchange = r->flags & RENAME_EXCHANGE, dir;
    int err;

    if (!r->old->inode || (exchange && !r->new->inode))
        return -ENOENT;
    dir = S_ISDIR(r->old->inode->mode);
    if (r->new->inode && r->flags &RENAME_NOREPLACE)
        return -EEXIST;
    if (!dir && (from->want_dir || (!exchange && to->want_dir)))
        return -ENOTDIR;
    if (exchange && to->want_dir && !S_ISDIR(r->new->inode->mode))
        return -ENOTDIR;
    if (r->old_dir != r->new_dir) { /* the rename lock keeps the tree still */
        if (dentry_below(to->at.dentry, r->old))
            return -EINVAL;
        if (r->new->inode && dentry_below(from->at.dentry, r->new))
            return exchange ? -EINVAL : -ENOTEMPTY;
    }
    if (r->old->inode == r->new->inode)
        return 1;
    err = may_delete(r->old_dir, r->old, dir);
    if (err)
        return err;
    if (r->new->inode)
        err = may_delete(r->new_dir, r->new, exchange ? S_ISDIR(r->new->inode->mode) : dir);
    else
        err = may_create(r->new_dir);
    if (!err && dir && r->old_dir != r->new_dir) /* its ".." changes */
        err = inode_permission(r->old->inode, MAY_WRITE);
    if (!err && exchange && S_ISDIR(r->new->inode->mode) && r->old_dir != r->new_dir)
        err = inode_permission(r->new->inode, MAY_WRITE);
    return err;
}

static int rename_locked(const struct walk *from, const struct walk *to, struct rename *r)
{
    struct inode *victim = r->flags & RENAME_EXCHANGE ? NULL : r->new->inode;
    int err = rename_check(from, to, r);

    if (err)
        return err < 0 ? err : 0;
    if (!r->old_dir->ops->rename)
        return -EPERM;
    if (victim && !lock_victim(victim))
        return TRY_AGAIN;
    err = r->old_dir->ops->rename(r);
    if (!err && victim && S_ISDIR(victim->mode))
        victim->flags |= INODE_DEAD;
    if (victim)
        mutex_unlock(&victim->lock);
    if (err)
        return err;
    if (r->flags & RENAME_EXCHANGE)
        dentry_exchange(r->old, r->new);
    else
        dentry_move(r->old, r->new);
    return 0;
}

static int rename_try(struct walk *from, struct walk *to, u32 flags)
{
    struct rename r = {
        .old_dir = from->at.dentry->inode,
        .new_dir = to->at.dentry->inode,
        .flags = flags,
    };
    int err;

    lock_parents(from->at.dentry, to->at.dentry);
    err = walk_lookup_locked(from->at.dentry, &from->last, false, &r.old);
    if (!err)
        err = walk_lookup_locked(to->at.dentry, &to->last, true, &r.new);
    if (!err)
        err = rename_locked(from, to, &r);
    unlock_parents(from->at.dentry, to->at.dentry);
    if (err == TRY_AGAIN)
        wait_victim(r.new);
    if (r.new)
        dentry_put(r.new);
    if (r.old)
        dentry_put(r.old);
    return err;
}

static int rename_to(struct walk *from, int new_fd, const char *new, u32 flags)
{
    struct walk to __scoped(walk);
    int err = walk_parent(&to, new_fd, new, 0);

    if (err)
        return err;
    if (from->at.mount != to.at.mount)
        return -EXDEV;
    if (from->last_type != LAST_NAME)
        return -EBUSY;
    if (to.last_type != LAST_NAME)
        return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    err = mount_may_write(from->at.mount);
    if (err)
        return err;
    do
        err = rename_try(from, &to, flags);
    while (err == TRY_AGAIN);
    return err;
}

int vfs_rename(int old_fd, const char *old, int new_fd, const char *new, u32 flags)
{
    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
        (flags & RENAME_NOREPLACE && flags & RENAME_EXCHANGE))
        return -EINVAL;

    struct walk from __scoped(walk);
    int err = walk_parent(&from, old_fd, old, 0);

    return err ? err : rename_to(&from, new_fd, new, flags);
}

/* ---- reading ---- */

ssize_t vfs_readlink(const struct path *path, char *buf, size_t size)
{
    struct inode *inode = path->dentry->inode;

    if (!S_ISLNK(inode->mode))
        return -EINVAL;
    if (inode->link) {
        size_t len = MIN(strlen(inode->link), size);

        memcpy(buf, inode->link, len);
        return len;
    }
    return inode->ops->readlink ? inode->ops->readlink(path->dentry, buf, size) : -EINVAL;
}

int vfs_access(int at_fd, const char *name, u32 mask, u32 lookup)
{
    struct walk w __scoped(walk);
    int err = walk_path(&w, at_fd, name, lookup);
    struct inode *inode;

    if (err || !mask)
        return err;
    inode = w.at.dentry->inode;
    if (mask & MAY_EXEC && S_ISREG(inode->mode) && w.at.mount->flags & MS_NOEXEC)
        return -EACCES;
    err = inode_permission_cred(inode, mask, w.cred);
    if (!err && mask & MAY_WRITE &&
        (S_ISREG(inode->mode) || S_ISDIR(inode->mode) || S_ISLNK(inode->mode)))
        err = mount_may_write(w.at.mount);
    return err;
}

/* ---- paths from user memory ---- */

int path_lookup_user(int at_fd, struct user_ptr name, u32 flags, struct path *out)
{
    struct user_path path __scoped(user_path);
    int err = user_path_get(&path, name);

    out->dentry = NULL;
    return err ? err : path_lookup(at_fd, path.text, flags, out);
}

int user_path_get_long(struct user_path *path, struct user_ptr from, ssize_t n)
{
    if (n < 0)
        return n;
    path->page = page_alloc(1, 0); /* the second page is slack for hash_name() */
    if (!path->page)
        return -ENOMEM;
    path->text = page_to_virt(path->page);
    n = strncpy_from_user(page_to_virt(path->page), from, PATH_MAX);
    if (n >= 0 && n < PATH_MAX)
        return 0;
    user_path_put(path);
    return n < 0 ? (int)n : -ENAMETOOLONG;
}

void user_path_put(struct user_path *path)
{
    if (path->page)
        page_put(path->page);
    path->page = NULL;
}

int lookup_flags_at(u32 at_flags, u32 allowed, u32 *lookup)
{
    if (at_flags & ~allowed)
        return -EINVAL;
    *lookup = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
    if (at_flags & AT_EMPTY_PATH)
        *lookup |= LOOKUP_EMPTY;
    return 0;
}

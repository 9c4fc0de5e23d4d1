/*
 * One name in a locked directory; paths from user memory, and the flags of calls that take one.
 */
#include "fs/walk.h"

#include "lib/errno.h"
#include "mm/page.h"
#include "sched/reclaim.h"

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

int path_lookup_user(int at_fd, struct user_ptr name, u32 flags, struct path *out)
{
    struct user_path path __scoped(user_path);
    int err = user_path_get(&path, name);

    out->dentry = NULL;
    return err ? err : path_lookup(at_fd, path.text, flags, out);
}

int user_path_get(struct user_path *path, struct user_ptr from)
{
    ssize_t n = strncpy_from_user(path->small, from, USER_PATH_INLINE);

    path->text = path->small;
    path->page = NULL;
    if (likely(n >= 0 && n < USER_PATH_INLINE))
        return 0;
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

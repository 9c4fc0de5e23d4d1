/*
 * The walk along a path.
 *
 * What it is: from a name to a place (mount and dentry), component by component: permission to
 * search, look-up, mounts, "..", symbolic links.
 *
 * Interface: path_lookup() for whole paths; walk_parent() for calls that make or remove the last
 * component (names.c, open.c).
 *
 * Structures and invariants.
 *   I1  A walk is tried first in RCU mode: preemption off, no references, no locks, only what is
 *       in the dentry cache. It counts only if tree_seq has not changed from its start to the
 *       moment when the place at its end got its references; otherwise, and whenever something
 *       must be asked of a file system or slept for, all is done again in reference mode.
 *   I2  In reference mode w->at and w->root are counted. Each step looks under RCU as above, takes
 *       references and checks the sequence; a miss asks the file system with the directory locked.
 *   I3  Errors of RCU mode are believed only when the sequence has not changed.
 *   I4  The walk never leaves upwards from w->root, through mounts or "..".
 *   I5  Text of a link is read in place in RCU mode, from a copy in reference mode.
 *   I6  rest[] has only texts that are not empty, so the last component is the one with nothing
 *       behind it while depth is 0.
 *
 * Locking: none held between steps. A step that asks the file system holds the directory's lock.
 *
 * Rejected: going over from RCU to reference mode in the middle (Linux does; the start again
 * costs little, because what is missed is then cached or slow anyway), a sequence for each dentry
 * (renames and mounts are rare; one global sequence costs the reader one load).
 */
#include "fs/walk.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "task/task.h"

/* ---- references ---- */

/*
 * Take references and leave the RCU read side; valid only if nothing has changed since w->seq.
 * After a failure nothing is held. What is dropped, is dropped after the read side: it may sleep.
 */
static __always_inline bool take(struct walk *w, const struct path *path)
{
    bool mount = ref_get_unless_zero(&path->mount->refs);
    bool dentry = likely(mount) && ref_get_unless_zero(&path->dentry->refs);
    bool good = likely(dentry) && !seq_read_retry(&tree_seq, w->seq);

    rcu_read_unlock();
    if (likely(good))
        return true;
    if (dentry)
        dentry_put(path->dentry);
    if (mount)
        mount_put(path->mount);
    return false;
}

void walk_cross(struct path *path)
{
    struct mount *m;

    while (READ_ONCE(path->dentry->flags) & DENTRY_MOUNTED) {
        spin_lock(&tree_seq.lock);
        m = mount_find_rcu(path->mount, path->dentry);
        if (m) { /* it is in the tree, which holds it */
            mount_get(m);
            dentry_get(m->root);
        }
        spin_unlock(&tree_seq.lock);
        if (!m)
            return;
        path_put(path);
        *path = (struct path){m, m->root};
    }
}

/* ---- one step ---- */

static int cross_rcu(const struct walk *w, struct path *path)
{
    while (unlikely(READ_ONCE(path->dentry->flags) & DENTRY_MOUNTED)) {
        struct mount *m = mount_find_rcu(path->mount, path->dentry);

        if (!m)
            break;
        if (w->flags & LOOKUP_NO_XDEV)
            return -EXDEV;
        path->mount = m;
        path->dentry = m->root;
    }
    return 0;
}

/* Where `name` leads. WALK_AGAIN: only the file system knows. */
static int down_rcu(const struct walk *w, const struct name *name, struct path *to)
{
    struct dentry *dir = w->at.dentry, *d = dentry_find_rcu(dir, name->text, name->key);
    int err;

    if (!d)
        return dir->sb->flags & SB_PINNED ? -ENOENT : WALK_AGAIN;
    if (unlikely(d->flags & DENTRY_ALIVE_CHECK) && !dir->inode->ops->alive(d))
        return WALK_AGAIN;
    to->mount = w->at.mount;
    to->dentry = d;
    err = cross_rcu(w, to);
    return err ? err : rcu_dereference(to->dentry->inode) ? 0 : -ENOENT;
}

/* Where ".." leads. I4 */
static int up_rcu(const struct walk *w, struct path *to)
{
    *to = w->at;
    for (;;) {
        struct mount *parent;
        struct dentry *place;

        if (to->mount == w->root.mount && to->dentry == w->root.dentry)
            return w->flags & LOOKUP_BENEATH ? -EXDEV : 0;
        if (to->dentry != to->mount->root) {
            to->dentry = READ_ONCE(to->dentry->parent);
            return cross_rcu(w, to);
        }
        parent = READ_ONCE(to->mount->parent);
        place = READ_ONCE(to->mount->mountpoint);
        if (!parent || !place)
            return 0;
        if (w->flags & LOOKUP_NO_XDEV)
            return -EXDEV;
        to->mount = parent;
        to->dentry = place;
    }
}

/* Ask the file system for a name in w->at. *to is counted. */
static int down_slow(struct walk *w, const struct name *name, struct path *to)
{
    struct inode *dir = w->at.dentry->inode;
    struct dentry *d;
    int err;

    mutex_lock(&dir->lock);
    err = walk_lookup_locked(w->at.dentry, name, false, &d);
    mutex_unlock(&dir->lock);
    if (err)
        return err;
    if (!d->inode) {
        dentry_put(d);
        return -ENOENT;
    }
    *to = (struct path){mount_get(w->at.mount), d};
    walk_cross(to);
    if (w->flags & LOOKUP_NO_XDEV && to->mount != w->at.mount) {
        path_put(to);
        return -EXDEV;
    }
    return 0;
}

/* One step in reference mode, down by `name` or up (NULL). *to is counted. */
static int step_counted(struct walk *w, const struct name *name, struct path *to)
{
    for (;;) {
        int err;

        rcu_read_lock();
        w->seq = seq_read_begin(&tree_seq);
        err = name ? down_rcu(w, name, to) : up_rcu(w, to);
        if (!err) {
            if (take(w, to))
                return 0;
            continue;
        }
        rcu_read_unlock();
        if (err == WALK_AGAIN)
            return down_slow(w, name, to);
        if (!seq_read_retry(&tree_seq, w->seq)) /* I3 */
            return err;
    }
}

static int step(struct walk *w, const struct name *name, struct path *to)
{
    if (likely(w->rcu))
        return name ? down_rcu(w, name, to) : up_rcu(w, to);
    return step_counted(w, name, to);
}

/* ---- the walk ---- */

static int may_search(const struct walk *w, struct inode *dir)
{
    u32 mode = READ_ONCE(dir->mode);

    if (unlikely(!S_ISDIR(mode)))
        return -ENOTDIR;
    if (likely((mode & 0111) == 0111 && !dir->ops->permission))
        return 0;
    return inode_permission_cred(dir, MAY_EXEC, w->cred);
}

/* Take the next component off w->name. *rest: what is behind it and its slashes. */
static int next_component(struct walk *w, struct name *name, const char **rest)
{
    const char *text = w->name, *end;
    size_t len;

    name->text = text;
    name->key = dentry_key(w->at.dentry, text, &len);
    if (unlikely(len > NAME_MAX))
        return -ENAMETOOLONG;
    end = text + len;
    if (*end == '/') {
        do
            end++;
        while (*end == '/');
        if (!*end && !w->depth)
            w->want_dir = true;
    }
    *rest = end;
    return 0;
}

static bool is_dots(const struct name *name, u32 n)
{
    return NAME_LEN(name->key) == n && name->text[0] == '.' && name->text[n - 1] == '.';
}

/* Is there a link to follow at `to`, given that it is the last component or not? */
static bool must_follow(const struct walk *w, const struct path *to, bool last)
{
    return S_ISLNK(to->dentry->inode->mode) && (!last || w->flags & LOOKUP_FOLLOW || w->want_dir);
}

static int walk_one(struct walk *w, const struct name *name, const char *rest)
{
    struct path to;
    int err;

    if (unlikely(name->text[0] == '.') && is_dots(name, 1)) {
        w->name = rest;
        return 0;
    }
    err = step(w, unlikely(is_dots(name, 2)) ? NULL : name, &to);
    if (err)
        return err;
    if (unlikely(must_follow(w, &to, !*rest && !w->depth)))
        return walk_follow(w, &to, rest);
    walk_move(w, &to);
    w->name = rest;
    return 0;
}

/* Walk all of w->name; with LOOKUP_PARENT all but the last component. */
static int walk_run(struct walk *w)
{
    for (;;) {
        struct name name;
        const char *rest;
        int err;

        while (*w->name == '/')
            w->name++;
        if (!*w->name) {
            if (!w->depth) {
                w->last_type = w->links ? LAST_DOT : LAST_ROOT;
                return 0;
            }
            w->name = w->rest[--w->depth];
            continue;
        }
        err = may_search(w, w->at.dentry->inode);
        if (!err)
            err = next_component(w, &name, &rest);
        if (err)
            return err;
        if (w->flags & LOOKUP_PARENT && !*rest && !w->depth) {
            w->last = name;
            w->last_type = is_dots(&name, 1)   ? LAST_DOT
                           : is_dots(&name, 2) ? LAST_DOTDOT
                                               : LAST_NAME;
            return 0;
        }
        err = walk_one(w, &name, rest);
        if (err)
            return err;
    }
}

/*
 * Root and start of the walk, counted or not. The current task's context cannot change but by
 * others' sharing it.
 */
static __always_inline int find_start(struct walk *w, int at_fd, const char *name, bool counted)
{
    struct fs_context *fs = current_fs();
    bool shared = ref_read(&fs->refs) != 1, absolute = *name == '/';

    if (unlikely(absolute && w->flags & LOOKUP_BENEATH))
        return -EXDEV;
    if (unlikely(shared))
        spin_lock(&fs->lock);
    w->root = fs->root;
    w->at = absolute ? fs->root : at_fd == AT_FDCWD ? fs->cwd : w->start.file->path;
    if (unlikely(w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)))
        w->root = w->at;
    if (counted && w->at.dentry) {
        path_get(&w->root);
        path_get(&w->at);
    }
    if (unlikely(shared))
        spin_unlock(&fs->lock);
    return likely(w->at.dentry) ? 0 : -ENOTDIR;
}

static void walk_reset(struct walk *w, const char *name)
{
    w->name = name;
    w->depth = 0;
    w->links = 0;
    w->want_dir = false;
}

/*
 * The way through plain directories in RCU mode, with everything in registers: whatever is not
 * plain (links, dots, rights not everybody's) is left to walk_run(), from where it stands. True:
 * it came to the end.
 */
static __always_inline bool walk_plain(struct walk *w)
{
    struct path at = w->at;
    const char *text = w->name, *end;
    size_t len;

    while (*text == '/')
        text++;
    for (; *text && *text != '.'; text = end) {
        struct path to = {at.mount, NULL};
        struct inode *inode = at.dentry->inode;
        u64 key;

        if ((READ_ONCE(inode->mode) & (S_IFMT | 0111)) != (S_IFDIR | 0111) ||
            inode->ops->permission)
            break;
        key = dentry_key(at.dentry, text, &len);
        if (len > NAME_MAX)
            break;
        end = text + len;
        if (*end) {
            while (*++end == '/')
                ;
            if (!*end)
                w->want_dir = true;
        }
        if (!*end && w->flags & LOOKUP_PARENT) {
            w->last = (struct name){text, key};
            w->last_type = LAST_NAME;
            w->at = at;
            return true;
        }
        to.dentry = dentry_find_rcu(at.dentry, text, key);
        if (!to.dentry || to.dentry->flags & DENTRY_ALIVE_CHECK || cross_rcu(w, &to))
            break;
        inode = rcu_dereference(to.dentry->inode);
        if (!inode || S_ISLNK(inode->mode))
            break;
        at = to;
    }
    w->at = at;
    w->name = text;
    return !*text && !(w->flags & LOOKUP_PARENT);
}

/*
 * The answer of stat without a reference to anything. False: the file system wants to be asked, or
 * the tree has changed.
 */
static bool stat_rcu(struct walk *w)
{
    struct inode *inode = w->at.dentry->inode;

    if (inode->ops->getattr || (w->want_dir && !S_ISDIR(inode->mode)))
        return false;
    path_getattr(&w->at, w->st);
    if (seq_read_retry(&tree_seq, w->seq))
        return false;
    w->at.dentry = NULL;
    return true;
}

/* The walk in RCU mode up to references for w->at; w->root has none, and is forgotten. */
static int run_rcu(struct walk *w, int at_fd, const char *name)
{
    int err;

    walk_reset(w, name);
    w->rcu = true;
    rcu_read_lock();
    w->seq = seq_read_begin(&tree_seq);
    err = find_start(w, at_fd, name, false);
    if (!err && unlikely(!walk_plain(w)))
        err = walk_run(w);
    if (unlikely(!err && w->flags & LOOKUP_PARENT &&
                 (w->links || w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))))
        err = WALK_AGAIN; /* I5: the last name would lie in a link's text */
    w->rcu = false;
    w->root.dentry = NULL;
    if (likely(!err) && !(w->flags & LOOKUP_STAT && stat_rcu(w)))
        return likely(take(w, &w->at)) ? 0 : WALK_AGAIN;
    if (err && seq_read_retry(&tree_seq, w->seq)) /* I3 */
        err = WALK_AGAIN;
    rcu_read_unlock();
    return err;
}

static int run_counted(struct walk *w, int at_fd, const char *name)
{
    int err;

    walk_reset(w, name);
    w->rcu = false;
    err = find_start(w, at_fd, name, true);
    if (!err) {
        err = walk_run(w);
        if (err)
            path_put(&w->at);
        if (err || !(w->flags & LOOKUP_PARENT))
            path_put(&w->root);
    }
    if (err || !(w->flags & LOOKUP_PARENT))
        w->root.dentry = NULL;
    return err;
}

/* As access(2) wants: real ids, and the capabilities that a program of that user would have. */
static int use_real_ids(struct walk *w)
{
    struct cred *cred = kmalloc(sizeof(*cred));

    if (!cred)
        return -ENOMEM;
    *cred = *w->cred;
    cred->fsuid = cred->uid;
    cred->fsgid = cred->gid;
    if (!(cred->securebits & SECBIT_NO_SETUID_FIXUP))
        cred->cap_effective = cred->uid ? 0 : cred->cap_permitted;
    w->cred = w->real_cred = cred;
    return 0;
}

static __always_inline int walk_begin(struct walk *w, int at_fd, const char *name, u32 flags)
{
    int err;

    w->cred = current_cred();
    w->flags = flags;
    w->texts = NULL;
    w->start.needs_put = false;
    w->real_cred = NULL;
    w->at.dentry = w->root.dentry = NULL;
    if (unlikely(!*name && !(flags & LOOKUP_EMPTY)))
        return -ENOENT;
    if (at_fd != AT_FDCWD && *name != '/') {
        w->start = fd_ref_get_raw(at_fd);
        if (!w->start.file)
            return -EBADF;
    }
    if (unlikely(flags & LOOKUP_REAL)) {
        err = use_real_ids(w);
        if (err)
            return err;
    }
    err = run_rcu(w, at_fd, name);
    if (unlikely(err == WALK_AGAIN))
        err = run_counted(w, at_fd, name);
    if (err)
        w->at.dentry = NULL;
    return err;
}

int walk_parent(struct walk *w, int at_fd, const char *name, u32 flags)
{
    return walk_begin(w, at_fd, name, flags | LOOKUP_PARENT);
}

static __always_inline int walk_whole(struct walk *w, int at_fd, const char *name, u32 flags)
{
    int err = walk_begin(w, at_fd, name, flags);

    if (likely(!err) && unlikely(w->want_dir || flags & LOOKUP_DIRECTORY) && w->at.dentry &&
        !S_ISDIR(w->at.dentry->inode->mode))
        err = -ENOTDIR;
    return err;
}

int walk_path(struct walk *w, int at_fd, const char *name, u32 flags)
{
    return walk_whole(w, at_fd, name, flags);
}

int walk_follow_last(struct walk *w, struct path *link)
{
    int err;

    if (!w->root.dentry)
        fs_context_get_path(current_fs(), &current_fs()->root, &w->root);
    err = walk_follow(w, link, "");
    return err ? err : walk_run(w);
}

void walk_release(struct walk *w)
{
    if (w->texts)
        walk_free_texts(w);
    if (w->at.dentry)
        path_put(&w->at);
    if (w->root.dentry)
        path_put(&w->root);
    if (unlikely(w->real_cred))
        kfree(w->real_cred);
    fd_ref_put(w->start);
}

int path_lookup(int at_fd, const char *name, u32 flags, struct path *out)
{
    struct walk w __scoped(walk);
    int err = walk_whole(&w, at_fd, name, flags);

    if (likely(!err)) {
        *out = w.at;
        w.at.dentry = NULL;
    }
    return err;
}

int path_stat(int at_fd, const char *name, u32 flags, struct kstat *st)
{
    struct walk w __scoped(walk);
    int err;

    w.st = st;
    err = walk_whole(&w, at_fd, name, flags | LOOKUP_STAT);
    if (unlikely(!err && w.at.dentry))
        path_getattr(&w.at, st);
    return err;
}

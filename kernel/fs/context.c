/*
 * Where tasks stand (struct fs_context), and places turned back into text.
 *
 * A context is shared by tasks made with CLONE_FS; only they change it (and pivot_root). Both
 * paths are read together under its lock; a sole owner reads its own without. Text of a path is
 * made backwards from the entry to the root under RCU, and again when the tree's sequence has
 * changed meanwhile.
 */
#include "fs/fs.h"
#include "fs/namei.h"

#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "task/task.h"

struct fs_context init_fs_context = {
    .refs = REFCOUNT_INIT(1), .umask = 022, .lock = SPINLOCK_INIT(RANK_FILE)};

struct fs_context *fs_context_copy(struct fs_context *from)
{
    struct fs_context *fs = kmalloc(sizeof(*fs));

    if (!fs)
        return NULL;
    ref_init(&fs->refs, 1);
    spin_init(&fs->lock, RANK_FILE); /* taken below the lock of a task */
    spin_guard(&from->lock);
    fs->root = from->root;
    fs->cwd = from->cwd;
    fs->umask = from->umask;
    path_get(&fs->root);
    path_get(&fs->cwd);
    return fs;
}

void fs_context_put(struct fs_context *fs)
{
    if (!fs || !ref_put(&fs->refs))
        return;
    path_put(&fs->root);
    path_put(&fs->cwd);
    kfree(fs);
}

int fs_context_unshare(void)
{
    struct task *task = self_task();
    struct fs_context *old = task->fs, *fs;

    if (ref_read(&old->refs) == 1)
        return 0;
    fs = fs_context_copy(old);
    if (!fs)
        return -ENOMEM;
    task_lock(task);
    task->fs = fs;
    task_unlock(task);
    fs_context_put(old);
    return 0;
}

void fs_context_get_path(struct fs_context *fs, const struct path *which, struct path *out)
{
    spin_guard(&fs->lock);
    *out = *which;
    path_get(out);
}

void fs_context_set_path(struct fs_context *fs, struct path *which, const struct path *path)
{
    struct path old __scoped(path);

    path_get(path);
    spin_guard(&fs->lock);
    old = *which;
    *which = *path;
}

static void replace_one(struct path *at, const struct path *old, const struct path *new)
{
    if (at->mount != old->mount || at->dentry != old->dentry)
        return;
    path_get(new);
    *at = *new;
    path_put(old); /* not the last: the caller of pivot_root holds one */
}

void fs_context_replace(struct fs_context *fs, const struct path *old, const struct path *new)
{
    spin_guard(&fs->lock);
    replace_one(&fs->root, old, new);
    replace_one(&fs->cwd, old, new);
}

/* ---- text ---- */

struct back {
    char *buf, *at;
};

static bool prepend(struct back *b, const char *text, size_t len)
{
    if ((size_t)(b->at - b->buf) < len)
        return false;
    b->at -= len;
    memcpy(b->at, text, len);
    return true;
}

static bool prepend_name(struct back *b, const struct dentry *d)
{
    const char *name = READ_ONCE(d->name);

    return prepend(b, name, strnlen(name, NAME_MAX)) && prepend(b, "/", 1);
}

/*
 * RCU. From `at` back to `root`, or, with NULL, to the root of the file system, whatever is
 * mounted where. 0, 1 (never came by the root), -ENAMETOOLONG.
 */
static int walk_back(struct path at, const struct path *root, struct back *b)
{
    while (root ? at.mount != root->mount || at.dentry != root->dentry
                : !dentry_is_root(at.dentry)) {
        if (root && (at.dentry == at.mount->root || dentry_is_root(at.dentry))) {
            struct mount *parent = READ_ONCE(at.mount->parent);
            struct dentry *place = READ_ONCE(at.mount->mountpoint);

            if (at.dentry != at.mount->root || !parent || !place)
                return 1;
            at = (struct path){parent, place};
            continue;
        }
        if (!prepend_name(b, at.dentry))
            return -ENAMETOOLONG;
        at.dentry = READ_ONCE(at.dentry->parent);
    }
    return 0;
}

static int make_text(const struct path *path, const struct path *root, char *buf, size_t size,
                     char **out)
{
    struct back b;
    int result;
    u32 seq;

    if (size < 2)
        return -ENAMETOOLONG;
    do {
        b = (struct back){buf, buf + size - 1};
        *b.at = '\0';
        rcu_read_lock();
        seq = seq_read_begin(&tree_seq);
        if (dentry_unhashed(path->dentry) && !dentry_is_root(path->dentry) &&
            !prepend(&b, " (deleted)", 10))
            result = -ENAMETOOLONG;
        else
            result = walk_back(*path, root, &b);
        rcu_read_unlock();
    } while (seq_read_retry(&tree_seq, seq));
    if (result < 0)
        return result;
    if ((*b.at == '\0' || *b.at == ' ') && !prepend(&b, "/", 1))
        return -ENAMETOOLONG;
    *out = b.at;
    return result;
}

int path_text_inside(const struct path *path, char *buf, size_t size, char **out)
{
    return make_text(path, NULL, buf, size, out);
}

int path_text(const struct path *path, char *buf, size_t size, char **out)
{
    struct path root __scoped(path);

    fs_context_get_path(current_fs(), &current_fs()->root, &root);
    return make_text(path, &root, buf, size, out);
}

/* "pipe:[12]", "socket:[3]"; names with a bracket stand for themselves. */
int file_text(struct file *file, char *buf, size_t size, char **out)
{
    struct path path = file->path;
    const char *name;
    size_t len;

    if (path.dentry && !inode_anon_file(path.dentry->inode))
        return path_text(&path, buf, size, out);
    if (path.dentry)
        file = inode_anon_file(path.dentry->inode);
    name = file->ops && file->ops->name ? file->ops->name : "anon_inode:[file]";
    if (strchr(name, '['))
        len = format_buf(buf, size, "%s", name);
    else
        len = format_buf(buf, size, "%s:[%lu]", name, file->id);
    *out = buf;
    return len < size ? 0 : -ENAMETOOLONG;
}

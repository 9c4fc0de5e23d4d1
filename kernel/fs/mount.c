/*
 * The tree of mounts.
 *
 * What it is: a mount shows a superblock's tree, or a part of it (bind), at a place: a dentry of
 * another mount. Programs see one tree that begins at root_mount; a path is a dentry together
 * with the mount through which it was reached.
 *
 * Interface: mount.h.
 *
 * Structures and invariants.
 *   I1  A mount that hangs somewhere is in the hash table by (parent, mountpoint), on its
 *       parent's children, and holds references to both. One of its own references is the tree's.
 *   I2  A dentry on which something is mounted has DENTRY_MOUNTED; without the flag the walk does
 *       not look into the table. The flag goes when the last mount on it, in any mount, goes.
 *   I3  A mount is busy when somebody else than the tree and the caller holds it: open files,
 *       directories of tasks, child mounts. The count is looked at inside the write section that
 *       detaches it, so that a walk that takes a reference later sees the sequence changed.
 *   I4  The links of the tree change with mount_lock held and inside a write section of tree_seq.
 *
 * Locking: mount_lock (sleeps, first of all locks) for all changes and for `all`; tree_seq for
 * the links. Readers walk under RCU with the sequence, as dcache.c says.
 *
 * Life: clone or mount_create() -> attach() -> detach() -> last mount_put(): superblock and
 * root entry are put; memory after a grace period.
 *
 * Rejected: propagation between mounts (nothing here runs containers yet: MS_SHARED is refused,
 * the private and slave forms change nothing), a namespace of mounts for each task (the root of
 * fs_context and one tree do so far).
 */
#include "fs/mount.h"

#include "core/panic.h"
#include "fs/namei.h"
#include "fs/seq.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "task/task.h"

#define HASH_BITS  8
#define MOUNTS_MAX 100000 /* as Linux's fs.mount-max */

struct mutex mount_lock = MUTEX_INIT(mount_lock, RANK_MOUNT);
struct mount *root_mount;

static struct hlist_head table[1 << HASH_BITS]; /* [tree] */
static struct list all = LIST_INIT(all);        /* [mount_lock] attached mounts, in order */
static u32 last_id, mount_count;                /* [mount_lock] but last_id [A] */

static struct hlist_head *bucket(const struct mount *mount, const struct dentry *dentry)
{
    return &table[hash_u64_bits((u64)mount ^ (u64)dentry * 3, HASH_BITS)];
}

struct mount *mount_find_rcu(const struct mount *mount, const struct dentry *dentry)
{
    struct hlist_node *node = rcu_dereference(bucket(mount, dentry)->first);

    for (; node; node = rcu_dereference(node->next)) {
        struct mount *m = hlist_entry(node, struct mount, hash);

        if (READ_ONCE(m->mountpoint) == dentry && READ_ONCE(m->parent) == mount)
            return m;
    }
    return NULL;
}

/* A mount of (part of) a superblock, hanging nowhere; takes its own references. */
static struct mount *mount_alloc(struct super_block *sb, struct dentry *root, const char *source,
                                 u32 flags)
{
    struct mount *m = kmalloc(sizeof(*m));
    size_t len = strlen(source) + 1;

    if (!m)
        return NULL;
    m->source = kmalloc(len);
    if (!m->source) {
        kfree(m);
        return NULL;
    }
    memcpy(m->source, source, len);
    ref_init(&m->refs, 1);
    ref_get(&sb->refs);
    m->sb = sb;
    m->root = dentry_get(root);
    m->flags = flags & MOUNT_FLAGS;
    list_init(&m->children);
    list_init(&m->sibling);
    list_init(&m->all);
    m->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    return m;
}

static void mount_free(struct rcu_head *head)
{
    struct mount *m = container_of(head, struct mount, rcu);

    kfree(m->source);
    kfree(m);
}

void mount_release(struct mount *m)
{
    dentry_put(m->root);
    super_put(m->sb);
    rcu_call(&m->rcu, mount_free);
}

/* Is it part of the tree that programs see? */
static bool attached(const struct mount *m)
{
    return m->parent || m == root_mount;
}

/* The caller's reference becomes the tree's. */
static void attach(struct mount *m, const struct path *at)
{
    irqflags_t flags;

    assert_mutex_held(&mount_lock);
    path_get(at);
    flags = seq_write_lock(&tree_seq);
    m->parent = at->mount;
    m->mountpoint = at->dentry;
    m->mountpoint->flags |= DENTRY_MOUNTED;
    list_add_tail(&m->sibling, &at->mount->children);
    hlist_add_head_rcu(&m->hash, bucket(m->parent, m->mountpoint));
    seq_write_unlock(&tree_seq, flags);
    list_add_tail(&m->all, &all);
    mount_count++;
}

static void unlink_locked(struct mount *m)
{
    struct mount *other;
    bool used = false;

    hlist_del(&m->hash);
    list_del(&m->sibling);
    list_for_each_entry(other, &all, all)
        used |= other != m && other->mountpoint == m->mountpoint;
    if (!used) /* I2 */
        m->mountpoint->flags &= ~DENTRY_MOUNTED;
}

/*
 * Take a mount out of the tree, whose reference becomes the caller's; *at gets those that it held
 * of its place. With `spare` references allowed beside the tree's; more: -EBUSY. I3
 */
static int detach(struct mount *m, u32 spare, struct path *at)
{
    irqflags_t flags;

    assert_mutex_held(&mount_lock);
    flags = seq_write_lock(&tree_seq);
    if (ref_read(&m->refs) > 1 + spare) {
        seq_write_unlock(&tree_seq, flags);
        return -EBUSY;
    }
    unlink_locked(m);
    *at = (struct path){m->parent, m->mountpoint};
    WRITE_ONCE(m->parent, NULL);
    WRITE_ONCE(m->mountpoint, NULL);
    seq_write_unlock(&tree_seq, flags);
    list_del(&m->all);
    mount_count--;
    return 0;
}

/* Detach a mount and all below it, deepest first, busy or not. */
static void detach_tree(struct mount *top)
{
    struct mount *m, *child;
    struct path at;

    do {
        for (m = top; (child = list_first(&m->children, struct mount, sibling)); m = child)
            ;
        detach(m, INT32_MAX, &at);
        path_put(&at);
        mount_put(m);
    } while (m != top);
}

/* ---- new mounts ---- */

static u32 flags_of_mount(u32 flags)
{
    if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
        flags |= MS_RELATIME;
    return flags & MOUNT_FLAGS;
}

int mount_create(const struct filesystem *type, const char *source, u32 flags, char *options,
                 struct mount **out)
{
    struct super_block *sb = type->shared;
    int err = 0;

    if (sb)
        ref_get(&sb->refs);
    else
        err = type->mount(type, options, &sb);
    if (err)
        return err;
    *out = mount_alloc(sb, sb->root, source, flags_of_mount(flags));
    super_put(sb);
    return *out ? 0 : -ENOMEM;
}

/* May something be mounted there: both directories, or neither; the place is in the tree. */
static int check_place(const struct path *at, const struct dentry *root)
{
    assert_mutex_held(&mount_lock);
    if (!attached(at->mount))
        return -EINVAL;
    if (S_ISDIR(at->dentry->inode->mode) != S_ISDIR(root->inode->mode))
        return -ENOTDIR;
    if (dentry_unhashed(at->dentry) && !dentry_is_root(at->dentry))
        return -ENOENT;
    return mount_count >= MOUNTS_MAX ? -ENOSPC : 0;
}

int mount_new(const struct path *at, const char *type_name, const char *source, u32 flags,
              char *options)
{
    struct filesystem *type = filesystem_find(type_name);
    struct mount *m;
    int err;

    if (!type)
        return -ENODEV;
    err = mount_create(type, source, flags, options, &m);
    if (err)
        return err;
    mutex_guard(&mount_lock);
    err = check_place(at, m->root);
    if (!err && at->mount->sb == m->sb && at->mount->root == at->dentry)
        err = -EBUSY; /* the same thing on top of itself */
    if (err)
        mount_put(m);
    else
        attach(m, at);
    return err;
}

/*
 * Copy the mounts below `dentry` of `top` onto its copy. However deep they are: in a loop, since a
 * program decides how deep.
 */
static int clone_children(struct mount *top, struct dentry *dentry, struct mount *copy)
{
    struct mount *from = top, *to = copy;
    struct list *next = top->children.next;

    for (;;) {
        struct mount *child;
        struct path at;

        if (next == &from->children) { /* all of this one: back up */
            if (from == top)
                return 0;
            next = from->sibling.next;
            from = from->parent;
            to = to->parent;
            continue;
        }
        child = list_entry(next, struct mount, sibling);
        next = next->next;
        if (child == copy || (from == top && !dentry_below(child->mountpoint, dentry)))
            continue;
        at = (struct path){to, child->mountpoint};
        to = mount_alloc(child->sb, child->root, child->source, child->flags);
        if (!to)
            return -ENOMEM;
        attach(to, &at);
        from = child;
        next = child->children.next;
    }
}

int mount_bind(const struct path *at, const struct path *from, bool recursive)
{
    struct mount *m;
    int err;

    mutex_guard(&mount_lock);
    err = check_place(at, from->dentry);
    if (!err && !attached(from->mount))
        err = -EINVAL;
    if (err)
        return err;
    m = mount_alloc(from->mount->sb, from->dentry, from->mount->source, from->mount->flags);
    if (!m)
        return -ENOMEM;
    attach(m, at);
    err = recursive ? clone_children(from->mount, from->dentry, m) : 0;
    if (err)
        detach_tree(m);
    return err;
}

/* ---- changes ---- */

static bool is_mount_root(const struct path *path)
{
    return path->mount->root == path->dentry;
}

/* Is `mount` the same as `ancestor` or below it? */
static bool mount_below(const struct mount *mount, const struct mount *ancestor)
{
    while (mount && mount != ancestor)
        mount = mount->parent;
    return mount;
}

int mount_move(const struct path *at, const struct path *from)
{
    struct path old;
    int err;

    mutex_guard(&mount_lock);
    if (!is_mount_root(from) || !from->mount->parent)
        return -EINVAL;
    err = check_place(at, from->dentry);
    if (err)
        return err;
    if (mount_below(at->mount, from->mount))
        return -ELOOP;
    detach(from->mount, INT32_MAX, &old);
    attach(from->mount, at);
    path_put(&old);
    return 0;
}

int mount_remount(const struct path *at, u32 flags, char *options)
{
    struct mount *m = at->mount;
    u32 new_flags = flags_of_mount(flags);
    int err = 0;

    if (!is_mount_root(at))
        return -EINVAL;
    mutex_guard(&mount_lock);
    if (new_flags & MS_RDONLY && !(m->flags & MS_RDONLY) &&
        __atomic_load_n(&m->writers, __ATOMIC_RELAXED))
        return -EBUSY;
    if (!(flags & MS_BIND) && m->sb->ops->remount)
        err = m->sb->ops->remount(m->sb, &new_flags, options);
    if (!err)
        WRITE_ONCE(m->flags, new_flags);
    return err;
}

int mount_umount(const struct path *at, u32 flags)
{
    struct mount *m = at->mount;
    struct path place;
    int err;

    if (!is_mount_root(at))
        return -EINVAL;
    mutex_guard(&mount_lock);
    if (!m->parent)
        return -EINVAL;
    if (flags & MNT_DETACH) {
        detach_tree(m);
        return 0;
    }
    /* beside the tree: the caller's path */
    err = list_empty(&m->children) ? detach(m, 1, &place) : -EBUSY;
    if (err)
        return err;
    path_put(&place);
    mount_put(m);
    return 0;
}

/* Tasks that stand at the old root stand at the new one. */
static void switch_roots(const struct path *old, const struct path *new)
{
    struct process *process;
    struct task *task;

    spin_lock_irq(&process_tree_lock);
    list_for_each_entry(process, &process_list, all) {
        list_for_each_entry(task, &process->threads, thread_link) {
            struct fs_context *fs;

            task_lock(task);
            fs = task->fs;
            if (fs)
                fs_context_replace(fs, old, new);
            task_unlock(task);
        }
    }
    spin_unlock_irq(&process_tree_lock);
}

static int pivot_locked(const struct path *new_root, const struct path *put_old,
                        const struct path *root)
{
    struct path root_place, new_place;
    int err = check_place(put_old, root->dentry);

    if (err)
        return err;
    if (new_root->mount == root->mount || put_old->mount == root->mount)
        return -EBUSY;
    if (!is_mount_root(new_root) || !is_mount_root(root) || !new_root->mount->parent ||
        !root->mount->parent || !mount_below(put_old->mount, new_root->mount) ||
        !mount_below(new_root->mount, root->mount))
        return -EINVAL;
    detach(new_root->mount, INT32_MAX, &new_place);
    detach(root->mount, INT32_MAX, &root_place);
    attach(root->mount, put_old);
    attach(new_root->mount, &root_place);
    path_put(&new_place);
    path_put(&root_place);
    return 0;
}

int mount_pivot_root(const struct path *new_root, const struct path *put_old)
{
    struct path root __scoped(path);
    int err;

    fs_context_get_path(current_fs(), &current_fs()->root, &root);
    mutex_lock(&mount_lock);
    err = pivot_locked(new_root, put_old, &root);
    mutex_unlock(&mount_lock);
    if (!err)
        switch_roots(&root, new_root);
    return err;
}

/* ---- for /proc ---- */

static void show_flags(struct mount *m, struct seq *s)
{
    static const struct {
        u32 flag;
        const char *text;
    } names[] = {
        {MS_NOSUID, ",nosuid"},           {MS_NODEV, ",nodev"},
        {MS_NOEXEC, ",noexec"},           {MS_NOATIME, ",noatime"},
        {MS_NODIRATIME, ",nodiratime"},   {MS_RELATIME, ",relatime"},
        {MS_NOSYMFOLLOW, ",nosymfollow"},
    };
    u32 flags = READ_ONCE(m->flags);

    seq_puts(s, mount_may_write(m) ? "ro" : "rw");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (flags & names[i].flag)
            seq_puts(s, names[i].text);
}

static void show_one(struct mount *m, struct seq *s, bool info)
{
    struct path path = {m, m->root};
    size_t start = s->len;

    if (info) {
        seq_printf(s, "%u %u %u:%u ", m->id, m->parent ? m->parent->id : m->id,
                   dev_major(m->sb->dev), dev_minor(m->sb->dev));
        seq_path(s, &path, true, " \t\n#");
    } else {
        seq_escape(s, m->source, " \t\n#");
    }
    seq_putc(s, ' ');
    if (seq_path(s, &path, false, " \t\n#")) {
        s->len = start; /* the task cannot see it */
        return;
    }
    seq_putc(s, ' ');
    if (info) {
        show_flags(m, s);
        seq_printf(s, " - %s ", m->sb->type->name);
        seq_escape(s, m->source, " \t\n#");
        seq_puts(s, mount_may_write(m) ? " ro" : " rw");
    } else {
        seq_printf(s, "%s ", m->sb->type->name);
        show_flags(m, s);
    }
    if (m->sb->ops->show_options)
        m->sb->ops->show_options(m->sb, s);
    seq_puts(s, info ? "\n" : " 0 0\n");
}

void mount_show_all(struct seq *s, bool info)
{
    struct mount *m;

    mutex_guard(&mount_lock);
    list_for_each_entry(m, &all, all)
        show_one(m, s, info);
}

/* The first mount is the root of the tree; it hangs nowhere. The kernel itself stands there. */
void mount_init(void)
{
    int err = mount_create(&rootfs_type, "rootfs", 0, NULL, &root_mount);
    struct path root = {root_mount, root_mount->root};

    assert(!err);
    list_add_tail(&root_mount->all, &all);
    mount_count = 1;
    fs_context_set_path(&init_fs_context, &init_fs_context.root, &root);
    fs_context_set_path(&init_fs_context, &init_fs_context.cwd, &root);
}

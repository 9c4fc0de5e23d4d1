/*
 * The walk along paths, the cache of names, tmpfs and mounts, against a model. The input is a list
 * of operations with paths of their own: mkdir, mknod, symlink, link, rename, unlink, rmdir,
 * lookup, chdir, chroot, mount, umount, and open directories to start from. The model does the same
 * with plain lists and recursion; both must find the same file, or fail alike, and after each
 * operation the cache must hold the same trees. In the end nothing may be left.
 *
 * namei.c is included so that "the tree has changed meanwhile" can be said where it has not: thus
 * the walk with references is tried too. names.c is, so that a victim's lock can be taken.
 */
#include "fuzz.h"

#include "fs/fs.h"
#include "fs/walk.h"

static bool chance(void);

#define seq_read_retry(seq, value) (seq_read_retry(seq, value) || chance())
#define mutex_trylock(mutex)       (!chance() && mutex_trylock(mutex))
#include "fs/namei.c"
#include "fs/names.c"
#undef seq_read_retry
#undef mutex_trylock

#include "path_model.h"

#define SLOTS     MODEL_SLOTS /* open directories and files */
#define NODES_MAX 48

/* ---- in place of what is below ---- */

static struct task self;
static struct fs_context context;
static struct fdtable fds;
static struct file files[SLOTS];
static long objects; /* of the caches of dentries and inodes, not freed */
static int locks_held;
static struct rcu_head *callbacks;
static u8 chances; /* bits: the next things that could go wrong do */

struct thread_head *host_current = &self.thread.head;
u64 host_irq_mask;
struct cred init_cred = {.cap_effective = ~0UL};
struct list process_list = LIST_INIT(process_list);
struct spinlock process_tree_lock;

static bool chance(void)
{
    bool yes = chances & 1;

    chances >>= 1;
    return yes;
}

void mutex_init(struct mutex *m, enum lock_rank rank)
{
    m->owner = 0;
    m->rank = rank;
}

void mutex_lock(struct mutex *m)
{
    assert(!m->owner && !self.thread.head.preempt_count);
    m->owner = (u64)current_head();
    locks_held++;
}

bool mutex_trylock(struct mutex *m)
{
    if (m->owner)
        return false;
    mutex_lock(m);
    return true;
}

void mutex_unlock(struct mutex *m)
{
    assert(m->owner == (u64)current_head());
    m->owner = 0;
    locks_held--;
}

void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    head->fn = fn;
    head->next = callbacks;
    callbacks = head;
}

static void grace_period(void)
{
    while (callbacks) {
        struct rcu_head *head = callbacks;

        callbacks = head->next;
        head->fn(head);
    }
}

struct kmem_cache {
    size_t size;
};

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
    static struct kmem_cache caches[2];
    static int count;

    (void)name, (void)align;
    caches[count].size = size;
    return &caches[count++];
}

void *kmem_cache_alloc_nosleep(struct kmem_cache *cache)
{
    objects++;
    return calloc(1, cache->size);
}

void *kmem_cache_alloc_retry(struct kmem_cache *cache)
{
    (void)cache;
    return NULL;
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
    (void)cache;
    objects--;
    free(object);
}

bool cred_has_cap(enum capability cap)
{
    (void)cap;
    return true;
}

bool cred_groups_have(const struct cred *cred, u32 gid)
{
    (void)cred, (void)gid;
    return false;
}

u64 clock_realtime_ns(void)
{
    return 1;
}

u64 pages_total(void)
{
    return 1000;
}

void random_bytes(void *to, size_t n)
{
    memset(to, 1, n);
}

void mapping_init(struct mapping *mapping, const struct mapping_ops *ops, void *host)
{
    mapping->ops = ops;
    mapping->host = host;
}

void mapping_destroy(struct mapping *mapping)
{
    (void)mapping;
}

/* What no operation here comes to. */
__attribute__((used)) static void never_called(void)
{
    abort();
}
#define NEVER(name) __asm__(".globl " #name "\n.set " #name ", never_called")
NEVER(fd_ref_get_shared);
NEVER(file_release);
NEVER(file_seek_size);
NEVER(file_write_prepare);
NEVER(format_buf);
NEVER(inode_anon_file);
NEVER(inode_locks_free);
NEVER(mapping_get_page);
NEVER(mapping_punch);
NEVER(mapping_read);
NEVER(mapping_seek);
NEVER(mapping_truncate);
NEVER(mapping_write);
NEVER(page_alloc_block);
NEVER(page_alloc_retry);
NEVER(page_free_block);
NEVER(page_free_one);
NEVER(pages_free);
NEVER(preempt_check);
NEVER(ref_saturate);
NEVER(rlimit_get);
NEVER(seq_escape);
NEVER(seq_path);
NEVER(seq_printf);
NEVER(seq_putc);
NEVER(seq_puts);
NEVER(signal_fatal_pending);
NEVER(signal_send_task);
NEVER(spin_acquire_slow);
NEVER(strncpy_from_user);

/* ---- both are alike ---- */

/* Is the model's directory what the cache has, and all below it? */
static void compare_tree(struct node *node, struct dentry *d)
{
    struct dentry *child;
    u32 n = 0, directories = 0;

    assert(d->inode == node->inode && S_ISDIR(d->inode->mode));
    list_for_each_entry(child, &d->children, sibling) {
        struct entry *entry;

        assert(n < node->count);
        entry = &node->entries[n++];
        assert(child->parent == d && !dentry_unhashed(child) && child->inode);
        assert(!strcmp(child->name, entry->name) && strlen(entry->name) == NAME_LEN(child->key));
        if (!entry->node->inode)
            entry->node->inode = child->inode;
        assert(child->inode == entry->node->inode);
        assert(!(child->flags & DENTRY_MOUNTED) == !entry->node->covered_by);
        if (entry->node->kind == DIRECTORY) {
            directories++;
            compare_tree(entry->node, child);
        } else {
            assert(child->inode->nlink == entry->node->links);
        }
    }
    assert(n == node->count && d->inode->size == 40 + 20 * n);
    assert(d->inode->nlink == 2 + directories);
}

/* All trees that can be reached from a mount. */
static void compare_mounts(struct node *root, struct mount *mount)
{
    struct mount *child;

    compare_tree(root, mount->root);
    list_for_each_entry(child, &mount->children, sibling) {
        struct node *node = model_by_inode(child->root->inode);

        assert(child->parent == mount && node && node->covers);
        assert(child->mountpoint->inode == node->covers->inode);
        compare_mounts(node, child);
    }
}

/* And those that were detached, but somebody stands in them. */
static void compare_all(void)
{
    compare_mounts(model.top, root_mount);
    compare_tree(root_of(model.root), context.root.mount->root);
    compare_tree(root_of(model.cwd), context.cwd.mount->root);
    for (u32 i = 0; i < SLOTS; i++)
        if (model.slots[i])
            compare_tree(root_of(model.slots[i]), files[i].path.mount->root);
}

static void check_quiet(void)
{
    assert(!locks_held && !self.thread.head.preempt_count && !host_irq_mask);
    assert(!tree_seq.lock.holder && !(tree_seq.sequence & 1));
    chances = 0;
    grace_period();
}

/* ---- operations ---- */

static const u8 *input, *input_end;

static u8 next_byte(void)
{
    return input < input_end ? *input++ : 0;
}

/* A path of up to some components; what is behind the NUL may be read up to 8 bytes. */
static char *next_path(void)
{
    static const char *const names[16] = {"a",
                                          "b",
                                          "c",
                                          "d",
                                          "..",
                                          "..",
                                          ".",
                                          "",
                                          "a",
                                          "b",
                                          "long-name-of-more-than-forty-bytes-is-kept-in-a-block",
                                          "another-long-name-that-differs-only-at-the-very-end-1",
                                          "another-long-name-that-differs-only-at-the-very-end-2",
                                          "eight888",
                                          "%255",
                                          "%256"};
    u8 head = next_byte();
    u32 count = 1 + (head & 3), at = 0;
    char text[5 * 260];

    if (head & 4)
        text[at++] = '/';
    for (u32 i = 0; i < count; i++) {
        const char *name = names[next_byte() & 15];
        size_t len = *name == '%' ? (size_t)atoi(name + 1) : strlen(name);

        if (i)
            text[at++] = '/';
        if (*name == '%')
            memset(text + at, 'x', len);
        else
            memcpy(text + at, name, len);
        at += len;
    }
    if (head & 8)
        text[at++] = '/';
    memset(text + at, 0, 9);
    return exact_copy(text, at + 9);
}

/* A directory to start from, by its descriptor. */
static int next_fd(struct node **at)
{
    u32 n = next_byte() % (2 * SLOTS);

    *at = n < SLOTS ? model.slots[n] : model.cwd;
    return n < SLOTS ? (int)n : AT_FDCWD;
}

static void put_slot(u32 n)
{
    if (fds.first_files[n])
        path_put(&files[n].path);
    fds.first_files[n] = NULL;
    model.slots[n] = NULL;
}

static void set_slot(u32 n, const struct path *path, struct node *node)
{
    put_slot(n);
    files[n] = (struct file){.path = *path};
    fds.first_files[n] = &files[n];
    model.slots[n] = node;
}

/* Both look a path up; true when both found it: *found has references. */
static bool look_up(bool follow, struct path *found, struct node **node)
{
    struct node *at;
    int fd = next_fd(&at), error, expected;
    char *path = next_path();

    error = path_lookup(fd, path, follow ? LOOKUP_FOLLOW : 0, found);
    expected = model_lookup(at, fd != AT_FDCWD, path, follow, node);
    assert(error == expected);
    if (!error)
        assert(found->dentry->inode == (*node)->inode);
    free(path);
    return !error;
}

static void do_look_up(u8 how)
{
    struct path found;
    struct node *node;

    if (!look_up(how & 1, &found, &node))
        return;
    if (how & 2 && node->kind == DIRECTORY)
        fs_context_set_path(&context, how & 4 ? &context.root : &context.cwd, &found);
    if (how & 2 && node->kind == DIRECTORY)
        *(how & 4 ? &model.root : &model.cwd) = node;
    if (how & 8)
        set_slot(next_byte() % SLOTS, &found, node);
    else
        path_put(&found);
}

static void do_stat(u8 how)
{
    struct kstat st = {0};
    struct node *at, *node;
    int fd = next_fd(&at), error;
    char *path = next_path();

    error = path_stat(fd, path, how & 1 ? LOOKUP_FOLLOW : 0, &st);
    assert(error == model_lookup(at, fd != AT_FDCWD, path, how & 1, &node));
    if (!error)
        assert(st.ino == node->inode->ino && st.mode == node->inode->mode);
    free(path);
}

static void do_mount(void)
{
    struct path at;
    struct node *node;
    char options[] = "mode=755";
    int error, expected;

    if (!look_up(true, &at, &node))
        return;
    expected = model_may_mount(node);
    error = mount_new(&at, "tmpfs", "none", 0, options);
    assert(error == expected);
    if (!error) {
        struct mount *m = mount_find_rcu(at.mount, at.dentry);

        assert(m && m->parent == at.mount);
        model_mount(node)->inode = m->root->inode;
    }
    path_put(&at);
}

static void do_umount(bool detach)
{
    struct path at;
    struct node *node;
    int error, expected;

    if (!look_up(true, &at, &node))
        return;
    expected = model_umount(node, detach);
    error = mount_umount(&at, detach ? MNT_DETACH : 0);
    assert(error == expected);
    path_put(&at);
}

static void do_make(u8 what)
{
    struct node *at;
    int fd = next_fd(&at), error, expected;
    char *path = next_path(), *text = NULL;

    if (model.count >= NODES_MAX) {
        free(path);
        return;
    }
    switch (what) {
    case DIRECTORY: error = vfs_mkdir(fd, path, path[0] == 'a' ? 0700 : 0755); break;
    case REGULAR: error = vfs_mknod(fd, path, S_IFREG | 0600, 0); break;
    default:
        text = next_path();
        error = vfs_symlink(text, fd, path);
        break;
    }
    expected = model_make(at, fd != AT_FDCWD, path, what, text);
    assert(error == expected);
    free(path);
    free(text);
}

static void do_remove(bool rmdir)
{
    struct node *at;
    int fd = next_fd(&at), error;
    char *path = next_path();

    error = vfs_remove(fd, path, rmdir);
    assert(error == model_remove(at, fd != AT_FDCWD, path, rmdir));
    free(path);
}

static void do_link(bool follow)
{
    struct node *from, *to;
    int from_fd = next_fd(&from), to_fd = next_fd(&to), error;
    char *old = next_path(), *new = next_path();

    error = vfs_link(from_fd, old, to_fd, new, follow ? LOOKUP_FOLLOW : 0);
    assert(error == model_link(from, from_fd != AT_FDCWD, old, to, to_fd != AT_FDCWD, new, follow));
    free(old);
    free(new);
}

static void do_rename(u32 flags)
{
    struct node *from, *to;
    int from_fd = next_fd(&from), to_fd = next_fd(&to), error;
    char *old = next_path(), *new = next_path();

    error = vfs_rename(from_fd, old, to_fd, new, flags);
    /* Which of several reasons against it is named first, is no matter of the model. */
    assert(!error ==
           !model_rename(from, from_fd != AT_FDCWD, old, to, to_fd != AT_FDCWD, new, flags));
    free(old);
    free(new);
}

static void operate(u8 op)
{
    u8 how = op >> 4;

    switch (op & 15) {
    case 0:
    case 1: do_make(DIRECTORY); break;
    case 2: do_make(REGULAR); break;
    case 3:
    case 4: do_make(SYMLINK); break;
    case 5: do_link(how & 1); break;
    case 6:
    case 7:
    case 8: do_rename(how % 3); break;
    case 9: do_remove(how & 1); break;
    case 10: do_mount(); break;
    case 11: do_umount(how & 1); break;
    case 12: do_stat(how); break;
    case 13: put_slot(how % SLOTS); break;
    case 14: chances = next_byte(); return;
    case 15: do_look_up(how); break;
    }
    check_quiet();
    compare_all();
}

/* ---- a whole input ---- */

static void set_up(void)
{
    static bool done;
    struct path root;

    if (!done) {
        dcache_init();
        inode_init();
        tmpfs_init();
        self.thread.head.fp = (void *)&self;
        self.cred = &init_cred;
        self.fs = &context;
        self.files = &fds;
        fds.array = &fds.first;
        fds.first = (struct fd_array){.size = SLOTS, .files = fds.first_files};
        ref_init(&fds.refs, 1);
        ref_init(&context.refs, 1);
        done = true;
    }
    assert(mount_create(&rootfs_type, "rootfs", 0, NULL, &root_mount) == 0);
    root = (struct path){root_mount, root_mount->root};
    path_get(&root);
    path_get(&root);
    context.root = context.cwd = root;
    model_start()->inode = root_mount->root->inode;
}

static void tear_down(void)
{
    struct mount *m;

    for (u32 i = 0; i < SLOTS; i++)
        put_slot(i);
    path_put(&context.cwd);
    path_put(&context.root);
    while ((m = list_first(&root_mount->children, struct mount, sibling))) {
        struct path at = {mount_get(m), dentry_get(m->root)};

        assert(mount_umount(&at, MNT_DETACH) == 0);
        path_put(&at);
    }
    assert(ref_read(&root_mount->refs) == 1);
    mount_put(root_mount);
    check_quiet();
    assert(!objects);
    model_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u8 *copy = exact_copy(data, size);

    input = copy;
    input_end = copy + size;
    set_up();
    while (input < input_end)
        operate(next_byte());
    tear_down();
    free(copy);
    return 0;
}

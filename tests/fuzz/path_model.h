/*
 * The model of path.c: a tree of nodes with lists of names, walked by recursion, as
 * path_resolution(7), symlink(7) and the pages of the calls tell it.
 */
#pragma once

#include "fuzz.h"

#include "lib/errno.h"

#define MODEL_SLOTS 6
#define LINKS_MAX   40

enum kind { DIRECTORY, REGULAR, SYMLINK };

struct node;

struct entry {
    char name[256];
    struct node *node;
};

struct node {
    enum kind kind;
    struct node *parent; /* of a file: the directory of one of its names; a root's: itself */
    struct entry *entries;
    u32 count, links; /* entries; names of this file */
    bool dead;        /* a removed directory */
    char *text;
    struct node *covered_by; /* the root that is mounted here last */
    struct node *under;      /* of a root: the one mounted before at the same place */
    struct node *covers;     /* of a root: where it is mounted */
    struct inode *inode;     /* the kernel's, once known */
    struct node *next;       /* of all */
};

static struct {
    struct node *top, *root, *cwd, *slots[MODEL_SLOTS], *all;
    u32 count; /* of nodes, also of those removed */
} model;

static struct node *node_new(enum kind kind)
{
    struct node *node = calloc(1, sizeof *node);

    node->kind = kind;
    node->parent = node;
    node->next = model.all;
    model.all = node;
    model.count++;
    return node;
}

static struct node *model_start(void)
{
    memset(&model, 0, sizeof model);
    model.top = model.root = model.cwd = node_new(DIRECTORY);
    return model.top;
}

static void model_end(void)
{
    while (model.all) {
        struct node *node = model.all;

        model.all = node->next;
        free(node->entries);
        free(node->text);
        free(node);
    }
}

/* ---- places ---- */

static bool is_root(const struct node *node)
{
    return node->parent == node;
}

static struct node *root_of(struct node *node)
{
    while (!is_root(node))
        node = node->parent;
    return node;
}

static bool attached(struct node *node)
{
    return root_of(node) == model.top || root_of(node)->covers;
}

static bool in_tree(const struct node *node)
{
    return is_root(node) ? node == model.top || node->covers : node->links && !node->dead;
}

static struct node *model_by_inode(const struct inode *inode)
{
    struct node *node = model.all;

    while (node && (node->inode != inode || !in_tree(node)))
        node = node->next;
    return node;
}

static struct node *over(struct node *node)
{
    while (node->covered_by)
        node = node->covered_by;
    return node;
}

static struct node *up(struct node *node)
{
    for (; node != model.root; node = node->covers) {
        if (!is_root(node))
            return over(node->parent);
        if (!node->covers)
            break;
    }
    return node;
}

static struct entry *find(struct node *dir, const char *name)
{
    for (u32 i = 0; i < dir->count; i++)
        if (!strcmp(dir->entries[i].name, name))
            return &dir->entries[i];
    return NULL;
}

static void add(struct node *dir, const char *name, struct node *node)
{
    dir->entries = realloc(dir->entries, (dir->count + 1) * sizeof *dir->entries);
    strcpy(dir->entries[dir->count].name, name);
    dir->entries[dir->count++].node = node;
    node->parent = dir;
}

static void take_out(struct node *dir, struct entry *entry)
{
    u32 at = entry - dir->entries;

    memmove(entry, entry + 1, (dir->count - at - 1) * sizeof *entry);
    dir->count--;
}

/* ---- the walk ---- */

enum last { IS_ROOT, IS_DOT, IS_DOTDOT, IS_NAME };

struct model_walk {
    struct node *at;
    bool parent, follow,
        want_dir; /* stop before the last name; follow it; it must be a directory */
    int links;
    enum last last;
    char name[256];
};

static int walk(struct model_walk *w, const char *p, bool outer);

static int enter_link(struct model_walk *w, const struct node *link, bool last)
{
    if (w->links++ >= LINKS_MAX)
        return -ELOOP;
    if (link->text[0] == '/')
        w->at = model.root;
    return walk(w, link->text, last);
}

/* outer: what ends this text ends the path. */
static int walk(struct model_walk *w, const char *p, bool outer)
{
    for (;;) {
        size_t len, slashes;
        struct entry *entry;
        struct node *to;
        bool last;
        int error;

        p += strspn(p, "/");
        if (!*p)
            return 0;
        if (w->at->kind != DIRECTORY)
            return -ENOTDIR;
        len = strcspn(p, "/");
        if (len > 255)
            return -ENAMETOOLONG;
        memcpy(w->name, p, len);
        w->name[len] = 0;
        slashes = strspn(p + len, "/");
        p += len + slashes;
        last = outer && !*p;
        w->want_dir |= last && slashes;
        w->last = !strcmp(w->name, ".") ? IS_DOT : !strcmp(w->name, "..") ? IS_DOTDOT : IS_NAME;
        if (last && w->parent)
            return 0;
        if (w->last == IS_DOT)
            continue;
        if (w->last == IS_DOTDOT) {
            to = up(w->at);
        } else {
            entry = find(w->at, w->name);
            if (!entry)
                return -ENOENT;
            to = over(entry->node);
        }
        if (to->kind != SYMLINK || (last && !w->follow && !w->want_dir)) {
            w->at = to;
            continue;
        }
        error = enter_link(w, to, last);
        if (error || last)
            return error;
    }
}

static int start(struct model_walk *w, struct node *at, bool fd, const char *path)
{
    if (!*path)
        return -ENOENT;
    if (*path == '/')
        at = model.root;
    if (!at)
        return fd ? -EBADF : -ENOENT;
    w->at = at;
    return walk(w, path, true);
}

static int model_lookup(struct node *at, bool fd, const char *path, bool follow, struct node **out)
{
    struct model_walk w = {.follow = follow};
    int error = start(&w, at, fd, path);

    if (!error && w.want_dir && w.at->kind != DIRECTORY)
        error = -ENOTDIR;
    *out = error ? NULL : w.at;
    return error;
}

static int to_parent(struct model_walk *w, struct node *at, bool fd, const char *path)
{
    *w = (struct model_walk){.parent = true};
    return start(w, at, fd, path);
}

/* ---- the calls ---- */

/* May the name at the end of w be made? */
static int may_make(const struct model_walk *w, bool directory)
{
    if (w->last != IS_NAME || find(w->at, w->name))
        return -EEXIST;
    return w->at->dead || (w->want_dir && !directory) ? -ENOENT : 0;
}

static int model_make(struct node *at, bool fd, const char *path, enum kind kind, const char *text)
{
    struct model_walk w;
    struct node *node;
    int error = text && !*text ? -ENOENT : to_parent(&w, at, fd, path);

    if (!error)
        error = may_make(&w, kind == DIRECTORY);
    if (error)
        return error;
    node = node_new(kind);
    node->links = 1;
    node->text = text ? strdup(text) : NULL;
    add(w.at, w.name, node);
    return 0;
}

static int model_link(struct node *from, bool from_fd, const char *old, struct node *to, bool to_fd,
                      const char *new, bool follow)
{
    struct model_walk w;
    struct node *node;
    int error = model_lookup(from, from_fd, old, follow, &node);

    if (!error)
        error = to_parent(&w, to, to_fd, new);
    if (!error)
        error = may_make(&w, false);
    if (!error && root_of(w.at) != root_of(node))
        error = -EXDEV;
    if (!error && node->kind == DIRECTORY)
        error = -EPERM;
    if (error)
        return error;
    node->links++;
    add(w.at, w.name, node);
    return 0;
}

/* Why a name cannot be removed or replaced. */
static int may_go(const struct node *node, bool directory)
{
    if ((node->kind == DIRECTORY) != directory)
        return directory ? -ENOTDIR : -EISDIR;
    if (node->covered_by)
        return -EBUSY;
    return directory && node->count ? -ENOTEMPTY : 0;
}

static void remove_entry(struct node *dir, struct entry *entry)
{
    if (entry->node->kind == DIRECTORY)
        entry->node->dead = true;
    entry->node->links--;
    take_out(dir, entry);
}

static int model_remove(struct node *at, bool fd, const char *path, bool rmdir)
{
    static const int odd[2][3] = {{-EISDIR, -EISDIR, -EISDIR}, {-EBUSY, -EINVAL, -ENOTEMPTY}};
    struct model_walk w;
    struct entry *entry;
    int error = to_parent(&w, at, fd, path);

    if (error)
        return error;
    if (w.last != IS_NAME)
        return odd[rmdir][w.last];
    entry = find(w.at, w.name);
    if (!entry)
        return -ENOENT;
    if (!rmdir && w.want_dir)
        return entry->node->kind == DIRECTORY ? -EISDIR : -ENOTDIR;
    error = may_go(entry->node, rmdir);
    if (!error)
        remove_entry(w.at, entry);
    return error;
}

static bool below(const struct node *node, const struct node *ancestor)
{
    while (node != ancestor && !is_root(node))
        node = node->parent;
    return node == ancestor;
}

/* Is anything said against it? 1: no, but nothing is to do. */
static int may_rename(const struct model_walk *from, const struct model_walk *to,
                      const struct entry *old, const struct entry *new, u32 flags)
{
    bool exchange = flags & RENAME_EXCHANGE, directory;

    if (!old || (exchange && !new))
        return -ENOENT;
    directory = old->node->kind == DIRECTORY;
    if (new &&flags & RENAME_NOREPLACE)
        return -EEXIST;
    if (!directory && (from->want_dir || (!exchange && to->want_dir)))
        return -ENOTDIR;
    if (exchange && to->want_dir && new->node->kind != DIRECTORY)
        return -ENOTDIR;
    if (directory && from->at != to->at && below(to->at, old->node))
        return -EINVAL;
    if (from->at != to->at && new &&new->node->kind == DIRECTORY && below(from->at, new->node))
        return -ENOTEMPTY;
    if (new &&new->node == old->node)
        return 1;
    if (old->node->covered_by || (new &&new->node->covered_by))
        return -EBUSY;
    if (!new)
        return to->at->dead ? -ENOENT : 0;
    return exchange ? 0 : may_go(new->node, directory);
}

static void exchange_names(struct model_walk *from, struct model_walk *to, struct entry *old,
                           struct entry *new)
{
    struct node *a = old->node, *b = new->node;

    if (from->at == to->at) {
        strcpy(old->name, to->name);
        strcpy(new->name, from->name);
        return;
    }
    take_out(from->at, old);
    take_out(to->at, new);
    add(to->at, to->name, a);
    add(from->at, from->name, b);
}

static void rename_entry(struct model_walk *from, struct model_walk *to, struct entry *new)
{
    struct entry *old;
    struct node *node;

    if (new)
        remove_entry(to->at, new);
    old = find(from->at, from->name);
    node = old->node;
    if (from->at == to->at) {
        strcpy(old->name, to->name);
        return;
    }
    take_out(from->at, old);
    add(to->at, to->name, node);
}

static int model_rename(struct node *from_at, bool from_fd, const char *old_path,
                        struct node *to_at, bool to_fd, const char *new_path, u32 flags)
{
    struct model_walk from, to;
    struct entry *old, *new;
    int error = to_parent(&from, from_at, from_fd, old_path);

    if (!error)
        error = to_parent(&to, to_at, to_fd, new_path);
    if (!error && root_of(from.at) != root_of(to.at))
        error = -EXDEV;
    if (!error && (from.last != IS_NAME || to.last != IS_NAME))
        error = -EBUSY;
    if (error)
        return error;
    old = find(from.at, from.name);
    new = find(to.at, to.name);
    error = may_rename(&from, &to, old, new, flags);
    if (error)
        return error < 0 ? error : 0;
    if (flags & RENAME_EXCHANGE)
        exchange_names(&from, &to, old, new);
    else
        rename_entry(&from, &to, new);
    return 0;
}

/* ---- mounts ---- */

static int model_may_mount(struct node *node)
{
    if (!attached(node))
        return -EINVAL;
    if (node->kind != DIRECTORY)
        return -ENOTDIR;
    return node->dead ? -ENOENT : 0;
}

static struct node *model_mount(struct node *node)
{
    struct node *root = node_new(DIRECTORY);

    root->under = node->covered_by;
    root->covers = node;
    node->covered_by = root;
    return root;
}

static void detach_one(struct node *root)
{
    struct node **link = &root->covers->covered_by;

    while (*link != root)
        link = &(*link)->under;
    *link = root->under;
    root->covers = root->under = NULL;
}

/* With what is mounted in it. */
static void detach_all(struct node *root)
{
    for (struct node *node = model.all; node; node = node->next)
        while (node->covered_by && root_of(node) == root)
            detach_all(node->covered_by);
    detach_one(root);
}

static bool busy(const struct node *root)
{
    bool used = root_of(model.cwd) == root || root_of(model.root) == root;

    for (u32 i = 0; i < MODEL_SLOTS; i++)
        used |= model.slots[i] && root_of(model.slots[i]) == root;
    for (struct node *node = model.all; node; node = node->next)
        used |= node->covered_by && root_of(node) == root;
    return used;
}

static int model_umount(struct node *node, bool detach)
{
    if (!is_root(node) || !node->covers)
        return -EINVAL;
    if (detach)
        detach_all(node);
    else if (busy(node))
        return -EBUSY;
    else
        detach_one(node);
    return 0;
}

/*
 * The kit for file systems made up by the kernel (procfs, sysfs).
 *
 * What it is: a struct pseudo says what a kind of file does; a tree is a root kind and what its
 * tables and callbacks name. Nothing exists until it is looked up: then a volatile dentry and an
 * inode are made, which go when nobody holds them.
 *
 * Structures and invariants.
 *   I1  inode->kind is the struct pseudo, inode->private the key: the object that the file is
 *       about. With kind->keyed, kind->put gives the key back when the inode goes.
 *   I2  A child of a table has its parent's key, counted once more by the child's kind->get when
 *       it is keyed.
 *   I3  Numbers of inodes are a hash of key and kind, so that a file has the same number each time
 *       it is looked up.
 *   I4  Directory positions: 2 + i for the i-th entry of the table, then DYNAMIC + index for those
 *       that `iterate` gives.
 *
 * Locking: the VFS's. An object that goes away (a process) is found out by kind->alive at the
 * next look-up, and by the operations themselves, which say -ESRCH or -ENOENT.
 */
#include "fs/pseudo.h"

#include "core/panic.h"
#include "fs/namei.h"
#include "io/iter.h"
#include "io/vm_map.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "sched/reclaim.h"

#define DYNAMIC 0x40000000UL

static const struct inode_ops pseudo_ops;
static const struct file_ops dir_file_ops, show_ops;

static u64 number(const struct pseudo *kind, const void *key) /* I3 */
{
    return hash_mix(hash_mix(dentry_hash_seed, (u64)kind), (u64)key) >> 24 | 1;
}

/* Takes over the key's reference, also when it fails. */
static struct inode *make_inode(struct super_block *sb, const struct pseudo *kind, void *key)
{
    struct inode *inode = inode_alloc(sb, kind->mode, NULL);

    if (!inode) {
        if (kind->keyed && key)
            kind->put(key);
        return NULL;
    }
    inode->ops = &pseudo_ops;
    inode->kind = kind;
    inode->private = key;
    inode->ino = number(kind, key);
    inode->fops = S_ISDIR(kind->mode) ? &dir_file_ops : &show_ops;
    inode->nlink = S_ISDIR(kind->mode) ? 2 : 1;
    return inode;
}

static void pseudo_evict(struct inode *inode)
{
    const struct pseudo *kind = inode->kind;

    if (kind->keyed && inode->private)
        kind->put(inode->private);
}

/* ---- names ---- */

static const struct pseudo *find_in_table(const struct pseudo *table, const char *name)
{
    for (; table && table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

static int pseudo_lookup(struct inode *dir, struct dentry *dentry)
{
    const struct pseudo *kind = dir->kind;
    struct pseudo_child child = {.kind = find_in_table(kind->table, dentry->name)};
    struct inode *inode;
    int err = 0;

    if (child.kind) {
        child.key = dir->private;
        if (child.kind->keyed && child.key) /* I2 */
            child.key = child.kind->get(child.key);
    } else {
        err =
            kind->lookup ? kind->lookup(dir, dentry->name, NAME_LEN(dentry->key), &child) : -ENOENT;
    }
    if (err)
        return err;
    inode = make_inode(dir->sb, child.kind, child.key);
    if (!inode)
        return -ENOMEM;
    dentry->flags |= DENTRY_VOLATILE | (child.kind->alive ? DENTRY_ALIVE_CHECK : 0);
    dentry_attach(dentry, inode);
    return 0;
}

static bool pseudo_alive(struct dentry *dentry)
{
    struct inode *inode = dentry->inode;
    const struct pseudo *kind = inode->kind;

    return kind->alive(inode->private);
}

/* The text of a link that is a place: its path, as the caller's root has it. */
static ssize_t place_readlink(struct inode *inode, char *buf, size_t size)
{
    const struct pseudo *kind = inode->kind;
    char *page = kmalloc(PATH_MAX + 16), *text;
    struct path path;
    ssize_t n;

    if (!page)
        return -ENOMEM;
    n = kind->follow(inode, &path);
    if (!n) {
        n = path_text(&path, page, PATH_MAX + 16, &text);
        path_put(&path);
        if (!n) {
            n = MIN(strlen(text), size);
            memcpy(buf, text, n);
        }
    }
    kfree(page);
    return n;
}

static ssize_t pseudo_readlink(struct dentry *dentry, char *buf, size_t size)
{
    struct inode *inode = dentry->inode;
    const struct pseudo *kind = inode->kind;

    if (kind->readlink)
        return kind->readlink(inode, buf, size);
    return kind->follow ? place_readlink(inode, buf, size) : -EINVAL;
}

static int pseudo_follow(struct dentry *dentry, struct path *out)
{
    struct inode *inode = dentry->inode;
    const struct pseudo *kind = inode->kind;

    return kind->follow ? kind->follow(inode, out) : -ENOSYS; /* it is text */
}

/* ---- attributes ---- */

static void pseudo_getattr(struct inode *inode, struct kstat *st)
{
    const struct pseudo *kind = inode->kind;

    if (kind->owner)
        kind->owner(inode->private, &st->uid, &st->gid);
    if (kind->link_count)
        st->nlink = kind->link_count(inode);
    if (kind->mode_now)
        st->mode = kind->mode_now(inode);
    st->blocks = 0;
}

static int pseudo_permission(struct inode *inode, u32 mask, const struct cred *cred)
{
    const struct pseudo *kind = inode->kind;

    if (kind->owner) /* a word each: a reader sees the old or the new owner */
        kind->owner(inode->private, &inode->uid, &inode->gid);
    return inode_permission_mode(inode, mask, cred);
}

/*
 * Truncation by O_TRUNC is accepted and does nothing. Owner and mode can be set where they are not
 * those of an object; they last as long as the inode, as on Linux for files of the sort.
 */
static int pseudo_setattr(struct inode *inode, const struct attr *attr)
{
    const struct pseudo *kind = inode->kind;

    if (kind->owner && attr->valid & (ATTR_MODE | ATTR_CHOWN))
        return -EPERM;
    if (!kind->owner)
        inode_apply_attr(inode, attr);
    return 0;
}

/* ---- files ---- */

static int pseudo_open(struct inode *inode, struct file *file)
{
    const struct pseudo *kind = inode->kind;

    file->mapping = NULL;
    if (!S_ISREG(kind->mode) || !(file->mode & FMODE_READ))
        return 0;
    return kind->show ? seq_open(file, kind->show) : -EIO;
}

static ssize_t show_write(struct io_request *req)
{
    struct inode *inode = req->file->inode;
    const struct pseudo *kind = inode->kind;
    size_t len = MIN(req->iter->left, PAGE_SIZE - 1);
    ssize_t n;
    char *text;

    if (!kind->store)
        return -EIO;
    text = kmalloc(len + 1);
    if (!text)
        return -ENOMEM;
    n = iter_copy_from(req->iter, text, len);
    if ((size_t)n < len)
        n = -EFAULT;
    if (n >= 0) {
        int err = kind->store(inode, text, n);

        n = err ? err : n;
    }
    kfree(text);
    if (n > 0)
        req->pos += n;
    return n;
}

static const struct file_ops show_ops = {
    .read = seq_file_read,
    .write = show_write,
    .seek = seq_file_seek,
    .release = seq_file_release,
};

/* ---- directories ---- I4 */

static bool emit_table(struct inode *dir, struct dir_emit *e)
{
    const struct pseudo *kind = dir->kind, *child;
    u64 i = 0;

    for (child = kind->table; child && child->name; child++, i++) {
        if (2 + i < e->pos)
            continue;
        if (!dir_emit(e, child->name, strlen(child->name), number(child, dir->private),
                      mode_to_dtype(child->mode), 3 + i))
            return false;
    }
    if (e->pos < DYNAMIC)
        e->pos = DYNAMIC;
    return true;
}

static int pseudo_readdir(struct file *file, struct dir_emit *e)
{
    struct inode *dir = file->inode;
    const struct pseudo *kind = dir->kind;
    char name[NAME_MAX + 1];
    u64 index, ino;
    u32 dtype;

    if (!dir_emit_dots(file, e) || !emit_table(dir, e) || !kind->iterate)
        return 0;
    for (index = e->pos - DYNAMIC;; index++) {
        ino = 0;
        dtype = 4;
        if (!kind->iterate(dir, &index, name, &ino, &dtype) ||
            !dir_emit(e, name, strlen(name), ino ? ino : number(kind, (void *)(index + 1)), dtype,
                      DYNAMIC + index + 1))
            return 0;
    }
}

static const struct file_ops dir_file_ops = {
    .read = dir_read,
    .seek = dir_seek,
    .readdir = pseudo_readdir,
};

static const struct inode_ops pseudo_ops = {
    .lookup = pseudo_lookup,
    .follow = pseudo_follow,
    .readlink = pseudo_readlink,
    .setattr = pseudo_setattr,
    .getattr = pseudo_getattr,
    .permission = pseudo_permission,
    .open = pseudo_open,
    .alive = pseudo_alive,
    .evict = pseudo_evict,
};

int pseudo_mount(const struct filesystem *type, char *options, struct super_block **out)
{
    static const struct super_ops ops;
    struct super_block *sb = super_alloc(type, &ops);

    (void)options;
    return super_finish(sb, sb ? make_inode(sb, type->data, NULL) : NULL, out);
}

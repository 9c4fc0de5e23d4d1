/*
 * The kit for file systems made up by the kernel (procfs, sysfs).
 *
 * What it is: a struct pseudo says what a kind of file does; a tree is a root kind and what its
 * tables and callbacks name. Nothing exists until it is looked up: then a volatile dentry and an
 * inode are made, which go when nobody holds them.
 *
 * Structures and invariants.
 *   I1  inode->kind is the struct pseudo, inode->private the key: the object that the file is
 *       about, inode->part the number that is its name. keys->put gives a counted key back when
 *       the inode goes.
 *   I2  A child of a table has its parent's key, counted once more by keys->get.
 *   I3  Numbers of inodes are a hash of key, kind and part, so that a file has the same number each
 *       time it is looked up.
 *   I4  Directory positions: 2 + i for the i-th entry of the table, then NUMBERED + n for the
 *       child n.
 *
 * Locking: the VFS's. An object that goes away (a process) is found out by keys->alive at the
 * next look-up, and by the operations themselves, which say -ESRCH or -ENOENT.
 */
#include "fs/pseudo.h"

#include "fs/namei.h"
#include "io/iter.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "sched/reclaim.h"

#define NUMBERED   0x40000000UL

#define SIZE_FIRST 4096
#define SIZE_MAX_  0x10000000UL /* a text of 256 MiB is a mistake */

static const struct inode_ops pseudo_ops;
static const struct file_ops dir_file_ops, show_ops;

static u64 inode_number(const struct pseudo *kind, const void *key, u32 part) /* I3 */
{
    return hash_mix(hash_mix(dentry_hash_seed + part, (u64)kind), (u64)key) >> 24 | 1;
}

/* Takes over the key's reference, also when it fails. */
static struct inode *make_inode(struct super_block *sb, const struct pseudo *kind, void *key,
                                u32 part)
{
    struct inode *inode = inode_alloc(sb, kind->mode, NULL);

    if (!inode) {
        if (kind->keys)
            kind->keys->put(key);
        return NULL;
    }
    inode->ops = &pseudo_ops;
    inode->kind = kind;
    inode->private = key;
    inode->part = part;
    inode->ino = inode_number(kind, key, part);
    inode->fops = S_ISDIR(kind->mode) ? &dir_file_ops : &show_ops;
    inode->nlink = S_ISDIR(kind->mode) ? 2 : 1;
    return inode;
}

static void pseudo_evict(struct inode *inode)
{
    if (inode->kind->keys)
        inode->kind->keys->put(inode->private);
}

/* ---- names ---- */

static const struct pseudo *find_in_table(const struct pseudo *table, const char *name)
{
    for (; table && table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

/* A decimal number as it would be printed: no leading zeros. */
static bool parse_number(const char *name, u32 *out)
{
    const char *end;
    u64 number;

    if (name[0] < '0' || name[0] > '9' || (name[0] == '0' && name[1]) ||
        str_to_u64(name, 10, &number, &end) || *end || number > INT32_MAX)
        return false;
    *out = number;
    return true;
}

static int pseudo_lookup(struct inode *dir, struct dentry *dentry)
{
    const struct pseudo *kind = dir->kind, *child = find_in_table(kind->table, dentry->name);
    void *key = dir->private;
    struct inode *inode;
    u32 part = 0;

    if (child) {
        if (child->keys) /* I2 */
            key = child->keys->get(key);
    } else {
        child = kind->numbered;
        key = child && parse_number(dentry->name, &part) ? kind->lookup(dir, part) : NULL;
        if (!key)
            return -ENOENT;
    }
    inode = make_inode(dir->sb, child, key, part);
    if (!inode)
        return -ENOMEM;
    dentry->flags |= DENTRY_VOLATILE | (child->keys ? DENTRY_ALIVE_CHECK : 0);
    dentry_attach(dentry, inode);
    return 0;
}

static bool pseudo_alive(struct dentry *dentry)
{
    struct inode *inode = dentry->inode;

    return inode->kind->keys->alive(inode->private);
}

/* The text of a link that is a place: its path, as the caller's root has it. */
static ssize_t place_readlink(struct inode *inode, char *buf, size_t size)
{
    char *page __scoped(kmalloc) = kmalloc(PATH_MAX + 16), *text;
    struct path path __scoped(path) = {0};
    ssize_t n = page ? inode->kind->follow(inode, &path) : -ENOMEM;

    if (!n)
        n = path_text(&path, page, PATH_MAX + 16, &text);
    if (n)
        return n;
    n = MIN(strlen(text), size);
    memcpy(buf, text, n);
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

    return inode->kind->follow ? inode->kind->follow(inode, out) : -ENOSYS; /* it is text */
}

/* ---- attributes ---- */

static void pseudo_getattr(struct inode *inode, struct kstat *st)
{
    const struct pseudo *kind = inode->kind;

    if (kind->keys)
        kind->keys->owner(inode->private, &st->uid, &st->gid);
    if (kind->link_count)
        st->nlink = kind->link_count(inode);
    if (kind->mode_now)
        st->mode = kind->mode_now(inode);
    st->blocks = 0;
}

static int pseudo_permission(struct inode *inode, u32 mask, const struct cred *cred)
{
    if (inode->kind->keys) /* a word each: a reader sees the old or the new owner */
        inode->kind->keys->owner(inode->private, &inode->uid, &inode->gid);
    return inode_permission_mode(inode, mask, cred);
}

/*
 * Truncation by O_TRUNC is accepted and does nothing. Owner and mode can be set where they are not
 * those of an object; they last as long as the inode, as on Linux for files of the sort.
 */
static int pseudo_setattr(struct inode *inode, const struct attr *attr)
{
    if (inode->kind->keys && attr->valid & (ATTR_MODE | ATTR_CHOWN))
        return -EPERM;
    if (!inode->kind->keys)
        inode_apply_attr(inode, attr);
    return 0;
}

/* ---- files ---- */

/*
 * The whole text is made at once, again with more room when the buffer was too small. It is kept
 * in the open file and made anew when the file is read at position 0, so one pass of reads sees
 * one state, and programs that keep the file open and seek back (top) see the present.
 *
 * Rejected: making one record at a time (a position then means a record that may be gone).
 */
struct text {
    struct mutex lock; /* reads at the shared position are serialised; pread comes beside them */
    struct seq seq;
    bool made;
};

static int make(struct text *text, struct inode *inode)
{
    struct seq *s = &text->seq;
    size_t size = s->size ? s->size : SIZE_FIRST;

    for (;;) {
        if (size > s->size) {
            kfree(s->buf);
            s->size = 0;
            s->buf = kmalloc(size);
            if (!s->buf)
                return -ENOMEM;
            s->size = size;
        }
        s->len = 0;
        s->error = 0;
        inode->kind->show(s, inode);
        if (s->error || s->len <= s->size)
            break;
        while (size < s->len)
            size *= 2;
        if (size > SIZE_MAX_)
            return -ENOMEM;
    }
    text->made = !s->error;
    return s->error;
}

static ssize_t show_read(struct io_request *req)
{
    struct text *text = req->file->private;
    ssize_t n = 0;

    mutex_guard(&text->lock);
    if (!text->made || req->pos == 0)
        n = make(text, req->file->inode);
    if (n || (u64)req->pos >= text->seq.len)
        return n;
    n = iter_copy_to(req->iter, text->seq.buf + req->pos,
                     MIN(req->iter->left, text->seq.len - req->pos));
    if (!n && req->iter->left)
        return -EFAULT;
    req->pos += n;
    return n;
}

/* The end is where the text that was made last ends. */
static loff_t show_seek(struct file *file, loff_t offset, int whence)
{
    struct text *text = file->private;

    return file_seek_size(file, offset, whence, text ? text->seq.len : 0, INT64_MAX);
}

static void show_release(struct file *file)
{
    struct text *text = file->private;

    if (!text)
        return;
    kfree(text->seq.buf);
    kfree(text);
}

static int pseudo_open(struct inode *inode, struct file *file)
{
    const struct pseudo *kind = inode->kind;
    struct text *text;

    file->mapping = NULL;
    if (!S_ISREG(kind->mode))
        return 0;
    if (!kind->store)
        file->mode &= ~FMODE_PWRITE; /* pwrite(2): ESPIPE before EBADF */
    if (!(file->mode & FMODE_READ))
        return 0;
    if (!kind->show)
        return -EIO;
    text = file->private = kmalloc(sizeof(*text));
    if (!text)
        return -ENOMEM;
    mutex_init(&text->lock, RANK_SEQ);
    return 0;
}

static ssize_t show_write(struct io_request *req)
{
    struct inode *inode = req->file->inode;
    size_t len = MIN(req->iter->left, PAGE_SIZE - 1);
    char *text __scoped(kmalloc) = NULL;
    int err;

    if (!inode->kind->store)
        return -EIO;
    text = kmalloc(len + 1);
    if (!text)
        return -ENOMEM;
    if ((size_t)iter_copy_from(req->iter, text, len) < len)
        return -EFAULT;
    err = inode->kind->store(inode, text, len);
    if (err)
        return err;
    req->pos += len;
    return len;
}

static const struct file_ops show_ops = {
    .read = show_read,
    .write = show_write,
    .seek = show_seek,
    .release = show_release,
};

/* ---- directories ---- I4 */

static bool emit_table(struct inode *dir, struct dir_emit *e)
{
    const struct pseudo *kind = dir->kind, *child;
    u64 i = 0;

    for (child = kind->table; child && child->name; child++, i++) {
        if (2 + i < e->pos)
            continue;
        if (!dir_emit(e, child->name, strlen(child->name), inode_number(child, dir->private, 0),
                      mode_to_dtype(child->mode), 3 + i))
            return false;
    }
    if (e->pos < NUMBERED)
        e->pos = NUMBERED;
    return true;
}

static int pseudo_readdir(struct file *file, struct dir_emit *e)
{
    struct inode *dir = file->inode;
    const struct pseudo *kind = dir->kind, *child = kind->numbered;
    char name[12];
    int n;

    if (!dir_emit_dots(file, e) || !emit_table(dir, e) || !child)
        return 0;
    while ((n = kind->next(dir, e->pos - NUMBERED)) >= 0) {
        format_buf(name, sizeof(name), "%d", n);
        if (!dir_emit(e, name, strlen(name), inode_number(child, dir->private, n),
                      mode_to_dtype(child->mode), NUMBERED + n + 1))
            break;
    }
    return 0;
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

    return super_finish(sb, sb ? make_inode(sb, type->data, NULL, 0) : NULL, out);
}

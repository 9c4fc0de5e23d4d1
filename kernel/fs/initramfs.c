/*
 * Unpacking an initramfs: cpio archives, one after another, each plain or gzip, into the root.
 *
 * Files are made by the ordinary calls with the kernel's own credentials, then owner, mode and
 * time are set as the archive says. The built-in archive lies in the kernel image with the data
 * of large files on page boundaries: those pages become the files' pages as they are. They have
 * descriptors (page_adopt) but never go to the allocator; a file that is removed or truncated
 * drops its reference, and the image keeps the memory.
 *
 * Hard links: entries with the same device and number and more than one link; the data comes
 * with the last of them. The first name of each is remembered until the archive ends.
 *
 * A broken archive costs one log line; what was unpacked before stays, and boot goes on.
 */
#include "fs/fs.h"
#include "fs/namei.h"

#include "core/log.h"
#include "lib/cpio.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/pagetable.h"
#include "mm/vmalloc.h"
#include "sched/reclaim.h"

#define NS_PER_SECOND 1000000000UL
#define LINK_BUCKETS  32

struct link {
    struct link *next;
    u32 dev_major, dev_minor, ino;
    char name[];
};

struct unpack {
    bool in_place;
    struct link *links[LINK_BUCKETS];
    char name[CPIO_NAME_MAX + 1 + 8]; /* slack for hash_name() */
    char text[PATH_MAX];
};

/* ---- hard links ---- */

static void links_free(struct unpack *u)
{
    for (u32 i = 0; i < LINK_BUCKETS; i++) {
        while (u->links[i]) {
            struct link *link = u->links[i];

            u->links[i] = link->next;
            kfree(link);
        }
    }
}

/* The first name of a file with several, or NULL and this name is remembered. */
static const char *link_find(struct unpack *u, const struct cpio_entry *e)
{
    struct link **head = &u->links[e->ino % LINK_BUCKETS], *link;
    size_t len = strlen(u->name);

    for (link = *head; link; link = link->next)
        if (link->ino == e->ino && link->dev_major == e->dev_major &&
            link->dev_minor == e->dev_minor)
            return link->name;
    link = kmalloc(sizeof(*link) + len + 1 + 8);
    if (link) {
        link->ino = e->ino;
        link->dev_major = e->dev_major;
        link->dev_minor = e->dev_minor;
        memcpy(link->name, u->name, len);
        link->next = *head;
        *head = link;
    }
    return NULL;
}

/* ---- one entry ---- */

static int set_attributes(const struct unpack *u, const struct cpio_entry *e)
{
    struct path path __scoped(path) = {0};
    struct inode *inode;
    int err = path_lookup(AT_FDCWD, u->name, 0, &path);

    if (err)
        return err;
    inode = path.dentry->inode;
    mutex_guard(&inode->lock);
    inode->uid = e->uid;
    inode->gid = e->gid;
    if (!S_ISLNK(inode->mode))
        inode->mode = (inode->mode & S_IFMT) | (e->mode & S_IALLUGO);
    inode->mtime = e->mtime * NS_PER_SECOND;
    return 0;
}

/* Whole pages of the built-in archive become the file's. Returns how many bytes it took. */
static size_t add_pages(struct inode *inode, const u8 *data, size_t size)
{
    size_t done = 0;

    if (!IS_ALIGNED((u64)data, PAGE_SIZE))
        return 0;
    for (; size - done >= PAGE_SIZE; done += PAGE_SIZE) {
        struct page *page = page_adopt(kernel_translate((u64)data + done));

        if (!page)
            break;
        if (mapping_add_page(&inode->mapping, done / PAGE_SIZE, page)) {
            page_put(page);
            break;
        }
    }
    mutex_guard(&inode->lock);
    inode->size = done;
    return done;
}

static int write_data(const struct unpack *u, const struct cpio_entry *e)
{
    struct file *file __scoped(file) = NULL;
    size_t done = 0;
    int err = file_open_kernel(u->name, O_WRONLY | O_CREAT | O_TRUNC, 0600, &file);

    if (err)
        return err;
    if (u->in_place)
        done = add_pages(file->inode, e->data, e->size);
    while (done < e->size) {
        ssize_t n = file_write_kernel(file, e->data + done, e->size - done, done);

        if (n <= 0)
            return n ? (int)n : -EIO;
        done += n;
    }
    return 0;
}

static int make_file(struct unpack *u, const struct cpio_entry *e)
{
    const char *first = e->nlink > 1 ? link_find(u, e) : NULL;
    int err;

    if (first) {
        err = vfs_link(AT_FDCWD, first, AT_FDCWD, u->name, 0);
        if (err || !e->size)
            return err;
    }
    return write_data(u, e);
}

static int make_symlink(struct unpack *u, const struct cpio_entry *e)
{
    if (e->size >= PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(u->text, e->data, e->size);
    u->text[e->size] = '\0';
    return vfs_symlink(u->text, AT_FDCWD, u->name);
}

/* What is there under that name makes room, unless both are directories or both files. */
static void make_room(const struct unpack *u, u32 mode)
{
    struct path path;
    u32 old;

    if (path_lookup(AT_FDCWD, u->name, 0, &path))
        return;
    old = path.dentry->inode->mode;
    path_put(&path);
    if (S_ISDIR(old) && S_ISDIR(mode))
        return;
    vfs_remove(AT_FDCWD, u->name, S_ISDIR(old));
}

static int make_entry(struct unpack *u, const struct cpio_entry *e)
{
    int err;

    switch (e->mode & S_IFMT) {
    case S_IFDIR: err = vfs_mkdir(AT_FDCWD, u->name, 0700); return err == -EEXIST ? 0 : err;
    case S_IFREG: return make_file(u, e);
    case S_IFLNK: return make_symlink(u, e);
    default: return vfs_mknod(AT_FDCWD, u->name, e->mode, MKDEV(e->rdev_major, e->rdev_minor));
    }
}

/*
 * Names are relative to the root whatever they begin with. An entry that cannot be made (its
 * directory is missing) is left out, as Linux does.
 */
static void unpack_entry(struct unpack *u, const struct cpio_entry *e, u32 *failed)
{
    const char *name = e->name;
    int err;

    while (*name == '/')
        name++;
    if (!*name || strcmp(name, ".") == 0)
        return;
    str_copy(u->name, name, CPIO_NAME_MAX + 1);
    err = make_entry(u, e);
    if (err == -EEXIST) {
        make_room(u, e->mode);
        err = make_entry(u, e);
    }
    if (!err)
        err = set_attributes(u, e);
    if (err && !(*failed)++)
        log_warn("initramfs: %s: error %d", u->name, -err);
}

/* ---- archives ---- */

static int unpack_all(struct unpack *u, const u8 *data, size_t size, bool nested);

static int unpack_gzip(struct unpack *u, const u8 *data, size_t size, size_t *used)
{
    bool in_place = u->in_place;
    size_t out_size;
    u8 *out;
    int err = gunzip(data, size, &out, &out_size, used);

    if (err) {
        log_err("initramfs: %s",
                err == -ENOMEM ? "no memory to unpack it" : "damaged, or no archive at all");
        return err;
    }
    u->in_place = false;
    err = unpack_all(u, out, out_size, true);
    u->in_place = in_place;
    vfree(out);
    return err;
}

static int unpack_all(struct unpack *u, const u8 *data, size_t size, bool nested)
{
    struct cpio cpio;
    struct cpio_entry entry;
    u32 failed = 0;
    size_t used;
    int what, err;

    cpio_open(&cpio, data, size);
    while ((what = cpio_next(&cpio, &entry)) != CPIO_END) {
        if (what == CPIO_ENTRY) {
            unpack_entry(u, &entry, &failed);
            continue;
        }
        if (what < 0) {
            log_err("initramfs: %s at byte %zu", cpio.error, cpio.pos);
            return what;
        }
        if (nested) {
            log_err("initramfs: no archive inside the compressed data");
            return -EINVAL;
        }
        links_free(u);
        err = unpack_gzip(u, data + cpio.pos, size - cpio.pos, &used);
        if (err)
            return err;
        data += cpio.pos + used;
        size -= cpio.pos + used;
        cpio_open(&cpio, data, size);
    }
    return 0;
}

int initramfs_unpack(const void *data, size_t size, bool in_place)
{
    struct unpack *u __scoped(kmalloc) = kmalloc(sizeof(*u));
    int err;

    if (!u)
        return -ENOMEM;
    u->in_place = in_place;
    err = unpack_all(u, data, size, false);
    links_free(u);
    return err;
}

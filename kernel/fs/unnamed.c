/*
 * Files without a name: memfd_create(2), and places for open files that have none (pipes,
 * eventfds and their like) when a program goes through /proc/PID/fd/N. All stand on one mount that
 * hangs nowhere.
 *
 * For a file without a place an inode is made for the occasion, which holds the open file, so what
 * it names stays alive as long as somebody stands there. A pipe can be opened anew there
 * (/dev/stdin in a pipeline); it never waits for the other end, as a FIFO in a directory would.
 */
#include "fs/fs.h"
#include "fs/namei.h"

#include "core/panic.h"
#include "io/pipe.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/list.h"

#define SEALS_ALL (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static struct mount *unnamed_mount; /* [I] */

int memfd_create(const char *name, u32 flags, struct file **out)
{
    struct path dir = {unnamed_mount, unnamed_mount->root};
    char full[NAME_MAX + 1];
    int err;

    if (format_buf(full, sizeof(full), "memfd:%s", name) >= (int)sizeof(full))
        return -EINVAL;
    err = file_open_unnamed(&dir, full, O_RDWR | O_LARGEFILE, 0777, out);
    if (!err && !(flags & MFD_ALLOW_SEALING))
        (*out)->inode->seals = F_SEAL_SEAL;
    return err;
}

/*
 * F_ADD_SEALS, F_GET_SEALS. F_SEAL_WRITE is refused while the file is mapped at all: whether a
 * mapping is writable and shared is vm's knowledge.
 */
long file_seals(struct file *file, u32 cmd, u64 arg)
{
    struct inode *inode = file->inode;

    if (!inode || inode->fops != &tmpfs_file_ops)
        return -EINVAL;
    if (cmd == F_GET_SEALS) /* files with names can never be sealed */
        return inode->sb == unnamed_mount->sb ? READ_ONCE(inode->seals) : F_SEAL_SEAL;
    if (!(file->mode & FMODE_WRITE))
        return -EPERM;
    if (arg & ~(u64)SEALS_ALL)
        return -EINVAL;
    mutex_guard(&inode->lock);
    if (inode->seals & F_SEAL_SEAL || inode->sb != unnamed_mount->sb)
        return -EPERM;
    if (arg & F_SEAL_WRITE && !(inode->seals & F_SEAL_WRITE) &&
        !list_empty(&inode->mapping.regions))
        return -EBUSY;
    inode->seals |= arg;
    return 0;
}

/* ---- places for open files ---- */

static int anon_open(struct inode *inode, struct file *file)
{
    u32 flags = file->flags;
    int err;

    if (!inode->pipe)
        return -ENXIO;
    file->flags |= O_NONBLOCK; /* do not wait for a peer */
    err = fifo_open(file, &inode->pipe);
    file->flags = flags;
    file->pos = UINT64_MAX; /* the end of the other side counts at once */
    return err;
}

static void anon_getattr(struct inode *inode, struct kstat *st)
{
    file_getattr(inode->private, st);
}

static void anon_evict(struct inode *inode)
{
    file_put(inode->private);
}

static const struct inode_ops anon_ops = {
    .open = anon_open,
    .getattr = anon_getattr,
    .evict = anon_evict,
};

struct file *inode_anon_file(const struct inode *inode)
{
    return inode->ops == &anon_ops ? inode->private : NULL;
}

int file_place(struct file *file, struct path *out)
{
    struct super_block *sb = unnamed_mount->sb;
    struct inode *inode;

    *out = file->path;
    if (out->dentry) {
        path_get(out);
        return 0;
    }
    inode = inode_alloc(sb, file->ops->stat_mode, NULL);
    if (!inode)
        return -ENOMEM;
    inode_owner_init(inode, NULL, file->ops->stat_mode);
    inode->ops = &anon_ops;
    inode->private = file_get(file);
    if (file_is_pipe(file))
        inode->pipe = file->private;
    *out = (struct path){unnamed_mount, dentry_alloc(sb, unnamed_mount->root, "anon", 4)};
    if (!out->dentry) {
        inode_put(inode);
        return -ENOMEM;
    }
    dentry_attach(out->dentry, inode);
    mount_get(unnamed_mount);
    return 0;
}

void unnamed_init(void)
{
    int err = mount_create(filesystem_find("ramfs"), "unnamed", MS_NOATIME, NULL, &unnamed_mount);

    assert(!err);
}

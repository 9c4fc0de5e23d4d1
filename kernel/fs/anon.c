/*
 * Places for open files that have none: pipes, eventfds and their like, when a program goes
 * through /proc/PID/fd/N. An inode is made for the occasion, on a mount that hangs nowhere; it
 * holds the open file, so what it names stays alive as long as somebody stands there.
 *
 * A pipe can be opened anew there (/dev/stdin in a pipeline); it never waits for the other end, as
 * a FIFO in a directory would. The inode keeps the end through which it was reached open too.
 */
#include "fs/fs.h"
#include "fs/namei.h"

#include "core/panic.h"
#include "io/pipe.h"
#include "lib/errno.h"

static struct mount *anon_mount; /* [I] */

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
    if (inode->private)
        file_put(inode->private);
}

static const struct inode_ops anon_ops = {.open = anon_open, .getattr = anon_getattr};
static const struct super_ops anon_super_ops = {.evict = anon_evict};

struct file *inode_anon_file(const struct inode *inode)
{
    return inode->ops == &anon_ops ? inode->private : NULL;
}

int file_place(struct file *file, struct path *out)
{
    struct inode *inode;

    *out = file->path;
    if (out->dentry) {
        path_get(out);
        return 0;
    }
    inode = inode_alloc(anon_mount->sb, file->ops->stat_mode, NULL);
    if (!inode)
        return -ENOMEM;
    inode_owner_init(inode, NULL, file->ops->stat_mode);
    inode->ops = &anon_ops;
    inode->private = file_get(file);
    if (file_is_pipe(file))
        inode->pipe = file->private;
    out->dentry = dentry_alloc(anon_mount->sb, anon_mount->root, "anon", 4);
    if (!out->dentry) {
        inode_put(inode);
        return -ENOMEM;
    }
    dentry_attach(out->dentry, inode);
    out->mount = mount_get(anon_mount);
    return 0;
}

static int anon_mount_super(const struct filesystem *type, const char *source, char *options,
                            struct super_block **out)
{
    struct super_block *sb = super_alloc(type, &anon_super_ops);
    struct inode *inode = sb ? inode_alloc(sb, S_IFDIR, NULL) : NULL;

    (void)source, (void)options;
    if (!inode)
        return -ENOMEM;
    inode->ops = &anon_ops;
    sb->root = dentry_alloc_root(sb, inode);
    *out = sb;
    return sb->root ? 0 : -ENOMEM;
}

void anon_init(void)
{
    static const struct filesystem type = {.name = "anon", .mount = anon_mount_super};
    int err = mount_create(&type, "anon", MS_NOATIME, NULL, &anon_mount);

    assert(!err);
}

/*
 * Files without a name: memfd_create(2), and the seals on them. They live in a tmpfs instance
 * that is mounted nowhere.
 */
#include "fs/fs.h"
#include "fs/namei.h"
#include "fs/tmpfs_impl.h"

#include "core/panic.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/list.h"

#define SEALS_ALL \
    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)

static struct mount *memfd_mount; /* [I] */

int memfd_create(const char *name, u32 flags, struct file **out)
{
    char full[NAME_MAX + 1];
    struct inode *inode;
    u32 mode = flags & MFD_NOEXEC_SEAL ? 0666 : 0777;
    int err;

    if (format_buf(full, sizeof(full), "memfd:%s", name) >= (int)sizeof(full))
        return -EINVAL;
    err = tmpfs_unnamed(memfd_mount->sb, mode, &inode);
    if (err)
        return err;
    inode->seals = flags & MFD_NOEXEC_SEAL ? F_SEAL_EXEC : F_SEAL_SEAL;
    if (flags & MFD_ALLOW_SEALING)
        inode->seals &= ~F_SEAL_SEAL;
    return file_open_unnamed(memfd_mount, inode, full, O_RDWR | O_LARGEFILE, out);
}

/*
 * F_ADD_SEALS, F_GET_SEALS. F_SEAL_WRITE is refused while the file is mapped at all: whether a
 * mapping is writable and shared is vm's knowledge.
 */
long file_seals(struct file *file, u32 cmd, u64 arg)
{
    struct inode *inode = file->inode;
    long err = 0;

    if (!inode || inode->fops != &tmpfs_file_ops)
        return -EINVAL;
    if (cmd == F_GET_SEALS) /* files with names can never be sealed */
        return inode->sb == memfd_mount->sb ? READ_ONCE(inode->seals) : F_SEAL_SEAL;
    if (!(file->mode & FMODE_WRITE))
        return -EPERM;
    if (arg & ~(u64)SEALS_ALL)
        return -EINVAL;
    mutex_lock(&inode->lock);
    if (inode->seals & F_SEAL_SEAL || inode->sb != memfd_mount->sb)
        err = -EPERM;
    else if (arg & F_SEAL_WRITE && !(inode->seals & F_SEAL_WRITE) &&
             !list_empty(&inode->mapping.regions))
        err = -EBUSY;
    else
        inode->seals |= arg;
    mutex_unlock(&inode->lock);
    return err;
}

void memfd_init(void)
{
    struct filesystem *type = filesystem_find("ramfs");
    int err = mount_create(type, "memfd", MS_NOATIME, NULL, &memfd_mount);

    assert(!err);
}

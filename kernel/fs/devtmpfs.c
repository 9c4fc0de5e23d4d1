/*
 * devtmpfs: one tmpfs instance, shared by all its mounts, with a node for each character device
 * that drivers register (dev/chardev.h), now or later. Programs may add and remove names as they
 * like.
 */
#include "fs/fs.h"
#include "fs/namei.h"

#include "core/log.h"
#include "core/panic.h"
#include "lib/errno.h"

static struct mount *dev_mount; /* [I] the kernel's own, hanging nowhere */

static struct filesystem devtmpfs_type = {
    .name = "devtmpfs",
    .flags = FS_NODEV | FS_SHARED,
    .magic = 0x01021994,
    .mount = tmpfs_mount,
};

static void device_added(const struct chardev *device)
{
    struct path dir = {dev_mount, dev_mount->root};
    int err = vfs_mknod_in(&dir, device->name, S_IFCHR | (device->mode & 0777), device->dev);

    if (err && err != -EEXIST)
        log_warn("devtmpfs: no node for %s: error %d", device->name, -err);
}

/*
 * The node in devtmpfs: so /proc/1/fd/0 says "/console", or "/dev/console" when the root has
 * the node.
 */
int console_open(struct file **out)
{
    static const char name_text[16] = "console"; /* slack for hash_name() */
    struct name name = {.text = name_text};
    struct path path = {dev_mount, NULL};
    size_t len;
    int err;

    if (file_open_kernel("/dev/console", O_RDWR, 0, out) == 0) {
        if (S_ISCHR((*out)->inode->mode))
            return 0;
        file_put(*out);
    }
    name.key = dentry_key(dev_mount->root, name_text, &len);
    path.dentry = dentry_find(dev_mount->root, &name);
    if (!path.dentry)
        return -ENXIO;
    err = path_open(&path, O_RDWR | O_LARGEFILE, out);
    dentry_put(path.dentry);
    return err;
}

void devtmpfs_init(void)
{
    int err;

    filesystem_register(&devtmpfs_type);
    err = mount_create(&devtmpfs_type, "devtmpfs", 0, NULL, &dev_mount);
    assert(!err);
    chardev_watch(device_added);
}

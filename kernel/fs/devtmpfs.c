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
#include "lib/string.h"

#define CONSOLE_DEV MKDEV(5, 1)

static struct mount *dev_mount; /* [I] the kernel's own, hanging nowhere */

static int devtmpfs_mount(const struct filesystem *type, const char *source, char *options,
                          struct super_block **out)
{
    (void)source, (void)options;
    if (!dev_mount)
        return tmpfs_super(type, out);
    ref_get(&dev_mount->sb->refs);
    *out = dev_mount->sb;
    return 0;
}

static struct filesystem devtmpfs_type = {
    .name = "devtmpfs",
    .flags = FS_NODEV,
    .magic = 0x01021994,
    .mount = devtmpfs_mount,
};

/* The directory for `name`, which may have slashes: *last is what follows the last one. */
static int find_dir(const char *name, struct path *dir, const char **last)
{
    struct dentry *d = dentry_get(dev_mount->root);
    const char *slash;
    int err = 0;

    for (; (slash = strchr(name, '/')) && !err; name = slash + 1) {
        struct path at = {dev_mount, d};
        char part[NAME_MAX + 9];
        struct name key = {.text = part};
        struct dentry *child;
        size_t len;

        str_copy(part, name, MIN_T(size_t, slash - name + 1, NAME_MAX + 1));
        err = vfs_make_in(&at, part, S_IFDIR | 0755, 0);
        if (err && err != -EEXIST)
            break;
        key.key = dentry_key(d, part, &len);
        child = dentry_find(d, &key);
        err = child ? 0 : -ENOENT;
        if (child) {
            dentry_put(d);
            d = child;
        }
    }
    *dir = (struct path){dev_mount, d};
    *last = name;
    return err;
}

static void device_added(const struct chardev *device)
{
    struct path dir;
    const char *name;
    int err = find_dir(device->name, &dir, &name);

    if (!err)
        err = vfs_make_in(&dir, name, S_IFCHR | (device->mode & 0777), device->dev);
    if (err && err != -EEXIST)
        log_warn("devtmpfs: no node for %s: error %d", device->name, -err);
    dentry_put(dir.dentry);
}

/*
 * The node in devtmpfs: so /proc/1/fd/0 says "/console", or "/dev/console" when the root has
 * the node.
 */
int console_open(struct file **out)
{
    static const char name_text[16] = "console";
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
    int err = mount_create(&devtmpfs_type, "devtmpfs", 0, NULL, &dev_mount);

    assert(!err);
    err = filesystem_register(&devtmpfs_type);
    assert(!err);
    chardev_watch(device_added);
}

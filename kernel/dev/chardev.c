/*
 * Character devices by number. A sparse array from device number to entry; entries are never
 * taken out, so what a look-up finds stays valid without a reference.
 */
#include "dev/chardev.h"

#include "core/spinlock.h"
#include "dev/tty/tty.h"
#include "io/file.h"
#include "lib/errno.h"
#include "lib/xarray.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"

static void node_free(void *node, size_t size)
{
    (void)size;
    kfree(node);
}

static const struct xarray_ops node_ops = {.alloc = kmalloc_nosleep, .free = node_free};
static struct spinlock lock = SPINLOCK_INIT(RANK_FILE);
static struct xarray devices = {.ops = &node_ops};    /* [lock] struct chardev by number */
static void (*watcher)(const struct chardev *device); /* [I] once set */

int chardev_register(dev_t dev, const char *name, u32 mode, int (*open)(struct file *file))
{
    struct chardev *device = kmalloc(sizeof(*device));
    int err;

    if (!device)
        return -ENOMEM;
    *device = (struct chardev){.dev = dev, .name = name, .mode = mode, .open = open};
    spin_lock(&lock);
    err = xa_load(&devices, dev) ? -EEXIST : xa_store(&devices, dev, device);
    spin_unlock(&lock);
    if (err)
        kfree(device);
    else if (watcher)
        watcher(device);
    return err;
}

int chardev_open(struct file *file, dev_t dev)
{
    struct chardev *device;

    spin_lock(&lock);
    device = xa_load(&devices, dev);
    spin_unlock(&lock);
    if (!device)
        return -ENXIO;
    file->private = (void *)dev;
    return device->open(file);
}

bool chardev_next(dev_t *dev, struct chardev *out)
{
    struct chardev *device;

    spin_lock(&lock);
    device = xa_find(&devices, dev, UINT64_MAX);
    spin_unlock(&lock);
    if (device)
        *out = *device;
    return device;
}

void chardev_watch(void (*fn)(const struct chardev *device))
{
    struct chardev device;
    dev_t dev = 0;

    watcher = fn;
    for (; chardev_next(&dev, &device); dev++)
        fn(&device);
}

void devices_init(void)
{
    mem_devices_init();
    kmsg_device_init();
    tty_init();
}

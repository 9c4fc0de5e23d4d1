/*
 * Character devices by number: a list in their order. Entries are never taken out, so what a
 * look-up finds stays valid without a reference.
 */
#include "dev/chardev.h"

#include "core/panic.h"
#include "core/spinlock.h"
#include "dev/tty/tty.h"
#include "lib/errno.h"

static struct spinlock lock = SPINLOCK_INIT(RANK_FILE);
static struct list devices = LIST_INIT(devices);      /* [lock] */
static void (*watcher)(const struct chardev *device); /* [I] once set */

static struct chardev *next_locked(dev_t dev)
{
    struct chardev *device;

    list_for_each_entry(device, &devices, link)
        if (device->dev >= dev)
            return device;
    return NULL;
}

void chardev_register(struct chardev *device)
{
    struct chardev *next;

    spin_lock(&lock);
    next = next_locked(device->dev);
    assert(!next || next->dev != device->dev);
    list_add_tail(&device->link, next ? &next->link : &devices);
    spin_unlock(&lock);
    if (watcher)
        watcher(device);
}

struct chardev *chardev_next(dev_t dev)
{
    spin_guard(&lock);

    return next_locked(dev);
}

int chardev_open(struct file *file, dev_t dev)
{
    struct chardev *device = chardev_next(dev);

    return device && device->dev == dev ? device->open(device, file) : -ENXIO;
}

void chardev_watch(void (*fn)(const struct chardev *device))
{
    struct chardev *device;

    watcher = fn;
    for (dev_t dev = 0; (device = chardev_next(dev)); dev = device->dev + 1)
        fn(device);
}

void devices_init(void)
{
    mem_devices_init();
    kmsg_device_init();
    tty_init();
}

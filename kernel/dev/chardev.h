/*
 * Character devices by number: who opens what. The table has no fixed size.
 *
 * A device number is what programs see in st_rdev: twelve bits of major, twenty of minor, the
 * low eight bits of the minor first (makedev(3)).
 */
#pragma once

#include "lib/list.h"

struct file;

typedef u64 dev_t;

#define MKDEV(major, minor) \
    ((dev_t)((u64)(major) << 8 | ((minor)&0xff) | ((u64)(minor) & ~0xffUL) << 12))

static inline u32 dev_major(dev_t dev)
{
    return dev >> 8 & 0xfff;
}

static inline u32 dev_minor(dev_t dev)
{
    return (dev & 0xff) | (dev >> 12 & 0xfff00);
}

struct chardev {
    dev_t dev;
    const char *name; /* below /dev */
    u32 mode;         /* permission bits of its node */
    /* Set ops, private and mode bits of a new file whose flags and FMODE_READ/WRITE are set. */
    int (*open)(struct chardev *device, struct file *file);
    struct list link; /* of all, by number */
};

/* Makes a device known, for ever. Its number must be new. May sleep. */
void chardev_register(struct chardev *device);

/* Open the device `dev` as `file`. 0, -ENXIO (no such device), or what the device says. Sleeps. */
int chardev_open(struct file *file, dev_t dev);

/* Call `fn` for each device there is, and for each that comes later. One watcher: devtmpfs. */
void chardev_watch(void (*fn)(const struct chardev *device));

/* The device with the least number >= dev, or NULL. */
struct chardev *chardev_next(dev_t dev);

/* Everything of this floor that is on no bus: null, zero, full, random, urandom, kmsg, tty,
 * console. After io_init(). */
void devices_init(void);

void mem_devices_init(void);
void kmsg_device_init(void);

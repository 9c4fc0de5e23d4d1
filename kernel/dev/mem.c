/*
 * The memory devices (null(4), full(4), random(4)): null, zero, full, random, urandom.
 */
#include "core/random.h"
#include "dev/chardev.h"
#include "io/file.h"
#include "io/iter.h"
#include "lib/errno.h"
#include "task/signal.h"

#define CHUNK        65536 /* bytes between two looks for a signal */
#define RNDGETENTCNT 0x80045200
#define ENTROPY_BITS 256 /* what the generator's key holds */

static ssize_t null_read(struct io_request *req)
{
    return 0;
}

static ssize_t null_write(struct io_request *req)
{
    return req->iter->left;
}

/* A long read looks for a signal now and then. */
static __noinline ssize_t zero_read_long(struct iter *it)
{
    size_t done = 0;

    while (it->left && !(done && signal_pending())) {
        size_t part = MIN_T(size_t, it->left, CHUNK), n = iter_clear(it, part);

        done += n;
        if (n < part)
            return done ? (ssize_t)done : -EFAULT;
    }
    return done;
}

static ssize_t zero_read(struct io_request *req)
{
    size_t left = req->iter->left, n;

    if (unlikely(left > CHUNK))
        return zero_read_long(req->iter);
    n = iter_clear(req->iter, left);
    return n || !left ? (ssize_t)n : -EFAULT;
}

static ssize_t full_write(struct io_request *req)
{
    return -ENOSPC;
}

static int zero_mmap(struct file *file, u32 prot, u32 flags, const u64 **size)
{
    return 1;
}

static ssize_t random_read(struct io_request *req)
{
    u8 bytes[256];
    size_t done = 0;

    while (req->iter->left) {
        size_t part = MIN(req->iter->left, sizeof(bytes)), n;

        random_bytes(bytes, part);
        n = iter_copy_to(req->iter, bytes, part);
        done += n;
        if (n < part)
            return done ? (ssize_t)done : -EFAULT;
        if (req->iter->left && signal_pending())
            return done;
    }
    return done;
}

/* Mixed in, and trusted for nothing. */
static ssize_t random_write(struct io_request *req)
{
    u8 bytes[256];
    size_t done = 0;

    while (req->iter->left) {
        size_t part = MIN(req->iter->left, sizeof(bytes));
        size_t n = iter_copy_from(req->iter, bytes, part);

        random_add(bytes, n, 0);
        done += n;
        if (n < part)
            return done ? (ssize_t)done : -EFAULT;
    }
    return done;
}

static long random_ioctl(struct file *file, u32 cmd, u64 arg)
{
    if (cmd != RNDGETENTCNT)
        return -EINVAL;
    return put_user_u32(USER_PTR(arg), random_ready() ? ENTROPY_BITS : 0);
}

static int mem_open(struct chardev *device, struct file *file);

#define MEMORY_DEVICE(minor_, name_, ...)                                                   \
    {                                                                                       \
        .device = {.dev = MKDEV(1, minor_), .name = name_, .mode = 0666, .open = mem_open}, \
        .ops = &(const struct file_ops){.seek = file_seek_none, __VA_ARGS__},               \
    }

static struct mem_device {
    struct chardev device;
    const struct file_ops *ops; /* [I] */
} devices[] = {
    MEMORY_DEVICE(3, "null", .read = null_read, .write = null_write),
    MEMORY_DEVICE(5, "zero", .read = zero_read, .write = null_write, .mmap = zero_mmap),
    MEMORY_DEVICE(7, "full", .read = zero_read, .write = full_write),
    MEMORY_DEVICE(8, "random", .read = random_read, .write = random_write, .ioctl = random_ioctl),
    MEMORY_DEVICE(9, "urandom", .read = random_read, .write = random_write, .ioctl = random_ioctl),
};

static int mem_open(struct chardev *device, struct file *file)
{
    file->ops = container_of(device, struct mem_device, device)->ops;
    file->mode |= FMODE_SEEKABLE;
    return 0;
}

void mem_devices_init(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
        chardev_register(&devices[i].device);
}

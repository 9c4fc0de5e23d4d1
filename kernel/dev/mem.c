/*
 * The memory devices (null(4), full(4), random(4)): null, zero, full, random, urandom.
 */
#include "core/panic.h"
#include "core/random.h"
#include "dev/chardev.h"
#include "io/file.h"
#include "io/iter.h"
#include "io/vm_map.h"
#include "lib/errno.h"
#include "task/signal.h"

#define MEM_MAJOR    1
#define CHUNK        65536 /* bytes between two looks for a signal */
#define RNDGETENTCNT 0x80045200
#define ENTROPY_BITS 256 /* what the generator's key holds */

static ssize_t null_read(struct io_request *req)
{
    (void)req;
    return 0;
}

static ssize_t null_write(struct io_request *req)
{
    return req->iter->left;
}

/* A long read looks for a signal now and then. */
static ssize_t zero_read_long(struct iter *it)
{
    size_t done = 0;

    while (it->left) {
        size_t part = MIN_T(size_t, it->left, CHUNK), n = iter_clear(it, part);

        done += n;
        if (n < part)
            return done ? (ssize_t)done : -EFAULT;
        if (signal_pending())
            break;
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
    (void)req;
    return -ENOSPC;
}

static int zero_mmap(struct file *file, struct vm_map_request *req)
{
    (void)file;
    req->anonymous = true;
    return 0;
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
    (void)file;
    if (cmd != RNDGETENTCNT)
        return -EINVAL;
    return put_user_u32(USER_PTR(arg), random_ready() ? ENTROPY_BITS : 0);
}

static const struct {
    const char *name;
    u32 minor;
    struct file_ops ops;
} devices[] = {
    {"null", 3, {.read = null_read, .write = null_write, .seek = file_seek_none}},
    {"zero",
     5,
     {.read = zero_read, .write = null_write, .seek = file_seek_none, .mmap = zero_mmap}},
    {"full", 7, {.read = zero_read, .write = full_write, .seek = file_seek_none}},
    {"random",
     8,
     {.read = random_read, .write = random_write, .seek = file_seek_none, .ioctl = random_ioctl}},
    {"urandom",
     9,
     {.read = random_read, .write = random_write, .seek = file_seek_none, .ioctl = random_ioctl}},
};

static int mem_open(struct file *file)
{
    u32 minor = dev_minor((dev_t)file->private);

    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        if (devices[i].minor == minor) {
            file->ops = &devices[i].ops;
            file->mode |= FMODE_SEEKABLE;
            return 0;
        }
    }
    return -ENXIO;
}

void mem_devices_init(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        int err =
            chardev_register(MKDEV(MEM_MAJOR, devices[i].minor), devices[i].name, 0666, mem_open);
        assert(!err);
    }
}

/*
 * Event counters (eventfd(2)): a 64-bit number in a file. A write adds to it, a read takes it all
 * (or one, as a semaphore), and each sleeps while it cannot.
 *
 *   I1  count <= COUNT_MAX. A write that would pass it waits.
 *
 * Locking: `lock` for the count; readers and writers sleep on one queue, since only one kind can
 * have reason to sleep at a time but for writes near the maximum.
 */
#include "io/eventfd.h"

#include "io/file.h"
#include "io/iter.h"
#include "io/poll.h"
#include "lib/errno.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "sched/wait.h"

#define COUNT_MAX 0xfffffffffffffffeUL

struct eventfd {
    u64 count; /* [L] */
    struct spinlock lock;
    bool semaphore; /* [I] */
    struct waitqueue wq;
};

static bool take(struct eventfd *event, u64 *value)
{
    spin_guard(&event->lock);

    *value = event->semaphore ? event->count > 0 : event->count;
    event->count -= *value;
    return *value;
}

static bool add(struct eventfd *event, u64 value)
{
    spin_guard(&event->lock);

    if (value > COUNT_MAX - event->count) /* I1 */
        return false;
    event->count += value;
    return true;
}

static ssize_t eventfd_read(struct io_request *req)
{
    struct eventfd *event = req->file->private;
    u64 value;
    int err;

    if (req->iter->left < sizeof(value))
        return -EINVAL;
    err = io_wait_event(req, &event->wq, take(event, &value));
    if (err)
        return err;
    if (wait_active(&event->wq))
        wake_all(&event->wq, POLLOUT | POLLWRNORM);
    return iter_copy_to(req->iter, &value, 8) == 8 ? 8 : -EFAULT;
}

static ssize_t eventfd_write(struct io_request *req)
{
    struct eventfd *event = req->file->private;
    u64 value;
    int err;

    if (req->iter->left < sizeof(value))
        return -EINVAL;
    if (iter_copy_from(req->iter, &value, 8) != 8)
        return -EFAULT;
    if (value == UINT64_MAX)
        return -EINVAL;
    err = io_wait_event(req, &event->wq, add(event, value));
    if (err)
        return err;
    if (wait_active(&event->wq))
        wake_all(&event->wq, POLLIN | POLLRDNORM);
    return sizeof(value);
}

static inline u32 events_of(const struct eventfd *event)
{
    u64 count = READ_ONCE(event->count);

    return (count > 0 ? POLLIN : 0) | (count < COUNT_MAX ? POLLOUT : 0);
}

/* Apart from the fast case, which is a leaf. */
static __noinline u32 poll_and_wait(struct file *file, struct poll_table *table)
{
    struct eventfd *event = file->private;

    poll_wait(file, &event->wq, table);
    return events_of(event);
}

static u32 eventfd_poll(struct file *file, struct poll_table *table)
{
    return unlikely(table) ? poll_and_wait(file, table) : events_of(file->private);
}

static const struct file_ops eventfd_ops = {
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .release = file_free_private,
    .seek = file_seek_none,
    .stat_mode = 0600,
    .name = "anon_inode:[eventfd]",
};

int eventfd_create(u32 count, u32 flags, struct file **out)
{
    struct eventfd *event = kmalloc(sizeof(*event));

    if (!event)
        return -ENOMEM;
    event->count = count;
    spin_init(&event->lock, RANK_FILE);
    event->semaphore = flags & EFD_SEMAPHORE;
    waitqueue_init(&event->wq);
    *out = file_alloc(&eventfd_ops, O_RDWR | (flags & O_NONBLOCK), event);
    if (!*out) {
        kfree(event);
        return -ENOMEM;
    }
    (*out)->mode |= FMODE_STREAM | FMODE_LSEEK; /* lseek(2) succeeds and does nothing */
    return 0;
}

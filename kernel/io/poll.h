/*
 * Readiness. A file's poll() reports what holds now, and names the wait queues that are woken
 * when that may change. The theory is in poll.c.
 */
#pragma once

#include "lib/types.h"

struct file;
struct waitqueue;

#define POLLIN     0x0001
#define POLLPRI    0x0002
#define POLLOUT    0x0004
#define POLLERR    0x0008
#define POLLHUP    0x0010
#define POLLNVAL   0x0020
#define POLLRDNORM 0x0040
#define POLLRDBAND 0x0080
#define POLLWRNORM 0x0100
#define POLLWRBAND 0x0200

/* Whoever asks: poll, select, later epoll. NULL table: only the present state is wanted. */
struct poll_table {
    void (*queue)(struct poll_table *table, struct file *file, struct waitqueue *wq);
    u32 events; /* what is wanted; a hint for the file */
};

/* Called by file_ops.poll for each queue whose wake-up may change the answer. */
static inline void poll_wait(struct file *file, struct waitqueue *wq, struct poll_table *table)
{
    if (table)
        table->queue(table, file, wq);
}

/* What holds for a file now; a file without poll() is always readable and writable. */
u32 file_poll(struct file *file, struct poll_table *table);

struct pollfd { /* poll(2) */
    s32 fd;
    s16 events;
    s16 revents;
};

#define POLL_CHANGED 0x8000 /* no event: revents differs from what the caller passed in it */

/*
 * Wait until one of `count` entries has an event, until `deadline` (monotonic ns, 0: do not wait,
 * TIMER_NEVER) or until a signal. Fills revents of all, with POLL_CHANGED where that is new. The
 * number of entries with events, 0 on time-out, -EINTR, -ENOMEM.
 */
int poll_files(struct pollfd *fds, size_t count, u64 deadline);

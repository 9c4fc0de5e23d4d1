/*
 * Waiting for one of many files.
 *
 * What it is: the core of poll, ppoll, select and pselect (sys/poll.c has the calls).
 *
 * How it works: a first pass only asks each file, with no table, which is all that a caller with
 * something ready ever pays. When nothing is ready a second pass hands each file a table; the
 * file names its wait queues, and an entry with a callback goes on each. From then on the loop
 * sleeps and asks until something holds, time is out, or a signal comes.
 *
 *   I1  An event after a file was asked with the table is never missed: the entry is on the queue
 *       before the file looks at its state.
 *   I2  Each queued entry holds a reference to its file, and so its queue, until it is unqueued.
 *   I3  `triggered` is cleared before the files are asked again, and the sleep happens only while
 *       it is clear; the callback sets it before it wakes the thread.
 *
 * Locking: callbacks run under the lock of their queue and touch only triggered and the thread.
 * The caller's stack outlives the entries: they are removed before poll_files() returns.
 *
 * Rejected: registering on the first pass (ten entries queued and unqueued for a call that finds
 * its answer at once), a set of queues kept between calls (that is epoll).
 */
#include "io/poll.h"

#include "io/fdtable.h"
#include "lib/errno.h"
#include "sched/reclaim.h"
#include "sched/wait.h"
#include "mm/kmalloc.h"

#define CHUNK_ENTRIES 10

struct entry_chunk {
    struct entry_chunk *next;
    u32 used;
    struct entry {
        struct wait_entry wait;
        struct waitqueue *wq;
        struct file *file; /* I2 */
    } entries[CHUNK_ENTRIES];
};

struct sleeper {
    struct poll_table table;
    struct thread *thread;
    u32 triggered; /* [A] */
    int error;     /* -ENOMEM: some queue could not be waited on */
    struct entry_chunk *chunks;
    struct entry_chunk first; /* last of `chunks` */
};

u32 file_poll(struct file *file, struct poll_table *table)
{
    if (unlikely(!file->ops->poll))
        return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
    return file->ops->poll(file, table);
}

/* Wait-queue callback. A key that names other events than the wanted ones is not for us. */
static bool poll_wake(struct wait_entry *wait, u32 key)
{
    struct sleeper *sleeper = wait->arg;

    if (key && !(key & (sleeper->table.events | POLLERR | POLLHUP)))
        return false;
    __atomic_store_n(&sleeper->triggered, 1, __ATOMIC_RELEASE);
    return thread_wake(sleeper->thread, THREAD_SLEEPING);
}

static struct entry *entry_new(struct sleeper *sleeper)
{
    struct entry_chunk *chunk = sleeper->chunks;

    if (chunk->used == CHUNK_ENTRIES) {
        chunk = kmalloc(sizeof(*chunk));
        if (!chunk)
            return NULL;
        chunk->next = sleeper->chunks;
        sleeper->chunks = chunk;
    }
    return &chunk->entries[chunk->used++];
}

static void queue_entry(struct poll_table *table, struct file *file, struct waitqueue *wq)
{
    struct sleeper *sleeper = container_of(table, struct sleeper, table);
    struct entry *entry = entry_new(sleeper);

    if (!entry) {
        sleeper->error = -ENOMEM;
        return;
    }
    wait_entry_init(&entry->wait);
    entry->wait.wake = poll_wake;
    entry->wait.arg = sleeper;
    entry->wq = wq;
    entry->file = file_get(file);
    wait_add(wq, &entry->wait);
}

static void sleeper_finish(struct sleeper *sleeper)
{
    struct entry_chunk *chunk = sleeper->chunks, *next;

    for (; chunk; chunk = next) {
        next = chunk->next;
        for (struct entry *entry = chunk->entries; entry < chunk->entries + chunk->used; entry++) {
            wait_remove(entry->wq, &entry->wait);
            file_put(entry->file);
        }
        if (next)
            kfree(chunk);
    }
}

/* Ask one entry's file, while other threads may close it. */
static u32 ask_shared(const struct pollfd *entry, struct poll_table *table)
{
    struct fd_ref ref = fd_ref_get(entry->fd);
    u32 events = POLLNVAL;

    if (ref.file)
        events = file_poll(ref.file, table) & ((u16)entry->events | POLLERR | POLLHUP);
    fd_ref_put(ref);
    return events;
}

/*
 * Ask all; returns how many have events. Files queue the caller when there is a table. A table of
 * descriptors that only the caller uses stays as it is meanwhile, and is looked at directly.
 */
static int ask_all(struct pollfd *fds, size_t count, struct poll_table *table)
{
    struct fdtable *files = self_task()->files;
    struct file **slots = files->array->files;
    u32 size = ref_read(&files->refs) == 1 ? files->array->size : 0;
    int found = 0;

    for (struct pollfd *entry = fds; entry < fds + count; entry++) {
        u32 fd = entry->fd, before = (u16)entry->revents, events = 0;

        if (likely(fd < size)) {
            struct file *file = slots[fd];

            events = POLLNVAL;
            if (likely(file && !(file->mode & FMODE_PATH)))
                events = file_poll(file, table) & ((u16)entry->events | POLLERR | POLLHUP);
        } else if ((s32)fd >= 0) {
            events = ask_shared(entry, table);
        }
        entry->revents = events | (before == events ? 0 : POLL_CHANGED);
        found += events != 0;
    }
    return found;
}

/* Sleep until a callback, the deadline or a signal. 0, -ETIMEDOUT, -EINTR. */
static int sleep(struct sleeper *sleeper, u64 deadline)
{
    int result = 0;

    debug_assert(thread_may_wait());
    thread_set_state(THREAD_SLEEPING);
    if (!__atomic_load_n(&sleeper->triggered, __ATOMIC_ACQUIRE)) { /* I3 */
        if (thread_signalled())
            result = -EINTR;
        else
            result = schedule_until(deadline);
    }
    thread_set_state(THREAD_RUNNING);
    __atomic_store_n(&sleeper->triggered, 0, __ATOMIC_SEQ_CST);
    return result;
}

/* A signal counts for more than the time that is over, also when there was none to wait. */
static inline int nothing_found(void)
{
    return thread_signalled() ? -EINTR : 0;
}

static int wait_for_any(struct pollfd *fds, size_t count, u64 deadline)
{
    struct sleeper sleeper;
    int found, slept = 0;

    sleeper.table.queue = queue_entry;
    sleeper.table.events = 0;
    for (size_t i = 0; i < count; i++)
        sleeper.table.events |= (u16)fds[i].events;
    sleeper.thread = current_thread();
    sleeper.triggered = 0;
    sleeper.error = 0;
    sleeper.chunks = &sleeper.first;
    sleeper.first.next = NULL;
    sleeper.first.used = 0;
    found = ask_all(fds, count, &sleeper.table); /* I1 */
    if (!found)
        found = sleeper.error;
    while (!found && !slept) {
        slept = sleep(&sleeper, deadline);
        found = ask_all(fds, count, NULL);
    }
    sleeper_finish(&sleeper);
    return found ? found : nothing_found();
}

int poll_files(struct pollfd *fds, size_t count, u64 deadline)
{
    int found = ask_all(fds, count, NULL);

    if (found)
        return found;
    if (deadline == 0)
        return nothing_found();
    return wait_for_any(fds, count, deadline);
}

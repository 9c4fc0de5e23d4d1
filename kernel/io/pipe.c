/*
 * Pipes and FIFOs (pipe(7), fifo(7)).
 *
 * What it is: a ring of bytes between processes, kept in pages that exist only while they hold
 * something.
 *
 * Interface: pipe_create() for pipe2(2); fifo_open() for open(2) of a FIFO; after that, the
 * file operations.
 *
 * Structures and invariants.
 *   I1  head and tail count bytes written and read; head - tail <= size. Byte b lies in page
 *       ring[(b / PAGE_SIZE) % slots] at b % PAGE_SIZE. There are twice as many slots as a full
 *       pipe has pages, so that one which begins in mid-page never meets its own end.
 *   I2  Every page that holds a byte of [tail, head) is there. When the pipe is empty at most one
 *       page is, it is ring[0], and head = tail = 0: a byte that goes back and forth never
 *       allocates.
 *   I3  Readers sleep only while the pipe is empty, so only the write that ends this wakes them.
 *       Writers sleep only while less than PIPE_BUF bytes (or what they have, if less) are free;
 *       a read that leaves so much free wakes one, if any sleeps. One that is woken and leaves
 *       something for the next passes the wake-up on.
 *   I4  A write of at most PIPE_BUF bytes finds room for all of it before it begins, and no other
 *       write comes between: the lock is kept.
 *   I5  users counts the files; with the last the pipe is freed and the FIFO's slot cleared.
 *
 * Locking: `lock` (sleeps, since copies may fault) for the ring and the counts; fifo_lock (spins)
 * for users and slots. Wake-ups are made after `lock` is released, so that who wakes does not
 * run into it.
 *
 * Rejected: Linux's ring of page references (for splice without copies, which here would cost
 * every small write; F_SETPIPE_SZ and capacity behave alike), keeping drained pages (an idle pipe
 * would hold 64 KiB).
 */
#include "io/pipe.h"

#include "io/file.h"
#include "io/iter.h"
#include "io/poll.h"
#include "lib/errno.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "sched/wait.h"
#include "task/cred.h"
#include "task/task.h"

#define PAGES_DEFAULT (PIPE_SIZE_DEFAULT / PAGE_SIZE)
#define S_IFIFO       0010000

struct pipe {
    struct mutex lock;
    u64 head, tail;              /* [L] */
    u32 pages;                   /* [L] size, a power of two; ring has twice as many slots */
    u32 readers, writers;        /* [L] files open for either */
    u32 read_opens, write_opens; /* [L] opens so far: what open(2) of a FIFO waits for */
    u32 users;                   /* [fifo_lock] */
    struct pipe **slot;          /* [I] the FIFO's, or NULL */
    struct page **ring;          /* [L] */
    struct waitqueue read_wait, write_wait;
    struct page *first_ring[2 * PAGES_DEFAULT];
};

static struct spinlock fifo_lock = SPINLOCK_INIT(RANK_FILE);
static u64 last_id; /* [A] */
static const struct file_ops pipe_ops;

/* Readers and writers wait without the lock: one look each at fields that others change. */
static bool is_empty(const struct pipe *pipe)
{
    return READ_ONCE(pipe->head) == READ_ONCE(pipe->tail);
}

static u64 room(const struct pipe *pipe)
{
    u64 used = READ_ONCE(pipe->head) - READ_ONCE(pipe->tail), size = pipe->pages * PAGE_SIZE;

    return used < size ? size - used : 0;
}

/* Who fills or drains a pipe waits next, as a rule. */
static void wake_readers(struct pipe *pipe)
{
    thread_hands_over();
    wake_up(&pipe->read_wait, POLLIN | POLLRDNORM);
}

static void wake_writers(struct pipe *pipe)
{
    thread_hands_over();
    wake_up(&pipe->write_wait, POLLOUT | POLLWRNORM);
}

/* ---- the ring ---- */

static struct page **slot_of(struct pipe *pipe, u64 byte)
{
    return &pipe->ring[byte / PAGE_SIZE & (2 * pipe->pages - 1)];
}

/*
 * Copy n bytes, for which there is room, in. What one page takes goes in as a whole or, when the
 * user's memory ends before, not at all. Bytes copied; -ENOMEM, -EFAULT when none were.
 */
static __always_inline ssize_t fill(struct pipe *pipe, struct iter *it, size_t n)
{
    size_t done = 0;

    while (done < n) {
        size_t offset = pipe->head & PAGE_MASK, part = MIN(n - done, PAGE_SIZE - offset), copied;
        struct page **slot = slot_of(pipe, pipe->head);
        bool fresh = !*slot;

        if (fresh) {
            *slot = page_alloc(0, 0);
            if (!*slot)
                return done ? (ssize_t)done : -ENOMEM;
        }
        copied = iter_copy_from(it, (char *)page_to_virt(*slot) + offset, part);
        if (unlikely(copied < part)) {
            if (fresh) { /* I2 */
                page_put(*slot);
                *slot = NULL;
            }
            return done ? (ssize_t)done : -EFAULT;
        }
        WRITE_ONCE(pipe->head, pipe->head + part);
        done += part;
    }
    return done;
}

/* The page at `slot` has been read to its end, or the pipe to its. I2 */
static void page_drained(struct pipe *pipe, struct page **slot)
{
    struct page *page = *slot;

    if (pipe->head == pipe->tail) {
        WRITE_ONCE(pipe->head, 0);
        WRITE_ONCE(pipe->tail, 0);
        if (slot == pipe->ring)
            return;
        page = pipe->ring[0];
        pipe->ring[0] = *slot;
    }
    *slot = NULL;
    if (page)
        page_put(page);
}

/*
 * Copy at most the iterator's length out; a page whose bytes the user's memory cannot take keeps
 * them all. Bytes copied, or -EFAULT. The pipe is not empty.
 */
static ssize_t drain(struct pipe *pipe, struct iter *it)
{
    size_t n = MIN_T(u64, it->left, pipe->head - pipe->tail), done = 0;

    while (done < n) {
        size_t offset = pipe->tail & PAGE_MASK, part = MIN(n - done, PAGE_SIZE - offset), copied;
        struct page **slot = slot_of(pipe, pipe->tail);

        copied = iter_copy_to(it, (char *)page_to_virt(*slot) + offset, part);
        if (unlikely(copied < part))
            return done ? (ssize_t)done : -EFAULT;
        WRITE_ONCE(pipe->tail, pipe->tail + part);
        done += part;
        if (pipe->tail == pipe->head || offset + part == PAGE_SIZE)
            page_drained(pipe, slot);
    }
    return done;
}

/* ---- file operations ---- */

static ssize_t pipe_read(struct io_request *req)
{
    struct pipe *pipe = req->file->private;
    bool more;
    ssize_t n;

    if (req->iter->left == 0)
        return 0;
    for (;;) {
        if (req->flags & IO_NONBLOCK)
            n = is_empty(pipe) && READ_ONCE(pipe->writers) ? -EAGAIN : 0;
        else
            n = wait_event_interruptible_exclusive(&pipe->read_wait,
                                                   !is_empty(pipe) || !READ_ONCE(pipe->writers));
        if (n)
            return n;
        mutex_lock(&pipe->lock);
        if (likely(pipe->head != pipe->tail))
            break;
        n = pipe->writers;
        mutex_unlock(&pipe->lock);
        if (!n)
            return 0;
    }
    n = drain(pipe, req->iter);
    more = pipe->head != pipe->tail;
    mutex_unlock(&pipe->lock);
    if (unlikely(wait_active(&pipe->write_wait)) && room(pipe) >= PIPE_BUF) /* I3 */
        wake_writers(pipe);
    if (unlikely(more))
        wake_readers(pipe);
    return n;
}

/* Nobody will read: SIGPIPE for the writer. */
static __noinline ssize_t broken(size_t done)
{
    struct task *task = current_task();
    struct siginfo info;

    if (task) {
        siginfo_user(&info, SIGPIPE, SI_USER);
        signal_send_task(task, SIGPIPE, &info);
    }
    return done ? (ssize_t)done : -EPIPE;
}

/* The pipe's lock is held on entry and exit, and released to sleep. 0 or -ERESTARTSYS. */
static __noinline int wait_for_room(struct pipe *pipe, u64 need, bool wake)
{
    int err;

    mutex_unlock(&pipe->lock);
    if (wake)
        wake_readers(pipe);
    err = wait_event_interruptible_exclusive(&pipe->write_wait,
                                             room(pipe) >= need || !READ_ONCE(pipe->readers));
    mutex_lock(&pipe->lock);
    return err;
}

static ssize_t pipe_write(struct io_request *req)
{
    struct pipe *pipe = req->file->private;
    struct iter *it = req->iter;
    bool nonblock = req->flags & IO_NONBLOCK, wake = false;
    size_t done = 0;
    ssize_t n = 0;

    mutex_lock(&pipe->lock);
    while (it->left && n >= 0) {
        u64 need = it->left <= PIPE_BUF ? it->left : nonblock ? 1 : PIPE_BUF; /* I4 */
        u64 free = room(pipe);
        size_t part = MIN_T(u64, it->left, free);

        if (unlikely(!pipe->readers)) {
            n = -EPIPE;
        } else if (unlikely(free < need)) {
            n = nonblock ? -EAGAIN : wait_for_room(pipe, need, wake);
            wake = false;
        } else {
            wake |= pipe->head == pipe->tail;
            n = fill(pipe, it, part);
            done += n < 0 ? 0 : n;
            if (n >= 0 && (size_t)n < part)
                n = -EFAULT;
        }
    }
    mutex_unlock(&pipe->lock);
    if (wake)
        wake_readers(pipe);
    if (unlikely(wait_active(&pipe->write_wait)) && room(pipe) >= PIPE_BUF)
        wake_writers(pipe);
    if (unlikely(n == -EPIPE))
        return broken(done);
    return done ? (ssize_t)done : n;
}

static u32 pipe_poll(struct file *file, struct poll_table *table)
{
    struct pipe *pipe = file->private;
    u32 events = 0;

    if (file->mode & FMODE_READ) {
        poll_wait(file, &pipe->read_wait, table);
        if (!is_empty(pipe))
            events |= POLLIN | POLLRDNORM;
        /* A FIFO that has had no writer since this open has not been hung up. */
        if (!READ_ONCE(pipe->writers) && READ_ONCE(pipe->write_opens) != (u64)file->pos)
            events |= POLLHUP;
    }
    if (file->mode & FMODE_WRITE) {
        poll_wait(file, &pipe->write_wait, table);
        if (room(pipe) >= PIPE_BUF)
            events |= POLLOUT | POLLWRNORM;
        if (!READ_ONCE(pipe->readers))
            events |= POLLERR;
    }
    return events;
}

static long pipe_ioctl(struct file *file, u32 cmd, u64 arg)
{
    struct pipe *pipe = file->private;
    u32 used;

    if (cmd != FIONREAD)
        return -ENOTTY;
    mutex_lock(&pipe->lock);
    used = pipe->head - pipe->tail;
    mutex_unlock(&pipe->lock);
    return put_user_u32(USER_PTR(arg), used);
}

static void pipe_free(struct pipe *pipe)
{
    for (u32 i = 0; i < 2 * pipe->pages; i++)
        if (pipe->ring[i])
            page_put(pipe->ring[i]);
    if (pipe->ring != pipe->first_ring)
        kfree(pipe->ring);
    kfree(pipe);
}

/* I5 */
static void pipe_put(struct pipe *pipe)
{
    bool last;

    spin_lock(&fifo_lock);
    last = --pipe->users == 0;
    if (last && pipe->slot)
        *pipe->slot = NULL;
    spin_unlock(&fifo_lock);
    if (last)
        pipe_free(pipe);
}

/* An end is opened. The lock is held. */
static void enter(struct pipe *pipe, u32 mode)
{
    if (mode & FMODE_READ) {
        pipe->readers++;
        pipe->read_opens++;
    }
    if (mode & FMODE_WRITE) {
        pipe->writers++;
        pipe->write_opens++;
    }
}

/* An end is closed, or was never quite opened. */
static void leave(struct pipe *pipe, u32 mode)
{
    mutex_lock(&pipe->lock);
    if (mode & FMODE_READ)
        pipe->readers--;
    if (mode & FMODE_WRITE)
        pipe->writers--;
    mutex_unlock(&pipe->lock);
    if (mode & FMODE_WRITE && wait_active(&pipe->read_wait))
        wake_all(&pipe->read_wait, POLLIN | POLLRDNORM | POLLHUP);
    if (mode & FMODE_READ && wait_active(&pipe->write_wait))
        wake_all(&pipe->write_wait, POLLOUT | POLLWRNORM | POLLERR);
    pipe_put(pipe);
}

static void pipe_release(struct file *file)
{
    leave(file->private, file->mode);
}

static const struct file_ops pipe_ops = {
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
    .release = pipe_release,
    .stat_mode = S_IFIFO | 0600,
    .name = "pipe",
};

bool file_is_pipe(const struct file *file)
{
    return file->ops == &pipe_ops;
}

/* ---- making and opening ---- */

static struct pipe *pipe_alloc(struct pipe **slot)
{
    struct pipe *pipe = kmalloc(sizeof(*pipe));

    if (!pipe)
        return NULL;
    mutex_init(&pipe->lock, RANK_PIPE);
    pipe->pages = PAGES_DEFAULT;
    pipe->ring = pipe->first_ring;
    pipe->users = 1;
    pipe->slot = slot;
    waitqueue_init(&pipe->read_wait);
    waitqueue_init(&pipe->write_wait);
    return pipe;
}

int pipe_create(struct file *ends[2], u32 flags)
{
    struct pipe *pipe = pipe_alloc(NULL);

    if (!pipe)
        return -ENOMEM;
    ends[0] = file_alloc(&pipe_ops, O_RDONLY | (flags & O_NONBLOCK), pipe);
    ends[1] = file_alloc(&pipe_ops, O_WRONLY | (flags & O_NONBLOCK), pipe);
    pipe->users = 2;
    enter(pipe, FMODE_READ | FMODE_WRITE);
    if (!ends[0] || !ends[1]) {
        for (int i = 0; i < 2; i++) {
            if (ends[i])
                file_put(ends[i]);
            else
                pipe_put(pipe);
        }
        return -ENOMEM;
    }
    ends[0]->mode |= FMODE_STREAM;
    ends[1]->mode |= FMODE_STREAM;
    ends[0]->id = ends[1]->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    return 0;
}

/* The pipe of a FIFO, with a user for the caller; NULL: no memory. */
static struct pipe *fifo_pipe(struct pipe **slot)
{
    struct pipe *fresh = pipe_alloc(slot), *pipe;

    if (!fresh)
        return NULL;
    spin_lock(&fifo_lock);
    pipe = *slot;
    if (pipe)
        pipe->users++;
    else
        pipe = *slot = fresh;
    spin_unlock(&fifo_lock);
    if (pipe != fresh)
        pipe_free(fresh);
    return pipe;
}

int fifo_open(struct file *file, struct pipe **slot)
{
    struct pipe *pipe = fifo_pipe(slot);
    u32 mode = file->mode & (FMODE_READ | FMODE_WRITE), seen;
    bool nonblock = file->flags & O_NONBLOCK, alone;
    int err = 0;

    if (!pipe)
        return -ENOMEM;
    mutex_lock(&pipe->lock);
    alone = mode == FMODE_READ ? !pipe->writers : mode == FMODE_WRITE && !pipe->readers;
    seen = mode == FMODE_READ ? pipe->write_opens : pipe->read_opens;
    if (alone && nonblock && mode == FMODE_WRITE)
        err = -ENXIO;
    else
        enter(pipe, mode);
    mutex_unlock(&pipe->lock);
    if (err) {
        pipe_put(pipe);
        return err;
    }
    wake_all(&pipe->read_wait, 0);
    wake_all(&pipe->write_wait, 0);
    if (alone && !nonblock && mode == FMODE_READ)
        err = wait_event_interruptible(&pipe->read_wait, READ_ONCE(pipe->write_opens) != seen);
    else if (alone && !nonblock)
        err = wait_event_interruptible(&pipe->write_wait, READ_ONCE(pipe->read_opens) != seen);
    if (err) {
        leave(pipe, mode);
        return err;
    }
    file->pos = alone && nonblock ? seen : UINT64_MAX;
    file->ops = &pipe_ops;
    file->private = pipe;
    file->mode |= FMODE_STREAM;
    return 0;
}

/* ---- size ---- */

long pipe_size_get(struct file *file)
{
    struct pipe *pipe = file->private;

    return file_is_pipe(file) ? (long)(READ_ONCE(pipe->pages) * PAGE_SIZE) : -EBADF;
}

/* Move the pages to the front of `ring`, which becomes the pipe's. The lock is held. */
static void move_pages(struct pipe *pipe, struct page **ring, u32 pages)
{
    u64 used = pipe->head - pipe->tail, start = pipe->tail & PAGE_MASK;

    for (u64 at = 0; at == 0 || at < start + used; at += PAGE_SIZE) /* I2: one may be to spare */
        ring[at / PAGE_SIZE] = *slot_of(pipe, pipe->tail + at);
    pipe->ring = ring;
    pipe->pages = pages;
    pipe->tail = start;
    pipe->head = start + used;
}

long pipe_size_set(struct file *file, u64 size)
{
    struct pipe *pipe = file->private;
    struct page **ring, **old;
    u64 pages = 1;

    if (!file_is_pipe(file))
        return -EBADF;
    if (size > 1UL << 31)
        return -EINVAL;
    while (pages * PAGE_SIZE < size)
        pages *= 2;
    if (pages * PAGE_SIZE > PIPE_SIZE_MAX && !cred_has_cap(CAP_SYS_RESOURCE))
        return -EPERM;
    ring = kmalloc(2 * pages * sizeof(*ring));
    if (!ring)
        return -ENOMEM;
    mutex_lock(&pipe->lock);
    old = ring;
    if (pipe->head - pipe->tail <= pages * PAGE_SIZE) {
        old = pipe->ring;
        move_pages(pipe, ring, pages);
    }
    mutex_unlock(&pipe->lock);
    if (old != pipe->first_ring)
        kfree(old);
    if (old == ring)
        return -EBUSY;
    wake_writers(pipe);
    return pages * PAGE_SIZE;
}

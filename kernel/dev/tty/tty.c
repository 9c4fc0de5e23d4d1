/*
 * Terminals.
 *
 * What it is: struct tty joins a driver (a serial line, later a pty master), a line discipline
 * (ldisc.c) and the programs that have the terminal open. job.c knows sessions, ioctl.c the
 * settings.
 *
 * The way of a byte in: the driver's interrupt puts it into rx (tty_receive); a worker feeds the
 * discipline, sends the echo on, signals the foreground group and wakes readers; tty_read() takes
 * it out. The way out: tty_write() has chunks processed by the discipline straight into what
 * the driver has room for; when there is none it sleeps until tty_write_wakeup().
 *
 * Invariants.
 *   I1  Output reaches the driver only while `stopped` is false, pending echo ahead of program
 *       output.
 *   I2  A byte stays in rx while the discipline cannot take it, and in the device while rx is
 *       full: nothing is lost as long as the device can wait. Whoever makes room queues rx_work.
 *   I3  A file whose hangup_count is not the terminal's is dead: reads give end of file, all
 *       else -EIO. The console's files never die.
 *   I4  Registered terminals live for ever; a pty's is counted by its files, which is why every
 *       entry here starts from a file or the driver.
 *
 * Locking: write_lock (one write at a time) before lock (everything else); rx_lock, taken in
 * interrupts, only for rx. Signals are sent with `lock` held, to keep the foreground group.
 *
 * Rejected: the discipline in interrupt context (its lock would mask interrupts while a 4 KiB
 * line is erased and signals are sent), a list of disciplines (there is one).
 */
#include "dev/tty/tty_impl.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/panic.h"
#include "dev/chardev.h"
#include "io/iter.h"
#include "io/poll.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "task/cred.h"
#include "task/task.h"

#define CHUNK        256
#define ROOM_MIN     16  /* a sleeping writer goes on when the driver has this much room */
#define POLL_PENDING 256 /* output is ready while fewer bytes than this are under way */
#define RX_MAX       256 /* bytes taken in one interrupt, whatever the device says */
#define TENTH_NS     100000000UL

static const struct file_ops tty_file_ops;

/* ---- input ---- */

/* What a received byte asked for. */
static void handle_events_locked(struct tty *tty, u32 events)
{
    static const struct {
        u32 event;
        int sig;
    } signals[] = {{LDISC_SIGINT, SIGINT}, {LDISC_SIGQUIT, SIGQUIT}, {LDISC_SIGTSTP, SIGTSTP}};

    if (events & LDISC_FLUSH_OUTPUT)
        tty->ops->flush(tty);
    if (events & LDISC_STOP)
        tty->stopped = true;
    if (events & LDISC_START)
        tty_start_locked(tty);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        if (events & signals[i].event && tty->foreground)
            signal_send_pgrp(tty->foreground, signals[i].sig, NULL);
}

/* The device reports bytes while somebody has the terminal open and rx has room. I2 */
static void rx_update_locked(struct tty *tty)
{
    tty->ops->receive(tty, READ_ONCE(tty->open_count) && tty->rx_head - tty->rx_tail < TTY_RX_SIZE);
}

static void rx_update(struct tty *tty)
{
    spin_guard_irqsave(&tty->rx_lock);

    rx_update_locked(tty);
}

static bool rx_pop(struct tty *tty, u16 *byte)
{
    spin_guard_irqsave(&tty->rx_lock);

    if (tty->rx_head == tty->rx_tail)
        return false;
    *byte = tty->rx[tty->rx_tail++ % TTY_RX_SIZE];
    return true;
}

/* IXOFF: ask the other side to pause while the discipline is nearly full. */
static void rx_flow_locked(struct tty *tty)
{
    struct ldisc *ld = &tty->ldisc;
    u32 used = ld->head - ld->tail;

    if (!tty->peer_stopped && ld->termios.iflag & IXOFF && used > LDISC_SIZE * 3 / 4) {
        tty->peer_stopped = true;
        tty_send_char_locked(tty, ld->termios.cc[VSTOP]);
    } else if (tty->peer_stopped && used < LDISC_SIZE / 4) {
        tty->peer_stopped = false;
        tty_send_char_locked(tty, ld->termios.cc[VSTART]);
    }
}

static void rx_work(struct work *work)
{
    struct tty *tty = container_of(work, struct tty, rx_work);
    u32 events, all = 0;
    u16 byte;

    mutex_lock(&tty->lock);
    while (ldisc_can_receive(&tty->ldisc) && rx_pop(tty, &byte)) { /* I2 */
        events = ldisc_receive(&tty->ldisc, byte, tty->stopped);
        if (unlikely(events & ~LDISC_READABLE))
            handle_events_locked(tty, events);
        all |= events;
    }
    tty_flush_echo_locked(tty);
    rx_flow_locked(tty);
    mutex_unlock(&tty->lock);
    rx_update(tty);
    if (all & LDISC_READABLE)
        wake_all(&tty->read_wait, POLLIN | POLLRDNORM);
    if (all & (LDISC_START | LDISC_FLUSH_OUTPUT))
        wake_all(&tty->write_wait, POLLOUT | POLLWRNORM);
}

size_t tty_receive(struct tty *tty)
{
    size_t n = 0;
    spin_guard_irqsave(&tty->rx_lock);

    while (n < RX_MAX && tty->rx_head - tty->rx_tail < TTY_RX_SIZE &&
           tty->ops->get(tty, &tty->rx[tty->rx_head % TTY_RX_SIZE])) {
        tty->rx_head++;
        n++;
    }
    rx_update_locked(tty);
    work_queue(&tty->rx_work);
    return n;
}

void tty_type(struct tty *tty, u8 byte)
{
    irqflags_t flags = spin_lock_irqsave(&tty->rx_lock);

    if (tty->rx_head - tty->rx_tail < TTY_RX_SIZE)
        tty->rx[tty->rx_head++ % TTY_RX_SIZE] = byte;
    spin_unlock_irqrestore(&tty->rx_lock, flags);
    work_queue(&tty->rx_work);
    work_flush(&tty->rx_work);
}

void tty_flush_rx(struct tty *tty)
{
    spin_guard_irqsave(&tty->rx_lock);

    tty->rx_tail = tty->rx_head;
    rx_update_locked(tty);
}

/* ---- reading ---- */

/* One call of read(): the four cases of VMIN and VTIME (termios(3)). */
struct reading {
    struct tty_file *tf;
    struct iter *it;
    size_t done;
    size_t min;     /* enough to return with */
    u64 first_ns;   /* how long the first byte may take; TIMER_NEVER: no limit */
    u64 between_ns; /* how long each next one may take */
};

static void reading_begin(struct reading *r)
{
    const struct termios *termios = &r->tf->tty->ldisc.termios;
    u64 time_ns = termios->cc[VTIME] * TENTH_NS;

    r->min = 1;
    r->first_ns = r->between_ns = TIMER_NEVER;
    if (termios->lflag & ICANON)
        return;
    if (termios->cc[VMIN]) {
        r->min = termios->cc[VMIN];
        if (time_ns)
            r->between_ns = time_ns;
    } else {
        r->first_ns = time_ns;
    }
}

/* Take a chunk out. Bytes, 0 when there is nothing; *end: a line, or the file, has ended. */
static ssize_t take_chunk(struct reading *r, bool *end)
{
    struct tty *tty = r->tf->tty;
    u8 chunk[CHUNK];
    size_t n;

    mutex_lock(&tty->lock);
    if (tty_file_hung(r->tf)) {
        mutex_unlock(&tty->lock);
        *end = true;
        return 0;
    }
    n = ldisc_read(&tty->ldisc, chunk, MIN(r->it->left, sizeof(chunk)), end);
    if (n)
        rx_flow_locked(tty);
    mutex_unlock(&tty->lock);
    if (n && READ_ONCE(tty->rx_head) != READ_ONCE(tty->rx_tail))
        work_queue(&tty->rx_work); /* I2 */
    if (n && iter_copy_to(r->it, chunk, n) != (ssize_t)n)
        return -EFAULT;
    return n;
}

/* Sleep until there may be more. 0, -ETIMEDOUT, -ERESTARTSYS, -EAGAIN. */
static int wait_for_input(struct reading *r, u64 began, bool nonblock)
{
    struct tty *tty = r->tf->tty;
    u64 patience = r->done ? r->between_ns : r->first_ns, deadline = TIMER_NEVER;

    if (patience == 0)
        return -ETIMEDOUT;
    if (nonblock)
        return -EAGAIN;
    if (patience != TIMER_NEVER)
        deadline = (r->done ? clock_monotonic_ns() : began) + patience;
    return wait_event_interruptible_timeout(
        &tty->read_wait, ldisc_readable(&tty->ldisc, 1) || tty_file_hung(r->tf), deadline);
}

static ssize_t tty_read(struct io_request *req)
{
    struct reading r = {.tf = req->file->private, .it = req->iter};
    u64 began;
    bool end;
    int err;

    if (tty_file_hung(r.tf))
        return 0; /* I3 */
    err = r.tf->console ? 0 : tty_check_job(r.tf->tty, SIGTTIN);
    if (err || r.it->left == 0)
        return err;
    reading_begin(&r);
    began = r.first_ns == TIMER_NEVER ? 0 : clock_monotonic_ns();
    for (;;) {
        ssize_t n = take_chunk(&r, &end);

        if (n < 0)
            return r.done ? (ssize_t)r.done : n;
        r.done += n;
        if (end || r.it->left == 0)
            break;
        if (n)
            continue;
        if (r.done >= r.min)
            break;
        err = wait_for_input(&r, began, req->flags & IO_NONBLOCK);
        if (err)
            break;
    }
    if (r.done || err == -ETIMEDOUT)
        return r.done;
    return err;
}

/* ---- output ---- */

void tty_start_locked(struct tty *tty)
{
    assert_mutex_held(&tty->lock);
    if (!tty->stopped)
        return;
    tty->stopped = false;
    tty_flush_echo_locked(tty);
    wake_all(&tty->write_wait, POLLOUT | POLLWRNORM);
}

void tty_flush_echo_locked(struct tty *tty)
{
    u8 chunk[64];
    size_t n;

    assert_mutex_held(&tty->lock);
    while (!tty->stopped) {
        n = ldisc_echo_take(&tty->ldisc, chunk, MIN(tty->ops->write_room(tty), sizeof(chunk)));
        if (n == 0)
            break;
        tty->ops->write(tty, chunk, n);
    }
}

/* A flow-control character, past everything that waits. */
void tty_send_char_locked(struct tty *tty, u8 c)
{
    assert_mutex_held(&tty->lock);
    if (c)
        tty->ops->write(tty, &c, 1);
}

/* Process from data[n] what the driver has room for; returns how much. */
static size_t write_some(struct tty *tty, const u8 *data, size_t n)
{
    size_t produced, used, room;
    u8 out[2 * CHUNK];
    mutex_guard(&tty->lock);

    tty_flush_echo_locked(tty);
    if (tty->stopped) /* I1 */
        return 0;
    room = MIN(tty->ops->write_room(tty), sizeof(out));
    used = ldisc_output(&tty->ldisc, data, n, out, room, &produced);
    if (produced)
        tty->ops->write(tty, out, produced);
    return used;
}

static bool can_write(struct tty *tty)
{
    return !READ_ONCE(tty->stopped) && tty->ops->write_room(tty) >= ROOM_MIN;
}

/* Write a chunk of kernel memory. Bytes written, or -errno when none. */
static ssize_t write_chunk(struct io_request *req, const u8 *data, size_t n)
{
    struct tty_file *tf = req->file->private;
    struct tty *tty = tf->tty;
    size_t done = 0;
    int err = 0;

    while (done < n && !err) {
        size_t used = tty_file_hung(tf) ? 0 : write_some(tty, data + done, n - done);

        done += used;
        if (!used)
            err = tty_file_hung(tf)
                      ? -EIO
                      : io_wait_event(req, &tty->write_wait, can_write(tty) || tty_file_hung(tf));
    }
    return done ? (ssize_t)done : err;
}

static ssize_t tty_write(struct io_request *req)
{
    struct tty_file *tf = req->file->private;
    ssize_t done = 0, n = 0;
    u8 chunk[CHUNK];
    int err = 0;

    if (tty_file_hung(tf))
        return -EIO;
    if (!tf->console && tf->tty->ldisc.termios.lflag & TOSTOP)
        err = tty_check_job(tf->tty, SIGTTOU);
    if (err)
        return err;
    if (!(req->flags & IO_NONBLOCK))
        err = mutex_lock_interruptible(&tf->tty->write_lock);
    else if (!mutex_trylock(&tf->tty->write_lock))
        err = -EAGAIN;
    if (err)
        return err;
    while (req->iter->left) {
        size_t part = MIN(req->iter->left, sizeof(chunk));
        size_t got = iter_copy_from(req->iter, chunk, part);

        n = got ? write_chunk(req, chunk, got) : -EFAULT;
        if (n < 0)
            break;
        done += n;
        if ((size_t)n < part)
            break;
    }
    mutex_unlock(&tf->tty->write_lock);
    return done ? done : n;
}

void tty_write_wakeup(struct tty *tty)
{
    if (tty->ldisc.echo_head != tty->ldisc.echo_tail)
        work_queue(&tty->rx_work);
    if (wait_active(&tty->write_wait))
        wake_all(&tty->write_wait, POLLOUT | POLLWRNORM);
}

int tty_drain(struct tty *tty)
{
    return wait_event_interruptible(&tty->write_wait, tty->ops->pending(tty) == 0);
}

static u32 tty_poll(struct file *file, struct poll_table *table)
{
    struct tty_file *tf = file->private;
    struct tty *tty = tf->tty;
    const struct termios *termios = &tty->ldisc.termios;
    u32 events = 0;

    if (tty_file_hung(tf))
        return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
    poll_wait(file, &tty->read_wait, table);
    poll_wait(file, &tty->write_wait, table);
    if (ldisc_readable(&tty->ldisc, termios->cc[VTIME] ? 1 : termios->cc[VMIN]))
        events |= POLLIN | POLLRDNORM;
    if (can_write(tty) && tty->ops->pending(tty) < POLL_PENDING)
        events |= POLLOUT | POLLWRNORM;
    return events;
}

/* ---- opening and closing ---- */

int tty_open_as(struct tty *tty, struct file *file, bool console, bool noctty)
{
    struct tty_file *tf = kmalloc(sizeof(*tf));

    if (!tf)
        return -ENOMEM;
    mutex_lock(&tty->lock);
    if (tty->exclusive && !cred_has_cap(CAP_SYS_ADMIN)) {
        mutex_unlock(&tty->lock);
        kfree(tf);
        return -EBUSY;
    }
    tty->open_count++;
    rx_update(tty);
    *tf = (struct tty_file){.tty = tty, .hangup_count = tty->hangup_count, .console = console};
    mutex_unlock(&tty->lock);
    file->ops = &tty_file_ops;
    file->private = tf;
    file->mode |= FMODE_STREAM;
    if (!noctty && !(file->flags & O_NOCTTY) && file->mode & FMODE_READ && current_task())
        tty_acquire_on_open(tty);
    return 0;
}

static void tty_file_release(struct file *file)
{
    struct tty_file *tf = file->private;
    struct tty *tty = tf->tty;

    mutex_lock(&tty->lock);
    if (--tty->open_count == 0)
        tty->exclusive = false;
    rx_update(tty);
    mutex_unlock(&tty->lock);
    kfree(tf);
}

static const struct file_ops tty_file_ops = {
    .read = tty_read,
    .write = tty_write,
    .poll = tty_poll,
    .ioctl = tty_ioctl,
    .release = tty_file_release,
};

void tty_hangup(struct tty *tty)
{
    mutex_lock(&tty->lock);
    tty->hangup_count++; /* I3 */
    ldisc_flush_input(&tty->ldisc);
    tty->stopped = false;
    tty->ops->flush(tty);
    mutex_unlock(&tty->lock);
    wake_all(&tty->read_wait, POLLIN | POLLHUP);
    wake_all(&tty->write_wait, POLLOUT | POLLERR);
}

/* ---- terminals ---- */

static int device_open(struct chardev *device, struct file *file)
{
    return tty_open_as(container_of(device, struct tty, device), file, false, false);
}

int tty_register(const char *name, dev_t dev, const struct tty_ops *ops, void *driver,
                 struct tty **out)
{
    struct tty *tty = kmalloc(sizeof(*tty));

    if (!tty)
        return -ENOMEM;
    tty->ops = ops;
    tty->driver = driver;
    str_copy(tty->name, name, sizeof(tty->name));
    tty->device =
        (struct chardev){.dev = dev, .name = tty->name, .mode = 0600, .open = device_open};
    mutex_init(&tty->lock, RANK_TTY);
    mutex_init(&tty->write_lock, RANK_TURN);
    ldisc_init(&tty->ldisc);
    waitqueue_init(&tty->read_wait);
    waitqueue_init(&tty->write_wait);
    work_init_item(&tty->rx_work, rx_work);
    spin_init(&tty->rx_lock, RANK_TTY_BUFFER);
    *out = tty;
    chardev_register(&tty->device);
    return 0;
}

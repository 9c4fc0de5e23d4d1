/*
 * Terminal settings and queues: the ioctls of ioctl_tty(2) but for job control (job.c).
 */
#include "dev/tty/tty_impl.h"

#include "core/clock.h"
#include "core/uaccess.h"
#include "io/iter.h"
#include "lib/string.h"
#include "sched/timer.h"
#include "task/cred.h"
#include "task/task.h"

#define BREAK_NS 250000000UL

/* Rates of the codes in CBAUD: 0 to 15, then BOTHER (010000) + 1 and on. */
static const u32 low_rates[] = {0,   50,   75,   110,  134,  150,  200,   300,
                                600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
static const u32 high_rates[] = {57600,   115200,  230400,  460800,  500000,
                                 576000,  921600,  1000000, 1152000, 1500000,
                                 2000000, 2500000, 3000000, 3500000, 4000000};

/* The rate of a CBAUD code; `other` for BOTHER itself. */
static u32 rate_of(u32 code, u32 other)
{
    if (code < ARRAY_SIZE(low_rates))
        return low_rates[code];
    code -= BOTHER;
    return code == 0 ? other : code <= ARRAY_SIZE(high_rates) ? high_rates[code - 1] : 0;
}

/* Speeds follow from the codes; the input's is 0 for "as output". */
static void settle_speeds(struct termios *termios)
{
    u32 in = termios->cflag >> CIBAUD_SHIFT & CBAUD;

    termios->ospeed = rate_of(termios->cflag & CBAUD, termios->ospeed);
    termios->ispeed = in ? rate_of(in, termios->ispeed) : termios->ospeed;
}

static void set_termios(struct tty *tty, const struct termios *termios, bool flush)
{
    struct termios old;

    if (flush)
        tty_flush_rx(tty);
    mutex_lock(&tty->lock);
    if (flush)
        ldisc_flush_input(&tty->ldisc);
    old = tty->ldisc.termios;
    ldisc_set_termios(&tty->ldisc, termios);
    if (old.iflag & IXON && !(termios->iflag & IXON))
        tty_start_locked(tty);
    if (tty->ops->set_termios)
        tty->ops->set_termios(tty, &old);
    mutex_unlock(&tty->lock);
    wake_all(&tty->read_wait, 0); /* what a reader waits for may have changed */
}

static void get_termios(struct tty *tty, struct termios *termios)
{
    mutex_lock(&tty->lock);
    *termios = tty->ldisc.termios;
    mutex_unlock(&tty->lock);
}

enum layout { LAYOUT_TERMIO, LAYOUT_TERMIOS, LAYOUT_TERMIOS2 };

static int copy_out(const struct termios *termios, struct user_ptr arg, enum layout layout)
{
    struct termio old = {.iflag = termios->iflag,
                         .oflag = termios->oflag,
                         .cflag = termios->cflag,
                         .lflag = termios->lflag,
                         .line = termios->line};

    if (layout == LAYOUT_TERMIOS2)
        return copy_to_user(arg, termios, sizeof(*termios));
    if (layout == LAYOUT_TERMIOS)
        return copy_to_user(arg, termios, TERMIOS1_SIZE);
    memcpy(old.cc, termios->cc, sizeof(old.cc));
    return copy_to_user(arg, &old, sizeof(old));
}

static int copy_in(struct termios *termios, struct user_ptr arg, enum layout layout)
{
    struct termio old;
    int err;

    if (layout == LAYOUT_TERMIOS2)
        return copy_from_user(termios, arg, sizeof(*termios));
    if (layout == LAYOUT_TERMIOS)
        return copy_from_user(termios, arg, TERMIOS1_SIZE);
    err = copy_from_user(&old, arg, sizeof(old));
    if (err)
        return err;
    termios->iflag = (termios->iflag & ~0xffffU) | old.iflag;
    termios->oflag = (termios->oflag & ~0xffffU) | old.oflag;
    termios->cflag = (termios->cflag & ~0xffffU) | old.cflag;
    termios->lflag = (termios->lflag & ~0xffffU) | old.lflag;
    termios->line = old.line;
    memcpy(termios->cc, old.cc, sizeof(old.cc));
    return 0;
}

/* TCSETS and kin. drain: output goes out under the old settings; flush: input is forgotten. */
static long change_settings(struct tty *tty, struct user_ptr arg, enum layout layout, bool drain,
                            bool flush)
{
    struct termios termios;
    int err = tty_check_job(tty, SIGTTOU);

    if (err)
        return err;
    get_termios(tty, &termios);
    err = copy_in(&termios, arg, layout);
    if (!err && drain)
        err = tty_drain(tty);
    if (err)
        return err;
    settle_speeds(&termios);
    set_termios(tty, &termios, flush);
    return 0;
}

static long get_settings(struct tty *tty, struct user_ptr arg, enum layout layout)
{
    struct termios termios;

    get_termios(tty, &termios);
    return copy_out(&termios, arg, layout);
}

static long settings_ioctl(struct tty *tty, u32 cmd, struct user_ptr arg)
{
    switch (cmd) {
    case TCGETS: return get_settings(tty, arg, LAYOUT_TERMIOS);
    case TCGETS2: return get_settings(tty, arg, LAYOUT_TERMIOS2);
    case TCGETA: return get_settings(tty, arg, LAYOUT_TERMIO);
    case TCSETS:
    case TCSETSW:
    case TCSETSF: return change_settings(tty, arg, LAYOUT_TERMIOS, cmd != TCSETS, cmd == TCSETSF);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return change_settings(tty, arg, LAYOUT_TERMIOS2, cmd != TCSETS2, cmd == TCSETSF2);
    case TCSETA:
    case TCSETAW:
    case TCSETAF: return change_settings(tty, arg, LAYOUT_TERMIO, cmd != TCSETA, cmd == TCSETAF);
    }
    return TTY_NOT_MINE;
}

static long flow_control(struct tty *tty, u64 what)
{
    long err = tty_check_job(tty, SIGTTOU);

    if (err)
        return err;
    mutex_lock(&tty->lock);
    switch (what) {
    case TCOOFF: tty_stop_locked(tty); break;
    case TCOON: tty_start_locked(tty); break;
    case TCIOFF: tty_send_char_locked(tty, tty->ldisc.termios.cc[VSTOP]); break;
    case TCION: tty_send_char_locked(tty, tty->ldisc.termios.cc[VSTART]); break;
    default: err = -EINVAL;
    }
    mutex_unlock(&tty->lock);
    return err;
}

static long flush_queues(struct tty *tty, u64 what)
{
    long err = tty_check_job(tty, SIGTTOU);

    if (err)
        return err;
    if (what > TCIOFLUSH)
        return -EINVAL;
    if (what != TCOFLUSH)
        tty_flush_rx(tty);
    mutex_lock(&tty->lock);
    if (what != TCOFLUSH)
        ldisc_flush_input(&tty->ldisc);
    if (what != TCIFLUSH) {
        tty->ldisc.echo_tail = tty->ldisc.echo_head;
        if (tty->ops->flush)
            tty->ops->flush(tty);
    }
    mutex_unlock(&tty->lock);
    if (what != TCIFLUSH)
        wake_all(&tty->write_wait, 0);
    return 0;
}

static void set_break(struct tty *tty, bool on)
{
    mutex_lock(&tty->lock);
    if (tty->ops->set_break)
        tty->ops->set_break(tty, on);
    mutex_unlock(&tty->lock);
}

/* Output goes out, then (ns > 0) a break of that length. */
static long send_break(struct tty *tty, u64 ns)
{
    long err = tty_check_job(tty, SIGTTOU);

    if (!err)
        err = tty_drain(tty);
    if (err || !ns)
        return err;
    set_break(tty, true);
    err = sleep_until(clock_monotonic_ns() + ns, true);
    set_break(tty, false);
    return err ? -EINTR : 0;
}

static long set_window(struct tty *tty, struct user_ptr arg)
{
    struct winsize size;
    int err = copy_from_user(&size, arg, sizeof(size));

    if (err)
        return err;
    mutex_lock(&tty->lock);
    if (memcmp(&size, &tty->winsize, sizeof(size)) != 0) {
        tty->winsize = size;
        if (tty->foreground)
            signal_send_pgrp(tty->foreground, SIGWINCH, NULL);
    }
    mutex_unlock(&tty->lock);
    return 0;
}

static long get_window(struct tty *tty, struct user_ptr arg)
{
    struct winsize size;

    mutex_lock(&tty->lock);
    size = tty->winsize;
    mutex_unlock(&tty->lock);
    return copy_to_user(arg, &size, sizeof(size));
}

/* TIOCSTI: a byte as if it had been typed. */
static long type_byte(struct tty *tty, struct user_ptr arg)
{
    u16 typed;
    u8 byte;

    if (current_tty() != tty && !cred_has_cap(CAP_SYS_ADMIN))
        return -EPERM;
    if (get_user_u8(arg, &byte))
        return -EFAULT;
    typed = byte;
    tty_receive(tty, &typed, 1);
    work_flush(&tty->rx_work);
    return 0;
}

static long set_discipline(struct user_ptr arg)
{
    u32 number;

    if (get_user_u32(arg, &number))
        return -EFAULT;
    return number ? -EINVAL : 0; /* N_TTY is the one there is */
}

static long count_input(struct tty *tty, struct user_ptr arg)
{
    u32 n;

    mutex_lock(&tty->lock);
    n = ldisc_available(&tty->ldisc);
    mutex_unlock(&tty->lock);
    return put_user_u32(arg, n);
}

static long vhangup(struct tty *tty)
{
    if (!cred_has_cap(CAP_SYS_ADMIN))
        return -EPERM;
    tty_detach_session(tty, NULL, true);
    tty_hangup(tty);
    return 0;
}

static long exclusive(struct tty *tty, bool on)
{
    mutex_lock(&tty->lock);
    tty->exclusive = on;
    mutex_unlock(&tty->lock);
    return 0;
}

static long line_ioctl(struct tty *tty, u32 cmd, u64 arg)
{
    struct user_ptr ptr = USER_PTR(arg);

    switch (cmd) {
    case TIOCGWINSZ: return get_window(tty, ptr);
    case TIOCSWINSZ: return set_window(tty, ptr);
    case TIOCINQ: return count_input(tty, ptr);
    case TIOCOUTQ: return put_user_u32(ptr, tty->ops->pending ? tty->ops->pending(tty) : 0);
    case TCXONC: return flow_control(tty, arg);
    case TCFLSH: return flush_queues(tty, arg);
    case TCSBRK: return send_break(tty, arg ? 0 : BREAK_NS);
    case TCSBRKP: return send_break(tty, arg ? MIN(arg, 255UL) * 100000000UL : BREAK_NS);
    case TIOCSBRK:
    case TIOCCBRK: set_break(tty, cmd == TIOCSBRK); return 0;
    case TIOCSTI: return type_byte(tty, ptr);
    case TIOCEXCL:
    case TIOCNXCL: return exclusive(tty, cmd == TIOCEXCL);
    case TIOCGEXCL: return put_user_u32(ptr, tty->exclusive);
    case TIOCGETD: return put_user_u32(ptr, 0);
    case TIOCSETD: return set_discipline(ptr);
    case TIOCGDEV: return put_user_u32(ptr, tty->dev);
    case TIOCVHANGUP: return vhangup(tty);
    }
    return -ENOTTY;
}

long tty_ioctl(struct file *file, u32 cmd, u64 arg)
{
    struct tty_file *tf = file->private;
    long result;

    if (tty_file_hung(tf))
        return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
    result = tty_job_ioctl(file, cmd, arg);
    if (result == TTY_NOT_MINE)
        result = settings_ioctl(tf->tty, cmd, USER_PTR(arg));
    if (result == TTY_NOT_MINE)
        result = line_ioctl(tf->tty, cmd, arg);
    return result;
}

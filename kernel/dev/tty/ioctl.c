/*
 * Terminal settings and queues: the ioctls of ioctl_tty(2); job.c does those of job control.
 */
#include "dev/tty/tty_impl.h"

#include "core/clock.h"
#include "lib/string.h"
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

/* Settings as struct termio has them, which is of the 16 bits below. */
static void to_old(const struct termios *termios, struct termio *old)
{
    *old = (struct termio){.iflag = termios->iflag,
                           .oflag = termios->oflag,
                           .cflag = termios->cflag,
                           .lflag = termios->lflag,
                           .line = termios->line};
    memcpy(old->cc, termios->cc, sizeof(old->cc));
}

static void from_old(struct termios *termios, const struct termio *old)
{
    termios->iflag = (termios->iflag & ~0xffffU) | old->iflag;
    termios->oflag = (termios->oflag & ~0xffffU) | old->oflag;
    termios->cflag = (termios->cflag & ~0xffffU) | old->cflag;
    termios->lflag = (termios->lflag & ~0xffffU) | old->lflag;
    termios->line = old->line;
    memcpy(termios->cc, old->cc, sizeof(old->cc));
}

static struct termios settings_of(struct tty *tty)
{
    mutex_guard(&tty->lock);

    return tty->ldisc.termios;
}

/* `size` says which of the three layouts. */
static long get_settings(struct tty *tty, struct user_ptr arg, size_t size)
{
    struct termios termios = settings_of(tty);
    struct termio old;

    if (size != sizeof(old))
        return copy_to_user(arg, &termios, size);
    to_old(&termios, &old);
    return copy_to_user(arg, &old, size);
}

/* how: 0 at once, 1 when output is out, 2 also forgetting input. */
static long set_settings(struct tty *tty, struct user_ptr arg, size_t size, u32 how)
{
    struct termios termios = settings_of(tty);
    struct termio old;
    bool resume;
    int err = copy_from_user(size == sizeof(old) ? (void *)&old : &termios, arg, size);

    if (!err && how > 0)
        err = tty_drain(tty);
    if (err)
        return err;
    if (size == sizeof(old))
        from_old(&termios, &old);
    settle_speeds(&termios);
    if (how > 1)
        tty_flush_rx(tty);
    mutex_lock(&tty->lock);
    if (how > 1)
        ldisc_flush_input(&tty->ldisc);
    resume = tty->ldisc.termios.iflag & ~termios.iflag & IXON;
    ldisc_set_termios(&tty->ldisc, &termios);
    if (resume)
        tty_start_locked(tty);
    mutex_unlock(&tty->lock);
    wake_all(&tty->read_wait, 0); /* what a reader waits for may have changed */
    return 0;
}

static long flow_control(struct tty *tty, u64 what)
{
    mutex_guard(&tty->lock);

    switch (what) {
    case TCOOFF: tty->stopped = true; return 0;
    case TCOON: tty_start_locked(tty); return 0;
    case TCIOFF: tty_send_char_locked(tty, tty->ldisc.termios.cc[VSTOP]); return 0;
    case TCION: tty_send_char_locked(tty, tty->ldisc.termios.cc[VSTART]); return 0;
    }
    return -EINVAL;
}

static long flush_queues(struct tty *tty, u64 what)
{
    if (what > TCIOFLUSH)
        return -EINVAL;
    if (what != TCOFLUSH)
        tty_flush_rx(tty);
    mutex_lock(&tty->lock);
    if (what != TCOFLUSH)
        ldisc_flush_input(&tty->ldisc);
    if (what != TCIFLUSH) {
        tty->ldisc.echo_tail = tty->ldisc.echo_head;
        tty->ops->flush(tty);
    }
    mutex_unlock(&tty->lock);
    if (what != TCIFLUSH)
        wake_all(&tty->write_wait, 0);
    return 0;
}

static long set_break(struct tty *tty, bool on)
{
    mutex_guard(&tty->lock);

    tty->ops->set_break(tty, on);
    return 0;
}

/* Output goes out, then (ns > 0) a break of that length. */
static long send_break(struct tty *tty, u64 ns)
{
    long err = tty_drain(tty);

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

    if (copy_from_user(&size, arg, sizeof(size)))
        return -EFAULT;
    mutex_guard(&tty->lock);
    if (memcmp(&size, &tty->winsize, sizeof(size)) == 0)
        return 0;
    tty->winsize = size;
    if (tty->foreground)
        signal_send_pgrp(tty->foreground, SIGWINCH, NULL);
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
    u8 byte;

    if (current_tty() != tty && !cred_has_cap(CAP_SYS_ADMIN))
        return -EPERM;
    if (get_user_u8(arg, &byte))
        return -EFAULT;
    tty_type(tty, byte);
    return 0;
}

static long set_discipline(struct user_ptr arg)
{
    u32 number;

    if (get_user_u32(arg, &number))
        return -EFAULT;
    return number ? -EINVAL : 0; /* N_TTY is the one there is */
}

static u32 count_input(struct tty *tty)
{
    mutex_guard(&tty->lock);

    return ldisc_available(&tty->ldisc);
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
    mutex_guard(&tty->lock);

    tty->exclusive = on;
    return 0;
}

/* What changes the line is for the foreground group only. */
static int check_change(struct tty *tty, u32 cmd)
{
    int err;

    switch (cmd) {
    case TIOCSPGRP:
    case TCSETS ... TCSETSF:
    case TCSETA ... TCFLSH: /* and TCSBRK, TCXONC */
    case TCSBRKP:
    case TCSETS2 ... TCSETSF2: break;
    default: return 0;
    }
    err = tty_check_job(tty, SIGTTOU);
    return err == -EIO && cmd == TIOCSPGRP ? -ENOTTY : err;
}

long tty_ioctl(struct file *file, u32 cmd, u64 arg)
{
    struct tty_file *tf = file->private;
    struct tty *tty = tf->tty;
    struct user_ptr ptr = USER_PTR(arg);
    long err;

    if (tty_file_hung(tf))
        return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
    err = check_change(tty, cmd);
    if (err)
        return err;
    switch (cmd) {
    case TCGETS: return get_settings(tty, ptr, TERMIOS1_SIZE);
    case TCGETS2: return get_settings(tty, ptr, sizeof(struct termios));
    case TCGETA: return get_settings(tty, ptr, sizeof(struct termio));
    case TCSETS ... TCSETSF: return set_settings(tty, ptr, TERMIOS1_SIZE, cmd - TCSETS);
    case TCSETS2 ... TCSETSF2: return set_settings(tty, ptr, sizeof(struct termios), cmd - TCSETS2);
    case TCSETA ... TCSETAF: return set_settings(tty, ptr, sizeof(struct termio), cmd - TCSETA);
    case TCSBRK: return send_break(tty, arg ? 0 : BREAK_NS);
    case TCSBRKP: return send_break(tty, arg ? MIN(arg, 255UL) * 100000000UL : BREAK_NS);
    case TCXONC: return flow_control(tty, arg);
    case TCFLSH: return flush_queues(tty, arg);
    case TIOCEXCL:
    case TIOCNXCL: return exclusive(tty, cmd == TIOCEXCL);
    case TIOCGEXCL: return put_user_u32(ptr, tty->exclusive);
    case TIOCSCTTY: return tty_set_controlling(file, tty, arg);
    case TIOCNOTTY: return tty_give_up(tty);
    case TIOCGPGRP: return tty_get_foreground(tty, ptr);
    case TIOCSPGRP: return tty_set_foreground(tty, ptr);
    case TIOCGSID: return tty_get_session(tty, ptr);
    case TIOCINQ: return put_user_u32(ptr, count_input(tty));
    case TIOCOUTQ: return put_user_u32(ptr, tty->ops->pending(tty));
    case TIOCSTI: return type_byte(tty, ptr);
    case TIOCGWINSZ: return get_window(tty, ptr);
    case TIOCSWINSZ: return set_window(tty, ptr);
    case TIOCGETD: return put_user_u32(ptr, 0);
    case TIOCSETD: return set_discipline(ptr);
    case TIOCSBRK:
    case TIOCCBRK: return set_break(tty, cmd == TIOCSBRK);
    case TIOCGDEV: return put_user_u32(ptr, tty->device.dev);
    case TIOCVHANGUP: return vhangup(tty);
    }
    return -ENOTTY;
}

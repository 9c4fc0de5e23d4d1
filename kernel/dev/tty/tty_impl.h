/*
 * Private to dev/tty.
 */
#pragma once

#include "dev/tty/tty.h"
#include "io/file.h"

/* file->private of an open terminal. */
struct tty_file {
    struct tty *tty;  /* [I] */
    u32 hangup_count; /* [I] the terminal's at the open */
    bool console;     /* [I] opened as /dev/console: hang-ups and job control pass it by */
};

/* Opens `tty` as `file`. console: see above; noctty: it does not become the controlling one. */
int tty_open_as(struct tty *tty, struct file *file, bool console, bool noctty);

/* Has the line been hung up since this file was opened? */
static inline bool tty_file_hung(const struct tty_file *tf)
{
    return !tf->console && READ_ONCE(tf->tty->hangup_count) != tf->hangup_count;
}

/* The terminal's lock is held for these. */
void tty_stop_locked(struct tty *tty);
void tty_start_locked(struct tty *tty);
void tty_flush_echo_locked(struct tty *tty);
void tty_send_char_locked(struct tty *tty, u8 c);

/* Forget received bytes that the discipline has not seen. */
void tty_flush_rx(struct tty *tty);

/* Wait until all output is on the line. 0 or -ERESTARTSYS. */
int tty_drain(struct tty *tty);

long tty_ioctl(struct file *file, u32 cmd, u64 arg);

/* The registered terminal of this device number, and the oldest one; NULL: none. */
struct tty *tty_find(u64 dev);
struct tty *tty_first(void);

/* ---- job.c ---- */

/* The current process's controlling terminal, or NULL. */
struct tty *current_tty(void);

/*
 * May the current process use the terminal, as sig (SIGTTIN: read; SIGTTOU: write or change it)
 * asks? 0; -ERESTARTSYS: its group was sent sig; -EIO: it cannot be.
 */
int tty_check_job(struct tty *tty, int sig);

/* On open: become the controlling terminal if the caller is a leader without one. */
void tty_acquire_on_open(struct tty *tty);

/* The job-control ioctls; TTY_NOT_MINE: none of them. */
#define TTY_NOT_MINE (-4000)
long tty_job_ioctl(struct file *file, u32 cmd, u64 arg);

/* Take the terminal away from its session; signals what a hang-up signals. Lock not held. */
void tty_detach_session(struct tty *tty, struct session *only, bool leader_too);

/* Sets the hook that hears of exiting session leaders. */
void tty_job_init(void);

/*
 * Private to dev/tty.
 */
#pragma once

#include "core/uaccess.h"
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
void tty_start_locked(struct tty *tty);
void tty_flush_echo_locked(struct tty *tty);
void tty_send_char_locked(struct tty *tty, u8 c);

/* Forget received bytes that the discipline has not seen. */
void tty_flush_rx(struct tty *tty);

/* A byte as if the line had brought it; lost when there is no room. Sleeps. */
void tty_type(struct tty *tty, u8 byte);

/* Wait until all output is on the line. 0 or -ERESTARTSYS. */
int tty_drain(struct tty *tty);

long tty_ioctl(struct file *file, u32 cmd, u64 arg);

/* The line went away: files die with end of file and EIO. Sleeps. */
void tty_hangup(struct tty *tty);

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

/* The job-control ioctls. */
long tty_set_controlling(struct file *file, struct tty *tty, u64 steal);
long tty_give_up(struct tty *tty);
long tty_get_foreground(struct tty *tty, struct user_ptr arg);
long tty_set_foreground(struct tty *tty, struct user_ptr arg);
long tty_get_session(struct tty *tty, struct user_ptr arg);

/* Take the terminal away from its session; signals what a hang-up signals. Lock not held. */
void tty_detach_session(struct tty *tty, struct pid *only, bool leader_too);

/* Sets the hook that hears of exiting session leaders. */
void tty_job_init(void);

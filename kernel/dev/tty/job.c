/*
 * Terminals and sessions (credentials(7), tty_ioctl(4)): the controlling terminal, its foreground
 * group, and what happens to those in the background.
 *
 *   I1  session->tty == tty exactly when tty->session == session; both change under the tty's
 *       lock. The tty holds a reference to the session and to the foreground group.
 *   I2  Only a session leader gives its session a terminal; any member may read it.
 *
 * Terminals that can be controlling are never freed while a session points at them: a pty will
 * detach its session before it goes.
 */
#include "dev/tty/tty_impl.h"

#include "core/uaccess.h"
#include "io/iter.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"

struct tty *current_tty(void)
{
    struct session *session = current_session_get();
    struct tty *tty = READ_ONCE(session->tty);

    session_put(session);
    return tty;
}

/* Is the caller's group the foreground one, or is there none? */
static bool in_foreground(struct tty *tty, struct pgrp *pgrp)
{
    bool result;

    mutex_lock(&tty->lock);
    result = !tty->foreground || tty->foreground == pgrp;
    mutex_unlock(&tty->lock);
    return result;
}

int tty_check_job(struct tty *tty, int sig)
{
    struct pgrp *pgrp;
    int err = 0;

    if (!current_task() || current_tty() != tty)
        return 0;
    pgrp = current_pgrp_get();
    if (!in_foreground(tty, pgrp)) {
        if (signal_ignored_or_blocked(sig)) {
            err = sig == SIGTTIN ? -EIO : 0;
        } else if (pgrp_orphaned(pgrp)) {
            err = -EIO;
        } else {
            signal_send_pgrp(pgrp, sig, NULL);
            err = -ERESTARTSYS;
        }
    }
    pgrp_put(pgrp);
    return err;
}

/* Make tty the controlling terminal of the caller's session. Lock held; I1, I2 hold after. */
static void attach_locked(struct tty *tty, struct session *session)
{
    tty->session = session_get(session);
    tty->foreground = current_pgrp_get();
    WRITE_ONCE(session->tty, tty);
}

void tty_acquire_on_open(struct tty *tty)
{
    struct session *session = current_session_get();

    mutex_lock(&tty->lock);
    if (session_is_leader() && !session->tty && !tty->session)
        attach_locked(tty, session);
    mutex_unlock(&tty->lock);
    session_put(session);
}

/* Undo attach_locked(); the caller puts what comes out. */
static void detach_locked(struct tty *tty, struct session **session, struct pgrp **foreground)
{
    *session = tty->session;
    *foreground = tty->foreground;
    tty->session = NULL;
    tty->foreground = NULL;
    if (*session)
        WRITE_ONCE((*session)->tty, NULL);
}

/* SIGHUP and SIGCONT to the leader of a session. */
static void signal_leader(struct session *session)
{
    struct process *leader;
    irqflags_t flags = spin_lock_irqsave(&process_tree_lock);

    leader = session->leader ? process_get(session->leader) : NULL;
    spin_unlock_irqrestore(&process_tree_lock, flags);
    if (!leader)
        return;
    signal_send_process(leader, SIGHUP, NULL);
    signal_send_process(leader, SIGCONT, NULL);
    process_put(leader);
}

void tty_detach_session(struct tty *tty, struct session *only, bool leader_too)
{
    struct session *session = NULL;
    struct pgrp *foreground = NULL;

    mutex_lock(&tty->lock);
    if (!only || tty->session == only)
        detach_locked(tty, &session, &foreground);
    mutex_unlock(&tty->lock);
    if (foreground) {
        signal_send_pgrp(foreground, SIGHUP, NULL);
        signal_send_pgrp(foreground, SIGCONT, NULL);
        pgrp_put(foreground);
    }
    if (session) {
        if (leader_too)
            signal_leader(session);
        session_put(session);
    }
}

/* A session leader exits: the terminal is hung up, so that nobody of the session keeps it. */
static void leader_exit(struct session *session)
{
    struct tty *tty = READ_ONCE(session->tty);

    if (!tty)
        return;
    tty_detach_session(tty, session, false);
    tty_hangup(tty);
}

u64 tty_of_process(struct process *process, s32 *foreground)
{
    irqflags_t flags = spin_lock_irqsave(&process_tree_lock);
    struct tty *tty = process->pgrp ? process->pgrp->session->tty : NULL;

    spin_unlock_irqrestore(&process_tree_lock, flags);
    *foreground = -1;
    if (!tty)
        return 0;
    mutex_lock(&tty->lock);
    if (tty->foreground)
        *foreground = pid_number(tty->foreground->pid);
    mutex_unlock(&tty->lock);
    return tty->dev;
}

/* ---- ioctls ---- */

static long set_controlling(struct file *file, struct tty *tty, u64 steal)
{
    struct session *session = current_session_get(), *robbed = NULL;
    struct pgrp *foreground = NULL;
    bool admin = cred_has_cap(CAP_SYS_ADMIN);
    long err = 0;

    mutex_lock(&tty->lock);
    if (session_is_leader() && tty->session == session)
        goto out; /* it is already */
    err = -EPERM;
    if (!session_is_leader() || session->tty)
        goto out;
    if (tty->session && !(steal == 1 && admin))
        goto out;
    if (!(file->mode & FMODE_READ) && !admin)
        goto out;
    err = 0;
    detach_locked(tty, &robbed, &foreground);
    attach_locked(tty, session);
out:
    mutex_unlock(&tty->lock);
    if (foreground)
        pgrp_put(foreground);
    if (robbed)
        session_put(robbed);
    session_put(session);
    return err;
}

static long give_up(struct tty *tty)
{
    struct session *session;

    if (current_tty() != tty)
        return -ENOTTY;
    if (session_is_leader()) {
        session = current_session_get();
        tty_detach_session(tty, session, false);
        session_put(session);
    }
    return 0;
}

static long get_foreground(struct tty *tty, struct user_ptr arg)
{
    u32 number;

    if (current_tty() != tty)
        return -ENOTTY;
    mutex_lock(&tty->lock);
    number = tty->foreground ? pid_number(tty->foreground->pid) : 0;
    mutex_unlock(&tty->lock);
    return put_user_u32(arg, number);
}

static long set_foreground(struct tty *tty, struct user_ptr arg)
{
    struct session *session;
    struct pgrp *pgrp = NULL;
    u32 number;
    long err = tty_check_job(tty, SIGTTOU);

    if (err)
        return err == -EIO ? -ENOTTY : err;
    session = current_session_get();
    err = -ENOTTY;
    if (READ_ONCE(session->tty) != tty)
        goto out;
    err = get_user_u32(arg, &number);
    if (err)
        goto out;
    err = -EINVAL;
    if ((s32)number < 0)
        goto out;
    err = -ESRCH;
    pgrp = pgrp_find_get(number);
    if (!pgrp)
        goto out;
    err = -EPERM;
    if (pgrp->session != session)
        goto out;
    err = 0;
    mutex_lock(&tty->lock);
    if (tty->session == session) {
        struct pgrp *old = tty->foreground;

        tty->foreground = pgrp;
        pgrp = old;
    }
    mutex_unlock(&tty->lock);
out:
    if (pgrp)
        pgrp_put(pgrp);
    session_put(session);
    return err;
}

static long get_session(struct tty *tty, struct user_ptr arg)
{
    struct session *session = current_session_get();
    u32 number = pid_number(session->pid);
    bool mine = READ_ONCE(session->tty) == tty;

    session_put(session);
    return mine ? put_user_u32(arg, number) : -ENOTTY;
}

long tty_job_ioctl(struct file *file, u32 cmd, u64 arg)
{
    struct tty_file *tf = file->private;

    switch (cmd) {
    case TIOCSCTTY: return set_controlling(file, tf->tty, arg);
    case TIOCNOTTY: return give_up(tf->tty);
    case TIOCGPGRP: return get_foreground(tf->tty, USER_PTR(arg));
    case TIOCSPGRP: return set_foreground(tf->tty, USER_PTR(arg));
    case TIOCGSID: return get_session(tf->tty, USER_PTR(arg));
    }
    return TTY_NOT_MINE;
}

void tty_job_init(void)
{
    session_leader_exit = leader_exit;
}

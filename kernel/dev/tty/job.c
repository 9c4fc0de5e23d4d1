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
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"

struct tty *current_tty(void)
{
    rcu_guard();

    return READ_ONCE(rcu_dereference(current_process()->session)->tty);
}

/* A leader never leaves its session: its own look needs no lock. */
static bool session_is_leader(void)
{
    return READ_ONCE(current_process()->session) == current_process()->pid;
}

/* Is the caller's group the foreground one, or is there none? */
static bool in_foreground(struct tty *tty, struct pid *pgrp)
{
    mutex_guard(&tty->lock);

    return !tty->foreground || tty->foreground == pgrp;
}

int tty_check_job(struct tty *tty, int sig)
{
    if (!current_task() || current_tty() != tty)
        return 0;

    struct pid *pgrp __scoped(pid) = current_pgrp_get();

    if (in_foreground(tty, pgrp))
        return 0;
    if (signal_ignored_or_blocked(sig))
        return sig == SIGTTIN ? -EIO : 0;
    spin_guard_irqsave(&process_tree_lock);
    if (pgrp_orphaned_locked(pgrp, NULL))
        return -EIO;
    signal_send_pgrp_locked(pgrp, sig, NULL);
    return -ERESTARTSYS;
}

/* Make tty the controlling terminal of the caller's session. Lock held; I1, I2 hold after. */
static void attach_locked(struct tty *tty, struct pid *session)
{
    tty->session = pid_get(session);
    tty->foreground = current_pgrp_get();
    WRITE_ONCE(session->tty, tty);
}

void tty_acquire_on_open(struct tty *tty)
{
    struct pid *session __scoped(pid) = current_session_get();
    mutex_guard(&tty->lock);

    if (session_is_leader() && !session->tty && !tty->session)
        attach_locked(tty, session);
}

/* Undo attach_locked(); the caller puts what comes out. */
static void detach_locked(struct tty *tty, struct pid **session, struct pid **foreground)
{
    *session = tty->session;
    *foreground = tty->foreground;
    tty->session = NULL;
    tty->foreground = NULL;
    if (*session)
        WRITE_ONCE((*session)->tty, NULL);
}

/* SIGHUP and SIGCONT to the leader of a session. */
static void signal_leader(struct pid *session)
{
    spin_guard_irqsave(&process_tree_lock);

    if (!session->process)
        return;
    signal_send_process(session->process, SIGHUP, NULL);
    signal_send_process(session->process, SIGCONT, NULL);
}

void tty_detach_session(struct tty *tty, struct pid *only, bool leader_too)
{
    struct pid *session __scoped(pid) = NULL;
    struct pid *foreground __scoped(pid) = NULL;

    mutex_lock(&tty->lock);
    if (!only || tty->session == only)
        detach_locked(tty, &session, &foreground);
    mutex_unlock(&tty->lock);
    if (foreground) {
        signal_send_pgrp(foreground, SIGHUP, NULL);
        signal_send_pgrp(foreground, SIGCONT, NULL);
    }
    if (session && leader_too)
        signal_leader(session);
}

/* A session leader exits: the terminal is hung up, so that nobody of the session keeps it. */
static void leader_exit(struct pid *session)
{
    struct tty *tty = READ_ONCE(session->tty);

    if (!tty)
        return;
    tty_detach_session(tty, session, false);
    tty_hangup(tty);
}

/* The number of the foreground group, 0: there is none. */
static u32 foreground_number(struct tty *tty)
{
    mutex_guard(&tty->lock);
    return pid_number(tty->foreground);
}

u64 tty_of_process(struct process *process, s32 *foreground)
{
    irqflags_t flags = spin_lock_irqsave(&process_tree_lock);
    struct tty *tty = process->session ? process->session->tty : NULL;
    u32 number;

    spin_unlock_irqrestore(&process_tree_lock, flags);
    number = tty ? foreground_number(tty) : 0;
    *foreground = number ? (s32)number : -1;
    return tty ? tty->device.dev : 0;
}

/* ---- ioctls ---- */

long tty_set_controlling(struct file *file, struct tty *tty, u64 steal)
{
    struct pid *session __scoped(pid) = current_session_get();
    struct pid *robbed __scoped(pid) = NULL;
    struct pid *foreground __scoped(pid) = NULL;
    bool leader = session_is_leader(), admin = cred_has_cap(CAP_SYS_ADMIN);
    mutex_guard(&tty->lock);

    if (leader && tty->session == session)
        return 0; /* it is already */
    if (!leader || session->tty || (tty->session && !(steal == 1 && admin)) ||
        !(file->mode & FMODE_READ || admin))
        return -EPERM;
    detach_locked(tty, &robbed, &foreground);
    attach_locked(tty, session);
    return 0;
}

long tty_give_up(struct tty *tty)
{
    struct pid *session __scoped(pid) = current_session_get();

    if (READ_ONCE(session->tty) != tty)
        return -ENOTTY;
    if (session_is_leader())
        tty_detach_session(tty, session, false);
    return 0;
}

long tty_get_foreground(struct tty *tty, struct user_ptr arg)
{
    return current_tty() == tty ? put_user_u32(arg, foreground_number(tty)) : -ENOTTY;
}

/* The group of this number, with a reference, if it is one of the session. */
static int group_get(u32 number, const struct pid *session, struct pid **out)
{
    spin_guard_irqsave(&process_tree_lock);
    struct pid *pgrp = pid_find(number);

    if (!pgrp)
        return -ESRCH;
    if (pgrp_session_locked(pgrp) != session)
        return -EPERM;
    *out = pid_get(pgrp);
    return 0;
}

long tty_set_foreground(struct tty *tty, struct user_ptr arg)
{
    struct pid *session __scoped(pid) = current_session_get();
    struct pid *pgrp __scoped(pid) = NULL;
    u32 number;
    int err;

    if (READ_ONCE(session->tty) != tty)
        return -ENOTTY;
    if (get_user_u32(arg, &number))
        return -EFAULT;
    if ((s32)number < 0)
        return -EINVAL;
    err = group_get(number, session, &pgrp);
    if (err)
        return err;
    mutex_lock(&tty->lock);
    if (tty->session == session) {
        struct pid *old = tty->foreground;

        tty->foreground = pgrp;
        pgrp = old;
    }
    mutex_unlock(&tty->lock);
    return 0;
}

long tty_get_session(struct tty *tty, struct user_ptr arg)
{
    struct pid *session __scoped(pid) = current_session_get();

    return READ_ONCE(session->tty) == tty ? put_user_u32(arg, pid_number(session)) : -ENOTTY;
}

void tty_job_init(void)
{
    session_leader_exit = leader_exit;
}

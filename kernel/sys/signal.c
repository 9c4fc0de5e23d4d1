/* Signal calls: their arguments; sending is task/'s, delivery proc/'s. */
#include "arch/trap.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "proc/exit.h"
#include "proc/signal.h"
#include "sched/timer.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/pid.h"
#include "task/task.h"

#define SA_KNOWN                                                                               \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_EXPOSE_TAGBITS | SA_RESTORER | SA_ONSTACK | \
     SA_RESTART | SA_NODEFER | SA_RESETHAND)

/* Signals that are pending for an action that now ignores them are dropped (POSIX). 0. */
static __noinline long drop_ignored(struct process *process, int sig)
{
    spin_guard_irqsave(&process->lock);
    if (signal_is_ignored_locked(process, sig)) {
        signal_flush_locked(process, SIGNAL_BIT(sig));
        signal_recalc_locked();
    }
    return 0;
}

/*
 * A table that one thread alone uses needs no lock: it reads actions whole at delivery, and
 * senders, interrupts included, only look at the handler, which is one word.
 */
static bool own_table(struct process *process, struct sighand *table)
{
    return process->thread_count == 1 && ref_read(&table->refs) == 1;
}

/* 0 or -EFAULT. The range is checked once, which makes the checks of the loads constant. */
static inline int action_load(struct user_ptr from, struct sigaction *action)
{
    if (!user_range_ok(from, sizeof(*action)) || get_user_u64(from, &action->handler) ||
        get_user_u64(user_ptr_add(from, 8), &action->flags) ||
        get_user_u64(user_ptr_add(from, 16), &action->restorer) ||
        get_user_u64(user_ptr_add(from, 24), &action->mask))
        return -EFAULT;
    action->flags &= SA_KNOWN;
    action->mask &= ~SIGNALS_UNBLOCKABLE;
    return 0;
}

static bool may_be_ignored(int sig, u64 handler)
{
    return handler == SIG_IGN || (handler == SIG_DFL && SIGNAL_BIT(sig) & SIGNALS_IGNORED);
}

/* Tells the old action, unless `out` is NULL, and then sets the new one, unless that is NULL. */
static __noinline long action_exchange(struct process *process, int sig,
                                       const struct sigaction *new, struct user_ptr out)
{
    struct sighand *table = process->sighand;
    struct sigaction *slot = &table->actions[sig - 1];
    irqflags_t flags = spin_lock_irqsave(&table->lock);
    struct sigaction old = *slot;

    spin_unlock_irqrestore(&table->lock, flags);
    if (!user_ptr_null(out) && copy_to_user(out, &old, sizeof(old)))
        return -EFAULT;
    if (!new)
        return 0;
    flags = spin_lock_irqsave(&table->lock);
    *slot = *new;
    spin_unlock_irqrestore(&table->lock, flags);
    return may_be_ignored(sig, new->handler) ? drop_ignored(process, sig) : 0;
}

/* Setting alone, which is what programs do most, goes without a lock and without a frame. */
long sys_rt_sigaction(u64 signal, u64 action, u64 old_action, u64 size)
{
    struct task *self = self_task();
    struct process *process = self->process;
    struct sighand *table = process->sighand;
    struct sigaction new, *slot;
    int sig = (int)signal;

    if (size != SIGSET_SIZE)
        return -EINVAL;
    if (action && action_load(USER_PTR(action), &new)) /* the order of errors is Linux's */
        return -EFAULT;
    if (sig < 1 || sig > SIGNAL_MAX)
        return -EINVAL;
    if (!action)
        return action_exchange(process, sig, NULL, USER_PTR(old_action));
    if (SIGNAL_BIT(sig) & SIGNALS_UNBLOCKABLE)
        return -EINVAL;
    slot = &table->actions[sig - 1];
    if (unlikely(old_action || !own_table(process, table))) {
        self->new_action = new; /* outlives this frame */
        return action_exchange(process, sig, &self->new_action, USER_PTR(old_action));
    }
    *slot = new;
    return unlikely(may_be_ignored(sig, new.handler)) ? drop_ignored(process, sig) : 0;
}

long sys_rt_sigprocmask(u64 how, u64 set, u64 old_set, u64 size)
{
    struct task *self = self_task();
    u64 old = self->blocked, new;

    if (size != SIGSET_SIZE)
        return -EINVAL;
    if (set) {
        if (get_user_u64(USER_PTR(set), &new))
            return -EFAULT;
        switch ((u32)how) {
        case 0: /* SIG_BLOCK */ new = old | new; break;
        case 1: /* SIG_UNBLOCK */ new = old & ~new; break;
        case 2: /* SIG_SETMASK */ break;
        default: return -EINVAL;
        }
        signal_set_blocked(new);
    }
    if (old_set && put_user_u64(USER_PTR(old_set), old))
        return -EFAULT;
    return 0;
}

long sys_rt_sigpending(u64 set, u64 size)
{
    struct task *self = self_task();
    u64 pending;

    if (size > SIGSET_SIZE)
        return -EINVAL;
    {
        spin_guard_irqsave(&self->process->lock);
        pending = (self->pending.set | self->process->pending.set) & self->blocked;
    }
    return copy_to_user(USER_PTR(set), &pending, size);
}

long sys_rt_sigsuspend(u64 set, u64 size)
{
    u64 mask;

    if (size != SIGSET_SIZE)
        return -EINVAL;
    if (get_user_u64(USER_PTR(set), &mask))
        return -EFAULT;
    signal_mask_temporarily(mask);
    while (!signal_pending()) {
        thread_set_state(THREAD_SLEEPING);
        schedule();
    }
    return -ERESTARTNOHAND;
}

/* siginfo_t: what the kernel has of it, then zeros. */
static int siginfo_put(struct user_ptr to, const struct siginfo *info)
{
    return copy_to_user(to, info, sizeof(*info)) ||
                   clear_user(user_ptr_add(to, sizeof(*info)), SIGINFO_ABI_SIZE - sizeof(*info))
               ? -EFAULT
               : 0;
}

long sys_rt_sigtimedwait(u64 set, u64 info, u64 timeout, u64 size)
{
    u64 wanted, deadline;
    struct siginfo got;
    int sig, error;

    if (size != SIGSET_SIZE)
        return -EINVAL;
    if (get_user_u64(USER_PTR(set), &wanted))
        return -EFAULT;
    error = deadline_get(timeout, &deadline);
    if (error)
        return error;
    sig = signal_wait(wanted, deadline, &got);
    if (sig > 0 && info && siginfo_put(USER_PTR(info), &got))
        return -EFAULT;
    return sig;
}

long sys_sigaltstack(u64 stack, u64 old_stack)
{
    struct sigaltstack new, old;
    int error;

    if (stack && copy_from_user(&new, USER_PTR(stack), sizeof(new)))
        return -EFAULT;
    error = signal_altstack(stack ? &new : NULL, &old, user_frame(self_task())->sp);
    if (!error && old_stack && copy_to_user(USER_PTR(old_stack), &old, sizeof(old)))
        return -EFAULT;
    return error;
}

CALL(rt_sigreturn, (void), signal_return(user_frame(self_task())))

/* ---- sending ---- */

/* To a process, or to one task of it. sig 0 only asks for the right. */
static int send_allowed(struct process *process, struct task *task, int sig,
                        const struct siginfo *info)
{
    if (!sig)
        return 0;
    return task ? signal_send_task(task, sig, info) : signal_send_process(process, sig, info);
}

static int send_checked(struct process *process, struct task *task, int sig,
                        const struct siginfo *info)
{
    return task_may_signal(process, sig) ? send_allowed(process, task, sig, info) : -EPERM;
}

static int send_checked_locked(struct process *process, int sig, const struct siginfo *info)
{
    return task_may_signal_locked(process, sig) ? send_allowed(process, NULL, sig, info) : -EPERM;
}

/* The number of any of its threads means the process, too. */
static int kill_one(u32 number, int sig, const struct siginfo *info)
{
    struct process *process;
    struct task *thread;

    rcu_guard();
    process = process_find(number);
    thread = process ? NULL : task_find(number);
    if (thread)
        process = thread->process;
    return process ? send_checked(process, NULL, sig, info) : -ESRCH;
}

static int kill_pgrp(u32 number, int sig, const struct siginfo *info)
{
    struct process *process;
    struct pid *pgrp;
    int result = -ESRCH;

    spin_guard_irqsave(&process_tree_lock);
    pgrp = number ? pid_find(number) : current_process()->pgrp;
    if (!pgrp)
        return -ESRCH;
    list_for_each_entry(process, &pgrp->members, pgrp_link) {
        int error = send_checked_locked(process, sig, info);

        if (!error || result == -ESRCH)
            result = error;
    }
    return result;
}

/* kill(-1): everybody but init and the caller; those who may not be signalled are no error. */
static int kill_all(int sig, const struct siginfo *info)
{
    struct process *process;
    bool any = false;
    int result = 0;

    spin_guard_irqsave(&process_tree_lock);
    list_for_each_entry(process, &process_list, all) {
        int error;

        if (process == init_process || process == current_process())
            continue;
        any = true;
        error = send_checked_locked(process, sig, info);
        if (error != -EPERM)
            result = error;
    }
    return any ? result : -ESRCH;
}

long sys_kill(u64 pid, u64 signal)
{
    struct process *self = current_process();
    s32 target = (s32)pid;
    int sig = (s32)signal;

    if ((u32)sig > SIGNAL_MAX)
        return -EINVAL;
    if (target == (s32)self->tgid)
        return send_allowed(self, NULL, sig, &signal_by_kill);
    if (target > 0)
        return kill_one(target, sig, &signal_by_kill);
    if (target == -1)
        return kill_all(sig, &signal_by_kill);
    if (target == INT32_MIN)
        return -ESRCH;
    return kill_pgrp((u32)-target, sig, &signal_by_kill);
}

/* To one thread of a process. */
static long send_thread(u32 tgid, u32 tid, int sig, const struct siginfo *info)
{
    struct task *task;

    rcu_guard();
    task = task_find(tid);
    if (!task || task->process->tgid != tgid)
        return -ESRCH;
    return send_checked(task->process, task, sig, info);
}

static bool numbers_ok(u64 tgid, u64 tid, u64 signal)
{
    return (s32)tgid > 0 && (s32)tid > 0 && (u32)signal <= SIGNAL_MAX;
}

long sys_tgkill(u64 tgid, u64 tid, u64 signal)
{
    struct siginfo info;

    if (!numbers_ok(tgid, tid, signal))
        return -EINVAL;
    siginfo_user(&info, (s32)signal, SI_TKILL);
    return send_thread(tgid, tid, (s32)signal, &info);
}

long sys_tkill(u64 tid, u64 signal)
{
    struct task *task __scoped(task) = NULL;

    if (!numbers_ok(tid, tid, signal))
        return -EINVAL;
    task = task_find_get(tid);
    return task ? sys_tgkill(task->process->tgid, tid, signal) : -ESRCH;
}

/* A siginfo_t of the caller's making: not one that only the kernel or kill could have sent. */
static int siginfo_get(struct user_ptr from, int sig, bool to_self, struct siginfo *info)
{
    if (copy_from_user(info, from, sizeof(*info)))
        return -EFAULT;
    info->signo = sig;
    if ((info->code >= 0 || info->code == SI_TKILL) && !to_self)
        return -EPERM;
    return 0;
}

long sys_rt_sigqueueinfo(u64 tgid, u64 signal, u64 uinfo)
{
    struct siginfo info;
    int error;

    if ((u32)signal > SIGNAL_MAX)
        return -EINVAL;
    error = siginfo_get(USER_PTR(uinfo), (s32)signal, (u32)tgid == current_process()->tgid, &info);
    return error ? error : kill_one((u32)tgid, (s32)signal, &info);
}

long sys_rt_tgsigqueueinfo(u64 tgid, u64 tid, u64 signal, u64 uinfo)
{
    struct siginfo info;
    int error;

    if (!numbers_ok(tgid, tid, signal))
        return -EINVAL;
    error = siginfo_get(USER_PTR(uinfo), (s32)signal, (u32)tid == self_task()->tid, &info);
    return error ? error : send_thread(tgid, tid, (s32)signal, &info);
}

long sys_pidfd_send_signal(u64 fd, u64 signal, u64 uinfo, u64 flags)
{
    struct file *file __scoped(file) = NULL;
    struct siginfo info;
    struct pid *pid;
    int error = 0;

    if ((u32)flags)
        return -EINVAL;
    file = fd_get((u32)fd);
    pid = file ? pidfd_pid(file) : NULL;
    if (!pid)
        return -EBADF;
    if ((u32)signal > SIGNAL_MAX)
        return -EINVAL;
    if (uinfo)
        error = siginfo_get(USER_PTR(uinfo), (s32)signal, pid == current_process()->pid, &info);
    else
        siginfo_user(&info, (s32)signal, SI_USER);
    if (error)
        return error;
    return kill_one(READ_ONCE(pid->process) ? pid_number(pid) : 0, (s32)signal, &info);
}

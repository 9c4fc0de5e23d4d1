/* Signal calls: their arguments; sending is task/'s, delivery proc/'s. */
#include "arch/trap.h"
#include "core/clock.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "proc/pidfd.h"
#include "proc/signal.h"
#include "sched/timer.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"

#define SA_KNOWN                                                                               \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_EXPOSE_TAGBITS | SA_RESTORER | SA_ONSTACK | \
     SA_RESTART | SA_NODEFER | SA_RESETHAND)

/* Signals that are pending for an action that now ignores them are dropped (POSIX). */
static __noinline void drop_ignored(struct process *process, int sig)
{
    irqflags_t flags = spin_lock_irqsave(&process->lock);

    if (signal_is_ignored_locked(process, sig)) {
        signal_flush_locked(process, SIGNAL_BIT(sig));
        signal_recalc_locked();
    }
    spin_unlock_irqrestore(&process->lock, flags);
}

/*
 * A table that one thread alone uses needs no lock: it reads actions whole at delivery, and
 * senders, interrupts included, only look at the handler, which is one word.
 */
static bool own_table(struct process *process, struct sighand *table)
{
    return process->thread_count == 1 && ref_read(&table->refs) == 1;
}

static __noinline void action_set_shared(struct sighand *table, struct sigaction *slot,
                                         const struct sigaction *new)
{
    irqflags_t flags = spin_lock_irqsave(&table->lock);

    *slot = *new;
    spin_unlock_irqrestore(&table->lock, flags);
}

static __noinline int action_get(struct process *process, int sig, struct user_ptr out)
{
    struct sighand *table = process->sighand;
    irqflags_t flags = spin_lock_irqsave(&table->lock);
    struct sigaction action = table->actions[sig - 1];

    spin_unlock_irqrestore(&table->lock, flags);
    return copy_to_user(out, &action, sizeof(action));
}

/* Setting alone, which is what programs do most, goes without a lock and without locals. */
long sys_rt_sigaction(u64 signal, u64 action, u64 old_action, u64 size)
{
    struct task *self = self_task();
    struct sigaction *new = &self->new_action, *slot;
    struct process *process = self->process;
    struct sighand *table = process->sighand;
    u32 index = (u32)signal - 1;

    if (size != SIGSET_SIZE || index >= SIGNAL_MAX)
        return -EINVAL;
    slot = &table->actions[index];
    if (action) {
        if (SIGNALS_UNBLOCKABLE >> index & 1)
            return -EINVAL;
        if (copy_from_user(new, USER_PTR(action), sizeof(*new)))
            return -EFAULT;
        new->flags &= SA_KNOWN;
        new->mask &= ~SIGNALS_UNBLOCKABLE;
    }
    if (old_action && action_get(process, index + 1, USER_PTR(old_action)))
        return -EFAULT;
    if (!action)
        return 0;
    if (likely(own_table(process, table)))
        *slot = *new;
    else
        action_set_shared(table, slot, new);
    if (unlikely(slot->handler <= SIG_IGN) && /* the default of most signals ignores nothing */
        (slot->handler == SIG_IGN || SIGNAL_BIT(index + 1) & SIGNALS_IGNORED))
        drop_ignored(process, index + 1);
    return 0;
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
    irqflags_t flags;
    u64 pending;

    if (size > SIGSET_SIZE)
        return -EINVAL;
    flags = spin_lock_irqsave(&self->process->lock);
    pending = (self->pending.set | self->process->pending.set) & self->blocked;
    spin_unlock_irqrestore(&self->process->lock, flags);
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
    error = signal_altstack(stack ? &new : NULL, &old, user_frame(current_head())->sp);
    if (!error && old_stack && copy_to_user(USER_PTR(old_stack), &old, sizeof(old)))
        return -EFAULT;
    return error;
}

long sys_rt_sigreturn(void)
{
    return signal_return(user_frame(current_head()));
}

/* ---- sending ---- */

/* With the right to do so; sig 0 only asks for it. */
static int send_checked_locked(struct process *process, int sig, const struct siginfo *info)
{
    if (!task_may_signal_locked(process, sig))
        return -EPERM;
    return sig ? signal_send_process(process, sig, info) : 0;
}

static int kill_one(u32 number, int sig, const struct siginfo *info)
{
    struct process *process;
    struct task *thread;
    int error = -ESRCH;

    rcu_read_lock();
    process = process_find(number);
    if (!process) { /* the number of any of its threads means the process, too */
        thread = task_find(number);
        process = thread ? thread->process : NULL;
    }
    if (process) {
        if (!task_may_signal(process, sig))
            error = -EPERM;
        else
            error = sig ? signal_send_process(process, sig, info) : 0;
    }
    rcu_read_unlock();
    return error;
}

static int kill_pgrp(u32 number, int sig, const struct siginfo *info)
{
    struct process *process;
    int result = -ESRCH;
    irqflags_t flags = spin_lock_irqsave(&process_tree_lock);
    struct pid *pid = number ? pid_find(number) : NULL;
    struct pgrp *pgrp = number ? pid ? pid->pgrp : NULL : current_process()->pgrp;

    if (pgrp) {
        list_for_each_entry(process, &pgrp->members, pgrp_link) {
            int error = send_checked_locked(process, sig, info);

            if (!error || result == -ESRCH)
                result = error;
        }
    }
    spin_unlock_irqrestore(&process_tree_lock, flags);
    return result;
}

/* kill(-1): everybody but init and the caller; those who may not be signalled are no error. */
static int kill_all(int sig, const struct siginfo *info)
{
    irqflags_t flags = spin_lock_irqsave(&process_tree_lock);
    struct process *process;
    bool any = false;
    int result = 0;

    list_for_each_entry(process, &process_list, all) {
        int error;

        if (process == init_process || process == current_process())
            continue;
        any = true;
        error = send_checked_locked(process, sig, info);
        if (error != -EPERM)
            result = error;
    }
    spin_unlock_irqrestore(&process_tree_lock, flags);
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
        return sig ? signal_send_process(self, sig, &signal_by_kill) : 0;
    if (target > 0)
        return kill_one(target, sig, &signal_by_kill);
    if (target == -1)
        return kill_all(sig, &signal_by_kill);
    if (target == INT32_MIN)
        return -ESRCH;
    return kill_pgrp((u32)-target, sig, &signal_by_kill);
}

/* To one thread; tgid 0: of any process. */
static long send_thread(s32 tgid, s32 tid, int sig, const struct siginfo *info)
{
    struct task *task;
    long error = -ESRCH;

    rcu_read_lock();
    task = task_find(tid);
    if (task && (!tgid || task->process->tgid == (u32)tgid)) {
        if (!task_may_signal(task->process, sig))
            error = -EPERM;
        else
            error = sig ? signal_send_task(task, sig, info) : 0;
    }
    rcu_read_unlock();
    return error;
}

long sys_tkill(u64 tid, u64 signal)
{
    struct siginfo info;

    if ((s32)tid <= 0 || (u32)signal > SIGNAL_MAX)
        return -EINVAL;
    siginfo_user(&info, (s32)signal, SI_TKILL);
    return send_thread(0, (s32)tid, (s32)signal, &info);
}

long sys_tgkill(u64 tgid, u64 tid, u64 signal)
{
    struct siginfo info;

    if ((s32)tgid <= 0 || (s32)tid <= 0 || (u32)signal > SIGNAL_MAX)
        return -EINVAL;
    siginfo_user(&info, (s32)signal, SI_TKILL);
    return send_thread((s32)tgid, (s32)tid, (s32)signal, &info);
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

    if ((s32)tgid <= 0 || (s32)tid <= 0 || (u32)signal > SIGNAL_MAX)
        return -EINVAL;
    error = siginfo_get(USER_PTR(uinfo), (s32)signal, (u32)tgid == current_process()->tgid, &info);
    return error ? error : send_thread((s32)tgid, (s32)tid, (s32)signal, &info);
}

long sys_pidfd_send_signal(u64 fd, u64 signal, u64 uinfo, u64 flags)
{
    struct file *file;
    struct siginfo info;
    struct pid *pid;
    int error = 0;

    if ((u32)flags || (u32)signal > SIGNAL_MAX)
        return -EINVAL;
    file = fd_get((u32)fd);
    if (!file)
        return -EBADF;
    pid = pidfd_pid(file);
    if (!pid)
        error = -EBADF;
    else if (uinfo)
        error = siginfo_get(USER_PTR(uinfo), (s32)signal, pid == current_process()->pid, &info);
    else
        siginfo_user(&info, (s32)signal, SI_USER);
    if (!error && uinfo && info.signo != (s32)signal)
        error = -EINVAL;
    if (!error)
        error = kill_one(READ_ONCE(pid->process) ? pid_number(pid) : 0, (s32)signal, &info);
    file_put(file);
    return error;
}

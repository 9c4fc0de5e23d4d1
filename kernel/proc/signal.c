/*
 * Delivery of signals.
 *
 * What it is
 *   signal_deliver() runs on the way to user mode when WORK_SIGNAL is set. It looks, in this order,
 *   at: a group exit or an exec of another thread (the task ends), a stop (the task parks), a
 *   continue to report, and at last a pending signal, for which it builds the handler's frame or
 *   does what SIG_DFL says.
 *
 * Restarting calls
 *   A call that a signal interrupts returns one of the ERESTART codes of lib/errno.h. The frame's
 *   call number (-1 when it has been dealt with) and result tell what to do: run again, return
 *   -EINTR, or go on by restart_syscall(2).
 *
 * Stops
 *   process->stop_signal is set by the thread that takes a stop signal; each thread parks and
 *   counts itself in stop_count; the one that completes the count tells the parent. SIGCONT and
 *   SIGKILL clear it at the moment of sending (task/signal.c), so a parked thread only looks
 *   again when it wakes.
 */
#include "proc/signal.h"

#include "arch/sigframe.h"
#include "core/log.h"
#include "lib/errno.h"
#include "proc/exit.h"
#include "proc/timers.h"
#include "task/task.h"
#include "vm/space.h"

#define NR_RESTART_SYSCALL 128

/* A signal with a handler, ready to be built. */
struct delivery {
    int signal;
    struct sigaction action;
    struct siginfo info;
    u32 continues; /* process->continues when it was taken */
};

/* Begins a stop of the whole process for a signal taken when `continues` SIGCONTs had come. */
static void start_stop(struct process *process, int signal, u32 continues)
{
    spin_guard_irqsave(&process->lock);
    struct task *task;

    /* A SIGCONT that came since the signal was taken found nothing to undo: it wins. */
    if (process->stop_signal || process->continues != continues)
        return;
    process->stop_signal = signal;
    process->stop_count = 0;
    list_for_each_entry(task, &process->threads, thread_link)
        signal_wake(task, false);
}

/* Parks for the stop in force; returns with the lock dropped. */
static void park_and_unlock(struct process *process, struct task *self, irqflags_t flags)
{
    int signal = process->stop_signal;
    bool complete = false;

    if (!self->stopped) {
        self->stopped = true;
        complete = ++process->stop_count == process->thread_count;
        if (complete) {
            process->flags |= PROCESS_STOPPED_WAIT;
            process->flags &= ~PROCESS_CONTINUED;
        }
    }
    thread_set_state(THREAD_STOPPED);
    spin_unlock_irqrestore(&process->lock, flags);
    if (complete)
        process_notify_stop(process, CLD_STOPPED, signal);
    schedule();
}

/* May this stop signal be ignored because nobody could continue the group? */
static bool stop_is_orphaned(int signal)
{
    spin_guard_irqsave(&process_tree_lock);

    return signal != SIGSTOP && pgrp_orphaned_locked(current_process()->pgrp, NULL);
}

/* Copies the action of a signal; SA_RESETHAND takes it back. Process lock held. */
static void take_action_locked(struct process *process, int signal, struct sigaction *action)
{
    struct sighand *table = process->sighand;

    spin_acquire(&table->lock);
    *action = table->actions[signal - 1];
    if (action->handler > SIG_IGN && action->flags & SA_RESETHAND)
        table->actions[signal - 1].handler = SIG_DFL;
    spin_release(&table->lock);
}

/* What SIG_DFL does for a signal that was taken. May not return. */
static void default_action(struct process *process, int signal, u32 continues)
{
    if (SIGNAL_BIT(signal) & SIGNALS_STOP) {
        if (!stop_is_orphaned(signal))
            start_stop(process, signal, continues);
        return;
    }
    if (SIGNAL_BIT(signal) & SIGNALS_FAULT)
        log_debug("%s[%u]: ended by signal %d, pc %#lx, fault address %#lx", current_thread()->name,
                  process->tgid, signal, user_frame(self_task())->pc, self_task()->fault_address);
    process_exit_group(signal);
}

/* The next signal that has a handler, or 0. Ends or parks the task as needed. */
static int next_signal(struct delivery *d)
{
    struct task *self = self_task();
    struct process *process = self->process;

    for (;;) {
        irqflags_t flags = spin_lock_irqsave(&process->lock);
        u32 state = process->flags;

        if (state & PROCESS_GROUP_EXIT || (process->exec_task && process->exec_task != self)) {
            int code = state & PROCESS_GROUP_EXIT ? process->exit_code : 0;

            spin_unlock_irqrestore(&process->lock, flags);
            task_exit(code);
        }
        if (process->stop_signal) {
            park_and_unlock(process, self, flags);
            continue;
        }
        if (state & PROCESS_CONT_NOTIFY) {
            process->flags &= ~PROCESS_CONT_NOTIFY;
            spin_unlock_irqrestore(&process->lock, flags);
            process_notify_stop(process, CLD_CONTINUED, SIGCONT);
            continue;
        }
        d->signal = signal_dequeue_locked(self->blocked, &d->info);
        d->continues = process->continues;
        if (d->signal)
            take_action_locked(process, d->signal, &d->action);
        else
            signal_recalc_locked(); /* after a signal there may be more: another look */
        spin_unlock_irqrestore(&process->lock, flags);
        if (!d->signal)
            return 0;
        if (d->info.code == SI_TIMER)
            posix_timer_taken(&d->info);
        if (d->action.handler > SIG_IGN)
            return d->signal;
        if (d->action.handler == SIG_IGN || SIGNAL_BIT(d->signal) & SIGNALS_IGNORED)
            continue;
        if (state & PROCESS_UNKILLABLE && d->info.code != SI_KERNEL &&
            !(d->info.code > 0 && SIGNAL_BIT(d->signal) & SIGNALS_FAULT))
            continue;
        default_action(process, d->signal, d->continues);
    }
}

static bool on_altstack(const struct sigaltstack *stack, u64 sp)
{
    return stack->size && !(stack->flags & (s32)SS_AUTODISARM) && sp > stack->base &&
           sp - stack->base <= stack->size;
}

/* Where the frame goes; 0 when an alternate stack would overflow. */
static u64 choose_stack(const struct task *self, const struct sigaction *action, u64 sp)
{
    const struct sigaltstack *alt = &self->altstack;

    if (on_altstack(alt, sp))
        return sp - SIGFRAME_MIN_STACK > alt->base && sp > SIGFRAME_MIN_STACK ? sp : 0;
    if (action->flags & SA_ONSTACK && alt->size)
        return alt->base + alt->size;
    return sp;
}

/* The altstack as the frame and sigaltstack(2) show it. */
static void altstack_show(const struct sigaltstack *stack, u64 sp, struct sigaltstack *out)
{
    *out = *stack;
    if (likely(!stack->size))
        out->flags = SS_DISABLE;
    else if (on_altstack(stack, sp))
        out->flags |= SS_ONSTACK;
}

_Static_assert(sizeof(struct sigaltstack) == sizeof((struct sigframe_context){0}.altstack),
               "stack_t");

static void push_frame(struct trap_frame *f, struct delivery *d)
{
    struct task *self = self_task();
    const struct sigaction *action = &d->action;
    bool restore = self->flags & TASK_RESTORE_MASK;
    u64 blocked;
    struct sigframe_info frame; /* field by field: an initializer would clear it first */

    frame.context.flags = frame.context.link = 0;
    frame.context.mask = restore ? self->saved_mask : self->blocked;
    frame.siginfo = action->flags & SA_SIGINFO ? &d->info : NULL;
    frame.stack = choose_stack(self, action, f->sp);
    frame.handler = action->handler;
    frame.restorer =
        action->flags & SA_RESTORER ? action->restorer : vm_sigreturn_address(self->space);
    frame.fault_address = self->fault_address;
    frame.fault_esr = self->fault_esr;
    frame.signal = d->signal;
    altstack_show(&self->altstack, f->sp, (struct sigaltstack *)frame.context.altstack);
    thread_fp_save();
    if (!frame.stack || sigframe_push(f, &self->fp_state, &frame)) {
        if (d->signal == SIGSEGV) { /* no way to tell: the second one kills */
            spin_guard_irqsave(&self->process->lock);
            self->process->sighand->actions[SIGSEGV - 1].handler = SIG_DFL;
        }
        signal_force(SIGSEGV, SI_KERNEL, 0);
        return;
    }
    self->flags &= ~TASK_RESTORE_MASK;
    if (self->altstack.flags & (s32)SS_AUTODISARM)
        self->altstack = (struct sigaltstack){.flags = SS_DISABLE};
    blocked = self->blocked | action->mask;
    if (!(action->flags & SA_NODEFER))
        blocked |= SIGNAL_BIT(d->signal);
    signal_set_blocked(blocked);
}

/* Has the call that x8 names made again when user mode goes on. */
static void restart_call(struct trap_frame *f)
{
    f->regs[0] = f->orig_x0;
    f->pc -= SYSCALL_INSN_SIZE;
}

/* What becomes of the interrupted call; `action` NULL: no handler runs. */
static void settle_call(struct trap_frame *f, const struct sigaction *action)
{
    bool again = true;

    if (f->syscall < 0)
        return;
    switch ((long)f->regs[0]) {
    case -ERESTART_RESTARTBLOCK:
        again = !action;
        if (again)
            f->regs[8] = NR_RESTART_SYSCALL;
        break;
    case -ERESTARTNOHAND: again = !action; break;
    case -ERESTARTSYS: again = !action || action->flags & SA_RESTART; break;
    case -ERESTARTNOINTR: break;
    default: f->syscall = -1; return;
    }
    if (again)
        restart_call(f);
    else
        f->regs[0] = -EINTR;
    f->syscall = -1;
}

void signal_deliver(struct trap_frame *f)
{
    struct task *self = self_task();
    struct delivery d;

    if (next_signal(&d)) {
        settle_call(f, &d.action);
        if (rseq_in_section())
            rseq_update(f);
        push_frame(f, &d);
        return;
    }
    settle_call(f, NULL);
    if (self->flags & TASK_RESTORE_MASK) {
        self->flags &= ~TASK_RESTORE_MASK;
        signal_set_blocked(self->saved_mask);
    }
}

static void altstack_set(struct task *self, const struct sigaltstack *new)
{
    if (new->flags & SS_DISABLE)
        self->altstack = (struct sigaltstack){.flags = SS_DISABLE};
    else
        self->altstack =
            (struct sigaltstack){new->base, new->flags &(s32)SS_AUTODISARM, 0, new->size};
}

int signal_altstack(const struct sigaltstack *new, struct sigaltstack *old, u64 sp)
{
    struct task *self = self_task();
    bool busy = on_altstack(&self->altstack, sp);
    int mode;

    if (old)
        altstack_show(&self->altstack, sp, old);
    if (!new)
        return 0;
    if (busy)
        return -EPERM;
    mode = new->flags & ~(s32)SS_AUTODISARM;
    if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE)
        return -EINVAL;
    if (mode != SS_DISABLE && new->size < MINSIGSTKSZ)
        return -ENOMEM;
    altstack_set(self, new);
    return 0;
}

long signal_return(struct trap_frame *f)
{
    struct task *self = self_task();
    struct sigframe_context context;
    const struct sigaltstack *alt = (const struct sigaltstack *)context.altstack;

    self->restart.restart = NULL;
    thread_fp_changed(); /* first, so that no switch saves the registers over what is read */
    if (sigframe_pop(f, &self->fp_state, &context)) {
        signal_force(SIGSEGV, SI_KERNEL, 0);
        return f->regs[0];
    }
    signal_set_blocked(context.mask);
    if ((self->altstack.size || alt->size) && !on_altstack(&self->altstack, f->sp) &&
        (alt->flags & SS_DISABLE || alt->size >= MINSIGSTKSZ))
        altstack_set(self, alt);
    f->syscall = -1;
    return f->regs[0];
}

int signal_wait(u64 set, u64 deadline_ns, struct siginfo *info)
{
    struct task *self = self_task();
    struct process *process = self->process;
    u64 wanted = set & ~SIGNALS_UNBLOCKABLE;
    irqflags_t flags = spin_lock_irqsave(&process->lock);
    int signal = signal_dequeue_locked(~wanted, info), error = 0;

    if (!signal && deadline_ns) {
        self->real_blocked = self->blocked;
        self->blocked &= ~wanted;
        signal_recalc_locked();
        spin_unlock_irqrestore(&process->lock, flags);
        thread_set_state(THREAD_SLEEPING);
        error = schedule_until(deadline_ns);
        flags = spin_lock_irqsave(&process->lock);
        self->blocked = self->real_blocked;
        self->real_blocked = 0;
        signal = signal_dequeue_locked(~wanted, info);
    }
    signal_recalc_locked();
    spin_unlock_irqrestore(&process->lock, flags);
    if (signal && info->code == SI_TIMER)
        posix_timer_taken(info);
    if (signal)
        return signal;
    return error == -ETIMEDOUT || !deadline_ns ? -EAGAIN : -EINTR;
}

void signal_mask_temporarily(u64 mask)
{
    struct task *self = self_task();

    self->saved_mask = self->blocked;
    self->flags |= TASK_RESTORE_MASK;
    signal_set_blocked(mask);
}

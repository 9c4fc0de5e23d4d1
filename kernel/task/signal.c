/*
 * Signals: sending and queueing.
 *
 * What it is
 *   A signal is sent to a task or to a process. It stays pending, as a bit in a set and (with
 *   the reasons, in a siginfo) as an entry of a queue, until a thread that does not block it is
 *   on its way to user mode and takes it (proc/signal.c).
 *
 * Structures and invariants
 *   Each task and each process has a signal_pending; all of a process are guarded by its lock.
 *   I1. A standard signal (1 to 31) is pending at most once in one place; real-time ones queue.
 *   I2. An entry in a queue implies its bit in the set; a bit without an entry is a signal whose
 *       information had no memory, and is delivered with SI_USER from pid 0. A timer's signal is
 *       not sent without an entry; the timer tries again.
 *   I3. WORK_SIGNAL is set in a thread whenever it has something to look at: an unblocked pending
 *       signal, a group exit, a stop, a continue to report. Whoever makes one of these true sets
 *       it; only the thread itself clears it, under the process lock (signal_recalc_locked).
 *   I4. SIGCONT and the stop signals wipe each other out at the moment of sending, and SIGCONT
 *       ends a stop then, whether or not it is blocked, caught or ignored.
 *
 * Locking
 *   process->lock with IRQs masked: timers and terminals send from interrupts. Signals to a
 *   process group hold the tree lock around it, so that a child is either in the group or not
 *   yet born, in which case fork sees its parent's signal and begins again.
 *
 * Rejected alternatives
 *   A lock in the shared table of actions, as Linux has it: exec replaces that table, so every
 *   sender would have to look up its lock under RCU and try again.
 */
#include "task/signal.h"

#include "core/panic.h"
#include "lib/errno.h"
#include "mm/kmalloc.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"

struct signal_entry {
    struct list link;
    struct siginfo info;
};

bool signal_pending(void)
{
    return READ_ONCE(current_head()->work) & WORK_SIGNAL;
}

bool signal_fatal_pending(void)
{
    struct task *task = current_task();

    return task && signal_pending() &&
           (READ_ONCE(task->process->flags) & PROCESS_GROUP_EXIT ||
            READ_ONCE(task->pending.set) & SIGNAL_BIT(SIGKILL));
}

void siginfo_user(struct siginfo *info, int sig, int code)
{
    struct task *self = self_task();

    *info = (struct siginfo){.signo = sig, .code = code};
    info->pid = self->process->tgid;
    info->uid = self->cred->uid;
}

void signal_wake(struct task *task, bool fatal)
{
    __atomic_or_fetch(&task->thread.head.work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
    /* WORK_SIGNAL keeps it awake; but not on its way into a stop, where a timer interrupted it. */
    if (&task->thread.head == current_head() && !fatal)
        return;
    if (!thread_wake(&task->thread, fatal ? THREAD_SLEEPING | THREAD_STOPPED : THREAD_SLEEPING))
        thread_notify(&task->thread, WORK_SIGNAL);
}

void signal_flush_pending_locked(struct process *process, struct signal_pending *pending, u64 set)
{
    struct signal_entry *entry, *tmp;

    if (!(pending->set & set))
        return;
    pending->set &= ~set;
    list_for_each_entry_safe(entry, tmp, &pending->queue, link) {
        if (!(SIGNAL_BIT(entry->info.signo) & set))
            continue;
        list_del(&entry->link);
        process->queued--;
        kfree(entry);
    }
}

void signal_flush_locked(struct process *process, u64 set)
{
    struct task *task;

    signal_flush_pending_locked(process, &process->pending, set);
    list_for_each_entry(task, &process->threads, thread_link)
        signal_flush_pending_locked(process, &task->pending, set);
}

static u64 handler_of(struct process *process, int sig)
{
    return READ_ONCE(process->sighand->actions[sig - 1].handler);
}

bool signal_is_ignored_locked(struct process *process, int sig)
{
    u64 handler = handler_of(process, sig);

    return handler == SIG_IGN || (handler == SIG_DFL && SIGNAL_BIT(sig) & SIGNALS_IGNORED);
}

/* Whose mask decides about an ignored signal: a blocked one is kept, it may be caught later. */
static struct task *representative(struct process *process)
{
    struct task *leader = process->leader;

    if (leader && !list_empty(&leader->thread_link))
        return leader;
    return list_first(&process->threads, struct task, thread_link);
}

/* I4. Returns whether the signal is to be queued at all. */
static bool prepare_locked(struct process *process, struct task *task, int sig, bool force)
{
    u64 bit = SIGNAL_BIT(sig);
    struct task *t;

    if (bit & SIGNALS_STOP) {
        signal_flush_locked(process, SIGNAL_BIT(SIGCONT));
    } else if (sig == SIGCONT) {
        signal_flush_locked(process, SIGNALS_STOP);
        process->continues++;
        if (process->stop_signal) {
            if (process->stop_count == process->thread_count)
                process->flags |= PROCESS_CONTINUED | PROCESS_CONT_NOTIFY;
            process->stop_signal = 0;
            process->stop_count = 0;
            process->flags &= ~PROCESS_STOPPED_WAIT;
            list_for_each_entry(t, &process->threads, thread_link) {
                t->stopped = false;
                __atomic_or_fetch(&t->thread.head.work, WORK_SIGNAL, __ATOMIC_SEQ_CST);
                thread_wake(&t->thread, THREAD_STOPPED);
            }
        }
    }
    if (force)
        return true;
    if (likely(!signal_is_ignored_locked(process, sig)) &&
        likely(!(process->flags & PROCESS_UNKILLABLE) || handler_of(process, sig) != SIG_DFL))
        return true;
    if (!task)
        task = representative(process);
    return task && (task->blocked | task->real_blocked) & bit;
}

/* An entry that is free again; one is kept for the next signal of the process. */
static void entry_free(struct process *process, struct signal_entry *entry)
{
    process->queued--;
    if (!process->spare_entry)
        process->spare_entry = entry;
    else
        kfree(entry);
}

/* Room for an entry under RLIMIT_SIGPENDING, and memory. */
static struct signal_entry *entry_alloc(struct process *process, int sig)
{
    struct signal_entry *entry;

    if (sig >= SIGRTMIN && process->queued >= READ_ONCE(process->rlimits[RLIMIT_SIGPENDING].soft))
        return NULL;
    entry = process->spare_entry;
    if (entry)
        process->spare_entry = NULL;
    else
        entry = kmalloc_nosleep(sizeof(*entry));
    if (entry)
        process->queued++;
    return entry;
}

static bool wants_signal(const struct task *task, int sig)
{
    if (task->flags & TASK_EXITING)
        return false;
    if (sig == SIGKILL)
        return true;
    return !(task->blocked & SIGNAL_BIT(sig)) && !task->stopped;
}

/* A thread to take a process's signal: the leader, else one that does not block it. */
static struct task *choose_thread(struct process *process, int sig)
{
    struct task *task = representative(process);

    if (!task || wants_signal(task, sig))
        return task;
    list_for_each_entry(task, &process->threads, thread_link) {
        if (wants_signal(task, sig))
            return task;
    }
    return NULL;
}

void signal_kill_threads_locked(struct process *process, const struct task *except)
{
    struct task *task;

    process->stop_signal = 0;
    list_for_each_entry(task, &process->threads, thread_link) {
        if (task == except)
            continue;
        task->pending.set |= SIGNAL_BIT(SIGKILL);
        task->stopped = false;
        signal_wake(task, true);
    }
}

void signal_kill_process_locked(struct process *process, int exit_code)
{
    if (process->flags & PROCESS_GROUP_EXIT)
        return;
    process->flags |= PROCESS_GROUP_EXIT;
    process->exit_code = exit_code;
    signal_kill_threads_locked(process, NULL);
}

const struct siginfo signal_by_kill = {.code = SI_USER};

static inline void fill_info(struct siginfo *to, int sig, const struct siginfo *info)
{
    if (info == &signal_by_kill)
        siginfo_user(to, sig, SI_USER);
    else
        *to = info ? *info : (struct siginfo){.code = SI_KERNEL};
    to->signo = sig;
}

/* A timer's: who takes it tells the timer, by what the entry says. */
static bool from_timer(const struct siginfo *info)
{
    return info && info->code == SI_TIMER;
}

/*
 * To `task`, or with NULL to the process. 0, -EAGAIN, or 1 when it was ignored, which a timer's is
 * too while the same signal is pending.
 */
static int send_locked(struct process *process, struct task *task, int sig,
                       const struct siginfo *info, bool force)
{
    struct signal_pending *pending = task ? &task->pending : &process->pending;
    struct signal_entry *entry;
    struct task *target;

    if (process->flags & PROCESS_GROUP_EXIT || list_empty(&process->threads))
        return 0;
    if (!prepare_locked(process, task, sig, force))
        return 1;
    if (sig == SIGKILL) {
        signal_kill_process_locked(process, SIGKILL);
        return 0;
    }
    if (sig < SIGRTMIN && pending->set & SIGNAL_BIT(sig))
        return from_timer(info);
    entry = entry_alloc(process, sig);
    if (entry) {
        fill_info(&entry->info, sig, info);
        list_add_tail(&entry->link, &pending->queue);
    } else if (from_timer(info) || (sig >= SIGRTMIN && info && info->code != SI_USER)) {
        return -EAGAIN;
    }
    pending->set |= SIGNAL_BIT(sig);
    target = task ? task : choose_thread(process, sig);
    if (target && wants_signal(target, sig))
        signal_wake(target, false);
    return 0;
}

int signal_send_locked(struct process *process, struct task *task, int sig,
                       const struct siginfo *info)
{
    assert_spin_held(&process->lock);
    if (task && list_empty(&task->thread_link))
        return -ESRCH;
    return send_locked(process, task, sig, info, false);
}

int signal_send_task(struct task *task, int sig, const struct siginfo *info)
{
    spin_guard_irqsave(&task->process->lock);

    return MIN(signal_send_locked(task->process, task, sig, info), 0);
}

int signal_send_process(struct process *process, int sig, const struct siginfo *info)
{
    spin_guard_irqsave(&process->lock);

    return MIN(send_locked(process, NULL, sig, info, false), 0);
}

int signal_send_pgrp_locked(struct pid *pgrp, int sig, const struct siginfo *info)
{
    struct process *process;
    int result = -ESRCH;

    assert_spin_held(&process_tree_lock);
    list_for_each_entry(process, &pgrp->members, pgrp_link) {
        int error = signal_send_process(process, sig, info);

        if (!error || result == -ESRCH)
            result = error;
    }
    return result;
}

int signal_send_pgrp(struct pid *pgrp, int sig, const struct siginfo *info)
{
    spin_guard_irqsave(&process_tree_lock);

    return signal_send_pgrp_locked(pgrp, sig, info);
}

void signal_force(int sig, int code, u64 address)
{
    struct task *task = self_task();
    struct process *process = task->process;
    struct siginfo info = {.code = code, .address = address};
    spin_guard_irqsave(&process->lock);
    struct sigaction *action = &process->sighand->actions[sig - 1];

    if (action->handler == SIG_IGN || task->blocked & SIGNAL_BIT(sig)) {
        spin_acquire(&process->sighand->lock);
        action->handler = SIG_DFL;
        spin_release(&process->sighand->lock);
        task->blocked &= ~SIGNAL_BIT(sig);
    }
    if (action->handler == SIG_DFL)
        process->flags &= ~PROCESS_UNKILLABLE;
    send_locked(process, task, sig, &info, true);
}

/* Takes the oldest entry of sig out of a queue; without one, I2. */
static void collect(struct process *process, struct signal_pending *pending, int sig,
                    struct siginfo *info)
{
    struct signal_entry *entry, *found = NULL;
    bool more = false;

    list_for_each_entry(entry, &pending->queue, link) {
        if (entry->info.signo != sig)
            continue;
        if (found) {
            more = true;
            break;
        }
        found = entry;
    }
    if (!more)
        pending->set &= ~SIGNAL_BIT(sig);
    if (!found) {
        *info = (struct siginfo){.signo = sig, .code = SI_USER};
        return;
    }
    *info = found->info;
    list_del(&found->link);
    entry_free(process, found);
}

static int first_signal(u64 set)
{
    if (set & SIGNALS_FAULT)
        set &= SIGNALS_FAULT;
    return set ? __builtin_ctzl(set) + 1 : 0;
}

int signal_dequeue_locked(u64 blocked, struct siginfo *info)
{
    struct task *task = self_task();
    struct process *process = task->process;
    int sig = first_signal(task->pending.set & ~blocked);

    if (sig) {
        collect(process, &task->pending, sig, info);
        return sig;
    }
    sig = first_signal(process->pending.set & ~blocked);
    if (sig)
        collect(process, &process->pending, sig, info);
    return sig;
}

inline void signal_recalc_locked(void)
{
    struct task *task = self_task();
    struct process *process = task->process;
    u64 work = (task->pending.set | process->pending.set) & ~task->blocked;

    work |= process->flags & (PROCESS_GROUP_EXIT | PROCESS_CONT_NOTIFY);
    work |= process->stop_signal;
    if (unlikely(process->exec_task))
        work |= process->exec_task != task;
    if (work)
        __atomic_or_fetch(&task->thread.head.work, WORK_SIGNAL, __ATOMIC_RELAXED);
    else if (task->thread.head.work & WORK_SIGNAL)
        __atomic_and_fetch(&task->thread.head.work, ~(u32)WORK_SIGNAL, __ATOMIC_RELAXED);
}

/* Shared signals that this task now blocks may have been meant for it: others look again. */
void signal_retarget_locked(struct process *process, struct task *self, u64 newly_blocked)
{
    u64 left = process->pending.set & newly_blocked;
    struct task *task;

    if (!left || process->thread_count == 1)
        return;
    list_for_each_entry(task, &process->threads, thread_link) {
        if (task != self && left & ~task->blocked)
            signal_wake(task, false);
    }
}

void signal_set_blocked(u64 blocked)
{
    struct task *task = self_task();
    struct process *process = task->process;

    blocked &= ~SIGNALS_UNBLOCKABLE;
    if (blocked == task->blocked)
        return;
    spin_guard_irqsave(&process->lock);
    if (unlikely(process->pending.set & blocked & ~task->blocked))
        signal_retarget_locked(process, task, blocked & ~task->blocked);
    task->blocked = blocked;
    signal_recalc_locked();
}

bool signal_ignored_or_blocked(int sig)
{
    struct task *task = self_task();

    return task->blocked & SIGNAL_BIT(sig) || handler_of(task->process, sig) == SIG_IGN;
}

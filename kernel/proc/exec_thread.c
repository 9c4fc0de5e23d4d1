/*
 * What an exec does to the process: the other threads end, the caller takes the leader's place,
 * and what belonged to the old program goes.
 */
#include "core/percpu.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "proc/exec_impl.h"
#include "proc/timers.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"

static bool alone(const struct process *process, const struct task *self)
{
    return READ_ONCE(process->threads.next) == &self->thread_link &&
           READ_ONCE(self->thread_link.next) == &process->threads;
}

/* Makes the other threads end. Process lock held. */
static void end_others_locked(struct process *process, struct task *self)
{
    struct task *task;

    process->exec_task = self;
    process->stop_signal = 0;
    list_for_each_entry(task, &process->threads, thread_link) {
        if (task == self)
            continue;
        task->pending.set |= SIGNAL_BIT(SIGKILL);
        task->stopped = false;
        signal_wake(task, true);
    }
}

/* The number and the place of the leader, which has left the process. */
static void take_leadership(struct process *process, struct task *self)
{
    irqflags_t flags = spin_lock_irqsave(&process_tree_lock);
    struct task *old = process->leader;
    struct pid *pid = self->pid;

    WRITE_ONCE(pid->task, NULL);
    self->tid = process->tgid;
    self->pid = pid_get(process->pid);
    self->start_ns = process->start_ns;
    rcu_assign(process->pid->task, self);
    process->leader = task_get(self);
    spin_unlock_irqrestore(&process_tree_lock, flags);
    pid_unuse(pid);
    pid_put(pid);
    task_put(old);
}

int exec_become_single(void)
{
    struct task *self = self_task();
    struct process *process = self->process;
    irqflags_t flags;
    bool gone;

    if (alone(process, self) && process->leader == self)
        return 0;
    flags = spin_lock_irqsave(&process->lock);
    if (process->flags & PROCESS_GROUP_EXIT || process->exec_task) {
        spin_unlock_irqrestore(&process->lock, flags);
        return -EAGAIN;
    }
    end_others_locked(process, self);
    spin_unlock_irqrestore(&process->lock, flags);
    while (!(gone = alone(process, self)) && !signal_fatal_pending()) {
        thread_set_state(THREAD_STOPPED);
        if (!alone(process, self) && !signal_fatal_pending())
            schedule();
    }
    thread_set_state(THREAD_RUNNING);
    if (gone && process->leader != self)
        take_leadership(process, self);
    flags = spin_lock_irqsave(&process->lock); /* also waits for the last one to let go of it */
    process->exec_task = NULL;
    spin_unlock_irqrestore(&process->lock, flags);
    return gone ? 0 : -EAGAIN;
}

/* Actions and descriptors of the caller's own; so far nothing is lost. 0 or -ENOMEM. */
int exec_unshare(void)
{
    struct process *process = current_process();
    struct sighand *old = process->sighand, *table;
    irqflags_t flags;

    if (ref_read(&old->refs) > 1) {
        table = sighand_alloc();
        if (!table)
            return -ENOMEM;
        flags = spin_lock_irqsave(&process->lock);
        spin_acquire(&old->lock);
        memcpy(table->actions, old->actions, sizeof(table->actions));
        spin_release(&old->lock);
        process->sighand = table;
        spin_unlock_irqrestore(&process->lock, flags);
        sighand_put(old);
    }
    return ref_read(&self_task()->files->refs) > 1 ? fdtable_unshare() : 0;
}

/* Handlers are in the old image: back to the default. Ignored signals stay ignored. */
static void reset_actions(struct process *process)
{
    irqflags_t flags = spin_lock_irqsave(&process->lock);
    struct sigaction *action = process->sighand->actions;

    spin_acquire(&process->sighand->lock);
    for (int i = 0; i < SIGNAL_MAX; i++) {
        if (action[i].handler != SIG_IGN)
            action[i].handler = SIG_DFL;
        action[i].flags = action[i].mask = action[i].restorer = 0;
    }
    spin_release(&process->sighand->lock);
    spin_unlock_irqrestore(&process->lock, flags);
}

void exec_reset_task(void)
{
    struct task *self = self_task();
    struct process *process = self->process;
    irqflags_t flags;

    reset_actions(process);
    posix_timers_delete_all(process);
    self->altstack = (struct sigaltstack){.flags = SS_DISABLE};
    self->clear_tid = self->set_tid = USER_PTR(0);
    self->robust_list = USER_PTR(0);
    self->rseq = (struct task_rseq){0};
    self->rseq_cpu = CPU_MAX;
    self->restart.restart = NULL;
    self->fault_address = self->fault_esr = 0;
    self->unknown_logged = 0;
    self->flags &= ~TASK_FORKED;
    flags = spin_lock_irqsave(&process_tree_lock);
    process->flags |= PROCESS_EXECED;
    process->exit_signal = SIGCHLD;
    spin_unlock_irqrestore(&process_tree_lock, flags);
}

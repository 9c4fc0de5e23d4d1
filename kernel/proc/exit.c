/*
 * The end of tasks and processes.
 *
 * What it is
 *   task_exit() gives back what a task holds, in an order in which each thing can still use the
 *   ones after it: user memory is told first (robust futexes, CLEARTID), then goes itself, then
 *   open files. The process becomes a zombie when its last task has left its list, and goes when
 *   its parent has waited for it, or at once if the parent does not want to know. Waiting is a
 *   look at all children under the tree lock, repeated at each wake-up of child_wait. Who is no
 *   parent can hold a pidfd, which polls readable from the end of the process on.
 *
 * States of a process, and what makes each step
 *   ALIVE -> ZOMBIE    finish_process() of the last task
 *   ALIVE -> REAPED    the same, when the parent ignores SIGCHLD
 *   ZOMBIE -> REAPED   process_wait(), or a new parent that ignores SIGCHLD
 *
 * Invariants
 *   I1. thread_count falls before a task gives anything back, the list is left at the very end:
 *       so "the last" for timers and the session may be another task than the one that makes the
 *       zombie.
 *   I2. A process is unlinked from kin, group and number in one hold of the tree lock.
 *
 * Locking: process_tree_lock, inside it one process lock at a time.
 */
#include "proc/exit.h"

#include "core/clock.h"
#include "core/panic.h"
#include "fs/vfs.h"
#include "io/fdtable.h"
#include "io/file.h"
#include "io/poll.h"
#include "lib/errno.h"
#include "proc/timers.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"
#include "vm/futex.h"
#include "vm/space.h"

static void usage_add(struct process_usage *sum, const struct process_usage *more)
{
    sum->utime += more->utime;
    sum->stime += more->stime;
    sum->minor_faults += more->minor_faults;
    sum->major_faults += more->major_faults;
    sum->voluntary += more->voluntary;
    sum->involuntary += more->involuntary;
    sum->max_rss = MAX(sum->max_rss, more->max_rss);
}

/* siginfo_t of a child's change. Caller holds the tree lock, which keeps leader and parent. */
static void child_info(struct process *process, struct siginfo *info, int code, int status)
{
    *info = (struct siginfo){.signo = SIGCHLD, .code = code};
    info->pid = process->tgid;
    info->uid = rcu_dereference(process->leader->cred)->uid;
    info->child.status = status;
    info->child.utime = process->usage.utime / NS_PER_TICK;
    info->child.stime = process->usage.stime / NS_PER_TICK;
}

static struct sigaction sigchld_action(struct process *parent)
{
    struct sigaction action;

    spin_acquire(&parent->lock);
    action = parent->sighand->actions[SIGCHLD - 1];
    spin_release(&parent->lock);
    return action;
}

void process_notify_stop(struct process *process, int code, int signal)
{
    spin_guard_irqsave(&process_tree_lock);
    struct process *parent = process->parent;
    struct sigaction action;
    struct siginfo info;

    if (!parent)
        return;
    action = sigchld_action(parent);
    child_info(process, &info, code, signal);
    if (action.handler != SIG_IGN && !(action.flags & SA_NOCLDSTOP))
        signal_send_process(parent, SIGCHLD, &info);
    wake_up(&parent->child_wait, 0);
}

/* Tells the parent of a zombie; whether nobody will wait for it. Tree lock held. */
static bool notify_parent(struct process *process)
{
    struct process *parent = process->parent;
    int signal = process->exit_signal, code = process->exit_code;
    bool reap = false;
    struct siginfo info;

    thread_hands_over();
    if (signal == SIGCHLD) {
        struct sigaction action = sigchld_action(parent);

        reap = action.handler == SIG_IGN || action.flags & SA_NOCLDWAIT;
        if (action.handler == SIG_IGN)
            signal = 0;
    }
    if (signal && signal <= SIGNAL_MAX) { /* clone(2) takes any number; what is no signal is none */
        if (code & 0x7f)
            child_info(process, &info, CLD_KILLED, code & 0x7f);
        else
            child_info(process, &info, CLD_EXITED, code >> 8 & 0xff);
        info.signo = signal;
        signal_send_process(parent, signal, &info);
    }
    wake_up(&parent->child_wait, 0);
    return reap;
}

/* Out of the tree and its lists; process_release() follows once the tree lock is dropped. */
static void unlink_locked(struct process *process)
{
    assert_spin_held(&process_tree_lock);
    process->state = PROCESS_REAPED;
    list_del(&process->sibling);
    list_del(&process->all);
    process_set_pgrp_locked(process, NULL, NULL);
    WRITE_ONCE(process->pid->process, NULL);
}

static void process_release(struct process *process)
{
    WRITE_ONCE(process->pid->task, NULL);
    pid_unuse(process->pid);
    task_put(process->leader);
    process_put(process);
}

/* The nearest ancestor that asked for orphans, else init. */
static struct process *reaper_of(struct process *process)
{
    struct process *p = process;

    while (p->flags & PROCESS_HAS_SUBREAPER && p->parent) {
        p = p->parent;
        if (READ_ONCE(p->flags) & PROCESS_SUBREAPER && p->state == PROCESS_ALIVE &&
            READ_ONCE(p->thread_count))
            return p;
    }
    return init_process;
}

static bool has_stopped_member(const struct pid *pgrp)
{
    struct process *p;

    list_for_each_entry(p, &pgrp->members, pgrp_link) {
        if (p->state == PROCESS_ALIVE && p->stop_signal && p->stop_count == p->thread_count)
            return true;
    }
    return false;
}

/* A group that loses its last tie to the session and has stopped members is told to go on. */
static void check_orphaned(struct process *process, struct process *parent)
{
    struct pid *pgrp = process->pgrp;

    if (!parent || parent->pgrp == pgrp || parent->session != process->session)
        return;
    if (pgrp_orphaned_locked(pgrp, process) && has_stopped_member(pgrp)) {
        signal_send_pgrp_locked(pgrp, SIGHUP, NULL);
        signal_send_pgrp_locked(pgrp, SIGCONT, NULL);
    }
}

static void send_parent_death(struct process *child)
{
    struct task *task;

    list_for_each_entry(task, &child->threads, thread_link) {
        if (task->parent_death_signal)
            signal_send_process(child, task->parent_death_signal, NULL);
    }
}

/* Hands the children on; zombies that the new parent does not want go to *dead. */
static void reparent_children(struct process *process, struct list *dead)
{
    struct process *reaper = reaper_of(process), *child, *tmp;

    list_for_each_entry_safe(child, tmp, &process->children, sibling) {
        check_orphaned(child, process);
        child->parent = reaper;
        child->exit_signal = SIGCHLD;
        list_move_tail(&child->sibling, &reaper->children);
        send_parent_death(child);
        if (child->state == PROCESS_ZOMBIE && notify_parent(child)) {
            unlink_locked(child);
            list_add_tail(&child->sibling, dead);
        }
    }
}

/* The last task is out of the list. Tree lock held. */
static void finish_process(struct process *process, struct list *dead)
{
    reparent_children(process, dead);
    check_orphaned(process, process->parent);
    process->state = PROCESS_ZOMBIE;
    wake_all(&process->pid->exit, 0);
    if (notify_parent(process)) {
        unlink_locked(process);
        list_add_tail(&process->sibling, dead);
    }
}

/* Leaves the process; past this the task is nobody's but the scheduler's. */
static void leave_process(struct task *self, int code)
{
    struct process *process = self->process, *p, *tmp;
    bool leader = process->leader == self;
    struct list dead = LIST_INIT(dead);
    irqflags_t flags = spin_lock_irqsave(&process_tree_lock);

    spin_acquire(&process->lock);
    list_del(&self->thread_link);
    task_usage_add(self, &process->usage);
    signal_flush_pending_locked(process, &self->pending, ~0UL);
    if (leader && !(process->flags & PROCESS_GROUP_EXIT))
        process->exit_code = code;
    if (list_empty(&process->threads))
        signal_flush_pending_locked(process, &process->pending, ~0UL);
    if (process->exec_task)
        thread_wake(&process->exec_task->thread, THREAD_STOPPED);
    spin_release(&process->lock);
    WRITE_ONCE(self->pid->task, NULL);
    if (list_empty(&process->threads))
        finish_process(process, &dead);
    spin_unlock_irqrestore(&process_tree_lock, flags);

    if (!leader)
        pid_unuse(self->pid);
    list_for_each_entry_safe(p, tmp, &dead, sibling) {
        list_del(&p->sibling);
        process_release(p);
    }
}

/* Counts the task out; whether it is the last one. */
static bool begin_exit(struct task *self, int code)
{
    struct process *process = self->process;
    irqflags_t flags = spin_lock_irqsave(&process->lock);
    bool last, stopped = false;
    int signal;

    /* What is pending does not disturb the sleeps of closing files any more. */
    self->flags |= TASK_EXITING;
    __atomic_and_fetch(&self->thread.head.work, ~(u32)WORK_SIGNAL, __ATOMIC_RELAXED);
    last = --process->thread_count == 0;
    if (last && !(process->flags & PROCESS_GROUP_EXIT)) { /* its code is the process's */
        process->flags |= PROCESS_GROUP_EXIT;
        process->exit_code = code;
    }
    signal_retarget_locked(process, self, ~self->blocked);
    signal = process->stop_signal;
    if (signal && !last && process->stop_count == process->thread_count) {
        process->flags |= PROCESS_STOPPED_WAIT;
        stopped = true;
    }
    spin_unlock_irqrestore(&process->lock, flags);
    if (stopped)
        process_notify_stop(process, CLD_STOPPED, signal);
    return last;
}

void task_set_space(struct task *self, struct vm_space *space)
{
    struct process_usage *usage = &self->process->usage;
    struct vm_space *old = self->space;

    if (old) {
        spin_guard_irqsave(&self->process->lock);
        usage->max_rss = MAX(usage->max_rss, MAX(old->peak_rss, vm_rss_pages(old)) * 4);
    }
    task_lock(self);
    self->space = space;
    task_unlock(self);
    vm_space_use(space);
    vm_space_put(old);
}

static void drop_files(struct task *self)
{
    struct fdtable *files = self->files;
    struct fs_context *fs = self->fs;

    fdtable_put(files);
    task_lock(self);
    self->files = NULL;
    self->fs = NULL;
    task_unlock(self);
    fs_context_put(fs);
}

void task_exit(int code)
{
    struct task *self = self_task();
    struct process *process = self->process;
    bool last = begin_exit(self, code);

    if (last && process == init_process)
        panic("init has ended, exit code 0x%08x", process->exit_code);
    if (last)
        timers_exit();
    futex_task_exit(self);
    task_vfork_done(self);
    task_set_space(self, NULL);
    drop_files(self);
    if (last && process->session == process->pid && session_leader_exit)
        session_leader_exit(process->session);
    __atomic_sub_fetch(&task_count, 1, __ATOMIC_RELAXED);
    leave_process(self, code);
    thread_exit();
}

void process_exit_group(int code)
{
    struct process *process = current_process();
    irqflags_t flags = spin_lock_irqsave(&process->lock);

    if (process->flags & PROCESS_GROUP_EXIT)
        code = process->exit_code;
    else
        signal_kill_process_locked(process, code);
    spin_unlock_irqrestore(&process->lock, flags);
    task_exit(code);
}

/* ---- Waiting for children ---- */

static bool eligible(const struct process *child, const struct wait_request *request)
{
    bool clone_child = child->exit_signal != SIGCHLD;

    if (request->which == WAIT_PID && child->tgid != request->number)
        return false;
    if (request->which == WAIT_PGRP && pid_number(child->pgrp) != request->number)
        return false;
    if (request->options & WALL)
        return true;
    return clone_child == !!(request->options & WCLONE);
}

static void fill_request(struct wait_request *request, struct process *child, int code, int status)
{
    request->pid = child->tgid;
    request->uid = rcu_dereference(child->leader->cred)->uid;
    request->code = code;
    request->status = status;
    request->usage = child->usage;
    usage_add(&request->usage, &child->children_usage);
}

/* A stop or continue to report; the flag is taken unless WNOWAIT. */
static bool take_job_change(struct process *child, struct wait_request *request)
{
    u32 news = 0;

    spin_acquire(&child->lock);
    if (request->options & WUNTRACED && child->flags & PROCESS_STOPPED_WAIT) {
        news = PROCESS_STOPPED_WAIT;
        fill_request(request, child, CLD_STOPPED, child->stop_signal << 8 | 0x7f);
    } else if (request->options & WCONTINUED && child->flags & PROCESS_CONTINUED) {
        news = PROCESS_CONTINUED;
        fill_request(request, child, CLD_CONTINUED, 0xffff);
    }
    if (!(request->options & WNOWAIT))
        child->flags &= ~news;
    spin_release(&child->lock);
    return news;
}

/* 1: found, *reaped is the zombie to release or NULL; 0: nothing yet; -ECHILD: no such child. */
static int look(struct wait_request *request, struct process **reaped)
{
    spin_guard_irqsave(&process_tree_lock);
    struct process *child;
    int result = -ECHILD;

    list_for_each_entry(child, &current_process()->children, sibling) {
        if (!eligible(child, request))
            continue;
        result = 0;
        if (child->state == PROCESS_ZOMBIE) {
            if (!(request->options & WEXITED))
                continue;
            fill_request(request, child, child->exit_code & 0x7f ? CLD_KILLED : CLD_EXITED,
                         child->exit_code);
            if (!(request->options & WNOWAIT)) {
                unlink_locked(child);
                *reaped = child;
            }
            return 1;
        }
        if (take_job_change(child, request))
            return 1;
    }
    return result;
}

static void collect_usage(struct process *self, const struct process_usage *usage)
{
    spin_guard_irqsave(&self->lock);

    usage_add(&self->children_usage, usage);
}

int process_wait(struct wait_request *request)
{
    struct process *self = current_process(), *reaped = NULL;
    int found, error = 0;

    request->pid = 0;
    if (request->options & WNOHANG)
        found = look(request, &reaped);
    else
        error = wait_event_interruptible(&self->child_wait, (found = look(request, &reaped)) != 0);
    if (found < 0)
        return found;
    if (reaped) {
        collect_usage(self, &request->usage);
        process_release(reaped);
    }
    return found ? 0 : error;
}

/* ---- Descriptors of processes ---- */

static u32 pidfd_poll(struct file *file, struct poll_table *table)
{
    struct pid *pid = file->private;
    struct process *process;

    poll_wait(file, &pid->exit, table);
    rcu_guard();
    process = rcu_dereference(pid->process);
    return !process || READ_ONCE(process->state) != PROCESS_ALIVE ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *file)
{
    pid_put(file->private);
}

static const struct file_ops pidfd_ops = {
    .poll = pidfd_poll,
    .release = pidfd_release,
    .stat_mode = 0600,
    .name = "anon_inode:[pidfd]",
};

struct file *pidfd_file(struct pid *pid)
{
    struct file *file = file_alloc(&pidfd_ops, O_RDWR, pid);

    if (file)
        pid_get(pid);
    return file;
}

struct pid *pidfd_pid(const struct file *file)
{
    return file->ops == &pidfd_ops ? file->private : NULL;
}

/*
 * New tasks and processes.
 *
 * What it is
 *   clone(2): a task that shares with its maker what the flags say, and has copies of the rest.
 *   Everything that can fail is done first, on a task that nobody can find (a goto ladder undoes
 *   it); then one hold of the locks makes it visible, and it starts.
 *
 * Invariants
 *   I1. A child is linked under the tree lock after a look at its maker's signals: a signal to a
 *       process group either finds the child in the group or makes fork begin again.
 *   I2. The child's kernel stack holds a copy of its maker's trap frame with result 0.
 *
 * Cost: two objects and a stack for a thread; process, pid, actions, files, fs and the address
 * space besides for a process. Credentials are counted, not copied.
 */
#include "proc/fork.h"

#include "arch/trap.h"
#include "core/clock.h"
#include "core/panic.h"
#include "fs/vfs.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "proc/exit.h"
#include "proc/timers.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"
#include "vm/space.h"

/* clone(2), ERRORS. */
static int check_flags(const struct clone_request *r)
{
    u64 f = r->flags;

    if (f & CLONE_NEW_ANY)
        return cred_has_cap(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    if ((f & CLONE_THREAD && !(f & CLONE_SIGHAND)) || (f & CLONE_SIGHAND && !(f & CLONE_VM)))
        return -EINVAL;
    if (f & CLONE_SIGHAND && f & CLONE_CLEAR_SIGHAND)
        return -EINVAL;
    if (f & CLONE_PARENT && current_process()->flags & PROCESS_UNKILLABLE)
        return -EINVAL;
    if (f & CLONE_PIDFD && f & (CLONE_DETACHED | CLONE_THREAD))
        return -EINVAL;
    return 0;
}

/* RLIMIT_NPROC counts the threads of all processes of the real user id; root is above it. */
static bool too_many_tasks(void)
{
    const struct cred *cred = current_cred();
    u64 limit = rlimit_get(RLIMIT_NPROC), count = 0;
    struct process *p;

    if (READ_ONCE(task_count) >= pages_total() / 8)
        return true;
    if (!cred->uid || limit == RLIM_INFINITY || cred_can(cred, CAP_SYS_RESOURCE) ||
        cred_can(cred, CAP_SYS_ADMIN))
        return false;
    spin_guard_irqsave(&process_tree_lock);
    list_for_each_entry(p, &process_list, all) {
        if (p->leader && rcu_dereference(p->leader->cred)->uid == cred->uid)
            count += p->thread_count;
    }
    return count >= limit;
}

/* The actions of a child: shared or a copy; NULL: no memory. */
static struct sighand *copy_sighand(u64 flags)
{
    struct sighand *own = current_process()->sighand, *table;

    if (flags & CLONE_SIGHAND) {
        ref_get(&own->refs);
        return own;
    }
    table = sighand_alloc(own);
    if (table && flags & CLONE_CLEAR_SIGHAND)
        sighand_reset(table);
    return table;
}

/* A process object with what it inherits; NULL: no memory. */
static struct process *copy_process_object(const struct clone_request *r, struct pid *pid)
{
    struct process *self = current_process(), *child = process_alloc();

    if (!child)
        return NULL;
    child->sighand = copy_sighand(r->flags);
    if (!child->sighand) {
        process_put(child);
        return NULL;
    }
    child->pid = pid_get(pid);
    child->tgid = pid_number(pid);
    child->exit_signal = r->exit_signal;
    memcpy(child->rlimits, self->rlimits, sizeof(child->rlimits));
    child->oom_score_adj = self->oom_score_adj;
    child->dumpable = self->dumpable;
    child->personality = self->personality;
    child->start_ns = clock_boottime_ns();
    timers_init_process(child);
    return child;
}

static int copy_files(u64 flags, struct task *child)
{
    struct task *self = self_task();
    int error;

    if (flags & CLONE_FILES) {
        child->files = fdtable_get(self->files);
    } else {
        error = fdtable_copy(self->files, &child->files);
        if (error)
            return error;
    }
    if (flags & CLONE_FS) {
        child->fs = fs_context_get(self->fs);
        return 0;
    }
    child->fs = fs_context_copy(self->fs);
    return child->fs ? 0 : -ENOMEM;
}

static int copy_space(u64 flags, struct task *child)
{
    struct task *self = self_task();

    if (flags & CLONE_VM) {
        child->space = vm_space_get(self->space);
    } else {
        int error = vm_space_clone(self->space, &child->space);

        if (error)
            return error;
    }
    child->thread.page_table = &child->space->pt;
    return 0;
}

static void copy_signal_state(u64 flags, struct task *child)
{
    struct task *self = self_task();

    child->blocked = self->blocked;
    if ((flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
        child->altstack.flags = SS_DISABLE;
    else
        child->altstack = self->altstack;
    if (!(flags & CLONE_VM))
        child->rseq = self->rseq;
}

/* The user's registers: frame, thread register, FP. */
static void copy_registers(const struct clone_request *r, struct task *child)
{
    struct task *self = self_task();
    struct trap_frame *frame = user_frame(child);

    *frame = *user_frame(self);
    frame->regs[0] = 0; /* I2 */
    if (r->stack)
        frame->sp = r->stack;
    memcpy(child->thread.head.keys, self->thread.head.keys, sizeof(child->thread.head.keys));
    child->thread.head.keys_off = self->thread.head.keys_off;
    child->thread.head.tls = r->flags & CLONE_SETTLS ? r->tls : user_tls_get();
    thread_fp_save();
    child->fp_state = self->fp_state;
    __atomic_or_fetch(&child->thread.head.work, WORK_FP, __ATOMIC_RELAXED);
}

/* The first thing a new task does in the kernel; then it is in user mode. */
static void task_begin(void *arg)
{
    struct task *task = arg;

    if (!user_ptr_null(task->set_tid))
        (void)put_user_u32(task->set_tid, task->tid);
}

/* A new process with its first task gets its place in the tree. Tree lock held. */
static void link_process_locked(struct process *child, struct task *leader)
{
    list_add_tail(&child->all, &process_list);
    child->leader = task_get(leader);
    list_add_tail(&leader->thread_link, &child->threads);
    child->thread_count = 1;
    rcu_assign(child->pid->process, child);
}

static void link_child_locked(struct process *child, struct process *parent)
{
    child->parent = parent;
    if (parent->flags & (PROCESS_SUBREAPER | PROCESS_HAS_SUBREAPER))
        child->flags |= PROCESS_HAS_SUBREAPER;
    list_add_tail(&child->sibling, &parent->children);
    process_set_pgrp_locked(child, current_process()->pgrp, current_process()->session);
}

/* Look-ups find the task from here on. */
static void link_task(struct task *task)
{
    rcu_assign(task->pid->task, task);
    __atomic_add_fetch(&task_count, 1, __ATOMIC_RELAXED);
}

/* Makes the task visible (I1). 0, or -ERESTARTNOINTR when the caller must look at a signal. */
static int publish(struct task *child, u64 flags)
{
    struct process *self = current_process(), *process = child->process;
    spin_guard_irqsave(&process_tree_lock);
    bool signalled;

    spin_acquire(&self->lock);
    signalled = thread_signalled();
    if (!signalled && process == self) {
        list_add_tail(&child->thread_link, &self->threads);
        self->thread_count++;
    }
    spin_release(&self->lock);
    if (signalled)
        return -ERESTARTNOINTR;
    if (process != self) {
        if (flags & CLONE_PARENT)
            process->exit_signal = self->exit_signal;
        link_child_locked(process, flags & CLONE_PARENT ? self->parent : self);
        link_process_locked(process, child);
    }
    link_task(child);
    process_forks++;
    return 0;
}

/*
 * The child runs. With CLONE_VFORK until it lets go, or a fatal signal comes, in the state that
 * only those two end.
 */
static void start(struct task *child, const struct clone_request *r)
{
    if (!(r->flags & CLONE_VFORK)) {
        thread_start(&child->thread);
        return;
    }
    child->vfork_parent = task_get(self_task());
    task_get(child);
    thread_start(&child->thread);
    while (READ_ONCE(child->vfork_parent)) {
        thread_set_state(THREAD_STOPPED);
        if (!READ_ONCE(child->vfork_parent) || signal_fatal_pending())
            break;
        schedule();
    }
    thread_set_state(THREAD_RUNNING);
    task_put(child);
}

/* Undoes copy_task() for a child that nobody has seen. */
static void discard(struct task *child)
{
    vm_space_put(child->space);
    fs_context_put(child->fs);
    fdtable_put(child->files);
    if (child->process != current_process())
        process_put(child->process); /* the tree's reference */
    task_discard(child);
}

/* The task, and its process unless it is a thread, with everything but visibility. 0 or -errno. */
static int copy_task(const struct clone_request *r, struct pid *pid, struct task **out)
{
    struct task *self = self_task(), *child;
    struct process *process = self->process;
    int error;

    if (!(r->flags & CLONE_THREAD))
        process = copy_process_object(r, pid);
    child = *out = process ? task_alloc(process, task_begin) : NULL;
    if (!child) {
        if (process && process != self->process)
            process_put(process);
        return -ENOMEM;
    }
    child->pid = pid_get(pid);
    child->tid = pid_number(pid);
    child->cred = cred_get(self->cred);
    child->start_ns = process == self->process ? clock_boottime_ns() : process->start_ns;
    child->flags = TASK_FORKED | (self->flags & TASK_NO_NEW_PRIVS);
    child->timer_slack_ns = self->timer_slack_ns;
    if (r->flags & CLONE_CHILD_SETTID)
        child->set_tid = r->child_tid;
    if (r->flags & CLONE_CHILD_CLEARTID)
        child->clear_tid = r->child_tid;
    error = copy_files(r->flags, child);
    if (!error)
        error = copy_space(r->flags, child);
    if (error) {
        discard(child);
        return error;
    }
    copy_signal_state(r->flags, child);
    copy_registers(r, child);
    return 0;
}

/* The descriptor of CLONE_PIDFD, reserved and told to the caller; -1 when none is wanted. */
static int make_pidfd(const struct clone_request *r, struct pid *pid, struct file **file)
{
    int fd;

    if (!(r->flags & CLONE_PIDFD))
        return -1;
    *file = pidfd_file(pid);
    if (!*file)
        return -ENOMEM;
    fd = fd_reserve(O_CLOEXEC);
    if (fd >= 0 && put_user_u32(r->pidfd, fd)) {
        fd_unreserve(fd);
        fd = -EFAULT;
    }
    return fd;
}

long process_clone(const struct clone_request *r)
{
    struct file *pidfd __scoped(file) = NULL;
    int error = check_flags(r), fd;
    struct task *child;
    struct pid *pid;
    u32 number;

    if (!error && too_many_tasks())
        error = -EAGAIN;
    if (!error)
        error = pid_alloc(&pid);
    if (error)
        return error;
    fd = make_pidfd(r, pid, &pidfd);
    if (fd < -1) {
        error = fd;
        goto free_pid;
    }
    error = copy_task(r, pid, &child);
    if (error)
        goto free_fd;
    number = child->tid;
    error = publish(child, r->flags);
    if (error)
        goto discard_child;

    /* Nothing fails from here on. */
    if (fd >= 0)
        fd_publish(fd, file_get(pidfd));
    if (r->flags & CLONE_PARENT_SETTID)
        (void)put_user_u32(r->parent_tid, number);
    start(child, r);
    return number;

discard_child:
    discard(child);
free_fd:
    if (fd >= 0)
        fd_unreserve(fd);
free_pid:
    pid_unuse(pid);
    return error;
}

/* ---- Process 1 ---- */

static struct process *init_process_alloc(struct pid *pid)
{
    struct process *process = process_alloc();

    if (!process)
        return NULL;
    process->sighand = sighand_alloc(NULL);
    process->pid = pid_get(pid);
    process->tgid = pid_number(pid);
    process->flags = PROCESS_UNKILLABLE;
    process->start_ns = clock_boottime_ns();
    rlimit_defaults(process->rlimits);
    timers_init_process(process);
    return process->sighand ? process : NULL;
}

static struct task *init_task_alloc(struct process *process, void (*entry)(void *task))
{
    struct task *task = task_alloc(process, entry);

    if (!task)
        return NULL;
    task->pid = pid_get(process->pid);
    task->tid = process->tgid;
    task->cred = cred_get(&init_cred);
    task->altstack.flags = SS_DISABLE;
    task->start_ns = process->start_ns;
    task->files = fdtable_create();
    task->fs = fs_context_copy(&init_fs_context);
    str_copy(task->thread.name, "init", sizeof(task->thread.name));
    return task->files && task->fs ? task : NULL;
}

void process_start_init(void (*entry)(void *task))
{
    struct pid *pid;
    struct process *process = pid_alloc(&pid) ? NULL : init_process_alloc(pid);
    struct task *task = process ? init_task_alloc(process, entry) : NULL;

    if (!task)
        panic("no memory for process 1");
    spin_lock_irq(&process_tree_lock);
    init_process = process;
    process_set_pgrp_locked(process, &pid_zero, &pid_zero);
    link_process_locked(process, task);
    link_task(task);
    spin_unlock_irq(&process_tree_lock);
    thread_start(&task->thread);
}

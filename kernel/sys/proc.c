/* Calls that make, end, wait for and name processes: their arguments; the work is proc/'s. */
#include "fs/namei.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "proc/exec.h"
#include "proc/exit.h"
#include "proc/fork.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/pid.h"
#include "task/task.h"

/* ---- clone, exec, exit ---- */

/* clone(2): the flags' low byte is the exit signal; the pidfd goes where parent_tid points. */
long sys_clone(u64 flags, u64 stack, u64 parent_tid, u64 tls, u64 child_tid)
{
    struct clone_request r = {
        .flags = flags & 0xffffffff & ~CSIGNAL,
        .exit_signal = flags & CSIGNAL,
        .stack = stack,
        .tls = tls,
        .parent_tid = USER_PTR(parent_tid),
        .child_tid = USER_PTR(child_tid),
        .pidfd = USER_PTR(parent_tid),
    };

    if (r.flags & CLONE_PIDFD && r.flags & CLONE_PARENT_SETTID)
        return -EINVAL;
    return process_clone(&r);
}

/* struct clone_args */
struct clone_args {
    u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    u64 set_tid, set_tid_size, cgroup;
};

#define CLONE_ARGS_SIZE_FIRST 64

static int clone_args_check(const struct clone_args *a)
{
    const u64 known = 0xffffff00UL | CLONE_CLEAR_SIGHAND;

    if (a->flags & ~known || a->flags & CLONE_DETACHED || a->exit_signal > SIGNAL_MAX)
        return -EINVAL;
    if (a->flags & (CLONE_THREAD | CLONE_PARENT) && a->exit_signal)
        return -EINVAL;
    if (!a->stack != !a->stack_size || a->set_tid || a->set_tid_size)
        return -EINVAL;
    if (a->stack && !user_range_ok(USER_PTR(a->stack), a->stack_size))
        return -EINVAL;
    return 0;
}

long sys_clone3(u64 args, u64 size)
{
    struct clone_args a;
    int error = struct_get(&a, sizeof(a), CLONE_ARGS_SIZE_FIRST, args, size);

    if (!error)
        error = clone_args_check(&a);
    if (error)
        return error;
    return process_clone(&(struct clone_request){
        .flags = a.flags,
        .exit_signal = a.exit_signal,
        .stack = a.stack + a.stack_size,
        .tls = a.tls,
        .parent_tid = USER_PTR(a.parent_tid),
        .child_tid = USER_PTR(a.child_tid),
        .pidfd = USER_PTR(a.pidfd),
    });
}

long sys_execve(u64 path, u64 argv, u64 envp)
{
    return exec_user(AT_FDCWD, USER_PTR(path), USER_PTR(argv), USER_PTR(envp), 0);
}

long sys_execveat(u64 fd, u64 path, u64 argv, u64 envp, u64 flags)
{
    if ((u32)flags & ~(u32)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    return exec_user((int)fd, USER_PTR(path), USER_PTR(argv), USER_PTR(envp), (u32)flags);
}

long sys_exit(u64 status)
{
    task_exit((status & 0xff) << 8);
}

long sys_exit_group(u64 status)
{
    process_exit_group((status & 0xff) << 8);
}

/* ---- waiting ---- */

long sys_wait4(u64 pid, u64 status, u64 options, u64 rusage)
{
    const u32 known = WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WCLONE | WALL;
    struct wait_request r = {.options = (u32)options | WEXITED};
    s32 which = (s32)pid;
    int error;

    if ((u32)options & ~known)
        return -EINVAL;
    if (which == INT32_MIN)
        return -ESRCH;
    if (which > 0)
        r.which = WAIT_PID, r.number = which;
    else if (which != -1)
        r.which = WAIT_PGRP, r.number = which ? (u32)-which : sys_getpgid(0);
    error = process_wait(&r);
    if (error || !r.pid)
        return error;
    if (status && put_user_u32(USER_PTR(status), r.status))
        return -EFAULT;
    if (rusage && rusage_put(USER_PTR(rusage), &r.usage))
        return -EFAULT;
    return r.pid;
}

#define P_ALL   0
#define P_PID   1
#define P_PGID  2
#define P_PIDFD 3

/* Which processes waitid(2) means. 0 or -errno. */
static int waitid_target(u32 type, s32 id, struct wait_request *r)
{
    struct file *file __scoped(file) = NULL;
    struct pid *pid;

    switch (type) {
    case P_ALL: r->which = WAIT_ALL; return 0;
    case P_PID:
        r->which = WAIT_PID;
        r->number = id;
        return id > 0 ? 0 : -EINVAL;
    case P_PGID:
        r->which = WAIT_PGRP;
        r->number = id ? (u32)id : sys_getpgid(0);
        return id >= 0 ? 0 : -EINVAL;
    case P_PIDFD:
        if (id < 0)
            return -EINVAL;
        file = fd_get(id);
        pid = file ? pidfd_pid(file) : NULL;
        r->which = WAIT_PID;
        r->number = pid_number(pid);
        return pid ? 0 : -EBADF;
    }
    return -EINVAL;
}

/* si_status: the exit code, or the signal that killed, stopped or continued. */
static int status_of(const struct wait_request *r)
{
    switch (r->code) {
    case CLD_EXITED:
    case CLD_STOPPED: return r->status >> 8 & 0xff;
    case CLD_CONTINUED: return SIGCONT;
    }
    return r->status & 0x7f;
}

long sys_waitid(u64 type, u64 id, u64 infop, u64 options, u64 rusage)
{
    const u32 known =
        WNOHANG | WUNTRACED | WCONTINUED | WEXITED | WNOWAIT | WNOTHREAD | WCLONE | WALL;
    struct wait_request r = {.options = (u32)options};
    struct siginfo info = {0};
    int error = -EINVAL;

    if (!(r.options & ~known) && r.options & (WEXITED | WUNTRACED | WCONTINUED))
        error = waitid_target((u32)type, (s32)id, &r);
    if (!error)
        error = process_wait(&r);
    if (!error && r.pid) {
        info.signo = SIGCHLD;
        info.code = r.code;
        info.pid = r.pid;
        info.uid = r.uid;
        info.child.status = status_of(&r);
        if (rusage && rusage_put(USER_PTR(rusage), &r.usage))
            return -EFAULT;
    }
    /* Up to si_status, which is all that waitid sets; zeros for an error, too. */
    if (infop && copy_to_user(USER_PTR(infop), &info, offsetof(struct siginfo, child.pad)))
        return -EFAULT;
    return error;
}

/* ---- numbers ---- */

long sys_set_tid_address(u64 address)
{
    self_task()->clear_tid = USER_PTR(address);
    return self_task()->tid;
}

CALL(getpid, (void), current_process()->tgid)
CALL(gettid, (void), self_task()->tid)

long sys_getppid(void)
{
    struct process *parent;

    rcu_guard();
    parent = rcu_dereference(current_process()->parent);
    return parent ? parent->tgid : 0;
}

long sys_pidfd_open(u64 number, u64 flags)
{
    struct pid *pid __scoped(pid) = NULL;
    struct process *process;
    struct file *file;

    if ((u32)flags & ~(u32)O_NONBLOCK || (s32)number <= 0)
        return -EINVAL;
    pid = pid_find_get((u32)number);
    if (!pid)
        return -ESRCH;
    process = READ_ONCE(pid->process);
    if (!process)
        return -EINVAL; /* a thread that leads no process */
    file = pidfd_file(pid);
    if (!file)
        return -ENOMEM;
    file->flags |= (u32)flags;
    return fd_install(file, 0, O_CLOEXEC);
}

/* ---- groups and sessions ---- */

/* The process of setpgid(2) and kin, by any thread's number; 0 is the caller. Tree lock held. */
static struct process *process_or_self(s32 number)
{
    struct process *process = number ? process_find(number) : current_process();
    struct task *thread = process ? NULL : task_find(number);

    return thread ? thread->process : process;
}

/* setpgid's rules about the process. Tree lock held. */
static int setpgid_allowed(struct process *target)
{
    struct process *self = current_process();

    if (!target || target->state == PROCESS_REAPED)
        return -ESRCH;
    if (target != self) {
        if (target->parent != self)
            return -ESRCH;
        if (target->session != self->session)
            return -EPERM;
        if (target->flags & PROCESS_EXECED)
            return -EACCES;
    }
    return target->session == target->pid ? -EPERM : 0;
}

long sys_setpgid(u64 pid, u64 group)
{
    s32 wanted = (s32)group ? (s32)group : (s32)pid;
    struct process *target;
    struct pid *pgrp;
    int error;

    if (wanted < 0)
        return -EINVAL;
    spin_guard_irqsave(&process_tree_lock);
    target = process_or_self((s32)pid);
    error = setpgid_allowed(target);
    if (target && (s32)pid && target->tgid != (u32)pid)
        error = -EINVAL; /* a thread that is not the first */
    if (error)
        return error;
    pgrp = wanted ? pid_find(wanted) : target->pid;
    if (!pgrp || (pgrp != target->pid && pgrp_session_locked(pgrp) != target->session))
        return -EPERM;
    process_set_pgrp_locked(target, pgrp, target->session);
    return 0;
}

/* The number of the group or session of a process. */
static long group_number(s32 number, bool session)
{
    struct process *process;

    if (number < 0)
        return -ESRCH;
    spin_guard_irqsave(&process_tree_lock);
    process = process_or_self(number);
    if (!process || process->state == PROCESS_REAPED)
        return -ESRCH;
    return pid_number(session ? process->session : process->pgrp);
}

CALL(getpgid, (u64 pid), group_number((s32)pid, false))
CALL(getsid, (u64 pid), group_number((s32)pid, true))

long sys_setsid(void)
{
    struct process *process = current_process();
    spin_guard_irqsave(&process_tree_lock);

    if (process->session == process->pid || !list_empty(&process->pid->members))
        return -EPERM;
    process_set_pgrp_locked(process, process->pid, process->pid);
    return process->tgid;
}

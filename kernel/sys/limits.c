/* Limits and what was used: rlimits, getrusage, times. */
#include "core/clock.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "proc/timers.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"
#include "vm/space.h"

/* The rules of a change: 0 or -EINVAL, -EPERM. */
static int check_limit(const struct rlimit *old, const struct rlimit *new, u32 which)
{
    if (new->soft > new->hard)
        return -EINVAL;
    if (new->hard > old->hard && !cred_has_cap(CAP_SYS_RESOURCE))
        return -EPERM;
    if (which == RLIMIT_NOFILE && new->hard > FD_MAX)
        return -EPERM;
    return 0;
}

/* Reads one limit, and changes it unless `new` is NULL. */
static int change_limit(struct process *process, u32 which, const struct rlimit *new,
                        struct rlimit *old)
{
    int error = 0;

    if (which >= RLIMIT_COUNT)
        return -EINVAL;
    {
        spin_guard_irqsave(&process->lock);
        *old = process->rlimits[which];
        if (new)
            error = check_limit(old, new, which);
        if (new && !error)
            process->rlimits[which] = *new;
    }
    if (new && !error && which == RLIMIT_CPU)
        timers_cpu_limit_changed(process);
    return error;
}

/* prlimit(2) wants all ids of the target to be the caller's. */
static bool may_limit(struct process *process)
{
    const struct cred *me = current_cred(), *other;

    if (process == current_process() || cred_has_cap(CAP_SYS_RESOURCE))
        return true;
    spin_guard_irqsave(&process_tree_lock);
    if (process->state == PROCESS_REAPED)
        return false;
    other = rcu_dereference(process->leader->cred);
    return me->uid == other->uid && me->uid == other->euid && me->uid == other->suid &&
           me->gid == other->gid && me->gid == other->egid && me->gid == other->sgid;
}

long sys_prlimit64(u64 pid, u64 which, u64 in, u64 out)
{
    struct task *task __scoped(task) = NULL;
    struct rlimit new, old;
    int error;

    if (in && copy_from_user(&new, USER_PTR(in), sizeof(new)))
        return -EFAULT;
    task = (u32)pid ? task_find_get((u32)pid) : task_get(self_task());
    if (!task)
        return -ESRCH;
    if (!may_limit(task->process))
        return -EPERM;
    error = change_limit(task->process, (u32)which, in ? &new : NULL, &old);
    if (!error && out && copy_to_user(USER_PTR(out), &old, sizeof(old)))
        error = -EFAULT;
    return error;
}

CALL(getrlimit, (u64 which, u64 out), out ? sys_prlimit64(0, which, 0, out) : -EFAULT)
CALL(setrlimit, (u64 which, u64 in), in ? sys_prlimit64(0, which, in, 0) : -EFAULT)

struct rusage_abi {
    struct timeval_abi utime, stime;
    s64 max_rss, unused1[3], minor_faults, major_faults, unused2[6], voluntary, involuntary;
};

_Static_assert(sizeof(struct rusage_abi) == 144, "struct rusage");

int rusage_put(struct user_ptr to, const struct process_usage *usage)
{
    struct rusage_abi out = {
        .utime = timeval_of(usage->utime),
        .stime = timeval_of(usage->stime),
        .max_rss = usage->max_rss,
        .minor_faults = usage->minor_faults,
        .major_faults = usage->major_faults,
        .voluntary = usage->voluntary,
        .involuntary = usage->involuntary,
    };

    return copy_to_user(to, &out, sizeof(out));
}

#define RUSAGE_SELF     0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_THREAD   1

static struct process_usage children_usage(struct process *process)
{
    spin_guard_irqsave(&process->lock);
    return process->children_usage;
}

long sys_getrusage(u64 who, u64 out)
{
    struct task *self = self_task();
    struct process *process = self->process;
    struct process_usage usage = {0};

    switch ((s32)who) {
    case RUSAGE_SELF: process_usage_get(process, &usage); break;
    case RUSAGE_THREAD: task_usage_add(self, &usage); break;
    case RUSAGE_CHILDREN: usage = children_usage(process); break;
    default: return -EINVAL;
    }
    if ((s32)who != RUSAGE_CHILDREN)
        usage.max_rss =
            MAX(usage.max_rss, MAX(self->space->peak_rss, vm_rss_pages(self->space)) * 4);
    return rusage_put(USER_PTR(out), &usage);
}

long sys_times(u64 out)
{
    struct process *process = current_process();
    struct process_usage usage, children = children_usage(process);

    process_usage_get(process, &usage);
    if (out) {
        u64 tms[4] = {usage.utime / NS_PER_TICK, usage.stime / NS_PER_TICK,
                      children.utime / NS_PER_TICK, children.stime / NS_PER_TICK};

        if (copy_to_user(USER_PTR(out), tms, sizeof(tms)))
            return -EFAULT;
    }
    return clock_boottime_ns() / NS_PER_TICK;
}

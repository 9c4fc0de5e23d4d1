/* Scheduling policies, priorities, CPU affinity. */
#include "core/percpu.h"
#include "lib/errno.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"

#define FAIR_SLICE_NS 4000000UL /* what a fair thread is told by sched_rr_get_interval */

/* The task of a number, 0 the caller; with a reference. NULL and *error -EINVAL or -ESRCH. */
static struct task *target_get(u64 number, int *error)
{
    struct task *task;

    if ((s32)number < 0) {
        *error = -EINVAL;
        return NULL;
    }
    task = (s32)number ? task_find_get((u32)number) : task_get(self_task());
    *error = task ? 0 : -ESRCH;
    return task;
}

/* Whose effective id is the target's real or effective one. */
static bool owns(struct task *task)
{
    u32 me = current_cred()->euid;
    const struct cred *other;

    rcu_guard();
    other = rcu_dereference(task->cred);
    return me == other->uid || me == other->euid;
}

static u64 target_limit(struct task *task, enum rlimit_which which)
{
    return READ_ONCE(task->process->rlimits[which].soft);
}

long sys_sched_yield(void)
{
    yield();
    return 0;
}

/* ---- policy ---- */

static bool real_time(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

/* A policy with its flag, as sched_setscheduler(2) has it. */
#define SCHED_RESET_ON_FORK 0x40000000

static int policy_check(struct task *task, int policy, int priority, bool reset_on_fork)
{
    bool known =
        real_time(policy) || policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;

    if (!known || (real_time(policy) ? priority < 1 || priority > RT_PRIORITY_MAX : priority != 0))
        return -EINVAL;
    if (cred_has_cap(CAP_SYS_NICE))
        return 0;
    if (!owns(task) || (task->thread.reset_on_fork && !reset_on_fork))
        return -EPERM;
    if (real_time(policy) && (u64)priority > target_limit(task, RLIMIT_RTPRIO) &&
        (policy != task->thread.policy || priority > task->thread.rt_priority))
        return -EPERM;
    return 0;
}

static int may_nice(struct task *task, int nice)
{
    if (cred_has_cap(CAP_SYS_NICE))
        return 0;
    if (!owns(task))
        return -EPERM;
    if (nice < task->thread.nice && (u64)(20 - nice) > target_limit(task, RLIMIT_NICE))
        return -EACCES;
    return 0;
}

/* nice NULL: stays. All is checked before the first change. */
static int policy_set(struct task *task, int policy, int priority, bool reset_on_fork,
                      const int *nice)
{
    int error = policy_check(task, policy, priority, reset_on_fork);

    if (!error && nice)
        error = may_nice(task, *nice) ? -EPERM : 0;
    if (!error)
        error = thread_set_policy(&task->thread, policy, priority);
    if (error)
        return error;
    if (nice)
        thread_set_nice(&task->thread, *nice);
    WRITE_ONCE(task->thread.reset_on_fork, reset_on_fork);
    return 0;
}

/* The policy as the calls have it: with a flag. */
static int policy_of(const struct task *task)
{
    return task->thread.policy | (task->thread.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}

/* policy < 0: the one it has. */
static long set_policy(u64 pid, int policy, u64 param)
{
    struct task *task __scoped(task) = NULL;
    u32 priority;
    int error;

    if (!param)
        return -EINVAL;
    if (get_user_u32(USER_PTR(param), &priority))
        return -EFAULT;
    task = target_get(pid, &error);
    if (!task)
        return error;
    if (policy < 0)
        policy = policy_of(task);
    return policy_set(task, policy & ~SCHED_RESET_ON_FORK, (s32)priority,
                      policy & SCHED_RESET_ON_FORK, NULL);
}

CALL(sched_setscheduler, (u64 pid, u64 policy, u64 param),
     (s32)policy < 0 ? -EINVAL : set_policy(pid, (s32)policy, param))
CALL(sched_setparam, (u64 pid, u64 param), set_policy(pid, -1, param))

long sys_sched_getscheduler(u64 pid)
{
    int error;
    struct task *task __scoped(task) = target_get(pid, &error);

    return task ? policy_of(task) : error;
}

long sys_sched_getparam(u64 pid, u64 param)
{
    int error;
    struct task *task __scoped(task) = target_get(pid, &error);

    if (!param)
        return -EINVAL;
    return task ? put_user_u32(USER_PTR(param), task->thread.rt_priority) : error;
}

long sys_sched_get_priority_max(u64 policy)
{
    if (real_time((s32)policy))
        return RT_PRIORITY_MAX;
    switch ((s32)policy) {
    case SCHED_OTHER:
    case SCHED_BATCH:
    case SCHED_IDLE:
    case SCHED_DEADLINE: return 0;
    }
    return -EINVAL;
}

long sys_sched_get_priority_min(u64 policy)
{
    if (real_time((s32)policy))
        return 1;
    return sys_sched_get_priority_max(policy);
}

long sys_sched_rr_get_interval(u64 pid, u64 out)
{
    int error;
    struct task *task __scoped(task) = target_get(pid, &error);
    u64 ns = FAIR_SLICE_NS;

    if (!task)
        return error;
    if (real_time(task->thread.policy))
        ns = task->thread.policy == SCHED_RR ? RR_SLICE_NS : 0;
    return timespec_put(USER_PTR(out), ns);
}

/* struct sched_attr, first version. */
struct sched_attr_abi {
    u32 size, policy;
    u64 flags;
    s32 nice;
    u32 priority;
    u64 runtime, deadline, period;
};

#define SCHED_ATTR_SIZE    48
#define ATTR_RESET_ON_FORK 1 /* of flags */

_Static_assert(sizeof(struct sched_attr_abi) == SCHED_ATTR_SIZE, "struct sched_attr");

long sys_sched_setattr(u64 pid, u64 attr, u64 flags)
{
    struct task *task __scoped(task) = NULL;
    struct sched_attr_abi a;
    int error;

    if (!attr || (u32)flags)
        return -EINVAL;
    if (copy_from_user(&a, USER_PTR(attr), sizeof(a)))
        return -EFAULT;
    if (a.size && a.size < SCHED_ATTR_SIZE)
        return -E2BIG;
    if (a.flags & ~(u64)ATTR_RESET_ON_FORK || a.nice < -20 || a.nice > 19)
        return -EINVAL;
    task = target_get(pid, &error);
    if (!task)
        return error;
    return policy_set(task, a.policy, a.priority, a.flags & ATTR_RESET_ON_FORK,
                      real_time(a.policy) ? NULL : &a.nice);
}

long sys_sched_getattr(u64 pid, u64 attr, u64 size, u64 flags)
{
    struct sched_attr_abi a = {.size = SCHED_ATTR_SIZE};
    int error;
    struct task *task __scoped(task) = target_get(pid, &error);

    if (!attr || (u32)size < SCHED_ATTR_SIZE || (u32)size > STRUCT_MAX || (u32)flags)
        return -EINVAL;
    if (!task)
        return error;
    a.policy = task->thread.policy;
    a.flags = task->thread.reset_on_fork ? ATTR_RESET_ON_FORK : 0;
    a.priority = task->thread.rt_priority;
    a.nice = real_time(a.policy) ? 0 : task->thread.nice;
    return copy_to_user(USER_PTR(attr), &a, sizeof(a));
}

/* ---- affinity ---- */

long sys_sched_setaffinity(u64 pid, u64 size, u64 mask)
{
    size_t used = MIN_T(size_t, (u32)size, BITMAP_WORDS(cpu_count) * 8);
    struct task *task __scoped(task) = NULL;
    struct cpumask wanted = {0};
    int error;

    if (copy_from_user(&wanted, USER_PTR(mask), used))
        return -EFAULT;
    task = target_get(pid, &error);
    if (!task)
        return -ESRCH;
    if (!owns(task) && !cred_has_cap(CAP_SYS_NICE))
        return -EPERM;
    return thread_set_affinity(&task->thread, &wanted);
}

long sys_sched_getaffinity(u64 pid, u64 size, u64 mask)
{
    size_t need = BITMAP_WORDS(cpu_count) * 8, given = (u32)size;
    int error;
    struct task *task __scoped(task) = target_get(pid, &error);
    struct cpumask set;

    if (given * 8 < cpu_count || given % 8)
        return -EINVAL;
    if (!task)
        return -ESRCH;
    thread_get_affinity(&task->thread, &set);
    for (u32 i = 0; i < ARRAY_SIZE(set.words); i++)
        set.words[i] &= cpu_online_mask.words[i];
    need = MIN(need, given);
    return copy_to_user(USER_PTR(mask), &set, need) ? -EFAULT : (long)need;
}

long sys_getcpu(u64 cpu, u64 node, u64 unused)
{
    if (cpu && put_user_u32(USER_PTR(cpu), READ_ONCE(current_thread()->cpu)))
        return -EFAULT;
    if (node && put_user_u32(USER_PTR(node), 0))
        return -EFAULT;
    return 0;
}

/* ---- nice ---- */

#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER    2

/* What setpriority and getpriority do to each task they mean. */
struct priority_walk {
    bool set;
    int nice;
    int error; /* of setting; -ESRCH until a task is met */
    long best; /* of getting: 20 - nice, the highest */
};

static void visit(struct priority_walk *walk, struct task *task)
{
    int error;

    if (!walk->set) {
        walk->best = MAX(walk->best, 20L - task->thread.nice);
        walk->error = 0;
        return;
    }
    error = may_nice(task, walk->nice);
    if (!error)
        thread_set_nice(&task->thread, walk->nice);
    if (error || walk->error == -ESRCH)
        walk->error = error;
}

/* All tasks of a group or user. */
static void visit_all(struct priority_walk *walk, u32 which, u32 who)
{
    struct process *process;
    struct task *task;

    spin_guard_irqsave(&process_tree_lock);
    list_for_each_entry(process, &process_list, all) {
        if (which == PRIO_PGRP ? pid_number(process->pgrp) != who
                               : rcu_dereference(process->leader->cred)->uid != who)
            continue;
        list_for_each_entry(task, &process->threads, thread_link)
            visit(walk, task);
    }
}

/* who 0: the caller's own process, group or user. */
static int priority_walk(struct priority_walk *walk, u32 which, u32 who)
{
    struct task *task __scoped(task) = NULL;

    walk->error = -ESRCH;
    switch (which) {
    case PRIO_PROCESS:
        task = who ? task_find_get(who) : task_get(self_task());
        if (task)
            visit(walk, task);
        break;
    case PRIO_PGRP: visit_all(walk, which, who ? who : sys_getpgid(0)); break;
    case PRIO_USER: visit_all(walk, which, who ? who : current_cred()->uid); break;
    default: return -EINVAL;
    }
    return walk->error;
}

long sys_setpriority(u64 which, u64 who, u64 nice)
{
    struct priority_walk walk = {.set = true, .nice = (s32)nice};

    walk.nice = MAX(MIN(walk.nice, 19), -20);
    return priority_walk(&walk, (u32)which, (u32)who);
}

long sys_getpriority(u64 which, u64 who)
{
    struct priority_walk walk = {.set = false};
    int error = priority_walk(&walk, (u32)which, (u32)who);

    return error ? error : walk.best;
}

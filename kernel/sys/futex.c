/*
 * futex(2), set_robust_list(2), get_robust_list(2).
 */
#include "sched/timer.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/pid.h"
#include "task/task.h"
#include "vm/futex.h"

#define FUTEX_FLAGS           (FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)
#define ROBUST_LIST_HEAD_SIZE 24

static long wait(u64 addr, u32 op, u32 value, u64 timeout, u32 bits)
{
    bool private = op & FUTEX_PRIVATE_FLAG, realtime = op & FUTEX_CLOCK_REALTIME;
    u64 deadline = TIMER_NEVER;
    int error;

    if ((op & ~FUTEX_FLAGS) == FUTEX_WAIT) {
        error = deadline_get(timeout, &deadline);
        bits = FUTEX_BITSET_ANY;
    } else {
        error = timeout ? timespec_get(USER_PTR(timeout), &deadline) : 0;
    }
    return error ? error : futex_wait(addr, private, value, bits, deadline, realtime);
}

long sys_futex(u64 addr, u64 op, u64 value, u64 timeout, u64 addr2, u64 value3)
{
    bool private = op & FUTEX_PRIVATE_FLAG;
    u32 command = (u32)op & ~FUTEX_FLAGS, compare = value3;

    if (op & FUTEX_CLOCK_REALTIME && command != FUTEX_WAIT_BITSET)
        return -ENOSYS;
    switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: return wait(addr, op, value, timeout, value3);
    case FUTEX_WAKE: return futex_wake(addr, private, value, FUTEX_BITSET_ANY);
    case FUTEX_WAKE_BITSET: return futex_wake(addr, private, value, value3);
    case FUTEX_REQUEUE: /* `timeout` is a count here and below */
        return futex_requeue(addr, addr2, private, value, timeout, NULL);
    case FUTEX_CMP_REQUEUE: return futex_requeue(addr, addr2, private, value, timeout, &compare);
    case FUTEX_WAKE_OP: return futex_wake_op(addr, addr2, private, value, timeout, value3);
    }
    return -ENOSYS; /* priority inheritance among them */
}

long sys_set_robust_list(u64 head, u64 length)
{
    if (length != ROBUST_LIST_HEAD_SIZE)
        return -EINVAL;
    self_task()->robust_list = USER_PTR(head);
    return 0;
}

long sys_get_robust_list(u64 pid, u64 head, u64 length)
{
    u64 list = self_task()->robust_list.addr;
    struct task *task;
    struct pid *found;
    long error = 0;

    if ((u32)pid) {
        rcu_read_lock();
        found = pid_find(pid);
        task = found ? READ_ONCE(found->task) : NULL;
        if (!task)
            error = -ESRCH;
        else if (!task_may_inspect(task))
            error = -EPERM;
        else
            list = READ_ONCE(task->robust_list.addr);
        rcu_read_unlock();
    }
    if (!error && put_user_u64(USER_PTR(length), ROBUST_LIST_HEAD_SIZE))
        error = -EFAULT;
    if (!error && put_user_u64(USER_PTR(head), list))
        error = -EFAULT;
    return error;
}

/*
 * futex(2), set_robust_list(2), get_robust_list(2).
 */
#include "core/clock.h"
#include "core/uaccess.h"
#include "sys/calls.h"
#include "task/pid.h"
#include "task/task.h"
#include "vm/futex.h"

#define FUTEX_FLAGS           (FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)
#define ROBUST_LIST_HEAD_SIZE 24

/* The timeout of a wait as a deadline. 0, -EFAULT, -EINVAL. */
static int deadline_get(u64 addr, bool relative, u64 *deadline)
{
    s64 time[2]; /* struct timespec */
    u64 ns;

    *deadline = FUTEX_NO_DEADLINE;
    if (!addr)
        return 0;
    if (copy_from_user(time, USER_PTR(addr), sizeof(time)))
        return -EFAULT;
    if (time[0] < 0 || (u64)time[1] >= NS_PER_SEC)
        return -EINVAL;
    if ((u64)time[0] >= FUTEX_NO_DEADLINE / NS_PER_SEC / 4)
        return 0; /* more than a century */
    ns = time[0] * NS_PER_SEC + time[1];
    *deadline = relative ? clock_monotonic_ns() + ns : ns;
    return 0;
}

static long wait(u64 addr, u32 op, u32 value, u64 timeout, u32 bits)
{
    bool relative = (op & ~FUTEX_FLAGS) == FUTEX_WAIT;
    u64 deadline;
    int error = deadline_get(timeout, relative, &deadline);

    if (error)
        return error;
    return futex_wait(addr, op & FUTEX_PRIVATE_FLAG, value, relative ? FUTEX_BITSET_ANY : bits,
                      deadline, !relative && op & FUTEX_CLOCK_REALTIME);
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

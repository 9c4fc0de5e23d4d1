/* The calls about memory and futexes: decoding, then vm. */
#include "core/ipi.h"
#include "core/percpu.h"
#include "core/rcu.h"
#include "core/uaccess.h"
#include "io/fdtable.h"
#include "sched/timer.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/pid.h"
#include "task/task.h"
#include "vm/futex.h"
#include "vm/space.h"

#define PAGE_BYTES    PT_PAGE_SIZE
#define MLOCK_ONFAULT 1
#define MCL_ALL       7 /* MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT */

static struct vm_space *self_space(void)
{
    return self_task()->space;
}

CALL(brk, (u64 brk), vm_brk(self_space(), brk))

long sys_mmap(u64 addr, u64 length, u64 prot, u64 flags, u64 fd, u64 offset)
{
    struct fd_ref ref __scoped(fd) = {0};

    if (offset & (PAGE_BYTES - 1))
        return -EINVAL;
    if (flags & MAP_ANONYMOUS)
        return vm_map(self_space(), addr, length, prot, flags, NULL, 0);
    ref = fd_ref_get(fd);
    if (!ref.file)
        return -EBADF;
    return vm_map(self_space(), addr, length, prot, flags, ref.file, offset);
}

CALL(munmap, (u64 addr, u64 length), vm_unmap(self_space(), addr, length))
CALL(mprotect, (u64 addr, u64 length, u64 prot),
     prot >> 32 ? -EINVAL : vm_protect(self_space(), addr, length, prot))
CALL(mremap, (u64 old, u64 old_length, u64 new_length, u64 flags, u64 new),
     flags >> 32 ? -EINVAL : vm_remap(self_space(), old, old_length, new_length, flags, new))
CALL(madvise, (u64 addr, u64 length, u64 advice), vm_advise(self_space(), addr, length, advice))
CALL(msync, (u64 addr, u64 length, u64 flags), vm_sync(self_space(), addr, length, flags))
CALL(mincore, (u64 addr, u64 length, u64 vec),
     vm_mincore(self_space(), addr, length, USER_PTR(vec)))
CALL(mlock, (u64 addr, u64 length), vm_lock(self_space(), addr, length, true, true))

long sys_mlock2(u64 addr, u64 length, u64 flags)
{
    if ((u32)flags & ~MLOCK_ONFAULT)
        return -EINVAL;
    return vm_lock(self_space(), addr, length, true, !(flags & MLOCK_ONFAULT));
}

CALL(munlock, (u64 addr, u64 length), vm_lock(self_space(), addr, length, false, false))

long sys_mlockall(u64 flags)
{
    if (!(u32)flags || (u32)flags & ~MCL_ALL || (u32)flags == 4)
        return -EINVAL;
    return vm_lock_all(self_space(), flags);
}

CALL(munlockall, (void), vm_lock_all(self_space(), 0))

enum membarrier {
    MEMBARRIER_QUERY = 0,
    MEMBARRIER_GLOBAL = 1,
    MEMBARRIER_GLOBAL_EXPEDITED = 2,
    MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 4,
    MEMBARRIER_PRIVATE_EXPEDITED = 8,
    MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 16,
    MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE = 32,
    MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64,
    MEMBARRIER_ALL = 127,
};

/* On the other CPU: the interrupt's entry and return are the context synchronisation. */
static void barrier_here(void *unused)
{
    smp_mb();
}

/* A barrier on the CPUs that run this space, or on all. */
static void barrier_others(const struct vm_space *space)
{
    u32 cpu;

    smp_mb();
    for_each_online_cpu(cpu)
        if (!space || pt_live_at(&space->pt, percpu_offsets[cpu]))
            smp_call(cpu, barrier_here, NULL, true);
    smp_mb();
}

long sys_membarrier(u64 command, u64 flags, u64 cpu)
{
    struct vm_space *space = self_space();

    if ((u32)flags)
        return -EINVAL;
    switch ((u32)command) {
    case MEMBARRIER_QUERY: return MEMBARRIER_ALL;
    case MEMBARRIER_GLOBAL: rcu_synchronize(); return 0; /* each CPU came through the kernel */
    case MEMBARRIER_GLOBAL_EXPEDITED: barrier_others(NULL); return 0;
    case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
        __atomic_fetch_or(&space->membarrier, (u32)command, __ATOMIC_RELAXED);
        return 0;
    case MEMBARRIER_PRIVATE_EXPEDITED:
    case MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE:
        if (!(READ_ONCE(space->membarrier) & command << 1))
            return -EPERM;
        barrier_others(space);
        return 0;
    }
    return -EINVAL;
}

/* ---- futexes ---- */

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
    struct task *task __scoped(task) = (u32)pid ? task_find_get(pid) : task_get(self_task());

    if (!task)
        return -ESRCH;
    if (!task_may_inspect(task))
        return -EPERM;
    if (put_user_u64(USER_PTR(length), ROBUST_LIST_HEAD_SIZE) ||
        put_user_u64(USER_PTR(head), READ_ONCE(task->robust_list.addr)))
        return -EFAULT;
    return 0;
}

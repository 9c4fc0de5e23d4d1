/*
 * The calls about memory: decoding, then vm.
 */
#include "core/ipi.h"
#include "core/percpu.h"
#include "core/uaccess.h"
#include "io/fdtable.h"
#include "sys/calls.h"
#include "task/task.h"
#include "vm/space.h"

#define PAGE_BYTES    PT_PAGE_SIZE
#define MLOCK_ONFAULT 1
#define MCL_ALL       7 /* MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT */

static struct vm_space *self_space(void)
{
    return self_task()->space;
}

long sys_brk(u64 brk)
{
    return vm_brk(self_space(), brk);
}

long sys_mmap(u64 addr, u64 length, u64 prot, u64 flags, u64 fd, u64 offset)
{
    struct fd_ref ref;
    long result;

    if (offset & (PAGE_BYTES - 1))
        return -EINVAL;
    if (flags & MAP_ANONYMOUS)
        return vm_map(self_space(), addr, length, prot, flags, NULL, 0);
    ref = fd_ref_get(fd);
    if (!ref.file)
        return -EBADF;
    result = vm_map(self_space(), addr, length, prot, flags, ref.file, offset);
    fd_ref_put(ref);
    return result;
}

long sys_munmap(u64 addr, u64 length)
{
    return vm_unmap(self_space(), addr, length);
}

long sys_mprotect(u64 addr, u64 length, u64 prot)
{
    return vm_protect(self_space(), addr, length, prot);
}

long sys_mremap(u64 old, u64 old_length, u64 new_length, u64 flags, u64 new)
{
    return vm_remap(self_space(), old, old_length, new_length, flags, new);
}

long sys_madvise(u64 addr, u64 length, u64 advice)
{
    return vm_advise(self_space(), addr, length, advice);
}

long sys_msync(u64 addr, u64 length, u64 flags)
{
    return vm_sync(self_space(), addr, length, flags);
}

long sys_mincore(u64 addr, u64 length, u64 vec)
{
    return vm_mincore(self_space(), addr, length, USER_PTR(vec));
}

long sys_mlock(u64 addr, u64 length)
{
    return vm_lock(self_space(), addr, length, true, true);
}

long sys_mlock2(u64 addr, u64 length, u64 flags)
{
    if ((u32)flags & ~MLOCK_ONFAULT)
        return -EINVAL;
    return vm_lock(self_space(), addr, length, true, !(flags & MLOCK_ONFAULT));
}

long sys_munlock(u64 addr, u64 length)
{
    return vm_lock(self_space(), addr, length, false, false);
}

long sys_mlockall(u64 flags)
{
    if (!(u32)flags || (u32)flags & ~MCL_ALL || (u32)flags == 4)
        return -EINVAL;
    return vm_lock_all(self_space(), flags);
}

long sys_munlockall(void)
{
    return vm_lock_all(self_space(), 0);
}

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

    if (flags)
        return -EINVAL;
    switch (command) {
    case MEMBARRIER_QUERY: return MEMBARRIER_ALL;
    case MEMBARRIER_GLOBAL:
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

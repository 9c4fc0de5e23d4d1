/*
 * Restartable sequences, by the layout of rseq(2): the area in user memory has cpu_id_start,
 * cpu_id, a pointer to the descriptor of the critical section under way (or 0), and flags.
 *
 * WORK_NOTIFY brings a task here when it lost its CPU in user mode or moved to another one
 * (task.c); signal delivery comes here before it leaves the section for a handler.
 */
#include "proc/signal.h"

#include "arch/trap.h"
#include "core/percpu.h"
#include "lib/errno.h"
#include "task/task.h"

#define RSEQ_SIZE            32
#define RSEQ_UNREGISTER      1
#define CPU_ID_UNINITIALIZED (~0u)
#define AREA_CPU_ID_START    0
#define AREA_CPU_ID          4
#define AREA_SECTION         8

/* struct rseq_cs */
struct rseq_section {
    u32 version, flags;
    u64 start, length, abort;
};

int rseq_register(u64 area, u32 length, u32 flags, u32 signature)
{
    struct task *self = self_task();
    struct task_rseq *r = &self->rseq;

    if (flags & ~(u32)RSEQ_UNREGISTER)
        return -EINVAL;
    if (flags & RSEQ_UNREGISTER || !user_ptr_null(r->area)) {
        if (user_ptr_null(r->area) || r->area.addr != area || r->length != length)
            return -EINVAL;
        if (r->signature != signature)
            return -EPERM;
        if (!(flags & RSEQ_UNREGISTER))
            return -EBUSY;
        if (put_user_u32(USER_PTR(area + AREA_CPU_ID_START), 0) ||
            put_user_u32(USER_PTR(area + AREA_CPU_ID), CPU_ID_UNINITIALIZED))
            return -EFAULT;
        *r = (struct task_rseq){0};
        return 0;
    }
    if (area % RSEQ_SIZE || length != RSEQ_SIZE || !area)
        return -EINVAL;
    if (!user_range_ok(USER_PTR(area), length))
        return -EFAULT;
    *r = (struct task_rseq){.area = USER_PTR(area), .length = length, .signature = signature};
    self->rseq_cpu = CPU_MAX;
    __atomic_or_fetch(&self->thread.head.work, WORK_NOTIFY, __ATOMIC_RELAXED);
    return 0;
}

/* Leaves the critical section, if the frame is in one. 0, or what is wrong with it. */
static int abort_section(struct trap_frame *f, struct task *self)
{
    struct user_ptr pointer = user_ptr_add(self->rseq.area, AREA_SECTION);
    struct rseq_section section;
    u32 signature;
    u64 at;

    if (get_user_u64(pointer, &at))
        return -EFAULT;
    if (!at)
        return 0;
    if (copy_from_user(&section, USER_PTR(at), sizeof(section)))
        return -EFAULT;
    if (section.start >= USER_TOP || section.start + section.length < section.start ||
        section.start + section.length > USER_TOP || section.abort >= USER_TOP || section.version)
        return -EINVAL;
    if (section.abort - section.start < section.length)
        return -EINVAL;
    if (put_user_u64(pointer, 0))
        return -EFAULT;
    if (f->pc - section.start >= section.length)
        return 0;
    if (get_user_u32(USER_PTR(section.abort - 4), &signature))
        return -EFAULT;
    if (signature != self->rseq.signature)
        return -EINVAL;
    f->pc = section.abort;
    return 0;
}

bool rseq_in_section(void)
{
    struct task_rseq *r = &self_task()->rseq;

    return !user_ptr_null(r->area) &&
           (get_user_u64(user_ptr_add(r->area, AREA_SECTION), &r->section) || r->section);
}

void rseq_update(struct trap_frame *f)
{
    struct task *self = self_task();
    u32 cpu;

    __atomic_and_fetch(&self->thread.head.work, ~(u32)WORK_NOTIFY, __ATOMIC_RELAXED);
    if (user_ptr_null(self->rseq.area))
        return;
    cpu = READ_ONCE(self->thread.cpu);
    if (abort_section(f, self))
        goto bad;
    if (cpu != self->rseq_cpu) {
        if (put_user_u32(user_ptr_add(self->rseq.area, AREA_CPU_ID_START), cpu) ||
            put_user_u32(user_ptr_add(self->rseq.area, AREA_CPU_ID), cpu))
            goto bad;
        self->rseq_cpu = cpu;
    }
    /* Moved meanwhile: the switch back in has set WORK_NOTIFY again. */
    return;
bad:
    self->rseq = (struct task_rseq){0};
    signal_force(SIGSEGV, SI_KERNEL, 0);
}

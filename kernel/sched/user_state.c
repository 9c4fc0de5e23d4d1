/*
 * What a switch of threads does to the state of user mode: thread register, FP registers, address
 * space, and what the owner of the thread adds by its hook.
 *
 * FP registers. The kernel uses none, so they belong to some user thread all the time.
 *  F1  Current thread with WORK_FP clear: this CPU's registers are its own, and newer than memory.
 *  F2  fp_owner of a CPU is t and t->head.fp_cpu is that CPU: the registers equal *t->head.fp, or
 *      are newer if t is current.
 * At switch-out they are saved if F1 says that they are newer. At switch-in nothing is loaded:
 * WORK_FP is set unless F2 holds, and the return to user mode loads. So a kernel thread or a sleep
 * without another user of the CPU costs one save.
 *
 * Address space. A kernel thread keeps the table of the last user thread, since a change flushes
 * the TLB of some machines. Who destroys a table first takes it away from such CPUs
 * (page_table_retire).
 */
#include "sched/sched_impl.h"

#include "arch/pagetable.h"
#include "core/ipi.h"
#include "core/panic.h"

static DEFINE_PERCPU(struct thread_head *, fp_owner);

static inline void registers_leave(struct thread_head *prev)
{
    prev->tls = user_tls_get();
    if (!(prev->work & WORK_FP))
        fp_save(prev->fp); /* F1 */
}

static inline void registers_enter(struct thread_head *next)
{
    user_tls_set(next->tls);
    if (cpu_has_pauth())
        user_keys_load(next->keys);
    if (this_cpu(fp_owner) != next || next->fp_cpu != cpu_id())
        __atomic_or_fetch(&next->work, WORK_FP, __ATOMIC_RELAXED); /* F2 */
}

void user_state_switch(struct thread *prev, struct thread *next)
{
    if (prev->head.fp)
        registers_leave(&prev->head);
    if (next->page_table && next->page_table != prev->page_table)
        pt_activate(next->page_table);
    if (next->head.fp) {
        registers_enter(&next->head);
        next->ops->switch_in(next);
    }
}

void thread_fp_save(void)
{
    struct thread_head *head = current_head();

    irq_guard();
    if (!(head->work & WORK_FP))
        fp_save(head->fp);
}

void thread_fp_changed(void)
{
    irq_guard();
    this_cpu(fp_owner) = NULL;
    __atomic_or_fetch(&current_head()->work, WORK_FP, __ATOMIC_RELAXED);
}

void thread_fp_restore(void)
{
    struct thread_head *head = current_head();

    debug_assert(irqs_disabled());
    this_cpu(fp_owner) = head;
    head->fp_cpu = cpu_id();
    __atomic_and_fetch(&head->work, ~(u32)WORK_FP, __ATOMIC_RELAXED);
    fp_load(head->fp);
}

void thread_set_page_table(struct page_table *pt)
{
    irq_guard();
    current_thread()->page_table = pt;
    pt_activate(pt);
}

static void leave_table(void *pt)
{
    if (pt_live_at(pt, current_head()->percpu))
        pt_activate(NULL);
}

void page_table_retire(struct page_table *pt)
{
    u32 cpu;

    for_each_online_cpu(cpu)
        if (pt_live_at(pt, percpu_offsets[cpu]))
            smp_call(cpu, leave_table, pt, true);
}

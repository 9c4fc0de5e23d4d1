/*
 * Preemption: a counter in the thread's head, 0 when the thread may lose its CPU.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/thread.h"

/* Added to the counter while an interrupt is handled. */
#define PREEMPT_IRQ 0x10000u

/* Set while a CPU's own list is changed by preempt_save() code: handlers keep off such lists. */
#define PREEMPT_FAST 0x100u

/* The compiler moves no memory access across. */
#define barrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* sched: gives the CPU away now. IRQs enabled, counter 0. */
void preempt_schedule(void);

/* Calls preempt_schedule() when the counter is 0 and IRQs are enabled. */
void preempt_check(void);

static inline void preempt_disable(void)
{
    struct thread_head *head = current_head();

    WRITE_ONCE(head->preempt_count, READ_ONCE(head->preempt_count) + 1);
    barrier();
}

/* As preempt_enable(), where the caller knows that a later point looks at WORK_RESCHED. */
static inline void preempt_enable_no_check(void)
{
    struct thread_head *head = current_head();

    barrier();
    WRITE_ONCE(head->preempt_count, READ_ONCE(head->preempt_count) - 1);
}

/*
 * WORK_RESCHED is read after the store to the counter: an interrupt in between either is seen
 * here, or finds the counter at 0 and preempts by itself.
 */
static inline void preempt_enable(void)
{
    preempt_enable_no_check();
    if (unlikely(READ_ONCE(current_head()->work) & WORK_RESCHED))
        preempt_check();
}

/*
 * The same for the leanest paths, which change a list of this CPU and keep the earlier counter in
 * a register:
 *     count = preempt_save(); ... if (preempt_restore(count)) preempt_check();
 * preempt_fast_end() ends it where the counter was not kept.
 */
static inline u32 preempt_save(void)
{
    struct thread_head *head = current_head();
    u32 count = READ_ONCE(head->preempt_count);

    WRITE_ONCE(head->preempt_count, count + PREEMPT_FAST);
    barrier();
    return count;
}

static inline bool preempt_restore(u32 count)
{
    struct thread_head *head = current_head();

    barrier();
    WRITE_ONCE(head->preempt_count, count);
    return READ_ONCE(head->work) & WORK_RESCHED;
}

static inline void preempt_fast_end(void)
{
    if (preempt_restore(READ_ONCE(current_head()->preempt_count) - PREEMPT_FAST))
        preempt_check();
}

/* Is the code that this handler came upon (or the caller) between save and restore? */
static inline bool preempt_in_fast(void)
{
    return READ_ONCE(current_head()->preempt_count) & PREEMPT_FAST;
}

/* preempt_check(), and then the value: so that the caller's last act is one call. */
void *preempt_check_value(void *value);

/* irq_guard(); is a declaration: IRQs are masked until its block is left. */
struct irq_guard {
    irqflags_t flags;
};

static __always_inline struct irq_guard irq_guard_begin(void)
{
    return (struct irq_guard){irq_save()};
}

static __always_inline void irq_guard_end(const struct irq_guard *guard)
{
    irq_restore(guard->flags);
}

#define irq_guard() SCOPE_GUARD(irq_guard, irq_guard)

/* In an interrupt handler. */
static inline bool in_irq(void)
{
    return READ_ONCE(current_head()->preempt_count) >= PREEMPT_IRQ;
}

/* Where nothing may sleep. */
static inline bool in_atomic(void)
{
    return READ_ONCE(current_head()->preempt_count) != 0 || irqs_disabled();
}

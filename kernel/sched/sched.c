/*
 * The scheduler: who runs on a CPU, and for how long.
 *
 * What it is. Each CPU has a run queue. Threads of the policies FIFO and RR have a priority from 1
 * to 99 and go before all others; a bitmap finds the highest in constant time. The others are
 * fair: each has a virtual run time, which grows while it runs, faster the lower its weight; the
 * one with the least runs. When nobody is runnable the CPU's idle thread runs, which is the context
 * in which the CPU booted: it never sleeps and is on no list.
 *
 * Interface. thread.h: set a state and schedule() to sleep, thread_wake() to wake, yield().
 *
 * Structures and invariants.
 *  I1  The running thread is in none of the lists: the fair tree and the rt lists hold those that
 *      wait. on_rq says that it counts in rq->running, which holds for both kinds.
 *  I2  A thread is on_rq exactly when it is RUNNING, or states its intent to sleep and has not yet
 *      left the CPU. One that is being moved (RQ_MOVING) is on no queue, and its mover places it.
 *  I3  The run queue's lock is held across context_switch(); the thread that comes in releases it.
 *      So whoever holds the lock of t->cpu and finds t not on_rq knows that t's registers are
 *      saved.
 *  I4  t->cpu changes only under the lock of the run queue it leaves; thread_rq_lock() looks twice.
 *  I5  While a CPU runs a thread other than idle, its timer interrupt comes by rq->tick_at.
 *  I6  min_vruntime never falls, and no fair thread is placed further behind it than wake_credit.
 *
 * Locking. rq->lock, IRQs masked. Two run queues are never locked in the order of a wait: the
 * second is only tried (balance.c). Wakers hold wait-queue locks, which rank before.
 *
 * Life cycle of a thread. NEW -thread_start-> RUNNING -thread_set_state, schedule-> SLEEPING,
 * BLOCKED, STOPPED -thread_wake-> RUNNING -thread_exit-> DEAD; finish_switch() in the next thread
 * on that CPU frees it.
 *
 * Sleeping without losing a wake-up. The sleeper stores its state, fences, tests its condition; the
 * waker makes the condition true, fences, looks at the state. One of them sees the other's store.
 * schedule() looks at the state under the lock, so a wake-up that came in between keeps it running.
 * For an interruptible sleep WORK_SIGNAL counts as such a wake-up.
 *
 * Rejected. Keeping the running thread in the tree: two more tree operations a switch. A lock in
 * each thread against its wakers: I3 makes the run queue's lock enough. A periodic tick on idle
 * CPUs: a sleeping machine should sleep.
 */
#include "sched/sched_impl.h"

#include "arch/counter.h"
#include "arch/upcall.h"
#include "core/ipi.h"
#include "core/panic.h"
#include "sched/timer.h"

DEFINE_PERCPU(struct runqueue, runqueue);

struct cpumask idle_cpus, overloaded_cpus;
u64 tick_period, fair_slice, wake_credit, wake_granularity, handover_ticks;

inline struct runqueue *thread_rq_lock(struct thread *t)
{
    u32 cpu = READ_ONCE(t->cpu);
    struct runqueue *rq = cpu_rq(cpu);

    spin_acquire(&rq->lock);
    if (likely(t->cpu == cpu))
        return rq;
    spin_release(&rq->lock);
    return thread_rq_lock(t); /* I4 */
}

/* ---- The lists of those that wait ---- */

static __noinline void fair_insert_among(struct runqueue *rq, struct thread *t)
{
    struct rb_node **link = &rq->fair.node, *parent = NULL;
    bool leftmost = true;

    while (*link) {
        parent = *link;
        if ((s64)(t->vruntime - rb_entry(parent, struct thread, fair)->vruntime) < 0) {
            link = &parent->left;
        } else {
            link = &parent->right;
            leftmost = false;
        }
    }
    if (leftmost)
        rq->leftmost = &t->fair;
    rb_insert(&rq->fair, &t->fair, parent, link);
}

static inline void fair_insert(struct runqueue *rq, struct thread *t)
{
    if (unlikely(rq->fair.node)) {
        fair_insert_among(rq, t);
        return;
    }
    t->fair = (struct rb_node){.parent_color = 1}; /* as rb_insert(): two threads share most CPUs */
    rq->fair.node = rq->leftmost = &t->fair;
}

static __noinline void fair_remove_among(struct runqueue *rq, struct thread *t)
{
    if (rq->leftmost == &t->fair)
        rq->leftmost = rb_next(&t->fair);
    rb_erase(&rq->fair, &t->fair);
}

static inline void fair_remove(struct runqueue *rq, struct thread *t)
{
    if (likely(rq->fair.node == &t->fair && !t->fair.left && !t->fair.right))
        rq->fair.node = rq->leftmost = NULL;
    else
        fair_remove_among(rq, t);
}

void queue_insert(struct runqueue *rq, struct thread *t, bool first)
{
    u32 priority = t->rt_priority;

    if (likely(!priority)) {
        fair_insert(rq, t);
        return;
    }
    if (first)
        list_add(&t->rt, &rq->rt[priority]);
    else
        list_add_tail(&t->rt, &rq->rt[priority]);
    rq->rt_bits[priority / 64] |= BIT(priority % 64);
}

void queue_remove(struct runqueue *rq, struct thread *t)
{
    u32 priority = t->rt_priority;

    if (likely(!priority)) {
        fair_remove(rq, t);
        return;
    }
    list_del(&t->rt);
    if (list_empty(&rq->rt[priority]))
        rq->rt_bits[priority / 64] &= ~BIT(priority % 64);
}

/* The highest priority that waits; 0 when none does. */
static u32 rt_highest(const struct runqueue *rq)
{
    if (rq->rt_bits[1])
        return 127 - __builtin_clzl(rq->rt_bits[1]);
    return rq->rt_bits[0] ? 63 - __builtin_clzl(rq->rt_bits[0]) : 0;
}

static __noinline void overload_change(struct runqueue *rq, bool overloaded)
{
    rq->overloaded = overloaded;
    if (overloaded)
        cpumask_set_atomic(&overloaded_cpus, rq->cpu);
    else
        cpumask_clear_atomic(&overloaded_cpus, rq->cpu);
}

/* Keeps overloaded_cpus true after rq->running has changed. */
static inline void overload_update(struct runqueue *rq)
{
    bool overloaded = rq->running > 1;

    if (cpu_count > 1 && overloaded != rq->overloaded)
        overload_change(rq, overloaded);
}

inline void rq_add_locked(struct runqueue *rq, struct thread *t)
{
    t->on_rq = RQ_ON;
    rq->running++;
    if (likely(!t->rt_priority))
        fair_insert(rq, t);
    else
        queue_insert(rq, t, false);
    overload_update(rq);
}

void rq_take_locked(struct runqueue *rq, struct thread *t)
{
    queue_remove(rq, t);
    t->on_rq = RQ_NONE;
    rq->running--;
    overload_update(rq);
}

/* ---- Time ---- */

inline u64 rq_account_locked(struct runqueue *rq)
{
    struct thread *t = rq->current;
    u64 now = counter_read(), ran = now - t->exec_start, least;

    t->exec_start = now;
    t->run_ticks += ran;
    if (unlikely(t->weight != 1024))
        ran = (unsigned __int128)ran * 1024 * t->inverse_weight >> 32;
    t->vruntime += ran;
    if (t == rq->idle)
        return now;
    least = t->vruntime;
    if (rq->leftmost) {
        u64 waiting = rb_entry(rq->leftmost, struct thread, fair)->vruntime;

        least = (s64)(waiting - least) < 0 ? waiting : least;
    }
    if ((s64)(least - rq->min_vruntime) > 0) /* I6 */
        rq->min_vruntime = least;
    return now;
}

/* ---- Choosing ---- */

static struct thread *pick_rt(struct runqueue *rq, struct thread *prev, bool stays, bool yields)
{
    u32 highest = rt_highest(rq), own = stays ? prev->rt_priority : 0;
    struct thread *next;

    yields |= rr_ticks_left(prev) == 0;
    if (stays && (own > highest || (own == highest && !yields)))
        return prev;
    next = list_entry(rq->rt[highest].next, struct thread, rt);
    queue_remove(rq, next);
    if (stays)
        queue_insert(rq, prev, !yields);
    return next;
}

/*
 * Takes the thread that shall run off the lists; prev goes back to them if it stays runnable and
 * is not the one.
 */
static struct thread *pick(struct runqueue *rq, struct thread *prev, enum switch_reason reason)
{
    bool stays = prev->on_rq == RQ_ON;
    struct thread *next;

    if (unlikely(rq->rt_bits[0] | rq->rt_bits[1]))
        return pick_rt(rq, prev, stays, reason == SWITCH_YIELD);
    if (stays && unlikely(prev->rt_priority))
        return prev;
    if (!rq->leftmost) {
        if (stays)
            return prev;
        if (!balance_possible() || !balance_pull_locked(rq))
            return rq->idle;
        return pick(rq, prev, reason);
    }
    next = rb_entry(rq->leftmost, struct thread, fair);
    if (!stays) {
        fair_remove(rq, next);
        return next;
    }
    if (reason == SWITCH_YIELD) {
        u64 last = rb_entry(rb_last(&rq->fair), struct thread, fair)->vruntime;

        if ((s64)(last - prev->vruntime) > 0)
            prev->vruntime = last;
    } else if ((s64)(prev->vruntime - next->vruntime) < 0) {
        return prev;
    }
    fair_remove(rq, next);
    fair_insert(rq, prev);
    return next;
}

/* ---- Switching ---- */

/* The first thing in the thread that comes in: what the one before could not do for itself. */
static __always_inline void finish_switch(void)
{
    struct runqueue *rq = this_rq();
    struct thread *prev = rq->previous;
    bool dead = prev->state == THREAD_DEAD, moving = prev->on_rq == RQ_MOVING;

    spin_release(&rq->lock); /* I3: from here prev may run elsewhere */
    if (unlikely(dead)) {
        thread_reap(prev);
    } else if (unlikely(moving)) {
        rq = rq_place_locked(prev, thread_rq_lock(prev), false);
        spin_release(&rq->lock);
    }
}

static void switch_to(struct runqueue *rq, struct thread *prev, struct thread *next, u64 now)
{
    rq->current = next;
    rq->previous = prev;
    rq->switches++;
    next->exec_start = now;
    if (likely(next->policy != SCHED_RR) || rr_ticks_left(next) == 0)
        next->slice_start = next->run_ticks;
    if (unlikely(next->policy == SCHED_RR))
        timer_program(now + rr_ticks_left(next));
    if (prev == rq->idle) {
        if (cpu_count > 1)
            cpumask_clear_atomic(&idle_cpus, rq->cpu);
        if ((s64)(rq->tick_at - now) <= 0)
            rq->tick_at = now + tick_period;
        timer_program(rq->tick_at); /* I5 */
    }
    user_state_switch(prev, next);
    next->head.percpu = prev->head.percpu;
    WRITE_ONCE(rq->lock.holder, &next->head); /* I3 */
    context_switch(&prev->head.context, &next->head.context);
    finish_switch();
}

/* prev leaves the CPU to sleep or die, unless it was woken meanwhile. Locked. */
static void leave_locked(struct runqueue *rq, struct thread *prev, u64 now)
{
    u32 state = prev->state;

    if ((state & THREAD_SLEEPING) && (prev->head.work & WORK_SIGNAL)) {
        prev->state = THREAD_RUNNING;
        return;
    }
    prev->on_rq = RQ_NONE;
    rq->running--;
    if (state & THREAD_BLOCKED)
        rq->blocked++;
    prev->voluntary++;
    if (cpu_count > 1)
        prev->hands_over = now - prev->woke_at < handover_ticks;
    overload_update(rq);
}

/* prev stays runnable, but not here. Locked. finish_switch() finds it a place (I2). */
static __noinline void leave_for_elsewhere(struct runqueue *rq, struct thread *prev)
{
    prev->on_rq = RQ_MOVING;
    rq->running--;
    overload_update(rq);
}

void switch_thread(enum switch_reason reason)
{
    struct thread *prev = current_thread(), *next;
    struct runqueue *rq = this_rq();
    u64 now;

    if (unlikely(rq->rcu_seen != smp_load_acquire(&rcu_wanted)))
        __atomic_store_n(&rq->rcu_seen, rcu_wanted, __ATOMIC_SEQ_CST);
    spin_acquire(&rq->lock);
    if (prev->head.work & WORK_RESCHED)
        __atomic_and_fetch(&prev->head.work, ~(u32)WORK_RESCHED, __ATOMIC_RELAXED);
    now = rq_account_locked(rq);
    if (reason == SWITCH_SLEEP && prev->state != THREAD_RUNNING)
        leave_locked(rq, prev, now);
    else if (unlikely(prev->on_rq && !cpumask_test(&prev->affinity, rq->cpu)))
        leave_for_elsewhere(rq, prev);
    next = pick(rq, prev, reason);
    if (next == prev) {
        if (unlikely(rr_ticks_left(prev) == 0))
            prev->slice_start = prev->run_ticks;
        spin_release(&rq->lock);
        return;
    }
    if (prev->on_rq) {
        prev->involuntary++;
        if (unlikely(prev->rt_priority) && prev->on_rq == RQ_ON && balance_rt_may_run(prev)) {
            queue_remove(rq, prev);
            leave_for_elsewhere(rq, prev);
        }
    }
    switch_to(rq, prev, next, now);
}

void schedule(void)
{
    irqflags_t flags = irq_save();

    debug_assert(current_head()->preempt_count == 0);
    switch_thread(SWITCH_SLEEP);
    while (unlikely(current_head()->work & WORK_RESCHED))
        switch_thread(SWITCH_PREEMPT);
    irq_restore(flags);
}

void yield(void)
{
    irqflags_t flags = irq_save();
    struct runqueue *rq = this_rq();

    if (rq->running > 1 && current_head()->preempt_count == 0)
        switch_thread(SWITCH_YIELD);
    irq_restore(flags);
}

void preempt_schedule(void)
{
    if (current_head()->preempt_count != 0 || irqs_disabled())
        return;
    irq_disable();
    do {
        switch_thread(SWITCH_PREEMPT);
    } while (unlikely(current_head()->work & WORK_RESCHED));
    irq_enable();
}

void preempt_schedule_irq(void)
{
    do {
        switch_thread(SWITCH_PREEMPT);
    } while (unlikely(current_head()->work & WORK_RESCHED));
}

void thread_first_run(void)
{
    finish_switch();
    irq_enable();
}

/* ---- Waking ---- */

void rq_resched_locked(struct runqueue *rq)
{
    struct thread_head *head = &rq->current->head;

    if (READ_ONCE(head->work) & WORK_RESCHED)
        return;
    __atomic_or_fetch(&head->work, WORK_RESCHED, __ATOMIC_RELAXED);
    if (rq->cpu != cpu_id())
        ipi_send(rq->cpu, IPI_RESCHED);
}

inline void rq_check_preempt_locked(struct runqueue *rq, struct thread *t)
{
    struct thread *running = rq->current;

    if (running == rq->idle) {
        rq_resched_locked(rq);
    } else if (unlikely(t->rt_priority | running->rt_priority)) {
        if (t->rt_priority > running->rt_priority)
            rq_resched_locked(rq);
    } else if ((s64)(running->vruntime - t->vruntime) > (s64)wake_granularity) {
        rq_resched_locked(rq);
    }
}

/*
 * Changes the run queue of a thread that is on none, I4: its vruntime keeps its distance from the
 * queue's. Locked both before (old) and after (the one returned).
 */
static struct runqueue *rq_change(struct thread *t, struct runqueue *rq, u32 cpu)
{
    struct runqueue *to;

    if (likely(cpu == rq->cpu))
        return rq;
    to = cpu_rq(cpu);
    t->vruntime += READ_ONCE(to->min_vruntime) - rq->min_vruntime;
    WRITE_ONCE(t->cpu, cpu);
    spin_release(&rq->lock);
    spin_acquire(&to->lock);
    return to;
}

/* The same to the CPU that is best. A waker notes when: did it hand its CPU over (hands_over)? */
static __noinline struct runqueue *rq_choose(struct thread *t, struct runqueue *rq, bool woken)
{
    if (woken && !in_irq())
        current_thread()->woke_at = counter_read();
    do {
        rq = rq_change(t, rq, balance_choose_cpu(t, rq->cpu, woken));
    } while (unlikely(!cpumask_test(&t->affinity, rq->cpu) &&
                      balance_choose_cpu(t, rq->cpu, false) != rq->cpu));
    return rq;
}

inline struct runqueue *rq_place_locked(struct thread *t, struct runqueue *rq, bool woken)
{
    u64 floor;

    if (cpu_count > 1)
        rq = rq_choose(t, rq, woken);
    floor = rq->min_vruntime - wake_credit;
    if ((s64)(floor - t->vruntime) > 0) /* I6 */
        t->vruntime = floor;
    rq_add_locked(rq, t);
    rq_check_preempt_locked(rq, t);
    return rq;
}

bool thread_wake(struct thread *t, u32 states)
{
    struct runqueue *rq;
    irqflags_t flags;
    u32 state;

    smp_mb(); /* the waker's condition before the look at the state */
    if (!(READ_ONCE(t->state) & states))
        return false;
    flags = irq_save();
    rq = thread_rq_lock(t);
    state = t->state;
    if (state & states) {
        t->state = THREAD_RUNNING;
        if (!t->on_rq) {
            if (state & THREAD_BLOCKED)
                rq->blocked--;
            rq = rq_place_locked(t, rq, true);
        }
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    return state & states;
}

void thread_start(struct thread *t)
{
    irqflags_t flags = irq_save();
    struct runqueue *rq = this_rq();
    u64 start;

    debug_assert(t->state == THREAD_NEW);
    spin_acquire(&rq->lock);
    rq_account_locked(rq);
    start = rq->min_vruntime;
    if (!rq->current->rt_priority && (s64)(rq->current->vruntime - start) > 0 &&
        rq->current != rq->idle)
        start = rq->current->vruntime;
    t->cpu = rq->cpu;
    t->vruntime = start; /* not ahead of its parent */
    t->state = THREAD_RUNNING;
    rq = rq_place_locked(t, rq, false);
    spin_unlock_irqrestore(&rq->lock, flags);
}

void thread_notify(struct thread *t, u32 work)
{
    u32 cpu;

    __atomic_or_fetch(&t->head.work, work, __ATOMIC_SEQ_CST);
    preempt_disable();
    cpu = READ_ONCE(t->cpu);
    if (cpu != cpu_id() && READ_ONCE(cpu_rq(cpu)->current) == t)
        ipi_send(cpu, IPI_RESCHED);
    preempt_enable();
}

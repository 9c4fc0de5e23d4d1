/*
 * Which CPU a thread runs on.
 *
 * A thread that is woken goes back to the CPU it last ran on when that is idle, or to some idle
 * CPU, or back to wait. But a waker that is about to sleep and runs alone on its CPU gives it that
 * one: two threads that talk through a pipe or a futex then share one, without an interrupt and a
 * WFI for each message, which even an idle CPU would cost. Whether it is about to sleep it says
 * (thread_hands_over), or it is what it did after it last woke somebody: sleep within 50 us, or run
 * on.
 *
 * A CPU that runs out of threads takes one from a CPU that has some waiting. Ticks of a busy CPU do
 * the rest: they level queues that differ by two or more, and wake an idle CPU when threads wait
 * here. A FIFO or RR thread that loses its CPU to a higher one goes to a CPU that runs less.
 *
 * idle_cpus and overloaded_cpus are hints kept by atomic bits: a wrong one costs time, never a
 * thread. A second run queue is only tried while one is held, so there is no order between them.
 */
#include "sched/sched_impl.h"

#include "core/ipi.h"

#define PULL_LOOK_MAX 16 /* threads looked at in one queue for one that may move */

static bool may_use(const struct thread *t, u32 cpu)
{
    return cpumask_test(&t->affinity, cpu) && cpu_online(cpu);
}

/* For a FIFO or RR thread: the CPU that runs the least below it, rather `last`; or cpu_count. */
static u32 choose_rt(const struct thread *t, u32 last)
{
    u32 best = cpu_count, lowest = t->rt_priority, cpu;

    if (may_use(t, last) && READ_ONCE(cpu_rq(last)->current)->rt_priority < lowest)
        return last;
    for_each_online_cpu(cpu) {
        u32 priority = READ_ONCE(cpu_rq(cpu)->current)->rt_priority;

        if (priority < lowest && cpumask_test(&t->affinity, cpu)) {
            lowest = priority;
            best = cpu;
        }
    }
    return best;
}

bool balance_rt_may_run(const struct thread *t)
{
    return cpu_count > 1 && choose_rt(t, t->cpu) < cpu_count;
}

u32 balance_choose_cpu(const struct thread *t, u32 last, bool woken)
{
    u32 cpu, self = cpu_id();
    bool last_ok = may_use(t, last);

    if (woken && current_thread()->hands_over && !in_irq() &&
        READ_ONCE(cpu_rq(self)->running) == 1 && may_use(t, self))
        return self;
    if (last_ok && READ_ONCE(cpu_rq(last)->running) == 0)
        return last;
    cpu = cpumask_find_both(&idle_cpus, &t->affinity, last, cpu_count);
    if (cpu < cpu_count && cpu_online(cpu))
        return cpu;
    if (unlikely(t->rt_priority)) {
        cpu = choose_rt(t, last);
        if (cpu < cpu_count)
            return cpu;
    }
    if (last_ok)
        return last;
    if (may_use(t, self))
        return self;
    cpu = cpumask_find_both(&cpu_online_mask, &t->affinity, 0, cpu_count);
    return cpu < cpu_count ? cpu : last;
}

/* A second run queue, without the order that a wait would need. */
static bool rq_try(struct runqueue *rq)
{
    return spin_try_acquire(&rq->lock);
}

static void rq_untry(struct runqueue *rq)
{
    __atomic_store_n(&rq->lock.holder, NULL, __ATOMIC_RELEASE);
}

/* A waiting thread of `from` that may run on `cpu`: FIFO and RR first, then who waits longest. */
static struct thread *find_movable(struct runqueue *from, u32 cpu)
{
    struct rb_node *node = from->leftmost;
    struct thread *t;

    for (u32 p = RT_PRIORITY_MAX; (from->rt_bits[0] | from->rt_bits[1]) && p; p--)
        list_for_each_entry(t, &from->rt[p], rt)
            if (cpumask_test(&t->affinity, cpu))
                return t;
    for (u32 n = 0; node && n < PULL_LOOK_MAX; n++, node = rb_next(node)) {
        t = rb_entry(node, struct thread, fair);
        if (cpumask_test(&t->affinity, cpu))
            return t;
    }
    return NULL;
}

/* Moves one thread from `from` to rq; both are locked. */
static bool pull_one(struct runqueue *rq, struct runqueue *from)
{
    struct thread *t = find_movable(from, rq->cpu);

    if (!t)
        return false;
    rq_take_locked(from, t);
    t->vruntime += rq->min_vruntime - from->min_vruntime;
    WRITE_ONCE(t->cpu, rq->cpu);
    rq_add_locked(rq, t);
    return true;
}

bool balance_pull_locked(struct runqueue *rq)
{
    u32 cpu = rq->cpu;

    for (u32 n = 1; n < cpu_count; n++) {
        struct runqueue *from;
        bool pulled;

        cpu = cpu + 1 < cpu_count ? cpu + 1 : 0;
        from = cpu_rq(cpu);
        if (!cpumask_test(&overloaded_cpus, cpu) || READ_ONCE(from->running) < rq->running + 2 ||
            !rq_try(from))
            continue;
        pulled = pull_one(rq, from);
        rq_untry(from);
        if (pulled)
            return true;
    }
    return false;
}

void balance_tick(struct runqueue *rq)
{
    u32 idle;

    if (++rq->ticks % 4 != 0)
        return;
    if (rq->running > 1) {
        idle = cpumask_find_both(&idle_cpus, &cpu_online_mask, rq->cpu, cpu_count);
        if (idle < cpu_count)
            ipi_send(idle, IPI_RESCHED); /* its idle loop pulls */
    }
    if (rq->ticks % 16 == 0 && balance_possible()) {
        spin_acquire(&rq->lock);
        balance_pull_locked(rq);
        spin_release(&rq->lock);
    }
}

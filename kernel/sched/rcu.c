/*
 * RCU: grace periods.
 *
 * A read section is preemption off, so a CPU that switches threads, or sleeps, is in none. A grace
 * period has a number, rcu_wanted. It is over when each CPU has been seen outside of read sections
 * since the number went up: by rcu_seen, which switch_thread() copies from rcu_wanted and so costs
 * it one load and compare, or asleep. A CPU that lags is made to go through switch_thread().
 *
 * rcu_call() puts callbacks on a stack. A thread takes the stack, raises the number, waits for the
 * CPUs, and runs the callbacks, the oldest first, in batches: after the first callback it sleeps
 * 10 ms, unless many come or somebody waits (rcu_synchronize). Many grow with the CPUs, since each
 * busy one takes part in a grace period; and they are no more than what the arrays of slab.c hold
 * of two or three kinds of object, so that what is freed need not go back to its slab.
 *
 *  R1  A callback taken before rcu_wanted went up to n runs after all CPUs have seen n.
 *  R2  Unlink, then rcu_call, then the rise of rcu_wanted, then a CPU's rcu_seen: each ordered
 *      before the next. A read section that begins after that sees the object unlinked.
 *  R3  rq->asleep is true only in WFI with IRQs masked; the CPU fences after clearing it, before it
 *      runs any handler: who has fenced after unlinking and reads true need not wait for that CPU.
 *  R4  A callback is pushed before it is counted, and the count is cleared before the stack is
 *      taken: so whoever counts from 0 wakes the thread, and no callback is left behind.
 *  R5  Callbacks run in the order of their pushes, so the one of rcu_synchronize() after all that
 *      were there before it: who waits for memory (reclaim.c) finds it free.
 */
#include "core/rcu.h"

#include "core/clock.h"
#include "core/panic.h"
#include "sched/sched_impl.h"
#include "sched/wait.h"

#define RCU_BATCH_NS 10000000UL
#define RCU_MANY     (64 * cpu_count)
#define RCU_POLL_NS  500000UL

u64 rcu_wanted; /* [A] */

static struct rcu_head *callbacks; /* [A] */
static u32 counted;                /* callbacks since they were taken last; from RCU_MANY on they
                                      are taken at once [A] */
static struct waitqueue rcu_work = WAITQUEUE_INIT(rcu_work);

void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    u32 n;

    head->fn = fn;
    head->next = READ_ONCE(callbacks);
    while (!__atomic_compare_exchange_n(&callbacks, &head->next, head, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    n = __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST); /* R4 */
    if (n == 1 || n == RCU_MANY)
        wake_up(&rcu_work, 0);
}

/* How many CPUs were not seen outside a read section since `wanted`; hurries each if `ask`. */
static u32 lagging(u64 wanted, bool ask)
{
    u32 n = 0, cpu;

    for_each_online_cpu(cpu) {
        struct runqueue *rq = cpu_rq(cpu);

        if (__atomic_load_n(&rq->rcu_seen, __ATOMIC_ACQUIRE) >= wanted ||
            __atomic_load_n(&rq->asleep, __ATOMIC_ACQUIRE)) /* R3 */
            continue;
        n++;
        if (ask) {
            spin_lock_irq(&rq->lock);
            rq_resched_locked(rq);
            spin_unlock_irq(&rq->lock);
        }
    }
    return n;
}

static void grace_period(void)
{
    u64 wanted = __atomic_add_fetch(&rcu_wanted, 1, __ATOMIC_SEQ_CST);

    preempt_disable();
    this_rq()->rcu_seen = wanted; /* this thread is in no read section, so its CPU is not */
    preempt_enable();
    while (lagging(wanted, true)) {
        for (u32 spin = 0; spin < 1000 && lagging(wanted, false); spin++)
            cpu_relax();
        if (lagging(wanted, false))
            sleep_until(clock_monotonic_ns() + RCU_POLL_NS, false);
    }
    smp_mb();
}

/* The callbacks so far, the oldest first. */
static struct rcu_head *take_callbacks(void)
{
    struct rcu_head *taken = __atomic_exchange_n(&callbacks, NULL, __ATOMIC_SEQ_CST);
    struct rcu_head *head = NULL, *next;

    for (; taken; taken = next) { /* R5 */
        next = taken->next;
        taken->next = head;
        head = taken;
    }
    return head;
}

static void rcu_main(void *arg)
{
    (void)arg;
    for (;;) {
        struct rcu_head *head, *next;

        wait_event_general(&rcu_work, READ_ONCE(counted), THREAD_SLEEPING, TIMER_NEVER, 0);
        wait_event_general(&rcu_work, READ_ONCE(counted) >= RCU_MANY, THREAD_SLEEPING,
                           clock_monotonic_ns() + RCU_BATCH_NS, 0);
        __atomic_store_n(&counted, 0, __ATOMIC_SEQ_CST);
        head = take_callbacks();
        if (head)
            grace_period(); /* R1 */
        for (; head; head = next) {
            next = head->next;
            head->fn(head);
        }
    }
}

struct rcu_waiter {
    struct rcu_head head;
    struct completion done;
};

static void waiter_done(struct rcu_head *head)
{
    completion_done(&container_of(head, struct rcu_waiter, head)->done);
}

void rcu_synchronize(void)
{
    struct rcu_waiter waiter;

    completion_init(&waiter.done);
    rcu_call(&waiter.head, waiter_done);
    __atomic_add_fetch(&counted, RCU_MANY, __ATOMIC_SEQ_CST);
    wake_up(&rcu_work, 0);
    completion_wait(&waiter.done);
}

void rcu_init(void)
{
    if (thread_run("rcu", rcu_main, NULL) < 0)
        panic("no memory for the RCU thread");
}

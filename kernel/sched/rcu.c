/*
 * RCU: grace periods.
 *
 * A read section is preemption off, so a CPU that switches threads, takes an interrupt in code with
 * preemption on, or sleeps, is in none. A grace period has a number, rcu_wanted. It is over when
 * each CPU has been seen outside of read sections since the number went up: by rcu_seen, which
 * schedule() copies from rcu_wanted and so costs it one load and compare, or asleep.
 *
 * rcu_call() puts callbacks on a list of its CPU. A thread collects the lists, raises the number,
 * waits for the CPUs, and runs the callbacks, in batches: after the first callback it sleeps 10 ms,
 * unless many come or somebody waits (rcu_synchronize). It asks CPUs that lag by an interrupt.
 *
 *  R1  A callback collected before rcu_wanted went up to n runs after all CPUs have seen n.
 *  R2  Unlink, then rcu_call, then the rise of rcu_wanted, then a CPU's rcu_seen: each ordered
 *      before the next. A read section that begins after that sees the object unlinked.
 *  R3  rq->asleep is true only in WFI with IRQs masked; the CPU fences after clearing it, before it
 *      runs any handler: who has fenced after unlinking and reads true need not wait for that CPU.
 */
#include "sched/rcu.h"

#include "core/clock.h"
#include "core/ipi.h"
#include "core/panic.h"
#include "core/rcu.h"
#include "lib/errno.h"
#include "sched/sched_impl.h"
#include "sched/wait.h"

#define RCU_BATCH_NS 10000000UL
#define RCU_MANY     512
#define RCU_POLL_NS  500000UL

u64 rcu_wanted; /* [A] */

struct rcu_list {
    struct spinlock lock;
    struct rcu_head *first, **last; /* [L] last NULL: never used */
    u32 count;                      /* [L] */
};

static DEFINE_PERCPU(struct rcu_list, rcu_list);
static struct waitqueue rcu_work = WAITQUEUE_INIT(rcu_work);
static u32 rcu_pending; /* some list is not empty [A] */
static u32 rcu_hurry;   /* do not gather a batch [A] */

void rcu_lists_init(void)
{
    u32 cpu;

    for_each_cpu(cpu) {
        struct rcu_list *list = &per_cpu(rcu_list, cpu);

        spin_init(&list->lock, RANK_RCU);
    }
}

void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    irqflags_t flags = irq_save();
    struct rcu_list *list = &this_cpu(rcu_list);
    bool wake;

    head->fn = fn;
    head->next = NULL;
    spin_acquire(&list->lock);
    if (!list->first)
        list->last = &list->first;
    *list->last = head;
    list->last = &head->next;
    wake = list->count++ == RCU_MANY;
    spin_release(&list->lock);
    irq_restore(flags);
    if (wake)
        __atomic_store_n(&rcu_hurry, 1, __ATOMIC_RELAXED);
    smp_mb(); /* the callback before the look; collect() clears before it looks at the lists */
    if (wake || !READ_ONCE(rcu_pending)) {
        __atomic_store_n(&rcu_pending, 1, __ATOMIC_SEQ_CST);
        wake_up(&rcu_work, 0);
    }
}

void rcu_irq_quiescent(void)
{
    struct thread_head *head = current_head();
    struct runqueue *rq = this_rq();
    u64 wanted = smp_load_acquire(&rcu_wanted);

    if (rq->rcu_seen == wanted)
        return;
    if ((head->preempt_count & ~PREEMPT_IRQ) == 0)
        __atomic_store_n(&rq->rcu_seen, wanted, __ATOMIC_SEQ_CST);
    else /* the end of the read section comes to switch_thread() */
        __atomic_or_fetch(&head->work, WORK_RESCHED, __ATOMIC_RELAXED);
}

/* Takes the callbacks of all CPUs; they end in NULL. */
static struct rcu_head *collect(void)
{
    struct rcu_head *all = NULL;
    u32 cpu;

    __atomic_store_n(&rcu_pending, 0, __ATOMIC_SEQ_CST);
    for_each_cpu(cpu) {
        struct rcu_list *list = &per_cpu(rcu_list, cpu);

        if (!READ_ONCE(list->first))
            continue;
        spin_lock_irq(&list->lock);
        if (list->first) {
            *list->last = all;
            all = list->first;
            list->first = NULL;
            list->count = 0;
        }
        spin_unlock_irq(&list->lock);
    }
    return all;
}

/* How many CPUs were not seen outside a read section since `wanted`; asks each if `ask`. */
static u32 lagging(u64 wanted, bool ask)
{
    u32 n = 0, cpu;

    for_each_online_cpu(cpu) {
        struct runqueue *rq = cpu_rq(cpu);

        if (__atomic_load_n(&rq->rcu_seen, __ATOMIC_ACQUIRE) >= wanted ||
            __atomic_load_n(&rq->asleep, __ATOMIC_ACQUIRE)) /* R3 */
            continue;
        n++;
        if (ask)
            ipi_send(cpu, IPI_TICK);
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

static void rcu_main(void *arg)
{
    (void)arg;
    for (;;) {
        struct rcu_head *head, *next;

        wait_event_general(&rcu_work, READ_ONCE(rcu_pending), THREAD_SLEEPING, TIMER_NEVER, 0);
        wait_event_general(&rcu_work, READ_ONCE(rcu_hurry), THREAD_SLEEPING,
                           clock_monotonic_ns() + RCU_BATCH_NS, 0);
        __atomic_store_n(&rcu_hurry, 0, __ATOMIC_RELAXED);
        head = collect();
        if (!head)
            continue;
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

/* Returns after a grace period; callbacks of other CPUs in the same batch may run later. */
void rcu_synchronize(void)
{
    struct rcu_waiter waiter;

    completion_init(&waiter.done);
    rcu_call(&waiter.head, waiter_done);
    __atomic_store_n(&rcu_hurry, 1, __ATOMIC_SEQ_CST);
    wake_up(&rcu_work, 0);
    completion_wait(&waiter.done);
}

/* Two: callbacks of the same batch may come after the first one's. */
void rcu_barrier(void)
{
    rcu_synchronize();
    rcu_synchronize();
}

void rcu_init(void)
{
    if (thread_run("rcu", rcu_main, NULL) < 0)
        panic("no memory for the RCU thread");
    ipi_set_handler(IPI_TICK, rcu_irq_quiescent);
}

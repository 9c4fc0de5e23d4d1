/*
 * Timers: a tree by deadline for each CPU, and one comparator that both the first timer and the
 * scheduler's tick use.
 *
 *  T1  A timer is queued on the CPU that timer->cpu names, or not at all.
 *  T2  The comparator is set to `programmed`, which is no later than the first deadline of the
 *      tree, and, while the CPU is busy, than the tick. It may be earlier: the interrupt then only
 *      sets it anew. So a timer that is taken back, or a switch of threads, touches no hardware.
 *  T3  `running` is the timer whose function runs now, outside the lock; who cancels waits for it.
 *
 * Deadlines are counter ticks, converted once, rounded up: no timer fires early, and late only by
 * the way to its function. Timers that are moved while their function runs stay on that CPU.
 */
#include "sched/timer.h"

#include "arch/counter.h"
#include "core/clock.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "sched/sched_impl.h"

struct timer_queue {
    struct spinlock lock;
    struct rb_root tree;   /* [L] */
    struct rb_node *first; /* [L] */
    struct timer *running; /* T3 [L]; read by all [A] */
    u64 programmed;        /* T2 [C] */
};

static DEFINE_PERCPU(struct timer_queue, timer_queue);

void timers_init(void)
{
    u32 cpu;

    for_each_cpu(cpu) {
        struct timer_queue *q = &per_cpu(timer_queue, cpu);

        spin_init(&q->lock, RANK_TIMER);
        q->programmed = TIMER_NEVER;
    }
}

void timer_init(struct timer *timer, void (*fn)(struct timer *timer))
{
    timer->fn = fn;
    timer->cpu = 0;
    timer->queued = false;
}

void timer_program(u64 counter)
{
    struct timer_queue *q = &this_cpu(timer_queue);

    if (counter < q->programmed) {
        q->programmed = counter;
        timer_set(counter);
    }
}

/* The queue that timer->cpu names, locked, IRQs masked. */
static struct timer_queue *queue_lock(struct timer *timer)
{
    for (;;) {
        u32 cpu = READ_ONCE(timer->cpu);
        struct timer_queue *q = &per_cpu(timer_queue, cpu);

        spin_acquire(&q->lock);
        if (likely(timer->cpu == cpu))
            return q;
        spin_release(&q->lock);
    }
}

static void insert_locked(struct timer_queue *q, struct timer *timer)
{
    struct rb_node **link = &q->tree.node, *parent = NULL;
    bool first = true;

    while (*link) {
        parent = *link;
        if (timer->deadline < rb_entry(parent, struct timer, node)->deadline) {
            link = &parent->left;
        } else {
            link = &parent->right;
            first = false;
        }
    }
    if (first)
        q->first = &timer->node;
    rb_insert(&q->tree, &timer->node, parent, link);
    timer->queued = true;
}

static void remove_locked(struct timer_queue *q, struct timer *timer)
{
    if (q->first == &timer->node)
        q->first = rb_next(&timer->node);
    rb_erase(&q->tree, &timer->node);
    timer->queued = false;
}

void timer_start(struct timer *timer, u64 deadline_ns)
{
    struct timer_queue *own, *q;

    irq_guard();
    own = &this_cpu(timer_queue);
    q = queue_lock(timer);
    if (timer->queued)
        remove_locked(q, timer);
    if (q != own && q->running != timer) {
        WRITE_ONCE(timer->cpu, cpu_id());
        spin_release(&q->lock);
        q = own;
        spin_acquire(&q->lock);
    }
    timer->deadline_ns = deadline_ns;
    if (deadline_ns != TIMER_NEVER) {
        timer->deadline = clock_counter_at(deadline_ns);
        insert_locked(q, timer);
        if (q == own) /* else its interrupt is at work, and looks again */
            timer_program(timer->deadline);
    }
    spin_release(&q->lock);
}

bool timer_cancel_nosync(struct timer *timer)
{
    struct timer_queue *q;
    bool queued;

    irq_guard();
    q = queue_lock(timer);
    queued = timer->queued;
    if (queued)
        remove_locked(q, timer);
    spin_release(&q->lock);
    return queued;
}

bool timer_cancel(struct timer *timer)
{
    bool queued = timer_cancel_nosync(timer);
    struct timer_queue *q = &per_cpu(timer_queue, READ_ONCE(timer->cpu));

    debug_assert(READ_ONCE(q->running) != timer || !in_irq());
    while (__atomic_load_n(&q->running, __ATOMIC_ACQUIRE) == timer) /* T3 */
        cpu_relax();
    return queued;
}

/* Runs what has come due by `now`; returns the first deadline left. */
static u64 expire(struct timer_queue *q, u64 now)
{
    u64 next = TIMER_NEVER;

    spin_acquire(&q->lock);
    while (q->first) {
        struct timer *timer = rb_entry(q->first, struct timer, node);

        if (timer->deadline > now) {
            next = timer->deadline;
            break;
        }
        remove_locked(q, timer);
        q->running = timer;
        spin_release(&q->lock);
        timer->fn(timer);
        spin_acquire(&q->lock);
        __atomic_store_n(&q->running, NULL, __ATOMIC_RELEASE);
    }
    spin_release(&q->lock);
    return next;
}

void timer_interrupt(void)
{
    struct timer_queue *q = &this_cpu(timer_queue);
    u64 now = counter_read(), next, tick;

    q->programmed = 0; /* timers started meanwhile are seen below */
    next = expire(q, now);
    tick = sched_tick(now);
    next = MIN(next, tick);
    q->programmed = next;
    timer_set(next);
}

/* ---- Sleeping until a time ---- */

struct sleeper {
    struct timer timer;
    struct thread *thread;
    bool expired;
};

static void sleeper_wake(struct timer *timer)
{
    struct sleeper *sleeper = container_of(timer, struct sleeper, timer);

    WRITE_ONCE(sleeper->expired, true);
    thread_wake(sleeper->thread, THREAD_ANY | THREAD_STOPPED);
}

int schedule_until(u64 deadline_ns)
{
    struct sleeper sleeper;

    if (deadline_ns == TIMER_NEVER) {
        schedule();
        return 0;
    }
    timer_init(&sleeper.timer, sleeper_wake);
    sleeper.thread = current_thread();
    sleeper.expired = false;
    timer_start(&sleeper.timer, deadline_ns);
    schedule();
    timer_cancel(&sleeper.timer);
    return READ_ONCE(sleeper.expired) ? -ETIMEDOUT : 0;
}

int sleep_until(u64 deadline_ns, bool interruptible)
{
    debug_assert(!interruptible || thread_may_wait());
    for (;;) {
        thread_set_state(interruptible ? THREAD_SLEEPING : THREAD_BLOCKED);
        if (schedule_until(deadline_ns) == -ETIMEDOUT)
            return 0;
        if (interruptible && thread_signalled())
            return -ERESTARTSYS;
    }
}

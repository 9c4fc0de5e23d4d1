/*
 * Work queues: one worker thread for each CPU, which runs what was queued there in order.
 *
 *  W1  work->pending is set by who queues it and cleared by the worker right before fn runs; who
 *      finds it set has nothing to do. So fn sees all that was stored before a work_queue() that
 *      failed.
 *  W2  work->cpu, while pending, names the worker whose list or timer holds it.
 *
 * fn may sleep, and then holds up the work behind it on that CPU; what waits for long gets a thread
 * of its own. A work that waits for another one on the same CPU waits for ever.
 */
#include "sched/work.h"

#include "core/panic.h"
#include "lib/errno.h"
#include "sched/sched_impl.h"
#include "sched/wait.h"

struct worker {
    struct spinlock lock;
    struct list works;       /* [L] */
    struct work *current;    /* whose fn runs [L] */
    struct waitqueue wanted; /* the worker waits for work */
    struct waitqueue idle;   /* work_flush() waits for the end of one */
};

static DEFINE_PERCPU(struct worker, worker);
static struct spinlock early_lock = SPINLOCK_INIT(RANK_WORK); /* before work_init */
static struct list early_works = LIST_INIT(early_works);
static bool ready; /* [A] */

void work_init_item(struct work *work, void (*fn)(struct work *work))
{
    list_init(&work->link);
    work->fn = fn;
    work->pending = 0;
    work->cpu = 0;
}

static bool claim(struct work *work)
{
    return !__atomic_exchange_n(&work->pending, 1, __ATOMIC_ACQ_REL); /* W1 */
}

/* Hands a claimed work to a worker. */
static void push(u32 cpu, struct work *work)
{
    struct worker *w = &per_cpu(worker, cpu);
    bool up = smp_load_acquire(&ready);
    struct spinlock *lock = up ? &w->lock : &early_lock;
    irqflags_t flags = spin_lock_irqsave(lock);

    work->cpu = cpu;
    list_add_tail(&work->link, up ? &w->works : &early_works);
    spin_unlock_irqrestore(lock, flags);
    if (up)
        wake_up(&w->wanted, 0);
}

bool work_queue_on(u32 cpu, struct work *work)
{
    if (!claim(work))
        return false;
    push(cpu, work);
    return true;
}

bool work_queue(struct work *work)
{
    return work_queue_on(cpu_id(), work);
}

static void delayed_due(struct timer *timer)
{
    struct delayed_work *work = container_of(timer, struct delayed_work, timer);

    work_queue(&work->work);
}

void delayed_work_init(struct delayed_work *work, void (*fn)(struct work *work))
{
    work_init_item(&work->work, fn);
    timer_init(&work->timer, delayed_due);
}

void work_queue_delayed(struct delayed_work *work, u64 deadline_ns)
{
    timer_start(&work->timer, deadline_ns);
}

static struct work *next_work(struct worker *w)
{
    struct work *work;

    spin_lock_irq(&w->lock);
    work = list_first(&w->works, struct work, link);
    if (work) {
        list_del(&work->link);
        w->current = work;
        __atomic_store_n(&work->pending, 0, __ATOMIC_SEQ_CST);
    }
    spin_unlock_irq(&w->lock);
    return work;
}

static void worker_main(void *arg)
{
    struct worker *w = arg;
    struct work *work;

    for (;;) {
        while ((work = next_work(w))) {
            work->fn(work); /* may free it */
            spin_lock_irq(&w->lock);
            w->current = NULL;
            spin_unlock_irq(&w->lock);
            wake_all(&w->idle, 0);
        }
        wait_event_general(&w->wanted, !list_empty(&w->works), THREAD_SLEEPING, TIMER_NEVER, 0);
    }
}

/* Neither queued with, nor run by, any worker. */
static bool work_idle(struct work *work)
{
    u32 cpu;

    if (smp_load_acquire(&work->pending))
        return false;
    for_each_online_cpu(cpu)
        if (READ_ONCE(per_cpu(worker, cpu).current) == work)
            return false;
    return true;
}

void work_flush(struct work *work)
{
    u32 cpu;

    for_each_online_cpu(cpu) {
        struct worker *w = &per_cpu(worker, cpu);

        wait_event(&w->idle, work_idle(work) ||
                                 (READ_ONCE(w->current) != work && READ_ONCE(work->cpu) != cpu));
    }
}

bool work_cancel(struct work *work)
{
    bool taken = false;

    while (READ_ONCE(work->pending) && !taken) {
        struct worker *w = &per_cpu(worker, READ_ONCE(work->cpu));

        spin_lock_irq(&w->lock);
        if (!list_empty(&work->link) && w == &per_cpu(worker, work->cpu)) {
            list_del(&work->link);
            work->pending = 0;
            taken = true;
        }
        spin_unlock_irq(&w->lock);
    }
    work_flush(work);
    return taken;
}

bool work_cancel_delayed(struct delayed_work *work)
{
    bool taken = timer_cancel(&work->timer);

    return work_cancel(&work->work) || taken;
}

static void start_worker(u32 cpu)
{
    struct worker *w = &per_cpu(worker, cpu);
    struct thread *t = thread_create("work", worker_main, w);
    struct cpumask mask = {{0}};

    if (!t)
        panic("no memory for the worker of CPU %u", cpu);
    cpumask_set(&mask, cpu);
    t->affinity = mask; /* not started yet: nobody else looks */
    thread_start(t);
}

void work_init(void)
{
    struct work *work, *next;
    u32 cpu;

    for_each_cpu(cpu) {
        struct worker *w = &per_cpu(worker, cpu);

        spin_init(&w->lock, RANK_WORK);
        list_init(&w->works);
        waitqueue_init(&w->wanted);
        waitqueue_init(&w->idle);
    }
    for_each_online_cpu(cpu)
        start_worker(cpu);
    spin_lock_irq(&early_lock);
    smp_store_release(&ready, true);
    list_for_each_entry_safe(work, next, &early_works, link)
        list_move_tail(&work->link, &this_cpu(worker).works);
    spin_unlock_irq(&early_lock);
    wake_up(&per_cpu(worker, 0).wanted, 0);
}

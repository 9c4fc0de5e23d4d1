/*
 * Work: one kernel thread runs what was queued, in order.
 *
 *  W1  A work is linked from when it is queued until right before its fn runs; who finds it linked
 *      has nothing to do. So fn sees all that was stored before a work_queue() that found it so.
 *
 * fn may sleep, and then holds up the work behind it; what waits for long gets a thread of its own.
 * A work that flushes another one waits for ever.
 *
 * Rejected: a thread for each CPU. Work is rare and short here, and one thread, which the
 * scheduler takes to a CPU that has time, does it as soon.
 */
#include "sched/work.h"

#include "core/panic.h"
#include "sched/wait.h"

static struct spinlock lock = SPINLOCK_INIT(RANK_WORK);
static struct list works = LIST_INIT(works); /* [L] */
static struct work *running;                 /* whose fn runs [L] */
static struct waitqueue queued = WAITQUEUE_INIT(queued);
static struct waitqueue ended = WAITQUEUE_INIT(ended);

void work_init_item(struct work *work, void (*fn)(struct work *work))
{
    list_init(&work->link);
    work->fn = fn;
}

void work_queue(struct work *work)
{
    irqflags_t flags = spin_lock_irqsave(&lock);

    if (list_empty(&work->link)) /* W1 */
        list_add_tail(&work->link, &works);
    spin_unlock_irqrestore(&lock, flags);
    wake_up(&queued, 0);
}

/* Ends the work that ran, and takes the next one, or NULL. */
static struct work *next_work(void)
{
    spin_lock_irq(&lock);
    running = list_first(&works, struct work, link);
    if (running)
        list_del(&running->link);
    spin_unlock_irq(&lock);
    wake_all(&ended, 0);
    return running;
}

static void worker_main(void *unused)
{
    struct work *work;

    (void)unused;
    for (;;) {
        while ((work = next_work()))
            work->fn(work); /* may free it */
        wait_event_general(&queued, !list_empty(&works), THREAD_SLEEPING, TIMER_NEVER, 0);
    }
}

static bool work_idle(const struct work *work)
{
    bool idle;

    spin_lock_irq(&lock);
    idle = list_empty(&work->link) && running != work;
    spin_unlock_irq(&lock);
    return idle;
}

void work_flush(struct work *work)
{
    wait_event(&ended, work_idle(work));
}

void work_init(void)
{
    if (thread_run("work", worker_main, NULL) < 0)
        panic("no memory for the worker");
}

/*
 * Wait queues and completions.
 *
 * A queue's lock orders the two sides: a sleeper is on the list with its state set before it looks
 * at the condition a last time, and a waker changes the condition before it looks at the list. An
 * entry of a sleeping thread leaves the list when it is woken, so a thread is woken once, and
 * finishing takes no lock. Callbacks run under the queue's lock; they may wake threads and queue
 * work, and may take locks that rank after RANK_WAIT.
 */
#include "sched/wait.h"

#include "core/panic.h"
#include "lib/errno.h"

void waitqueue_init(struct waitqueue *wq)
{
    spin_init(&wq->lock, RANK_WAIT);
    list_init(&wq->entries);
}

static inline bool entry_wake(struct wait_entry *entry, u32 key)
{
    bool woken;

    if (key & WAKE_SYNC)
        woken = thread_wake_sync(entry->thread, THREAD_ANY | THREAD_STOPPED);
    else
        woken = thread_wake(entry->thread, THREAD_ANY | THREAD_STOPPED);
    if (woken || !(entry->flags & WAIT_EXCLUSIVE))
        list_del(&entry->link);
    return woken;
}

bool wait_entry_wake(struct wait_entry *entry, u32 key)
{
    return entry_wake(entry, key);
}

/* Exclusive entries stand behind the others, in order of arrival. */
static void add_locked(struct waitqueue *wq, struct wait_entry *entry)
{
    if (entry->flags & WAIT_EXCLUSIVE)
        list_add_tail(&entry->link, &wq->entries);
    else
        list_add(&entry->link, &wq->entries);
}

void wait_add(struct waitqueue *wq, struct wait_entry *entry)
{
    irqflags_t flags = spin_lock_irqsave(&wq->lock);

    add_locked(wq, entry);
    spin_unlock_irqrestore(&wq->lock, flags);
}

void wait_remove(struct waitqueue *wq, struct wait_entry *entry)
{
    irqflags_t flags = spin_lock_irqsave(&wq->lock);

    list_del(&entry->link);
    spin_unlock_irqrestore(&wq->lock, flags);
}

/* Wakes until `limit` exclusive entries took it, 0: all. `any`: the others count as well. */
static inline void wake_locked(struct waitqueue *wq, u32 key, u32 limit, bool any)
{
    struct wait_entry *entry, *next;

    list_for_each_entry_safe(entry, next, &wq->entries, link) {
        bool counts = any || (entry->flags & WAIT_EXCLUSIVE);

        bool woken = likely(entry->wake == wait_entry_wake) ? entry_wake(entry, key)
                                                            : entry->wake(entry, key);

        if (woken && counts && limit && --limit == 0)
            break;
    }
}

static __always_inline void wake(struct waitqueue *wq, u32 key, u32 limit, bool any)
{
    irqflags_t flags;

    if (!wait_active(wq))
        return;
    flags = spin_lock_irqsave(&wq->lock);
    wake_locked(wq, key, limit, any);
    spin_unlock_irqrestore(&wq->lock, flags);
}

void wake_up(struct waitqueue *wq, u32 key)
{
    wake(wq, key, 1, false);
}

/* Most callers have looked whether somebody waits; without it the lock orders as well. */
void wake_up_sync(struct waitqueue *wq, u32 key)
{
    irqflags_t flags = spin_lock_irqsave(&wq->lock);

    wake_locked(wq, key | WAKE_SYNC, 1, false);
    spin_unlock_irqrestore(&wq->lock, flags);
}

void wake_all(struct waitqueue *wq, u32 key)
{
    wake(wq, key, 0, false);
}

void wait_prepare(struct waitqueue *wq, struct wait_entry *entry, u32 state)
{
    irqflags_t flags = spin_lock_irqsave(&wq->lock);

    if (list_empty(&entry->link))
        add_locked(wq, entry);
    thread_set_state(state);
    spin_unlock_irqrestore(&wq->lock, flags);
}

int wait_sleep(u32 state, u64 deadline_ns)
{
    debug_assert(!in_atomic());
    if ((state & THREAD_SLEEPING) && thread_signalled())
        return -ERESTARTSYS;
    if (deadline_ns != TIMER_NEVER)
        return schedule_until(deadline_ns);
    schedule();
    return 0;
}

void wait_finish(struct waitqueue *wq, struct wait_entry *entry)
{
    irqflags_t flags;

    WRITE_ONCE(current_thread()->state, THREAD_RUNNING);
    /* Both links: a waker in the middle of list_del() still holds the lock, and is waited for. */
    if (list_empty(&entry->link) && READ_ONCE(entry->link.prev) == &entry->link)
        return;
    flags = spin_lock_irqsave(&wq->lock);
    list_del(&entry->link);
    spin_unlock_irqrestore(&wq->lock, flags);
}

/* ---- Completions ---- */

void completion_init(struct completion *c)
{
    waitqueue_init(&c->wq);
    c->done = 0;
}

/* Takes one completion_done() if there is one. */
static bool take(struct completion *c)
{
    irqflags_t flags;
    bool taken;

    if (!READ_ONCE(c->done))
        return false;
    flags = spin_lock_irqsave(&c->wq.lock);
    taken = c->done != 0;
    if (taken)
        c->done--;
    spin_unlock_irqrestore(&c->wq.lock, flags);
    return taken;
}

void completion_wait(struct completion *c)
{
    wait_event(&c->wq, take(c));
}

/*
 * All under the lock, which the waiter takes before it returns: so the waiter may free *c at once.
 */
void completion_done(struct completion *c)
{
    irqflags_t flags = spin_lock_irqsave(&c->wq.lock);

    c->done++;
    wake_locked(&c->wq, 0, 1, true);
    spin_unlock_irqrestore(&c->wq.lock, flags);
}

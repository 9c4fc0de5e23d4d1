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

void waitqueue_init(struct waitqueue *wq)
{
    spin_init(&wq->lock, RANK_WAIT);
    list_init(&wq->entries);
}

inline bool wait_entry_wake(struct wait_entry *entry, u32 key)
{
    bool woken = thread_wake(entry->thread, THREAD_ANY | THREAD_STOPPED);

    (void)key;
    if (woken || !(entry->flags & WAIT_EXCLUSIVE))
        list_del(&entry->link);
    return woken;
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
    spin_guard_irqsave(&wq->lock);
    add_locked(wq, entry);
}

void wait_remove(struct waitqueue *wq, struct wait_entry *entry)
{
    spin_guard_irqsave(&wq->lock);
    list_del(&entry->link);
}

static inline void wake_locked(struct waitqueue *wq, u32 key, u32 limit)
{
    struct wait_entry *entry, *next;

    list_for_each_entry_safe(entry, next, &wq->entries, link) {
        bool exclusive = entry->flags & WAIT_EXCLUSIVE;
        bool woken = likely(entry->wake == wait_entry_wake) ? wait_entry_wake(entry, key)
                                                            : entry->wake(entry, key);

        if (woken && exclusive && --limit == 0)
            break;
    }
}

void wake_queued(struct waitqueue *wq, u32 key, u32 limit)
{
    spin_guard_irqsave(&wq->lock);
    wake_locked(wq, key, limit);
}

void wait_prepare(struct waitqueue *wq, struct wait_entry *entry, u32 state)
{
    spin_guard_irqsave(&wq->lock);
    if (list_empty(&entry->link))
        add_locked(wq, entry);
    thread_set_state(state);
}

void wait_finish(struct waitqueue *wq, struct wait_entry *entry)
{
    WRITE_ONCE(current_thread()->state, THREAD_RUNNING);
    /* Both links: a waker in the middle of list_del() still holds the lock, and is waited for. */
    if (!list_empty(&entry->link) || READ_ONCE(entry->link.prev) != &entry->link)
        wait_remove(wq, entry);
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
    spin_guard_irqsave(&c->wq.lock);
    return c->done && c->done--;
}

void completion_wait(struct completion *c)
{
    wait_event_general(&c->wq, take(c), THREAD_BLOCKED, TIMER_NEVER, WAIT_EXCLUSIVE);
}

/*
 * All under the lock, which the waiter takes before it returns: so the waiter may free *c at once.
 */
void completion_done(struct completion *c)
{
    spin_guard_irqsave(&c->wq.lock);
    c->done++;
    wake_locked(&c->wq, 0, 1);
}

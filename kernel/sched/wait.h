/*
 * Wait queues. The theory is in wait.c.
 *
 * A wait queue is a list of entries with a callback, so that poll and its kin can wait on many
 * queues at once. The wait_event family is what sleeping code uses:
 *
 *     wait_event(&queue, condition);
 *     error = wait_event_interruptible(&queue, condition);
 *
 * and the other side changes what the condition tests, then calls a wake function.
 */
#pragma once

#include "core/spinlock.h"
#include "lib/errno.h"
#include "sched/thread.h"
#include "sched/timer.h"

struct waitqueue {
    struct spinlock lock;
    struct list entries; /* [L] struct wait_entry by link */
};

/* Entry flag: wake_up() stops after one such entry took the wake-up. */
#define WAIT_EXCLUSIVE 1

struct wait_entry {
    struct list link; /* [L] of the queue; empty when on none */
    /*
     * Called with the queue's lock held and IRQs masked; may unlink its own entry. True when it
     * took the wake-up (its thread was woken): that is what WAIT_EXCLUSIVE counts.
     */
    bool (*wake)(struct wait_entry *entry, u32 key);
    struct thread *thread;
    void *arg;
    u32 flags;
};

#define WAITQUEUE_INIT(name)                                \
    {                                                       \
        SPINLOCK_INIT(RANK_WAIT), LIST_INIT((name).entries) \
    }

void waitqueue_init(struct waitqueue *wq);

/* The callback of an entry that wakes its thread and leaves the queue as it does. */
bool wait_entry_wake(struct wait_entry *entry, u32 key);

/* Such an entry, for the current thread. */
static inline void wait_entry_init(struct wait_entry *entry)
{
    list_init(&entry->link);
    entry->wake = wait_entry_wake;
    entry->thread = current_thread();
    entry->flags = 0;
}

/* Queue or unqueue an entry with any callback. Removing one that is not queued is harmless. */
void wait_add(struct waitqueue *wq, struct wait_entry *entry);
void wait_remove(struct waitqueue *wq, struct wait_entry *entry);

/* Is anybody waiting? Orders earlier stores before the look: with false, no one missed them. */
static inline bool wait_active(struct waitqueue *wq)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !list_empty(&wq->entries);
}

/* wake_up() and wake_all() behind their look: stops after `limit` exclusive entries. */
void wake_queued(struct waitqueue *wq, u32 key, u32 limit);

/*
 * wake_up: all entries, but of the exclusive ones at most one that takes it. `key` tells the
 * callbacks what happened (POLL* bits, 0: anything). wake_all: all. Any context.
 */
static inline void wake_up(struct waitqueue *wq, u32 key)
{
    if (wait_active(wq))
        wake_queued(wq, key, 1);
}

static inline void wake_all(struct waitqueue *wq, u32 key)
{
    if (wait_active(wq))
        wake_queued(wq, key, ~0u);
}

/* The parts of wait_event: queue and set the state; sleep; unqueue. */
void wait_prepare(struct waitqueue *wq, struct wait_entry *entry, u32 state);
void wait_finish(struct waitqueue *wq, struct wait_entry *entry);

/* 0, -ERESTARTSYS, -ETIMEDOUT */
static inline int wait_sleep(u32 state, u64 deadline_ns)
{
    debug_assert(!in_atomic());
    debug_assert(!(state & THREAD_SLEEPING) || thread_may_wait());
    if ((state & THREAD_SLEEPING) && thread_signalled())
        return -ERESTARTSYS;
    if (deadline_ns != TIMER_NEVER)
        return schedule_until(deadline_ns);
    schedule();
    return 0;
}

/*
 * 0 when `cond` came true; else the error of wait_sleep, unless it came true at the last look. A
 * thread that finds it true does not touch the queue.
 */
#define wait_event_general(wq, cond, state, deadline, entry_flags) \
    ({                                                             \
        struct wait_entry wait_entry_;                             \
        bool wait_queued_ = false;                                 \
        long wait_result_ = 0;                                     \
        for (;;) {                                                 \
            if (cond) {                                            \
                wait_result_ = 0;                                  \
                break;                                             \
            }                                                      \
            if (wait_result_)                                      \
                break;                                             \
            if (!wait_queued_) {                                   \
                wait_entry_init(&wait_entry_);                     \
                wait_entry_.flags = (entry_flags);                 \
                wait_queued_ = true;                               \
            }                                                      \
            wait_prepare(wq, &wait_entry_, state);                 \
            if (cond)                                              \
                break;                                             \
            wait_result_ = wait_sleep(state, deadline);            \
        }                                                          \
        if (wait_queued_)                                          \
            wait_finish(wq, &wait_entry_);                         \
        wait_result_;                                              \
    })

#define wait_event(wq, cond) ((void)wait_event_general(wq, cond, THREAD_BLOCKED, TIMER_NEVER, 0))
/* 0 or -ERESTARTSYS */
#define wait_event_interruptible(wq, cond) \
    wait_event_general(wq, cond, THREAD_SLEEPING, TIMER_NEVER, 0)
#define wait_event_interruptible_exclusive(wq, cond) \
    wait_event_general(wq, cond, THREAD_SLEEPING, TIMER_NEVER, WAIT_EXCLUSIVE)
/* deadline_ns: monotonic clock. 0 or -ETIMEDOUT */
#define wait_event_timeout(wq, cond, deadline_ns) \
    wait_event_general(wq, cond, THREAD_BLOCKED, deadline_ns, 0)
/* 0, -ERESTARTSYS or -ETIMEDOUT */
#define wait_event_interruptible_timeout(wq, cond, deadline_ns) \
    wait_event_general(wq, cond, THREAD_SLEEPING, deadline_ns, 0)

/* A one-way event: completion_wait() returns at once when completion_done() came before. */
struct completion {
    struct waitqueue wq;
    u32 done; /* [L] of wq */
};

void completion_init(struct completion *c);
void completion_wait(struct completion *c);
void completion_done(struct completion *c); /* lets one waiter, now or later, go on */

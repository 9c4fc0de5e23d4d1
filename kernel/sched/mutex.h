/*
 * Mutexes: sleeping locks with an owner. The theory is in mutex.c.
 */
#pragma once

#include "core/panic.h"
#include "core/spinlock.h"
#include "sched/thread.h"

struct mutex {
    u64 owner;            /* struct thread *, bit 0: somebody waits [A] */
    struct spinlock lock; /* of waiters */
    struct list waiters;  /* [L] in order of arrival */
    u32 rank;             /* enum lock_rank, for the debug build [I] */
};

#define MUTEX_INIT(name, rank_)                                        \
    {                                                                  \
        0, SPINLOCK_INIT(RANK_MUTEX), LIST_INIT((name).waiters), rank_ \
    }

void mutex_init(struct mutex *m, enum lock_rank rank);

/*
 * May sleep; not in interrupts, nor with a spinlock held. Not recursive. Its owner must not sleep
 * for an event: nothing ends the sleep of those that wait for the mutex.
 */
void mutex_lock(struct mutex *m);

/* 0, or -ERESTARTSYS when a signal came first. So, or by a try, a mutex of RANK_TURN is taken. */
int mutex_lock_interruptible(struct mutex *m);

bool mutex_trylock(struct mutex *m);

/* By the owner only. */
void mutex_unlock(struct mutex *m);

/* mutex_guard(&mutex); is a declaration: held until its block is left. */
struct mutex_guard {
    struct mutex *mutex;
};

static __always_inline struct mutex_guard mutex_guard_begin(struct mutex *m)
{
    mutex_lock(m);
    return (struct mutex_guard){m};
}

static __always_inline void mutex_guard_end(const struct mutex_guard *guard)
{
    mutex_unlock(guard->mutex);
}

#define mutex_guard(m) SCOPE_GUARD(mutex_guard, mutex_guard, m)

static inline bool mutex_held(const struct mutex *m)
{
    return (READ_ONCE(m->owner) & ~1UL) == (u64)current_head();
}

static inline bool mutex_locked(const struct mutex *m)
{
    return READ_ONCE(m->owner) & ~1UL;
}

#define assert_mutex_held(m) debug_assert(mutex_held(m))

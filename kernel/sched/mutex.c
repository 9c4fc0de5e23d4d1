/*
 * Mutexes.
 *
 * The owner word is 0 or the owning thread; bit 0 says that somebody waits. With nobody waiting,
 * lock and unlock are one compare-and-exchange each. A waiter sets the bit under the lock of the
 * waiters' list and sleeps; unlock then takes that lock, gives the mutex up, and wakes the first of
 * the list, which competes for it with whoever comes: the mutex is never handed over to a thread
 * that does not run yet, since then every contender would wait for a context switch.
 *
 *  I1  Bit 0 is set while the list is not empty; cleared by the last waiter when it takes the
 *      mutex.
 *  I2  With bit 0 set the owner word changes only under the list's lock. So unlock touches the
 *      mutex for the last time before anybody else can take it, and its taker may free it.
 *
 * Debug builds check the rank, and that sleeping is allowed, at each acquire.
 */
#include "sched/mutex.h"

#include "core/panic.h"
#include "lib/errno.h"

#define WAITERS 1UL

struct mutex_waiter {
    struct list link;
    struct thread *thread;
};

#if DEBUG
#define note_acquire(m, waits) \
    held_add(&current_thread()->held, m, (m)->rank, waits, (u64)__builtin_return_address(0))
#define note_release(m) held_remove(&current_thread()->held, m)
#else
#define note_acquire(m, waits) ((void)0)
#define note_release(m)        ((void)0)
#endif

void mutex_init(struct mutex *m, enum lock_rank rank)
{
    m->owner = 0;
    spin_init(&m->lock, RANK_MUTEX);
    list_init(&m->waiters);
    m->rank = rank;
}

static inline bool change_owner(struct mutex *m, u64 from, u64 to)
{
    return __atomic_compare_exchange_n(&m->owner, &from, to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

/* One attempt by a waiter, under the list's lock: takes a free mutex, or leaves bit 0 set. */
static bool take_or_mark(struct mutex *m, u64 self)
{
    bool others = m->waiters.next != m->waiters.prev;

    for (;;) {
        u64 owner = READ_ONCE(m->owner);

        if (!(owner & ~WAITERS)) {
            if (change_owner(m, owner, self | (others ? WAITERS : 0))) /* I1 */
                return true;
        } else if ((owner & WAITERS) || change_owner(m, owner, owner | WAITERS)) {
            return false;
        }
    }
}

static void wake_first_locked(struct mutex *m)
{
    struct mutex_waiter *first = list_first(&m->waiters, struct mutex_waiter, link);

    if (first)
        thread_wake(first->thread, THREAD_ANY);
}

static __noinline int lock_slow(struct mutex *m, u32 state)
{
    struct mutex_waiter waiter = {.thread = current_thread()};
    u64 self = (u64)waiter.thread;
    int error = 0;

    spin_lock_irq(&m->lock);
    list_add_tail(&waiter.link, &m->waiters);
    while (!take_or_mark(m, self)) {
        if ((state & THREAD_SLEEPING) && thread_signalled()) {
            error = -ERESTARTSYS;
            break;
        }
        thread_set_state(state);
        spin_unlock_irq(&m->lock);
        schedule();
        spin_lock_irq(&m->lock);
    }
    list_del(&waiter.link);
    spin_unlock_irq(&m->lock);
    return error;
}

static inline int lock(struct mutex *m, u32 state)
{
    if (likely(change_owner(m, 0, (u64)current_head())))
        return 0;
    return lock_slow(m, state);
}

void mutex_lock(struct mutex *m)
{
    debug_assert(!in_atomic() && m->rank != RANK_TURN);
    note_acquire(m, true);
    lock(m, THREAD_BLOCKED);
}

int mutex_lock_interruptible(struct mutex *m)
{
    int error;

    debug_assert(!in_atomic());
    note_acquire(m, true);
    error = lock(m, THREAD_SLEEPING);
    if (error)
        note_release(m);
    return error;
}

bool mutex_trylock(struct mutex *m)
{
    bool taken = change_owner(m, 0, (u64)current_head()); /* not past those that wait, I2 */

    if (taken)
        note_acquire(m, false);
    return taken;
}

static __noinline void unlock_slow(struct mutex *m)
{
    spin_lock_irq(&m->lock);
    __atomic_store_n(&m->owner, list_empty(&m->waiters) ? 0 : WAITERS, __ATOMIC_RELEASE);
    wake_first_locked(m);
    spin_unlock_irq(&m->lock);
}

void mutex_unlock(struct mutex *m)
{
    debug_assert(mutex_held(m));
    note_release(m);
    if (unlikely(!change_owner(m, (u64)current_head(), 0)))
        unlock_slow(m);
}

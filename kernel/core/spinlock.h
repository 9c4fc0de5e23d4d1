/*
 * Spinlocks. Theory in core/spinlock.c.
 *
 * spin_lock: not to be taken by interrupt handlers; preemption is off while held.
 * spin_lock_irqsave, spin_lock_irq: for locks that handlers take too; IRQs are masked while held,
 * and the preemption counter is left alone.
 * spin_guard, spin_guard_irqsave: the same by scope, for holds that end where their block ends.
 */
#pragma once

#include "core/lock_rank.h"
#include "core/panic.h"
#include "core/preempt.h"

struct spinlock {
    struct thread_head *holder; /* NULL: free; what current_head() was at the acquire [A] */
#if DEBUG
    u32 rank; /* enum lock_rank [I] */
#endif
};

#if DEBUG
#define SPINLOCK_INIT(lock_rank_) \
    {                             \
        .rank = (lock_rank_)      \
    }
#define spin_init(lock, lock_rank_) (*(lock) = (struct spinlock){.rank = (lock_rank_)})
/* Remembers the lock; when it waits for it, checks the rank and panics if the order is broken. */
void spin_debug_acquire(struct spinlock *lock, bool waits);
void spin_debug_release(struct spinlock *lock);
#else
#define SPINLOCK_INIT(lock_rank_) \
    {                             \
        NULL                      \
    }
#define spin_init(lock, lock_rank_)     ((void)(lock_rank_), (lock)->holder = NULL)
#define spin_debug_acquire(lock, waits) ((void)0)
#define spin_debug_release(lock)        ((void)0)
#endif

/* Waits; panics after 20 s, naming the holder, or when the holder is the caller. */
void spin_acquire_slow(struct spinlock *lock);

static __always_inline bool spin_try_acquire(struct spinlock *lock)
{
    struct thread_head *free = NULL;

    return __atomic_compare_exchange_n(&lock->holder, &free, current_head(), false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* The bare lock: the caller has preemption off or IRQs masked, as the lock's users agree. */
static __always_inline void spin_acquire(struct spinlock *lock)
{
    spin_debug_acquire(lock, true);
    if (unlikely(!spin_try_acquire(lock)))
        spin_acquire_slow(lock);
}

static inline void spin_release(struct spinlock *lock)
{
    spin_debug_release(lock);
    __atomic_store_n(&lock->holder, NULL, __ATOMIC_RELEASE);
}

static __always_inline void spin_lock(struct spinlock *lock)
{
    preempt_disable();
    spin_acquire(lock);
}

static inline void spin_unlock(struct spinlock *lock)
{
    spin_release(lock);
    preempt_enable();
}

static __always_inline bool spin_trylock(struct spinlock *lock)
{
    preempt_disable();
    if (spin_try_acquire(lock)) {
        spin_debug_acquire(lock, false);
        return true;
    }
    preempt_enable();
    return false;
}

static __always_inline irqflags_t spin_lock_irqsave(struct spinlock *lock)
{
    irqflags_t flags = irq_save();

    spin_acquire(lock);
    return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *lock, irqflags_t flags)
{
    spin_release(lock);
    irq_restore(flags);
    if (unlikely(READ_ONCE(current_head()->work) & WORK_RESCHED))
        preempt_check();
}

static __always_inline void spin_lock_irq(struct spinlock *lock)
{
    irq_disable();
    spin_acquire(lock);
}

/* IRQs were enabled before the spin_lock_irq(). */
static inline void spin_unlock_irq(struct spinlock *lock)
{
    spin_release(lock);
    irq_enable();
    if (unlikely(READ_ONCE(current_head()->work) & WORK_RESCHED))
        preempt_check();
}

/*
 * spin_guard_irqsave(&lock); is a declaration: it takes the lock, and every way out of its block
 * gives it back. spin_guard(&lock); the same for a lock that no handler takes.
 */
struct spin_guard {
    struct spinlock *lock;
    irqflags_t flags;
};

static __always_inline struct spin_guard spin_guard_begin(struct spinlock *lock)
{
    spin_lock(lock);
    return (struct spin_guard){lock, 0};
}

static __always_inline void spin_guard_end(const struct spin_guard *guard)
{
    spin_unlock(guard->lock);
}

static __always_inline struct spin_guard spin_guard_irqsave_begin(struct spinlock *lock)
{
    return (struct spin_guard){lock, spin_lock_irqsave(lock)};
}

static __always_inline void spin_guard_irqsave_end(const struct spin_guard *guard)
{
    spin_unlock_irqrestore(guard->lock, guard->flags);
}

#define spin_guard(lock)         SCOPE_GUARD(spin_guard, spin_guard, lock)
#define spin_guard_irqsave(lock) SCOPE_GUARD(spin_guard, spin_guard_irqsave, lock)

static inline bool spin_is_held(const struct spinlock *lock)
{
    return READ_ONCE(lock->holder) == current_head();
}

/* First line of a _locked function; checked in debug builds. */
static inline void assert_spin_held(const struct spinlock *lock)
{
    debug_assert(spin_is_held(lock));
}

/*
 * Which locks are held, and whether the next one may be taken (core/lock_rank.h).
 */
#include "core/held.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "lib/string.h"

static DEFINE_PERCPU(struct held_locks, held_spinning);

void held_report(void)
{
    const struct held_locks *held = &this_cpu(held_spinning);

    for (u32 i = 0; i < held->depth; i++) {
        panic_print("  lock %p, rank %u, taken at\n", held->entries[i].lock, held->entries[i].rank);
        panic_print_place(held->entries[i].pc);
    }
}

void held_add(struct held_locks *held, const void *lock, u32 rank, bool waits, u64 pc)
{
    for (u32 i = 0; waits && i < held->depth; i++) {
        u32 other = held->entries[i].rank;

        if (held->entries[i].in_irq == in_irq() && !panicking() &&
            (other > rank || (other == rank && held->entries[i].lock >= lock)))
            panic("lock of rank %u wanted while one of rank %u is held", rank, other);
    }
    assert(held->depth < HELD_MAX);
    held->entries[held->depth].lock = lock;
    held->entries[held->depth].rank = rank;
    held->entries[held->depth].in_irq = in_irq();
    held->entries[held->depth++].pc = pc;
}

bool held_may_wait(const struct held_locks *held)
{
    u32 i = 0;

    while (i < held->depth && held->entries[i].rank == RANK_TURN)
        i++;
    return i == held->depth;
}

void held_remove(struct held_locks *held, const void *lock)
{
    u32 i = held->depth;

    while (i > 0 && held->entries[i - 1].lock != lock)
        i--;
    assert(i > 0 || panicking());
    if (i > 0)
        memmove(&held->entries[i - 1], &held->entries[i],
                (held->depth-- - i) * sizeof held->entries[0]);
}

#if DEBUG
/* IRQs are masked while the list changes: a handler uses the same one. */
void spin_debug_acquire(struct spinlock *lock, bool waits)
{
    irq_guard();
    held_add(&this_cpu(held_spinning), lock, lock->rank, waits, (u64)__builtin_return_address(0));
}

void spin_debug_release(struct spinlock *lock)
{
    irq_guard();
    assert_spin_held(lock);
    held_remove(&this_cpu(held_spinning), lock);
}
#endif

/*
 * Which locks are held, and whether the next one may be taken (core/lock_rank.h).
 */
#include "core/held.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "core/symbols.h"

static DEFINE_PERCPU(struct held_locks, held_spinning);

struct held_locks *held_spinlocks(void)
{
    return (struct held_locks *)((char *)&percpu_held_spinning + current_head()->percpu);
}

static void print_entry(const struct held_locks *held, u32 i)
{
    u64 offset, pc = held->entries[i].pc;
    const char *name = symbol_name(pc, &offset);

    panic_print("  lock %p, rank %u, taken in %s+0x%lx\n", held->entries[i].lock,
                held->entries[i].rank, name ? name : "?", name ? (unsigned long)offset : 0);
}

void held_report(const struct held_locks *held)
{
    for (u32 i = 0; i < MIN(held->depth, (u32)HELD_MAX); i++)
        print_entry(held, i);
}

void held_note(struct held_locks *held, const void *lock, u32 rank, u64 pc)
{
    if (held->depth < HELD_MAX) {
        held->entries[held->depth].lock = lock;
        held->entries[held->depth].rank = rank;
        held->entries[held->depth].pc = pc;
    }
    held->depth++;
}

void held_push(struct held_locks *held, const void *lock, u32 rank, u64 pc)
{
    for (u32 i = held->base; i < MIN(held->depth, (u32)HELD_MAX); i++) {
        u32 other = held->entries[i].rank;

        if (other < rank || (other == rank && held->entries[i].lock < lock) || panicking())
            continue;
        panic("lock of rank %u wanted while one of rank %u is held", rank, other);
    }
    held_note(held, lock, rank, pc);
}

void held_pop(struct held_locks *held, const void *lock)
{
    u32 i = MIN(held->depth, (u32)HELD_MAX);

    if (held->depth > HELD_MAX) {
        held->depth--; /* one of those not remembered, most likely */
        return;
    }
    while (i > 0 && held->entries[i - 1].lock != lock)
        i--;
    if (i == 0) {
        if (!panicking())
            panic("a lock is released that this %s does not hold", "context");
        return;
    }
    for (; i < held->depth; i++)
        held->entries[i - 1] = held->entries[i];
    held->depth--;
}

#if DEBUG
/* IRQs are masked while the list changes: a handler uses the same one. */
void spin_debug_acquire(struct spinlock *lock)
{
    irqflags_t flags = irq_save();

    held_push(held_spinlocks(), lock, lock->rank, (u64)__builtin_return_address(0));
    irq_restore(flags);
}

void spin_debug_tried(struct spinlock *lock)
{
    irqflags_t flags = irq_save();

    held_note(held_spinlocks(), lock, lock->rank, (u64)__builtin_return_address(0));
    irq_restore(flags);
}

void spin_debug_release(struct spinlock *lock)
{
    irqflags_t flags = irq_save();

    spin_assert_failed_unless(lock);
    held_pop(held_spinlocks(), lock);
    irq_restore(flags);
}

u32 spin_debug_irq_enter(void)
{
    struct held_locks *held = held_spinlocks();
    u32 base = held->base;

    held->base = MIN(held->depth, (u32)HELD_MAX);
    return base;
}

void spin_debug_irq_exit(u32 cookie)
{
    held_spinlocks()->base = cookie;
}
#endif

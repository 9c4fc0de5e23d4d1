/*
 * Sequence locks: readers of a few words never wait for a lock, but read again when a writer came
 * between. Readers must not follow pointers that a writer changes.
 */
#pragma once

#include "core/spinlock.h"

struct seqlock {
    u32 sequence; /* odd: a writer is inside [A] */
    struct spinlock lock;
};

#define SEQLOCK_INIT(rank)     \
    {                          \
        0, SPINLOCK_INIT(rank) \
    }
#define seq_init(s, rank) ((s)->sequence = 0, (void)spin_init(&(s)->lock, rank))

static inline u32 seq_read_begin(const struct seqlock *s)
{
    u32 sequence;

    while (unlikely((sequence = smp_load_acquire(&s->sequence)) & 1))
        cpu_relax();
    return sequence;
}

/* True: what was read since seq_read_begin() must be read again. */
static inline bool seq_read_retry(const struct seqlock *s, u32 sequence)
{
    smp_rmb(); /* the data before the sequence */
    return unlikely(READ_ONCE(s->sequence) != sequence);
}

static inline irqflags_t seq_write_lock(struct seqlock *s)
{
    irqflags_t flags = spin_lock_irqsave(&s->lock);

    WRITE_ONCE(s->sequence, s->sequence + 1);
    smp_wmb(); /* the sequence before the data */
    return flags;
}

static inline void seq_write_unlock(struct seqlock *s, irqflags_t flags)
{
    smp_store_release(&s->sequence, s->sequence + 1);
    spin_unlock_irqrestore(&s->lock, flags);
}

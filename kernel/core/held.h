/*
 * The locks held by a thread (those that sleep) or on a CPU (those that spin), for the rank check
 * of debug builds and for panics. Its owner gives the memory; one writer at a time.
 */
#pragma once

#include "lib/types.h"

#define HELD_MAX 16

struct held_locks {
    u32 depth;
    struct {
        const void *lock;
        u32 rank;
        bool in_irq; /* taken by an interrupt handler, whose order starts anew */
        u64 pc;      /* where it was taken */
    } entries[HELD_MAX];
};

/*
 * Remembers a lock. With `waits` (any order is right without) it panics first unless a lock of
 * this rank may be taken after those held.
 */
void held_add(struct held_locks *held, const void *lock, u32 rank, bool waits, u64 pc);

/*
 * May the holder sleep for an event, which may never come? Not with a lock of another rank than
 * RANK_TURN: others would wait for it in a sleep that no signal ends.
 */
bool held_may_wait(const struct held_locks *held);

/* Forgets the lock, in any order. */
void held_remove(struct held_locks *held, const void *lock);

/* Writes the spinlocks of this CPU to the console of a panic; none in release builds. */
void held_report(void);

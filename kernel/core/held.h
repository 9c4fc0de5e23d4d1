/*
 * The locks held by a thread (those that sleep) or on a CPU (those that spin), for the rank check
 * of debug builds and for panics. Its owner gives the memory; one writer at a time.
 */
#pragma once

#include "lib/types.h"

#define HELD_MAX 16

struct held_locks {
    u32 depth; /* may exceed HELD_MAX; what is beyond is not remembered */
    u32 base;  /* entries below belong to the code that an interrupt came upon */
    struct {
        const void *lock;
        u32 rank;
        u64 pc; /* where it was taken */
    } entries[HELD_MAX];
};

/* Panics unless a lock of this rank may be taken after those held; then remembers it. */
void held_push(struct held_locks *held, const void *lock, u32 rank, u64 pc);

/* Remembers a lock that was taken without waiting, where any order is right. */
void held_note(struct held_locks *held, const void *lock, u32 rank, u64 pc);

/* Forgets the lock, in any order. */
void held_pop(struct held_locks *held, const void *lock);

/* Writes the locks to the console of a panic. */
void held_report(const struct held_locks *held);

/* The spinlocks of this CPU; empty in release builds. Preemption off. */
struct held_locks *held_spinlocks(void);

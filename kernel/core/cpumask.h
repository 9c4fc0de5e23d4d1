/*
 * Sets of CPUs, of the architecture's limit, so that they live in structures without allocation.
 * Not atomic, but for the _atomic ones and the test.
 */
#pragma once

#include "lib/bitmap.h"

#define CPU_MAX 512u

struct cpumask {
    u64 words[CPU_MAX / 64];
};

static inline struct cpumask cpumask_of(u32 cpu)
{
    struct cpumask mask = {};

    bitmap_set(mask.words, cpu);
    return mask;
}

static inline bool cpumask_test(const struct cpumask *mask, u32 cpu)
{
    return READ_ONCE(mask->words[cpu / 64]) >> cpu % 64 & 1;
}

static inline void cpumask_set_atomic(struct cpumask *mask, u32 cpu)
{
    __atomic_or_fetch(&mask->words[cpu / 64], BIT(cpu % 64), __ATOMIC_SEQ_CST);
}

static inline void cpumask_clear_atomic(struct cpumask *mask, u32 cpu)
{
    __atomic_and_fetch(&mask->words[cpu / 64], ~BIT(cpu % 64), __ATOMIC_SEQ_CST);
}

/* The first CPU below `limit` that is in both sets, searched from `from` round; limit when none. */
u32 cpumask_find_both(const struct cpumask *a, const struct cpumask *b, u32 from, u32 limit);

extern const struct cpumask cpumask_all;

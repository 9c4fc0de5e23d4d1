/*
 * Operations on struct cpumask (sched/thread.h). Not atomic, but for the _atomic ones.
 */
#pragma once

#include "lib/bitmap.h"
#include "sched/thread.h"

static inline void cpumask_set(struct cpumask *mask, u32 cpu)
{
    bitmap_set(mask->words, cpu);
}

static inline void cpumask_clear(struct cpumask *mask, u32 cpu)
{
    bitmap_clear(mask->words, cpu);
}

static inline bool cpumask_test(const struct cpumask *mask, u32 cpu)
{
    return bitmap_test(mask->words, cpu);
}

static inline void cpumask_set_all(struct cpumask *mask)
{
    for (size_t i = 0; i < ARRAY_SIZE(mask->words); i++)
        mask->words[i] = ~0UL;
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

/*
 * Per-CPU data. A variable made by DEFINE_PERCPU exists once for each CPU, as zero: the boot CPU
 * uses the linked copy (offset 0), the others areas made by percpu_init().
 */
#pragma once

#include "core/cpumask.h"
#include "core/preempt.h"

/* In a header: DECLARE_PERCPU(struct x, name); in a .c: [static] DEFINE_PERCPU(struct x, name). */
#define DECLARE_PERCPU(type, name) extern __typeof__(type) percpu_##name
#define DEFINE_PERCPU(type, name)  __section(".percpu") __typeof__(type) percpu_##name

/* The linked copies, from linker.ld; areas keep its place modulo PERCPU_ALIGN. */
extern char __percpu_start[], __percpu_end[];
#define PERCPU_ALIGN 4096

extern u64 *percpu_offsets; /* by CPU [I] after percpu_init */
extern u32 cpu_count;       /* possible CPUs [I] after percpu_init */

/* CPUs that take interrupts and run threads. [A] */
extern struct cpumask cpu_online_mask;

DECLARE_PERCPU(u32, cpu_number);

#if DEBUG
void percpu_check(void); /* panics when the thread could move to another CPU */
#else
#define percpu_check() ((void)0)
#endif

/* This CPU's copy, an lvalue. Preemption off or IRQs masked. */
#define this_cpu(name)                                                                             \
    (*({                                                                                           \
        percpu_check();                                                                            \
        (__typeof__(percpu_##name) *)((char *)&percpu_##name + READ_ONCE(current_head()->percpu)); \
    }))

/* Another CPU's copy, an lvalue; the variable's rule says who may touch it. */
#define per_cpu(name, cpu) \
    (*(__typeof__(percpu_##name) *)((char *)&percpu_##name + percpu_offsets[cpu]))

/* This CPU's number, 0 the boot CPU. Preemption off, or it is only a hint. */
static inline u32 cpu_id(void)
{
    return *(u32 *)((char *)&percpu_cpu_number + READ_ONCE(current_head()->percpu));
}

/*
 * Makes the areas of CPUs 1 to count-1 with alloc (zeroed memory, as mm_alloc). Called once, by
 * the boot CPU alone, before anything that keeps per-CPU state for other CPUs. -ENOMEM leaves
 * one CPU.
 */
int percpu_init(u32 count, void *(*alloc)(size_t size, size_t align));

static inline bool cpu_online(u32 cpu)
{
    return cpumask_test(&cpu_online_mask, cpu);
}

u32 cpu_online_count(void);

/* The first online CPU at or after cpu; cpu_count when there is none. */
u32 cpu_next_online(u32 cpu);

#define for_each_cpu(cpu) for (cpu = 0; cpu < cpu_count; cpu++)
#define for_each_online_cpu(cpu) \
    for (cpu = cpu_next_online(0); cpu < cpu_count; cpu = cpu_next_online(cpu + 1))

/* Inline bodies of arch/cpu.h for unit tests on the host: one CPU, a mask that is a variable. */
#pragma once

#include "lib/types.h"

struct thread_head;

/* Where tests have their memory: each aligned to 2^44, clear of the sanitizers' shadow. */
#define HOST_LINEAR_BASE  0x300000000000UL
#define HOST_VMEMMAP_BASE 0x400000000000UL
#define HOST_VMALLOC_BASE 0x500000000000UL

extern u64 host_irq_mask;
extern struct thread_head *host_current;

static inline u64 irq_save(void)
{
    u64 flags = host_irq_mask;

    host_irq_mask = 1;
    return flags;
}

static inline void irq_restore(u64 flags)
{
    host_irq_mask = flags;
}

static inline void irq_enable(void)
{
    host_irq_mask = 0;
}

static inline void irq_disable(void)
{
    host_irq_mask = 1;
}

static inline bool irqs_disabled(void)
{
    return host_irq_mask != 0;
}

static inline void cpu_relax(void) {}

static inline void cpu_idle(void) {}

#define smp_mb()                __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()               __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()               __atomic_thread_fence(__ATOMIC_RELEASE)

#define smp_load_acquire(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

u64 counter_read(void);

static inline struct thread_head *current_head(void)
{
    return host_current;
}

static inline void set_current_head(struct thread_head *head)
{
    host_current = head;
}

static inline void cpu_protect_branches(void) {}

static inline bool cpu_has_pauth(void)
{
    return false;
}

static inline void user_keys_load(const u64 *keys)
{
    (void)keys;
}

static inline u64 user_keys_off(u32 keys)
{
    (void)keys;
    return 0;
}

static inline u64 unsigned_address(u64 signed_address)
{
    return signed_address;
}

static inline u64 user_tls_get(void)
{
    return 0;
}

static inline void user_tls_set(u64 tls)
{
    (void)tls;
}

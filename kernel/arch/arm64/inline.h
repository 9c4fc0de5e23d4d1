/* Inline bodies of arch/cpu.h for AArch64. */
#pragma once

#include "arch/arm64/alternative.h"
#include "lib/types.h"

struct thread_head;

/* PSTATE.I masks IRQs; FIQs are not used and stay masked. */
static inline u64 irq_save(void)
{
    u64 flags;

    asm volatile("mrs %0, daif\n\tmsr daifset, #2" : "=r"(flags)::"memory");
    return flags;
}

static inline void irq_restore(u64 flags)
{
    asm volatile("msr daif, %0" ::"r"(flags) : "memory");
}

static inline void irq_enable(void)
{
    asm volatile("msr daifclr, #2" ::: "memory");
}

static inline void irq_disable(void)
{
    asm volatile("msr daifset, #2" ::: "memory");
}

static inline bool irqs_disabled(void)
{
    u64 flags;

    asm volatile("mrs %0, daif" : "=r"(flags));
    return flags & (1 << 7);
}

static inline void cpu_relax(void)
{
    asm volatile("yield" ::: "memory");
}

/* The DSB completes earlier stores before sleep (Arm ARM D1.6.2: WFI). */
static inline void cpu_idle(void)
{
    asm volatile("dsb sy\n\twfi" ::: "memory");
}

#define smp_mb()                asm volatile("dmb ish" ::: "memory")
#define smp_rmb()               asm volatile("dmb ishld" ::: "memory")
#define smp_wmb()               asm volatile("dmb ishst" ::: "memory")

#define smp_load_acquire(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

static inline u64 counter_read(void)
{
    u64 ticks;

    asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}

/*
 * TPIDR_EL1 changes only in context_switch, where every register changes: not volatile. So the
 * switch must do it itself: a load moved up between the two would keep the next thread's head.
 */
static inline struct thread_head *current_head(void)
{
    struct thread_head *head;

    asm("mrs %0, tpidr_el1" : "=r"(head));
    return head;
}

static inline void set_current_head(struct thread_head *head)
{
    asm volatile("msr tpidr_el1, %0" ::"r"(head) : "memory");
}

static __always_inline bool cpu_has_pauth(void)
{
    asm goto(ALTERNATIVE("nop", IF_PAUTH, INSN_B_TO(yes)) : : : : yes);
    return false;
yes:
    return true;
}

/* APIB, APDA, APDB, APGA: Lo and Hi of each. */
static inline void user_keys_load(const u64 *keys)
{
    asm volatile("msr S3_0_C2_C1_2, %0\n\tmsr S3_0_C2_C1_3, %1" ::"r"(keys[2]), "r"(keys[3]));
    asm volatile("msr S3_0_C2_C2_0, %0\n\tmsr S3_0_C2_C2_1, %1" ::"r"(keys[4]), "r"(keys[5]));
    asm volatile("msr S3_0_C2_C2_2, %0\n\tmsr S3_0_C2_C2_3, %1" ::"r"(keys[6]), "r"(keys[7]));
    asm volatile("msr S3_0_C2_C3_0, %0\n\tmsr S3_0_C2_C3_1, %1" ::"r"(keys[8]), "r"(keys[9]));
}

/* SCTLR_EL1.EnIA, EnIB, EnDA, EnDB. */
static inline u64 user_keys_off(u32 keys)
{
    return (keys & 1 ? BIT(31) : 0) | (keys & 2 ? BIT(30) : 0) | (keys & 4 ? BIT(27) : 0) |
           (keys & 8 ? BIT(13) : 0);
}

#define SCTLR_BRANCHES (BIT(36) | BIT(35)) /* BT1, BT0: PACIASP is no pad for every branch */

static __always_inline void cpu_protect_branches(void)
{
    u64 sctlr;

    if (!cpu_features.pauth)
        return;
    asm volatile("msr S3_0_C2_C1_0, %1\n\t" /* APIAKeyLo_EL1, APIAKeyHi_EL1 */
                 "msr S3_0_C2_C1_1, %2\n\t"
                 "isb\n\t"
                 "mrs %0, sctlr_el1"
                 : "=r"(sctlr)
                 : "r"(kernel_key[0]), "r"(kernel_key[1]));
    sctlr |= user_keys_off(15) | (cpu_features.bti ? SCTLR_BRANCHES : 0);
    asm volatile("msr sctlr_el1, %0\n\tisb" ::"r"(sctlr) : "memory");
}

static inline u64 unsigned_address(u64 signed_address)
{
    return signed_address | 0xffffUL << 48;
}

static inline u64 user_tls_get(void)
{
    u64 tls;

    asm volatile("mrs %0, tpidr_el0" : "=r"(tls));
    return tls;
}

static inline void user_tls_set(u64 tls)
{
    asm volatile("msr tpidr_el0, %0" ::"r"(tls));
}

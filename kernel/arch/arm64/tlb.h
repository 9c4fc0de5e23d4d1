/*
 * TLB maintenance instructions and the barriers around them (Arm ARM D8.14). Private to arch/arm64.
 *
 * The rule everywhere: entries are stored; DSB ISHST makes the stores visible to the walkers of
 * all CPUs; TLBI ...IS; DSB ISH waits until every CPU has dropped the entries and all accesses
 * through them are done. An ISB follows where this CPU's next instructions depend on it; for user
 * entries the exception return is one.
 */
#pragma once

#include "lib/types.h"

#define TLBI_VA(va)     ((va) >> 12 & ((1UL << 44) - 1))
#define TLBI_ASID(asid) ((u64)(asid) << 48)

/* Stores to tables before this are seen by walks after it, on all CPUs. */
static inline void tables_publish(void)
{
    asm volatile("dsb ishst" ::: "memory");
}

static inline void tlbi_done(void)
{
    asm volatile("dsb ish" ::: "memory");
}

static inline void isb(void)
{
    asm volatile("isb" ::: "memory");
}

/* Last level of one page of one ASID. */
static inline void tlbi_page(u64 context, u64 va)
{
    asm volatile("tlbi vale1is, %0" ::"r"(TLBI_ASID(context) | TLBI_VA(va)) : "memory");
}

/* The same two on this CPU alone, where no other can hold the ASID. */
static inline void tlbi_page_local(u64 context, u64 va)
{
    asm volatile("tlbi vale1, %0" ::"r"(TLBI_ASID(context) | TLBI_VA(va)) : "memory");
}

static inline void tlbi_asid_local(u64 context)
{
    asm volatile("tlbi aside1, %0" ::"r"(TLBI_ASID(context)) : "memory");
}

/* One page of the kernel, all levels. */
static inline void tlbi_kernel_page(u64 va)
{
    asm volatile("tlbi vaae1is, %0" ::"r"(TLBI_VA(va)) : "memory");
}

/* All of one ASID, all levels. */
static inline void tlbi_asid(u64 context)
{
    asm volatile("tlbi aside1is, %0" ::"r"(TLBI_ASID(context)) : "memory");
}

/* Everything. */
static inline void tlbi_all(void)
{
    asm volatile("tlbi vmalle1is" ::: "memory");
}

/*
 * The inline half of the door: chosen by file, not by #if in the code. Freestanding builds are
 * the kernel; hosted builds are the unit tests.
 *
 *   irqflags_t irq_save(void)            mask IRQs, return the earlier state
 *   void irq_restore(irqflags_t)         back to that state
 *   void irq_enable(void), irq_disable(void); bool irqs_disabled(void)
 *   void cpu_relax(void)                 in every spin loop: yield
 *   void cpu_idle(void)                  wait for an interrupt; called and left with IRQs masked
 *   smp_mb() smp_rmb() smp_wmb()         order memory accesses between CPUs
 *   smp_load_acquire(p), smp_store_release(p, v)
 *   u64 counter_read(void)               ticks of cpu_features.counter_hz; may be read a few
 *                                        instructions early
 *   struct thread_head *current_head(void); void set_current_head(struct thread_head *)
 *   void cpu_protect_branches(void)      return addresses are signed on this CPU from here on, so
 *                                        that the caller may not return
 *   u64 unsigned_address(u64)            a kernel return address without the signature that it has
 *                                        in x30 and frame records
 *   bool cpu_has_pauth(void)             cpu_features.pauth, at the cost of a NOP where it is false
 *   void user_keys_load(const u64 *)     the user's keys but APIA, which ret_to_user loads
 *   u64 user_keys_off(u32 keys)          thread_head.keys_off for these keys, APIA's bit the lowest
 *   u64 user_tls_get(void); void user_tls_set(u64)   the user's thread register
 */
#pragma once

#if __STDC_HOSTED__
#include "arch/host/inline.h"
#else
#include "arch/arm64/inline.h"
#endif

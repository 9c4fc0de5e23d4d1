/*
 * Futexes: waiting in the kernel on a word of user memory. Theory in vm/futex.c.
 */
#pragma once

#include "lib/types.h"

struct task;

#define FUTEX_WAIT           0
#define FUTEX_WAKE           1
#define FUTEX_REQUEUE        3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP        5
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_BITSET_ANY     0xffffffffu

#define FUTEX_WAITERS        0x80000000u
#define FUTEX_OWNER_DIED     0x40000000u
#define FUTEX_TID_MASK       0x3fffffffu

void futex_init(void);

/*
 * Sleeps while the word at addr is `value`. deadline is in ns on the monotonic clock, or on the
 * realtime clock with `realtime`; TIMER_NEVER for none. 0 when woken, -EAGAIN when the
 * word differs, -ETIMEDOUT, -ERESTARTSYS on a signal, -EFAULT, -EINVAL (misaligned, no bits).
 */
long futex_wait(u64 addr, bool private, u32 value, u32 bits, u64 deadline, bool realtime);

/* Wakes at most `count` waiters that share a bit with `bits`; how many, or -errno. May sleep. */
long futex_wake(u64 addr, bool private, s32 count, u32 bits);

/*
 * Wakes `wake` waiters of `from` and moves `move` of the rest to `to`; with `compare` only if the
 * word at `from` is *compare (else -EAGAIN). How many were woken (and moved, with compare).
 */
long futex_requeue(u64 from, u64 to, bool private, s32 wake, s32 move, const u32 *compare);

/* FUTEX_WAKE_OP: changes the word at addr2 by `op`, wakes at addr, and at addr2 if op says so. */
long futex_wake_op(u64 addr, u64 addr2, bool private, s32 wake, s32 wake2, u32 op);

/*
 * Exit of a task, while its memory is still there: hands on the robust mutexes that it holds (its
 * robust list), then stores 0 to and wakes the word of CLEARTID (set_tid_address).
 */
void futex_task_exit(struct task *task);

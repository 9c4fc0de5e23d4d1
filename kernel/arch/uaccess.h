/*
 * Raw access to user memory. Each call checks that the range lies below USER_TOP, may fault and
 * sleep when preemption is on, and with preemption off fails where it would have had to sleep.
 */
#pragma once

#include "lib/types.h"

#define USER_TOP (1UL << 48)

/* Copy or clear n bytes; return the number of bytes NOT done, 0 for success. */
size_t user_copy_from(void *to, u64 from, size_t n);
size_t user_copy_to(u64 to, const void *from, size_t n);
size_t user_clear(u64 to, size_t n);

/*
 * One integer of 1, 2, 4 or 8 bytes, aligned or not; size is a constant. The load writes an integer
 * of that size to *out, or nothing when it fails. 0 or -EFAULT.
 */
static inline int user_load(u64 from, void *out, size_t size);
static inline int user_store(u64 to, u64 value, size_t size);

/*
 * Atomically: *seen = *addr; if (*seen == old) *addr = new. Relaxed-free: acquire and release.
 * 0, or -EFAULT.
 */
int user_cmpxchg32(u64 addr, u32 old, u32 new_value, u32 *seen);

#if __STDC_HOSTED__
#include "arch/host/uaccess.h"
#else
#include "arch/arm64/uaccess.h"
#endif

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

/* One value, naturally aligned or not; 0 or -EFAULT. */
int user_load8(u64 from, u8 *out);
int user_load32(u64 from, u32 *out);
int user_load64(u64 from, u64 *out);
int user_store8(u64 to, u8 value);
int user_store32(u64 to, u32 value);
int user_store64(u64 to, u64 value);

/*
 * Copies a string with its NUL, at most max bytes. Returns its length without the NUL, max when
 * no NUL was found within max bytes, or -EFAULT.
 */
ssize_t user_strncpy(char *to, u64 from, size_t max);

/*
 * Atomically: *seen = *addr; if (*seen == old) *addr = new. Relaxed-free: acquire and release.
 * 0, or -EFAULT.
 */
int user_cmpxchg32(u64 addr, u32 old, u32 new_value, u32 *seen);

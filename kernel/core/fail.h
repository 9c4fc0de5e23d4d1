/*
 * Fault injection by call count: the N-th memory allocation from now on fails, once, whoever asks
 * for it; fail_io=N is the same for block transfers. Theory in core/fail.c.
 */
#pragma once

#include "lib/types.h"

/*
 * Allocations left until the one that fails; 0: none will, or it has. When it has, fail_alloc_next
 * is moved here: a second one. /proc/sys/kernel has both. [A]
 */
extern u32 fail_alloc_left, fail_alloc_next;

/* Reads the arguments; before the page frames come up. */
void fail_init(void);

/* Counting starts: right before init runs. */
void fail_arm(void);

/* Is fail_alloc= given, if only as 0? [I] */
bool fail_alloc_wanted(void);

/* Shall this one fail? Each allocator asks once for each of its steps. Any context. */
bool fail_alloc(void);

/*
 * Was the last allocation of this thread made to fail? Who would try again after a failure asks
 * first, and gives up.
 */
bool fail_alloc_injected(void);

bool fail_io(void);

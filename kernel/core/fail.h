/*
 * Fault injection by call count: fail_alloc=N lets the N-th memory allocation after fail_arm()
 * fail, once; fail_io=N the N-th block transfer. Allocators ask on their slow paths only, and
 * keep their per-CPU caches empty while fail_alloc_wanted().
 */
#pragma once

#include "lib/types.h"

/* Reads the arguments; before the page frames come up. */
void fail_init(void);

/* Counting starts: right before init runs. */
void fail_arm(void);

/* Is fail_alloc= given? [I] */
bool fail_alloc_wanted(void);

/* Shall this one fail? Any context. */
bool fail_alloc(void);
bool fail_io(void);

/*
 * The generic timer (Arm ARM D11): the virtual counter and its comparator.
 */
#pragma once

#include "lib/types.h"

/* Ticks of cpu_features.counter_hz; may be read a few instructions early. */
u64 counter_read(void);

/* Raises the virtual timer's interrupt on this CPU at deadline; UINT64_MAX: no interrupt. */
void timer_set(u64 deadline);

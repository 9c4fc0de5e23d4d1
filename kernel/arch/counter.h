/*
 * The generic timer (Arm ARM D11): the virtual counter and its comparator.
 */
#pragma once

#include "lib/types.h"

/* Ticks since the machine's counter began; may be read a few instructions early. */
u64 counter_read(void);

/* Ticks a second. */
u64 counter_frequency(void);

/* Raises the virtual timer's interrupt on this CPU when the counter reaches deadline. */
void timer_set(u64 deadline);

/* No interrupt from the virtual timer of this CPU. */
void timer_stop(void);

/* Lets user mode read the virtual counter on this CPU (for the vDSO). */
void counter_user_enable(void);

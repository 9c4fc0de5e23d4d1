/*
 * The generic timer (Arm ARM D11): the virtual counter and its comparator.
 */
#pragma once

#include "arch/cpu.h" /* counter_read() */

/* Raises the virtual timer's interrupt on this CPU at deadline; UINT64_MAX: no interrupt. */
void timer_set(u64 deadline);

/*
 * The clocks. All are in ns and may be read in any context, panics and interrupts included;
 * before clock_init() they read 0.
 */
#pragma once

#include "lib/time_page.h"

#define NS_PER_SEC  1000000000UL
#define NS_PER_MS   1000000UL
#define NS_PER_US   1000UL
#define NS_PER_TICK (NS_PER_SEC / 100) /* what times(2), siginfo_t and /proc count in */

/* The page for the vDSO, page-aligned and alone on its page, in the kernel image. */
struct time_page *clock_page(void);

/* Monotonic time starts now, at 0. */
void clock_init(void);

u64 clock_monotonic_ns(void);
u64 clock_boottime_ns(void);

/* Since 1970-01-01 UTC. */
u64 clock_realtime_ns(void);
void clock_set_realtime(u64 ns);

/* Counter ticks and ns; to ticks it rounds up. */
u64 ticks_to_ns(u64 ticks);
u64 ns_to_ticks(u64 ns);

/* The counter's value when monotonic time reaches ns (rounded up), for timer_set(). */
u64 clock_counter_at(u64 monotonic_ns);

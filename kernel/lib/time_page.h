/*
 * The page that the kernel and the vDSO compute time from. It is mapped read-only into every
 * process, alone on its page.
 */
#pragma once

#include "lib/types.h"

struct time_page {
    u32 sequence;      /* odd while a writer is inside; readers retry as with a seqlock */
    u32 shift;         /* TIME_SHIFT */
    u64 mult;          /* ns = (ticks * mult) >> shift, computed in 128 bits [I] */
    u64 counter_base;  /* the counter when monotonic time was 0 [I] */
    u64 real_offset;   /* ns from monotonic to realtime */
    u64 boot_offset;   /* ns from monotonic to boottime: 0, nothing suspends */
    u32 frequency;     /* ticks a second [I] */
    u32 resolution_ns; /* of one tick, at least 1 [I] */
};

#define TIME_SHIFT 32

static inline u64 time_page_monotonic(const struct time_page *page, u64 counter)
{
    return (u64)((unsigned __int128)(counter - page->counter_base) * page->mult >> TIME_SHIFT);
}

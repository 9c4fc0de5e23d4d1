/*
 * Timers and the tick. The theory is in timer.c.
 */
#pragma once

#include "lib/rbtree.h"

#define TIMER_NEVER UINT64_MAX

struct timer {
    struct rb_node node;             /* [queue lock] in the tree of its CPU, by deadline */
    u64 deadline;                    /* counter ticks [queue lock] */
    u64 deadline_ns;                 /* as given to timer_start, for whoever set it */
    void (*fn)(struct timer *timer); /* [I] IRQs masked, in interrupt context; may restart it */
    u32 cpu;                         /* queue that holds or runs it [A] */
    bool queued;                     /* [queue lock] */
};

void timer_init(struct timer *timer, void (*fn)(struct timer *timer));

/*
 * Calls fn at deadline_ns of the monotonic clock, on this CPU, not before it; at once when that is
 * past; never for TIMER_NEVER. A timer that is queued is moved. Any context.
 */
void timer_start(struct timer *timer, u64 deadline_ns);

/*
 * Takes it back. True: it was queued, fn will not run for that start. Waits for fn to end if it is
 * running on another CPU, so do not hold what fn takes. Any context but fn itself.
 */
bool timer_cancel(struct timer *timer);

/* The same without waiting: fn may still be running. */
bool timer_cancel_nosync(struct timer *timer);

/* Is it queued? Racy unless the caller serialises. */
static inline bool timer_queued(const struct timer *timer)
{
    return READ_ONCE(timer->queued);
}

/* This CPU's timer interrupt, for the driver. IRQs masked. */
void timer_interrupt(void);

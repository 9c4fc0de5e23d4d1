/*
 * Work: functions run later by a kernel thread, from where sleeping is not allowed. Theory in
 * work.c.
 */
#pragma once

#include "lib/list.h"
#include "sched/timer.h"

struct work {
    struct list link;              /* [L] of the worker */
    void (*fn)(struct work *work); /* in a thread; may sleep, but then the work behind it waits */
    u32 pending;                   /* queued, not yet begun [A] */
    u32 cpu;                       /* worker that has it, or had it last [L] */
};

struct delayed_work {
    struct work work;
    struct timer timer;
};

void work_init_item(struct work *work, void (*fn)(struct work *work));
void delayed_work_init(struct delayed_work *work, void (*fn)(struct work *work));

/* Queues it for this CPU's worker. False: it is queued already, and runs once. Any context. */
bool work_queue(struct work *work);

/* For the worker of that CPU, which must be online. */
bool work_queue_on(u32 cpu, struct work *work);

/* Queues it when the monotonic clock reaches deadline_ns; moves it when it waits already. */
void work_queue_delayed(struct delayed_work *work, u64 deadline_ns);

/* Waits until it neither is queued nor runs. May sleep; not from fn itself. */
void work_flush(struct work *work);

/* Takes it back; true if it was queued. Does not run after return unless queued anew. May sleep. */
bool work_cancel(struct work *work);
bool work_cancel_delayed(struct delayed_work *work);

/* Starts the worker threads. Before it work may be queued, and waits. */
void work_init(void);

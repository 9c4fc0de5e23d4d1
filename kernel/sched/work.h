/*
 * Work: functions run later by a kernel thread, from where sleeping is not allowed. Theory in
 * work.c.
 */
#pragma once

#include "lib/list.h"

struct work {
    struct list link;              /* in the queue; empty: not queued */
    void (*fn)(struct work *work); /* in a thread; may sleep, but then the work behind it waits */
};

void work_init_item(struct work *work, void (*fn)(struct work *work));

/* Queues it unless it is queued already; then it runs once. Any context. */
void work_queue(struct work *work);

/* Waits until it neither is queued nor runs. May sleep; not from a work's fn. */
void work_flush(struct work *work);

/* Starts the worker. Before it work may be queued, and waits. */
void work_init(void);

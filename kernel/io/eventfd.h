/*
 * Event counters: eventfd(2).
 */
#pragma once

#include "lib/types.h"

struct file;

#define EFD_SEMAPHORE 1

/* A new event file with `count`; flags: EFD_SEMAPHORE, O_NONBLOCK. 0 or -ENOMEM. */
int eventfd_create(u32 count, u32 flags, struct file **out);

/* Add `n` to the counter from the kernel (no sleep, any context but interrupts). */
void eventfd_signal(struct file *file, u64 n);

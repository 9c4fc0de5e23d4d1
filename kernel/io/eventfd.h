/*
 * Event counters: eventfd(2).
 */
#pragma once

#include "lib/types.h"

struct file;

#define EFD_SEMAPHORE 1

/* A new event file with `count`; flags: EFD_SEMAPHORE, O_NONBLOCK. 0 or -ENOMEM. */
int eventfd_create(u32 count, u32 flags, struct file **out);

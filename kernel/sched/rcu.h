/*
 * The grace-period side of RCU, beside core/rcu.h: what the scheduler tells it. Theory in rcu.c.
 */
#pragma once

#include "lib/types.h"

extern u64 rcu_wanted; /* number of the newest grace period [A] */

/* From an interrupt: notes that no read section is open here, or makes its end do so. */
void rcu_irq_quiescent(void);

/* Waits until all callbacks queued before have run. May sleep. */
void rcu_barrier(void);

/* Every CPU's list of callbacks, empty. Before the first rcu_call(). */
void rcu_lists_init(void);

/* Starts the grace-period thread. Before it callbacks are kept. */
void rcu_init(void);

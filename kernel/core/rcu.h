/*
 * Read-copy-update. A reader sees an object for as long as its read side lasts; who unlinks the
 * object frees it after a grace period. The read side is preemption off: it must not sleep.
 */
#pragma once

#include "core/preempt.h"

struct rcu_head {
    struct rcu_head *next;
    void (*fn)(struct rcu_head *head);
};

static inline void rcu_read_lock(void)
{
    preempt_disable();
}

static inline void rcu_read_unlock(void)
{
    preempt_enable();
}

/* rcu_guard(); is a declaration: a read side until its block is left. */
struct rcu_guard {
};

static inline struct rcu_guard rcu_guard_begin(void)
{
    rcu_read_lock();
    return (struct rcu_guard){};
}

static inline void rcu_guard_end(const struct rcu_guard *guard)
{
    rcu_read_unlock();
}

#define rcu_guard() SCOPE_GUARD(rcu_guard, rcu_guard)

/* Loads a pointer; what it points at is loaded after it (address dependency, Arm ARM B2.3.3). */
#define rcu_dereference(p) READ_ONCE(p)

/* Publishes a pointer after the stores that made its object. */
#define rcu_assign(p, v) __atomic_store_n(&(p), v, __ATOMIC_RELEASE)

/* The rest is in sched/rcu.c. Calls fn(head) in a thread after a grace period; any context. */
void rcu_call(struct rcu_head *head, void (*fn)(struct rcu_head *head));

/* Returns after a grace period, when the callbacks that came before it have run. Sleeps. */
void rcu_synchronize(void);

/* Starts the thread that runs the callbacks. Before it they are kept. */
void rcu_init(void);

/*
 * What the files of the scheduler share: the run queue and its primitives.
 */
#pragma once

#include "core/percpu.h"
#include "core/spinlock.h"
#include "sched/thread.h"

struct runqueue {
    struct spinlock lock;
    u32 cpu;                  /* [I] */
    u32 running;              /* runnable threads, the idle thread aside [R]; read by all [A] */
    s32 blocked;              /* left for THREAD_BLOCKED here, less those woken here [R] */
    struct thread *current;   /* [R] */
    struct thread *previous;  /* whom finish_switch() has to look after [C] */
    struct thread *idle;      /* [I] */
    struct rb_root fair;      /* waiting fair threads by vruntime [R] */
    struct rb_node *leftmost; /* the first of them [R] */
    u64 min_vruntime;         /* where waking and new threads are placed; only grows [R] */
    u64 tick_at;              /* counter at the next tick while not idle [C] */
    u64 rcu_seen;             /* grace period in which this CPU was last quiescent [A] */
    bool asleep;              /* in WFI with IRQs masked: no handler runs [A] */
    bool overloaded;          /* its bit in overloaded_cpus [R] */
    u64 switches;             /* [R] */
    u64 user_samples, all_samples; /* ticks that found user mode; all ticks [C] */
    u64 started;                   /* counter when the CPU came up [I] */
    u64 sampled_pc;                /* what the last tick interrupted [A] */
    u64 beats, beats_seen;         /* lockup.c: own progress; the neighbour's when last looked at */
    u64 switches_seen;             /* lockup.c */
    u32 stuck_self, stuck_neighbour;
    u32 ticks;                           /* for what is done every few ticks [C] */
    u64 rt_bits[2];                      /* priorities whose list is not empty [R] */
    struct list rt[RT_PRIORITY_MAX + 1]; /* waiting FIFO and RR threads [R] */
};

DECLARE_PERCPU(struct runqueue, runqueue);

/* CPUs in the idle loop, and CPUs with threads that wait; hints that only SMP keeps. [A] */
extern struct cpumask idle_cpus, overloaded_cpus;

/* Periods in counter ticks. [I] */
extern u64 tick_period, fair_slice, wake_credit, wake_granularity, handover_ticks;

enum switch_reason { SWITCH_SLEEP, SWITCH_PREEMPT, SWITCH_YIELD };

static inline struct runqueue *this_rq(void)
{
    return &this_cpu(runqueue);
}

static inline struct runqueue *cpu_rq(u32 cpu)
{
    return &per_cpu(runqueue, cpu);
}

/* Locks the run queue that t belongs to, which may change until it is locked. IRQs masked. */
struct runqueue *thread_rq_lock(struct thread *t);

/* Makes the CPU of rq pick again. Locked. */
void rq_resched_locked(struct runqueue *rq);

/* Does t go before what runs there? Then makes the CPU pick again. Locked. */
void rq_check_preempt_locked(struct runqueue *rq, struct thread *t);

/* Accounts the time since exec_start to the running thread; returns the counter. Locked. */
u64 rq_account_locked(struct runqueue *rq);

/* Adds a thread that becomes runnable, or takes out one that waits. Locked. */
void rq_add_locked(struct runqueue *rq, struct thread *t);
void rq_take_locked(struct runqueue *rq, struct thread *t);

/* The waiting lists alone, without the counts. Locked. `first`: ahead of its equals. */
void queue_insert(struct runqueue *rq, struct thread *t, bool first);
void queue_remove(struct runqueue *rq, struct thread *t);

/*
 * Puts t, runnable and on no queue, on that of the best CPU that it may use; `woken`: by the
 * current thread. Locked before (rq) and after (the one returned).
 */
struct runqueue *rq_place_locked(struct thread *t, struct runqueue *rq, bool woken);

/* Gives the CPU to whom it belongs. IRQs masked, preemption as the caller has it. */
void switch_thread(enum switch_reason reason);

/* The rest of a dead thread's end. IRQs masked, on the stack of another. */
void thread_reap(struct thread *t);

/* balance.c: a CPU for a thread that last ran on `last`. `woken`: by the current thread. */
u32 balance_choose_cpu(const struct thread *t, u32 last, bool woken);

/* balance.c: does some CPU run less than t, a FIFO or RR thread that waits? */
bool balance_rt_may_run(const struct thread *t);

/* balance.c: takes over a thread that waits elsewhere; it joins rq's lists. True if so. Locked. */
bool balance_pull_locked(struct runqueue *rq);

/* balance.c: every tick of a busy CPU. IRQs masked, not locked. */
void balance_tick(struct runqueue *rq);

/* May there be a thread to pull? Always false with one CPU. */
static inline bool balance_possible(void)
{
    u64 any = 0;

    for (u32 i = 0; i * 64 < cpu_count; i++)
        any |= READ_ONCE(overloaded_cpus.words[i]);
    return any;
}

extern u64 rcu_wanted; /* rcu.c: number of the newest grace period [A] */

/* user_state.c: FP registers, address space, hooks, between two threads. Locked, IRQs masked. */
void user_state_switch(struct thread *prev, struct thread *next);

/* timer.c: makes the timer interrupt come by then at the latest. IRQs masked. */
void timer_program(u64 counter);

/* tick.c: the scheduler's share of the timer interrupt; returns when it wants the next one. */
u64 sched_tick(u64 now);

/* timer.c: prepares the queues of all CPUs. */
void timers_init(void);

/* lockup.c: starts this CPU's watch. */
void lockup_start(void);

/* Prepares the run queue of a CPU; idle is what it runs now or will run first. */
void rq_init(u32 cpu, struct thread *idle);

/* An idle thread for another CPU, with a stack; NULL: no memory. */
struct thread *idle_thread_create(u32 cpu);

/* What is left of an RR thread's slice, in counter ticks; UINT64_MAX for others. */
static inline u64 rr_ticks_left(const struct thread *t)
{
    u64 used = t->run_ticks - t->slice_start;

    if (t->policy != SCHED_RR)
        return UINT64_MAX;
    return used < t->slice_ticks ? t->slice_ticks - used : 0;
}

/*
 * total * part / all, without overflow or a 128-bit division. The counts are below 2^32 and read
 * without a lock: at most total, and 0 of nothing.
 */
static inline u64 share_of(u64 total, u64 part, u64 all)
{
    u64 share = all ? total / all * part + total % all * part / all : 0;

    return MIN(share, total);
}

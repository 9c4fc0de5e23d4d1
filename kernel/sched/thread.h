/*
 * Threads and the scheduler's interface. The theory is in sched.c.
 *
 * Letters: [I] fixed after init, [R] lock of the run queue the thread belongs to, [A] atomic,
 * [C] only by the thread itself.
 */
#pragma once

#include "core/cpumask.h"
#include "core/held.h"
#include "core/preempt.h"
#include "lib/list.h"
#include "lib/rbtree.h"

struct page_table;
struct spinlock;
struct thread;

/* A thread sleeps by setting its state, testing its condition, and calling schedule(). */
enum thread_state {
    THREAD_RUNNING = 0,
    THREAD_SLEEPING = 1, /* until woken, or until WORK_SIGNAL is set */
    THREAD_BLOCKED = 2,  /* until woken; counts for the load average */
    THREAD_STOPPED = 4,  /* by job control or a tracer */
    THREAD_DEAD = 8,
    THREAD_NEW = 16, /* before thread_start */
};

/* Is it counted in its run queue, running or waiting there? */
enum thread_on_rq { RQ_NONE, RQ_ON, RQ_MOVING };

#define THREAD_ANY (THREAD_SLEEPING | THREAD_BLOCKED)

/* Policies, with Linux's numbers. */
#define SCHED_OTHER     0
#define SCHED_FIFO      1
#define SCHED_RR        2
#define SCHED_BATCH     3
#define SCHED_IDLE      5
#define SCHED_DEADLINE  6 /* known by name only */

#define RT_PRIORITY_MAX 99
#define RR_SLICE_NS     100000000UL /* what sched_rr_get_interval says */

/* Hooks of whoever embeds a struct thread; one that enters user mode (head.fp) has both. */
struct thread_ops {
    void (*switch_in)(struct thread *t); /* before the switch to t: IRQs masked, run queue locked */
    void (*free)(struct thread *t);      /* t is off its stack for good; atomic; NULL: kfree(t) */
};

struct thread {
    struct thread_head head;       /* first */
    u32 state;                     /* enum thread_state: own writes [C], wake-ups [R] */
    u32 cpu;                       /* CPU whose run queue it belongs to [R] */
    u8 on_rq;                      /* enum thread_on_rq [R] */
    u8 policy;                     /* SCHED_* [R] */
    u8 rt_priority;                /* 1-99 for FIFO and RR, else 0 [R] */
    s8 nice;                       /* -20 to 19 [R] */
    bool reset_on_fork;            /* children start as plain fair threads [A] */
    u32 weight;                    /* of its nice value, 1024 for 0 [R] */
    u32 inverse_weight;            /* 2^32 / weight [R] */
    struct rb_node fair;           /* in the fair tree, by vruntime [R] */
    struct list rt;                /* in the list of its priority [R] */
    u64 vruntime;                  /* counter ticks, scaled by weight [R] */
    u64 slice_start;               /* run_ticks when its present slice began [R] */
    u64 slice_ticks;               /* length of an RR slice [R] */
    u64 exec_start;                /* counter when run_ticks was last brought up to date [R] */
    u64 run_ticks;                 /* counter ticks on a CPU [R] */
    u64 user_samples, all_samples; /* timer ticks that found it in user mode; all [C] */
    u64 voluntary, involuntary;    /* switches away [R] */
    u64 woke_at;                   /* counter when it last woke another; only SMP keeps it [C] */
    bool hands_over;               /* it slept right after that: balance.c [C] */
    struct page_table *page_table; /* user address space; NULL: any will do [C] */
    const struct thread_ops *ops;  /* NULL: a plain kernel thread [I] */
    struct cpumask affinity;       /* CPUs it may run on [R] */
    struct list all;               /* thread_list */
    char name[16];                 /* [C] others may read it torn */
#if DEBUG
    struct held_locks held; /* the mutexes it holds [C] */
#endif
};

extern struct list thread_list; /* every thread but the idle ones; thread_list_lock */
extern struct spinlock thread_list_lock;

static inline struct thread *current_thread(void)
{
    return (struct thread *)current_head();
}

/* ---- Life ---- */

/*
 * Makes a kernel thread that will run entry(arg); it runs once thread_start() is called. NULL when
 * there is no memory. Freed by itself when entry returns or calls thread_exit(). May sleep.
 */
struct thread *thread_create(const char *name, void (*entry)(void *), void *arg);

/* thread_create and thread_start; 0 or -ENOMEM. */
int thread_run(const char *name, void (*entry)(void *), void *arg);

/*
 * Prepares a zeroed thread embedded elsewhere. `stack` is from stack_alloc_nosleep(); its end less
 * `reserve` bytes is where the kernel stack starts (a user thread keeps its trap frame there). The
 * scheduler frees the stack at the end. Inherits policy, nice and affinity of the caller.
 */
void thread_init(struct thread *t, const char *name, void (*entry)(void *), void *arg, void *stack,
                 size_t reserve);

/* Undoes thread_init for a thread that was never started: frees the stack, not *t. */
void thread_discard(struct thread *t);

/* Makes a new thread runnable on a CPU of its affinity. Any context but NMI-like ones. */
void thread_start(struct thread *t);

/* Ends the calling thread. Its stack and ops->free() follow when it is off the CPU. */
void thread_exit(void) __noreturn;

/* ---- Running, sleeping, waking ---- */

/* Runs another thread if one should run; sleeps if the caller's state says so. Preemption on. */
void schedule(void);

/* The caller stays runnable, and all others of its priority (or fair ones) go first. */
void yield(void);

/* States the intent to sleep; orders it before the test of the condition that follows. */
static inline void thread_set_state(u32 state)
{
    __atomic_store_n(&current_thread()->state, state, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/*
 * Makes t runnable when its state is one of `states`: true if it was. Orders earlier stores of the
 * caller before t's return from schedule(). Any context; the caller keeps t from being freed.
 */
bool thread_wake(struct thread *t, u32 states);

/*
 * Says that the caller sleeps or ends soon after it wakes another thread now, which then rather
 * takes over this CPU than one that would have to be woken first. Else the last time decides.
 */
static inline void thread_hands_over(void)
{
    current_thread()->hands_over = true;
}

/* Sets work bits; makes a thread that is in user mode on another CPU look at them soon. */
void thread_notify(struct thread *t, u32 work);

/*
 * schedule() with a deadline on the monotonic clock, TIMER_NEVER for none. The state is set
 * before. 0 when woken (or WORK_SIGNAL), -ETIMEDOUT. State is RUNNING after.
 */
int schedule_until(u64 deadline_ns);

/* 0, or -ERESTARTSYS for an interruptible sleep that a signal cut short. */
int sleep_until(u64 deadline_ns, bool interruptible);

static inline bool thread_signalled(void)
{
    return READ_ONCE(current_head()->work) & WORK_SIGNAL;
}

/* May the caller sleep for an event? Only debug builds know which locks it holds. */
static inline bool thread_may_wait(void)
{
#if DEBUG
    return held_may_wait(&current_thread()->held);
#else
    return true;
#endif
}

/* ---- Attributes ---- */

/* 0, or -EINVAL when the set holds no CPU that is online. A running thread moves at once. */
int thread_set_affinity(struct thread *t, const struct cpumask *mask);
void thread_get_affinity(struct thread *t, struct cpumask *mask);

/* FIFO and RR take priority 1-99, the others 0: else -EINVAL. nice is kept. */
int thread_set_policy(struct thread *t, int policy, int priority);

/* -20 to 19, clamped. */
void thread_set_nice(struct thread *t, int nice);

/* Time on a CPU in ns: in all, and split into user and system by sampling. */
u64 thread_cpu_ns(struct thread *t);
void thread_cpu_times(struct thread *t, u64 *user_ns, u64 *system_ns);

/* ---- Address space and FP registers of the current thread ---- */

/* Changes the current thread's address space (exec, exit: NULL) and activates it. */
void thread_set_page_table(struct page_table *pt);

/*
 * No CPU has pt active after this, so that it may be destroyed: CPUs that run a kernel thread
 * keep the last user table. No thread may use pt any more. Preemption on, IRQs on.
 */
void page_table_retire(struct page_table *pt);

/* The user's FP registers are in *current->head.fp after this. For fork and signal frames. */
void thread_fp_save(void);

/* *current->head.fp was written: it is what user mode must get. */
void thread_fp_changed(void);

/* What WORK_FP asks for, and clears it. IRQs masked. For the return to user mode. */
void thread_fp_restore(void);

/* ---- Statistics ---- */

/* Fixed point, 11 bits of fraction, as sysinfo(2) scales by 2^5 more: 1, 5 and 15 minutes. */
void load_averages(u64 load[3]);

struct cpu_times {
    u64 user_ns, system_ns, idle_ns;
};
void cpu_times_get(u32 cpu, struct cpu_times *times);

/* Of all CPUs: switches since boot; threads that are runnable, and in THREAD_BLOCKED, now. */
struct sched_counts {
    u64 switches;
    u32 running, blocked;
};
void sched_counts_get(struct sched_counts *counts);

u32 threads_total(void); /* all there are, kernel threads too, idle ones aside */

/* ---- The seed's names: tasks that take turns ---- */

/*
 * A task that runs until it yields, or for slice_ns at a time if task_slice() was called before; 0
 * or -ENOMEM. It may return.
 */
int task_create(void (*entry)(void));

/* The timer ends the turn of each task made from now on after so many ns; 0: only yield() does. */
void task_slice(u64 ns);

/* Runs the tasks until all have ended. With none it returns at once. */
void sched_start(void);

/* ---- Bring-up ---- */

/* The boot context becomes CPU 0's idle thread; no other thread yet. IRQs may be masked. */
void sched_init(void);

/* Enters the idle loop: the end of kernel_main. IRQs and preemption come on. */
void idle_loop(void) __noreturn;

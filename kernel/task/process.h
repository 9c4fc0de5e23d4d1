/*
 * struct process: what the threads of one program share, and what stays of it for its parent.
 *
 * Locks: [T] process_tree_lock (kinship, groups, sessions, thread lists; a spinlock for all),
 * [P] this process's own lock (signals, group state), nested inside [T].
 */
#pragma once

#include "core/rcu.h"
#include "core/refcount.h"
#include "core/spinlock.h"
#include "sched/timer.h"
#include "task/rlimit.h"
#include "task/signal.h"
#include "sched/wait.h"

struct task;
struct signal_entry;

struct sighand {
    struct refcount refs;
    struct spinlock lock; /* the actions; inside [P] */
    struct sigaction actions[SIGNAL_MAX];
};

enum process_state {
    PROCESS_ALIVE,
    PROCESS_ZOMBIE, /* its last thread has exited; waits to be reaped */
    PROCESS_REAPED,
};

/* Sums for getrusage(2) and times(2). Times in ns. */
struct process_usage {
    u64 utime, stime;
    u64 minor_faults, major_faults;
    u64 voluntary, involuntary; /* context switches */
    u64 max_rss;                /* KiB */
};

/* An interval timer in CPU or real time, in ns; 0: off. */
struct itimer {
    u64 deadline; /* on its own clock */
    u64 interval;
};

/* process.flags */
#define PROCESS_GROUP_EXIT    1   /* [P] all threads must exit; exit_code holds why */
#define PROCESS_CONT_NOTIFY   2   /* [P] a thread must tell the parent: continued */
#define PROCESS_CONTINUED     4   /* [P] continued, not yet waited for */
#define PROCESS_SUBREAPER     8   /* [A] */
#define PROCESS_HAS_SUBREAPER 16  /* [T] some ancestor is one */
#define PROCESS_EXECED        32  /* [T] for setpgid */
#define PROCESS_UNKILLABLE    64  /* [I] init: default actions do not apply */
#define PROCESS_STOPPED_WAIT  128 /* [P] stopped, not yet waited for */

struct process {
    struct refcount refs; /* 1 for the tree until reaped, 1 for each task */
    u32 tgid;             /* [I] */
    struct pid *pid;      /* [I] */
    u32 flags;
    u32 state; /* [T] enum process_state */
    struct rcu_head rcu;

    struct task *leader;         /* [T] the thread whose tid is tgid; counted */
    struct list threads;         /* [T]+[P] writers hold both: struct task by thread_link */
    u32 thread_count;            /* [P] threads that have not begun to exit; <= those in the list */
    struct process *parent;      /* [T] NULL for init alone */
    struct list children;        /* [T] by sibling */
    struct list sibling;         /* [T] */
    struct list all;             /* [T] all processes, by age */
    struct pid *pgrp, *session;  /* [T] a user of each; NULL once reaped */
    struct list pgrp_link;       /* [T] pgrp->members */
    int exit_signal;             /* [T] to the parent at exit; 0: none */
    struct waitqueue child_wait; /* wait4(): this process's threads wait for children */

    struct spinlock lock;             /* [P] */
    struct sighand *sighand;          /* [P] */
    struct signal_pending pending;    /* [P] for any thread */
    struct signal_entry *spare_entry; /* [P] of signal.c */
    u32 queued;                       /* [P] entries queued, against RLIMIT_SIGPENDING */
    int exit_code;                    /* [P] wait status of a group exit, then of the zombie */
    struct task *exec_task;           /* [P] a thread in exec that waits for the others to go */
    int stop_signal;                  /* [P] job-control stop under way or in force; 0: none */
    u32 stop_count;                   /* [P] threads that have stopped for it */
    u32 continues;                    /* [P] SIGCONTs sent so far */

    struct rlimit rlimits[RLIMIT_COUNT]; /* [P] for writers; words read as they are */
    u64 start_ns;                        /* [I] boot-time clock */
    struct process_usage usage;          /* [P] of exited threads */
    struct process_usage children_usage; /* [P] of reaped children */
    struct timer real_timer;             /* ITIMER_REAL and alarm */
    struct itimer itimers[3];            /* [P] */
    struct timer cpu_timer;   /* looks at CPU time when a limit could have been reached */
    u64 cpu_seen, cpu_delay;  /* [P] CPU time at its last look, and how long it waits */
    struct list posix_timers; /* [P] timer_create */
    s32 next_timer_id;        /* [P] */
    s32 oom_score_adj;        /* [A] */
    u32 dumpable;             /* [A] prctl */
    u32 personality;          /* [A] */
};

extern struct spinlock process_tree_lock;
extern struct list process_list;     /* [T] all processes, zombies included */
extern struct process *init_process; /* [I] once pid 1 exists */
extern u64 process_forks;            /* [T] since boot, for /proc/stat */
extern u32 task_count;               /* [A] threads alive, for sysinfo and /proc/loadavg */

DEFINE_REF_GET(process)

/* Drops a reference; the last frees after a grace period. */
void process_put(struct process *process);

/* A process object, not yet in the tree, with one reference; NULL: no memory. May sleep. */
struct process *process_alloc(void);

/*
 * Moves a process to a group of a session, or out of both with NULL. A leader never leaves its
 * session, and only it makes one. Tree lock held.
 */
void process_set_pgrp_locked(struct process *process, struct pid *pgrp, struct pid *session);

/* The session of a group by its members; NULL: there are none. Tree lock held. */
struct pid *pgrp_session_locked(const struct pid *pgrp);

/* The current process's group and session, with a reference. */
struct pid *current_pgrp_get(void);
struct pid *current_session_get(void);

/*
 * An orphaned group has no member whose parent is in another group of the same session; `except`
 * (or NULL) counts as no member. Such a group is never stopped by the terminal. Tree lock held.
 */
bool pgrp_orphaned_locked(const struct pid *pgrp, const struct process *except);

/*
 * Called by proc, without locks, when a session leader exits, with the session: dev/tty sets it
 * to disassociate the controlling terminal (SIGHUP, SIGCONT to its foreground group). NULL: none.
 */
extern void (*session_leader_exit)(struct pid *session);

/* Sums the usage of live and exited threads into *usage; process lock, taken or held. */
void process_usage_get(struct process *process, struct process_usage *usage);
void process_usage_get_locked(struct process *process, struct process_usage *usage);

/* CPU time of all threads in ns. Takes the process lock. */
u64 process_cpu_ns(struct process *process);

/* Adds what one task has used. */
void task_usage_add(struct task *task, struct process_usage *usage);

/* A table of actions like `from`, NULL: all default; NULL: no memory. May sleep. */
struct sighand *sighand_alloc(struct sighand *from);
/* Handlers go back to the default, ignored signals stay ignored. */
void sighand_reset(struct sighand *sighand);
void sighand_put(struct sighand *sighand); /* NULL does nothing */

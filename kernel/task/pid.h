/*
 * Process numbers. A pid is an object that has one number in each namespace that can see it, and
 * that outlives the task or process that it names: whoever keeps a `struct pid` never meets a
 * stranger who got the same number later. A process group and a session (credentials(7)) are no
 * objects of their own, but the pid of the process that made them, and its members.
 *
 * A number stays reserved while the pid has users: a task, a process, a process group or a
 * session. The object stays while it has references; it is freed after a grace period.
 */
#pragma once

#include "core/rcu.h"
#include "core/refcount.h"
#include "lib/list.h"
#include "sched/wait.h"

struct task;
struct process;
struct tty;

#define PID_MAX_DEFAULT 32768
#define PID_MAX_LIMIT   4194304

struct pid_namespace;

/* One number of a pid; on the hash chain of its namespace. */
struct pid_number {
    struct hlist_node chain;  /* namespace lock, read under RCU */
    u32 number;               /* [I] */
    struct pid_namespace *ns; /* [I] */
};

struct pid {
    struct refcount refs;
    u32 users;               /* namespace lock: what holds the numbers */
    struct task *task;       /* [A] RCU: the thread of this number */
    struct process *process; /* [A] RCU: the process, zombie included */
    struct list members;     /* tree lock: struct process of the group of this number */
    struct tty *tty;         /* [A] of the session of this number; dev/tty sets it */
    struct waitqueue exit;   /* pidfds wait here */
    struct rcu_head rcu;
    struct pid_number numbers[1]; /* [I] from the initial namespace (0) to its own */
};

extern struct pid_namespace init_pid_ns;

/* Number 0: group and session of process 1 until it makes its own. Not to be found by number. */
extern struct pid pid_zero;

extern u32 pid_max; /* [A] numbers are below it; /proc/sys/kernel/pid_max */

/* A fresh pid with one user and one reference. 0, -EAGAIN, -ENOMEM. May sleep. */
int pid_alloc(struct pid **out);

/* One more user, or one fewer; with the last the number is free. The users share one reference. */
void pid_use(struct pid *pid);
void pid_unuse(struct pid *pid);

DEFINE_REF_GET(pid)

void pid_put(struct pid *pid);

DEFINE_SCOPED_PUT(pid, struct pid, pid_put)

/* The pid with this number as the current task sees it; caller in an RCU read section. */
struct pid *pid_find(u32 number);

/* The same with a reference. */
struct pid *pid_find_get(u32 number);

/* The smallest number in use >= number, 0 when there is none. For listing /proc. */
u32 pid_next(u32 number);

/* The number that the current task sees; 0 for NULL. */
static inline u32 pid_number(const struct pid *pid)
{
    return pid ? pid->numbers[0].number : 0;
}

/* The last number given out, for /proc/loadavg. */
u32 pid_last(void);

/*
 * The task or process with this number, NULL when there is none; caller in an RCU read section.
 * The _get forms take a reference and need no section.
 */
struct task *task_find(u32 tid);
struct task *task_find_get(u32 tid);
struct process *process_find(u32 tgid);
struct process *process_find_get(u32 tgid);

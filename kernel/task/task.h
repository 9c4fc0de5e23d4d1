/*
 * struct task: a thread of a user process. Its first member is the scheduler's struct thread, so
 * that the current task is the current thread; kernel threads are no tasks.
 *
 * Letters: [S] only the task itself writes, others read as said; [T], [P] see process.h.
 */
#pragma once

#include "arch/trap.h"
#include "core/uaccess.h"
#include "sched/thread.h"
#include "task/cred.h"
#include "task/process.h"

struct cred;
struct fdtable;
struct fs_context;
struct pid_namespace;
struct vm_space;

/* ---- Namespaces: one set exists so far; each task points at its own. [I] ---- */

#define UTS_LENGTH 65

/* uname(2): the order and the sizes of struct utsname. */
struct uts_names {
    char sysname[UTS_LENGTH];
    char nodename[UTS_LENGTH];
    char release[UTS_LENGTH];
    char version[UTS_LENGTH];
    char machine[UTS_LENGTH];
    char domainname[UTS_LENGTH];
};

struct uts_namespace {
    struct spinlock lock; /* node and domain name */
    struct uts_names names;
};

struct namespaces {
    struct pid_namespace *pid;
    struct uts_namespace *uts;
};

extern struct namespaces init_namespaces;
extern struct uts_namespace init_uts_ns;

/* ---- Tasks ---- */

/* How restart_syscall(2) goes on after a signal without a handler. */
struct restart_block {
    long (*restart)(struct restart_block *block);
    u64 deadline_ns; /* on `clock` */
    struct user_ptr user;
    u64 args[4];
    u32 clock;
};

/* Where the user registered a struct rseq (rseq(2)). */
struct task_rseq {
    struct user_ptr area;
    u32 length, signature;
    u64 section; /* pointer to the critical section, when last looked at */
};

/* task.flags [S] */
#define TASK_EXITING      1
#define TASK_RESTORE_MASK 2 /* sigsuspend and kin: saved_mask comes back after delivery */
#define TASK_NO_NEW_PRIVS 4
#define TASK_FORKED       8 /* has not exec'ed since fork */

struct task {
    struct thread thread;          /* first */
    struct process *process;       /* [I] counted */
    struct cred *cred;             /* [S] others under RCU */
    struct fdtable *files;         /* [S]; others under task_files_lock, for /proc */
    struct fs_context *fs;         /* [S]; others under task_files_lock */
    struct vm_space *space;        /* [S]; others under task_files_lock; NULL once exiting */
    struct namespaces *namespaces; /* [S] */
    struct refcount refs;          /* 1 for the thread until it is switched away from for good */
    u32 tid;                       /* [T] changes only by exec of a thread */
    u32 flags;                     /* [S] */
    struct pid *pid;               /* [T] */

    u64 blocked;                   /* [S], [P] when changed while others may send */
    u64 saved_mask;                /* [S] with TASK_RESTORE_MASK */
    u64 real_blocked;              /* [P] rt_sigtimedwait: blocked when it does not wait; else 0 */
    struct signal_pending pending; /* [P] */
    bool stopped;                  /* [P] counted in stop_count */
    struct sigaltstack altstack;   /* [S] */
    struct sigaction new_action;   /* [S] what rt_sigaction(2) has read */
    u64 fault_address, fault_esr;  /* [S] of the last fault, for the frame */

    struct user_ptr set_tid;      /* [S] CLONE_CHILD_SETTID: written before user mode */
    struct user_ptr clear_tid;    /* [S] cleared and woken at exit */
    struct user_ptr robust_list;  /* [S] */
    struct task_rseq rseq;        /* [S] */
    u32 rseq_cpu;                 /* [S] CPU last written to the area */
    struct restart_block restart; /* [S] */
    struct task *vfork_parent;    /* [A] counted: waits until this task execs or exits */

    struct list thread_link;    /* [T]+[P] process->threads */
    struct spinlock files_lock; /* for others' look at files, fs, space */
    struct rcu_head rcu;
    u64 start_ns;                   /* [I] boot-time clock */
    u64 minor_faults, major_faults; /* [S] */
    u64 timer_slack_ns;             /* [S] */
    int parent_death_signal;        /* [S] */
    u32 unknown_logged; /* [S] filter: hash bits of unknown calls logged for this program */
    struct fp_state fp_state;
};

/* The current task; NULL in a kernel thread. */
static inline struct task *current_task(void)
{
    struct thread_head *head = current_head();

    return head->fp ? (struct task *)head : NULL;
}

/*
 * New random values for those keys of pointer authentication of the current task whose bits are set
 * (bits of prctl(2), PR_PAC_RESET_KEYS). Nothing on a CPU without.
 */
#define KEYS_ADDRESS 15 /* APIA, APIB, APDA, APDB */
#define KEYS_ALL     31 /* and APGA */
void task_keys_reset(u32 keys);

/* The current task, where the caller knows that it is one: system calls. */
static inline struct task *self_task(void)
{
    return (struct task *)current_head();
}

/* The current task's, or init_cred in a kernel thread; valid until the caller changes it. */
static inline const struct cred *current_cred(void)
{
    struct task *task = current_task();

    return task ? task->cred : &init_cred;
}

static inline struct cred *cred_copy(void)
{
    return cred_copy_of(current_cred());
}

/* The frame with which it came from user mode: the end of its kernel stack. */
static inline struct trap_frame *user_frame(const struct task *task)
{
    return (struct trap_frame *)task->thread.head.stack_high - 1;
}

static inline struct process *current_process(void)
{
    return self_task()->process;
}

DEFINE_REF_GET(task)

/* Drops a reference; the last frees after a grace period. */
void task_put(struct task *task);

DEFINE_SCOPED_PUT(task, struct task, task_put)

/*
 * An empty task of a process, with a kernel stack, that will run entry(itself); NULL: no memory.
 * Its trap frame is zero. One reference, the thread's. May sleep.
 */
struct task *task_alloc(struct process *process, void (*entry)(void *));

/* Undoes task_alloc for a task that was never started. */
void task_discard(struct task *task);

/*
 * Another task's space, files or fs with a reference of their own are taken by proc and procfs
 * under this lock: task_lock, look, get, task_unlock.
 */
static inline void task_lock(struct task *task)
{
    spin_lock(&task->files_lock);
}

static inline void task_unlock(struct task *task)
{
    spin_unlock(&task->files_lock);
}

/* Another task's credentials with a reference. */
struct cred *task_cred_get(struct task *task);

/* May the current task signal, or look into, the target (kill(2), ptrace access modes)? */
bool task_may_signal(struct process *target, int sig);
bool task_may_signal_locked(struct process *target, int sig); /* under the tree lock */
bool task_may_inspect(struct task *target);

/* Lets go a parent that waits in vfork for this task. */
void task_vfork_done(struct task *task);

/* Caches, pids and the initial credentials. */
void task_init(void);

/*
 * Sending and queueing signals. Delivery, which touches the user's frame, is proc/signal.c.
 * Theory in signal.c. Nothing here sleeps; all may be called from interrupts with a
 * reference or RCU section that keeps the target.
 */
#pragma once

#include "lib/list.h"
#include "task/siginfo.h"

struct task;
struct process;
struct pid;

/* What is pending for a task or a process. Guarded by the process lock [P]. */
struct signal_pending {
    u64 set;
    struct list queue; /* struct signal_entry, in order of arrival */
};

/* signal(7): what SIG_DFL does. */
#define SIGNALS_STOP \
    (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define SIGNALS_IGNORED \
    (SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGURG))
#define SIGNALS_UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define SIGNALS_FAULT                                                                      \
    (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | \
     SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))

/*
 * Send to one task, to a process (any thread of it), or to each process of a group. info NULL:
 * from the kernel (SI_KERNEL). sig is 1 to 64. No permission checks: the callers' business.
 * 0, -ESRCH when the target is gone, -EAGAIN when a real-time signal cannot be queued.
 */
int signal_send_task(struct task *task, int sig, const struct siginfo *info);
int signal_send_process(struct process *process, int sig, const struct siginfo *info);
int signal_send_pgrp(struct pid *pgrp, int sig, const struct siginfo *info);

/* As `info` of these: the current task sends by kill(2). Saves making one on the stack. */
extern const struct siginfo signal_by_kill;

/* The same for a caller that holds the tree lock. */
int signal_send_pgrp_locked(struct pid *pgrp, int sig, const struct siginfo *info);

/* To a task, or with NULL to the process, whose lock is held; 1 when the target ignores it. */
int signal_send_locked(struct process *process, struct task *task, int sig,
                       const struct siginfo *info);

/*
 * A fault of the current task: unblocks the signal, and resets it to its default when it was
 * blocked or ignored, so that it is delivered before user mode runs on.
 */
void signal_force(int sig, int code, u64 address);

/* Has the current thread a signal, stop or exit to look at? One load. */
bool signal_pending(void);

/* Is a SIGKILL or group exit waiting for the current thread? */
bool signal_fatal_pending(void);

/* Would the current task not be signalled by sig (blocked or ignored)? For tty job control. */
bool signal_ignored_or_blocked(int sig);

/* Fills in who sends: the current task, code SI_USER or SI_TKILL. */
void siginfo_user(struct siginfo *info, int sig, int code);

/*
 * For delivery (proc/signal.c) and the calls that change masks. The _locked ones want the
 * current process's lock [P].
 */

/*
 * Takes the next signal of the current task that is not in `blocked` off its queues, faults
 * first, then the lowest number; its number and *info, or 0.
 */
int signal_dequeue_locked(u64 blocked, struct siginfo *info);

/* Sets or clears WORK_SIGNAL of the current task by what is pending. */
void signal_recalc_locked(void);

/* Changes the current task's mask; KILL and STOP are taken out of it. */
void signal_set_blocked(u64 blocked);

/* Wakes other threads for pending signals that `self` no longer takes. */
void signal_retarget_locked(struct process *process, struct task *self, u64 newly_blocked);

/* Drops pending signals of `set` everywhere in a process, or in one place. */
void signal_flush_locked(struct process *process, u64 set);
void signal_flush_pending_locked(struct process *process, struct signal_pending *pending, u64 set);

/* Starts the end of a process: all threads see SIGKILL; exit_code is its wait status. */
void signal_kill_process_locked(struct process *process, int exit_code);

/* Makes all threads but one, or all, see SIGKILL. */
void signal_kill_threads_locked(struct process *process, const struct task *except);

/* Sets WORK_SIGNAL of a thread and gets it to look: out of a sleep, or off the CPU. */
void signal_wake(struct task *task, bool fatal);

/* Does sig do nothing under SIG_DFL of this process, or is it set to SIG_IGN? */
bool signal_is_ignored_locked(struct process *process, int sig);

/*
 * On the way to user mode: the delivery of signals (sending is task/signal.h), and restartable
 * sequences (rseq(2)).
 */
#pragma once

#include "lib/types.h"

struct siginfo;
struct sigaltstack;
struct trap_frame;

/*
 * What WORK_SIGNAL asks for: stops, ends the process, or builds the frame of one handler, and
 * sees to the restart of an interrupted call. IRQs enabled. Clears WORK_SIGNAL when nothing is
 * left to do.
 */
void signal_deliver(struct trap_frame *f);

/* rt_sigreturn(2): the user's x0 as it was; a bad frame gives SIGSEGV. */
long signal_return(struct trap_frame *f);

/* sigaltstack(2); either may be NULL. 0, -EPERM, -EINVAL, -ENOMEM. */
int signal_altstack(const struct sigaltstack *new, struct sigaltstack *old, u64 sp);

/*
 * rt_sigtimedwait(2): takes a signal of `set`, waiting until deadline_ns (TIMER_NEVER for ever).
 * Its number and *info, -EAGAIN at the deadline, -EINTR for another signal.
 */
int signal_wait(u64 set, u64 deadline_ns, struct siginfo *info);

/* Swaps the mask until the call has returned through signal_deliver(): sigsuspend, ppoll. */
void signal_mask_temporarily(u64 mask);

/* rseq(2) of the current task. 0 or -errno. */
int rseq_register(u64 area, u32 length, u32 flags, u32 signature);

/*
 * Before user mode after a preemption, migration or signal: writes the CPU's number into the area
 * and, when the frame stands in a critical section, moves it to the abort handler. May sleep; bad
 * user memory gives SIGSEGV.
 */
void rseq_update(struct trap_frame *f);

/* May the current task stand in a critical section? One load from user memory. */
bool rseq_in_section(void);

/*
 * The functions that the architecture calls and the floors above define: linked upward, never
 * included upward.
 */
#pragma once

#include "arch/trap.h"

/* main: where the boot CPU enters C in the high half; dtb is where the tree lies, 0 for none. */
void kernel_main(paddr_t dtb) __noreturn;

/* sched: where a secondary CPU enters, on its idle thread, IRQs masked. */
void cpu_main(struct thread_head *idle) __noreturn;

/* core: an IRQ was taken. IRQs masked. */
void trap_irq(struct trap_frame *f);

/* core: an exception that nobody handles. */
void exception_report(u64 esr, u64 elr, u64 far) __noreturn;

/* sys: SVC from user mode: the first six registers, and x8; returns x0. IRQs enabled. */
long trap_syscall(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 number);

/*
 * sys: a fault. From user mode: IRQs enabled; ends in a repaired fault or a signal. From the
 * kernel on a user address: entered with the IRQ mask of the interrupted code; false when the
 * access cannot be repaired and has to fail.
 */
bool trap_fault(struct trap_frame *f, struct fault *fault);

/* sys: work before the return to user mode. IRQs masked on entry and on return. */
void trap_user_return(struct trap_frame *f, u32 work);

/* sched: preemption on the way out of an IRQ in the kernel. IRQs masked on entry and return. */
void preempt_schedule_irq(void);

/* sched: first thing of a new thread; and its entry returned. This comes back for a user thread,
 * which then goes to user mode by the frame at the end of its stack. */
void thread_first_run(void);
void thread_entry_returned(void);

/*
 * The upcalls of the architecture that concern programs: system calls, faults, and what is left
 * to do before user mode. Declared in arch/upcall.h.
 */
#include "arch/trap.h"
#include "arch/upcall.h"
#include "core/preempt.h"
#include "proc/rseq.h"
#include "proc/signal.h"
#include "sys/calls.h"
#include "task/task.h"
#include "vm/space.h"

/* The table has a function for each number below its limit: a check, a load, a jump. */
long trap_syscall(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, struct trap_frame *f)
{
    u64 number = (u64)f->syscall;

    if (unlikely(number >= SYSCALL_LIMIT))
        number = SYSCALL_LIMIT - 1; /* never implemented */
    return syscall_table[number](a0, a1, a2, a3, a4, a5);
}

struct fault_signal {
    u8 signal, code;
    bool at_pc; /* si_addr is the instruction */
};

/* What a fault that no mapping repairs is to a program. */
static const struct fault_signal fault_signals[] = {
    [FAULT_ALIGNMENT] = {SIGBUS, BUS_ADRALN, false},
    [FAULT_EXTERNAL] = {SIGBUS, BUS_OBJERR, false},
    [FAULT_ADDRESS] = {SIGSEGV, SEGV_MAPERR, false},
    [FAULT_UNDEFINED] = {SIGILL, ILL_ILLOPC, true},
    [FAULT_BREAKPOINT] = {SIGTRAP, TRAP_BRKPT, true},
    [FAULT_STEP] = {SIGTRAP, TRAP_TRACE, true},
    [FAULT_FP] = {SIGFPE, FPE_FLTUNK, true},
    [FAULT_PC] = {SIGBUS, BUS_ADRALN, false},
    [FAULT_SP] = {SIGBUS, BUS_ADRALN, false},
    [FAULT_BTI] = {SIGILL, ILL_ILLOPC, true},
    [FAULT_PAUTH] = {SIGILL, ILL_ILLOPN, true},
    [FAULT_OTHER] = {SIGILL, ILL_ILLOPC, true},
};

static bool is_memory_fault(const struct fault *fault)
{
    return fault->kind == FAULT_TRANSLATION || fault->kind == FAULT_PERMISSION ||
           fault->kind == FAULT_ACCESS_FLAG;
}

/* A user-mode fault that stays one. */
static void fault_to_signal(struct trap_frame *f, const struct fault *fault, int signal, int code)
{
    struct task *self = self_task();
    u64 address = fault->address;
    bool about_pc = false;

    if (!signal) {
        const struct fault_signal *s = &fault_signals[fault->kind];

        signal = s->signal;
        code = s->code;
        about_pc = s->at_pc;
        if (about_pc)
            address = f->pc;
    }
    if (signal == SIGKILL) {
        signal_send_task(self, SIGKILL, NULL);
        return;
    }
    /* Only the faults that have an address leave one, and the ESR, in signal frames. */
    self->fault_address = about_pc ? 0 : address;
    self->fault_esr = about_pc ? 0 : fault->esr;
    signal_force(signal, code, address);
}

bool trap_fault(struct trap_frame *f, struct fault *fault)
{
    struct task *self = current_task();
    int signal = 0, code = 0;

    if (is_memory_fault(fault) && self && self->space && (fault->user || !in_atomic())) {
        signal = vm_fault(self->space, fault, &code);
        if (likely(!signal)) {
            self->minor_faults++;
            return true;
        }
    }
    if (fault->user) {
        fault_to_signal(f, fault, signal, code);
        return true;
    }
    if (signal == SIGKILL)
        signal_send_task(self, SIGKILL, NULL);
    return false;
}

/* IRQs are masked between the last look at the work word and user mode. */
void trap_user_return(struct trap_frame *f, u32 work)
{
    struct thread_head *head = current_head();

    while (work & (WORK_SIGNAL | WORK_RESCHED | WORK_NOTIFY)) {
        irq_enable();
        if (work & WORK_RESCHED)
            schedule();
        if (work & WORK_SIGNAL)
            signal_deliver(f);
        if (work & WORK_NOTIFY)
            rseq_update(f);
        irq_disable();
        work = READ_ONCE(head->work);
    }
    if (work & WORK_FP)
        thread_fp_restore();
}

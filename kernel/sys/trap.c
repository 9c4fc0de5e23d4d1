/*
 * The upcalls of the architecture that concern programs: system calls, faults, and what is left
 * to do before user mode. Declared in arch/upcall.h. And the table of the calls.
 */
#include "arch/trap.h"
#include "arch/upcall.h"
#include "core/log.h"
#include "core/preempt.h"
#include "proc/signal.h"
#include "sys/calls.h"
#include "task/task.h"
#include "vm/space.h"

static u64 unknown_count; /* calls that no one implements, since boot [A] */

typedef long (*syscall_fn)(u64, u64, u64, u64, u64, u64);

#define SYSCALL_LIMIT 480 /* numbers lie below this */

/*
 * Logged once for each program and number, as far as 32 bits can tell numbers apart; for dmesg,
 * not for the console.
 */
static long unknown(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
    struct task *self = self_task();
    s64 number = user_frame(self)->syscall;
    u32 bit = 1u << (number % 32 & 31);

    __atomic_add_fetch(&unknown_count, 1, __ATOMIC_RELAXED);
    if (!(self->unknown_logged & bit)) {
        self->unknown_logged |= bit;
        log_print(LOG_DEBUG, "%s[%u]: system call %ld is not implemented", self->thread.name,
                  self->process->tgid, (long)number);
    }
    return -ENOSYS;
}

/* Each call ignores the registers behind its own arguments (AAPCS64 6.4). */
#define SYSCALL(number, name, ...)              [number] = (syscall_fn)(void (*)(void))sys_##name,
#define SYSCALL_AS(number, name, function, ...) SYSCALL(number, function)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const syscall_fn syscall_table[SYSCALL_LIMIT] = {
    [0 ... SYSCALL_LIMIT - 1] = unknown,
#include "sys/table.h"
};
#pragma GCC diagnostic pop

/* The table has a function for each number below its limit: a check, a load, a jump. */
long trap_syscall(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 number)
{
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

#define WORK_BEFORE_USER (WORK_SIGNAL | WORK_RESCHED | WORK_NOTIFY)

/* Until nothing of it is left; what the work word says then. */
static __noinline u32 work_before_user(struct trap_frame *f, u32 work)
{
    struct thread_head *head = current_head();

    while (work & WORK_BEFORE_USER) {
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
    return work;
}

/* IRQs are masked between the last look at the work word and user mode. */
void trap_user_return(struct trap_frame *f, u32 work)
{
    if (work & WORK_BEFORE_USER)
        work = work_before_user(f, work);
    if (work & WORK_FP)
        thread_fp_restore();
}

/*
 * exception_report(): an exception that no part of the kernel expects. The syndrome is spelled out
 * after the Arm ARM, D17.2.37 (ESR_EL1).
 */
#include "arch/cpu.h"
#include "arch/upcall.h"
#include "core/panic.h"

static const char *const classes[64] = {
    [0x00] = "unknown reason (undefined instruction)",
    [0x01] = "trapped WFI or WFE",
    [0x07] = "trapped SVE, SIMD or floating-point access",
    [0x0d] = "branch target exception",
    [0x0e] = "illegal execution state",
    [0x15] = "SVC in AArch64 state",
    [0x16] = "HVC in AArch64 state",
    [0x17] = "SMC in AArch64 state",
    [0x18] = "trapped MSR, MRS or system instruction",
    [0x19] = "trapped SVE access",
    [0x1c] = "pointer authentication failure",
    [0x20] = "instruction abort from a lower level",
    [0x21] = "instruction abort",
    [0x22] = "PC alignment fault",
    [0x24] = "data abort from a lower level",
    [0x25] = "data abort",
    [0x26] = "SP alignment fault",
    [0x2c] = "trapped floating-point exception",
    [0x2f] = "SError interrupt",
    [0x30] = "breakpoint from a lower level",
    [0x31] = "breakpoint",
    [0x32] = "software step from a lower level",
    [0x33] = "software step",
    [0x34] = "watchpoint from a lower level",
    [0x35] = "watchpoint",
    [0x3c] = "BRK instruction",
};

/* Fault status codes, bits 5:2 of the ISS; the level is in bits 1:0 for the first four. */
static const char *const statuses[16] = {
    [0] = "address size fault", [1] = "translation fault",
    [2] = "access flag fault",  [3] = "permission fault",
    [4] = "external abort",     [5] = "external abort on a table walk",
    [6] = "parity error",       [7] = "parity error on a table walk",
    [8] = "alignment fault",    [12] = "TLB conflict",
};

static bool is_abort(u64 class)
{
    return class == 0x20 || class == 0x21 || class == 0x24 || class == 0x25;
}

/* Is it the unmapped half below the running thread's stack? */
static bool is_stack_overflow(u64 far)
{
    u64 low = (u64)current_head()->stack_low;

    return far < low && far >= low - THREAD_STACK_SIZE;
}

/*
 * Is it what authentication makes of a return address that it refuses, on a CPU that does not fault
 * then (no FEAT_FPAC)? Of the copies of bit 55, two become an error code (Arm ARM D8.10, Auth()).
 */
static bool is_refused_signature(u64 pc)
{
    return (pc | 3UL << 61) >> 48 == 0xffff && pc >> 48 != 0xffff;
}

static const char *cause(u64 elr, u64 far)
{
    return is_stack_overflow(far)      ? "kernel stack overflow"
           : is_refused_signature(elr) ? "pointer authentication failure"
                                       : "unhandled exception";
}

void exception_report(u64 esr, u64 elr, u64 far)
{
    u64 class = esr >> 26 & 63, status = esr >> 2 & 15;
    const struct trap_frame *f = trap_reported_frame;
    const char *name = classes[class] ? classes[class] : "reserved exception class";

    if (!is_abort(class))
        panic_at(f, "unhandled exception: %s\nESR %08lx (class 0x%02lx)  ELR %016lx  FAR %016lx",
                 name, esr, class, elr, far);
    panic_at(f,
             "%s: %s, %s at level %lu, on a %s\n"
             "ESR %08lx (class 0x%02lx)  ELR %016lx  FAR %016lx",
             cause(elr, far), name, statuses[status] ? statuses[status] : "reserved status",
             esr & 3,
             class < 0x24     ? "fetch"
             : esr & (1 << 6) ? "write"
                              : "read",
             esr, class, elr, far);
}

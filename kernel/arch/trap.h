/*
 * Exceptions: the registers saved on entry, and the decoded fault.
 */
#pragma once

#include "arch/thread.h"
#include "lib/types.h"

struct trap_frame {
    u64 regs[31];  /* x0 to x30: x0 is a call's result, x8 its number */
    u64 sp;        /* 248: user SP, or the kernel's before the exception */
    u64 pc;        /* 256: ELR_EL1 */
    u64 pstate;    /* 264: SPSR_EL1 */
    u64 orig_x0;   /* 272: the first argument, for restarts; from EL1 with pan=sw: TTBR0_EL1 */
    s64 syscall;   /* 280: call number, or -1 when this is no system call */
    u64 record[2]; /* 288: a frame record, so that backtraces cross the exception */
};

enum fault_kind {
    FAULT_TRANSLATION, /* no mapping */
    FAULT_PERMISSION,
    FAULT_ACCESS_FLAG,
    FAULT_ALIGNMENT,
    FAULT_EXTERNAL,   /* synchronous external abort */
    FAULT_ADDRESS,    /* not a canonical address */
    FAULT_UNDEFINED,  /* undefined instruction */
    FAULT_BREAKPOINT, /* BRK, hardware breakpoint, watchpoint */
    FAULT_STEP,       /* single step */
    FAULT_FP,         /* trapped floating-point exception */
    FAULT_PC,         /* misaligned PC */
    FAULT_SP,         /* misaligned SP */
    FAULT_BTI,        /* branch target */
    FAULT_PAUTH,      /* pointer authentication */
    FAULT_OTHER,
};

struct fault {
    u64 address; /* FAR_EL1 where it holds, else the PC */
    u64 esr;     /* ESR_EL1, for the signal frame and reports */
    enum fault_kind kind;
    bool write, exec; /* both false: a read */
    bool user;        /* taken from EL0 */
};

/* Bits of pstate: 0 in user mode. */
#define PSTATE_KERNEL 15

/* Bytes of the instruction that made a system call: what a restart takes from pc. */
#define SYSCALL_INSN_SIZE 4

/* The registers of the exception that exception_report() is called for; NULL before. */
extern const struct trap_frame *trap_reported_frame;

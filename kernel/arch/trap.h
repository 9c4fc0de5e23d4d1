/*
 * Exceptions: the registers saved on entry, and the decoded fault.
 */
#pragma once

#include "arch/thread.h"
#include "lib/types.h"

struct trap_frame {
    u64 regs[31];  /* x0 to x30 */
    u64 sp;        /* 248: user SP, or the kernel's before the exception */
    u64 pc;        /* 256: ELR_EL1 */
    u64 pstate;    /* 264: SPSR_EL1 */
    u64 orig_x0;   /* 272: the first argument, for restarts */
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

static inline bool frame_user(const struct trap_frame *f)
{
    return (f->pstate & 15) == 0;
}

/* The frame with which this thread entered the kernel from user mode. */
static inline struct trap_frame *user_frame(const struct thread_head *head)
{
    return (struct trap_frame *)head->stack_high - 1;
}

static inline u64 frame_pc(const struct trap_frame *f)
{
    return f->pc;
}

static inline u64 frame_sp(const struct trap_frame *f)
{
    return f->sp;
}

static inline s64 frame_syscall(const struct trap_frame *f)
{
    return f->syscall;
}

static inline u64 frame_arg(const struct trap_frame *f, int i)
{
    return i == 0 ? f->orig_x0 : f->regs[i];
}

static inline long frame_result(const struct trap_frame *f)
{
    return f->regs[0];
}

static inline void frame_set_result(struct trap_frame *f, long result)
{
    f->regs[0] = result;
}

/* Makes the system call of this frame run again when user mode is entered. */
static inline void frame_restart(struct trap_frame *f)
{
    f->regs[0] = f->orig_x0;
    f->pc -= 4;
}

/* A fresh user state: all registers zero but PC and SP. */
void frame_user_init(struct trap_frame *f, u64 pc, u64 sp);

/* Leaves the kernel by *user_frame(current) for the first time. IRQs in any state. */
void user_enter(void) __noreturn;

/*
 * Tries to resume a kernel access to user memory at its fix-up: true when the PC of the frame
 * has one, and the frame was changed to go there.
 */
bool trap_fixup(struct trap_frame *f);

/* The registers of the exception that exception_report() is called for; NULL before. */
extern const struct trap_frame *trap_reported_frame;

/* install_vectors: sets VBAR_EL1 of this CPU to exception_vectors (both in vectors.S). */
void install_vectors(void);

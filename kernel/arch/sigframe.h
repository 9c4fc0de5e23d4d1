/*
 * The frame that a signal handler runs on, byte for byte as Linux's arm64 has it: siginfo_t,
 * ucontext_t with its tagged records, and a frame record above (see sigframe.c).
 */
#pragma once

#include "arch/trap.h"

/* What AT_MINSIGSTKSZ tells: the largest frame with its record and alignment. */
#define SIGFRAME_MIN_STACK 4720

/* The first 48 bytes of ucontext_t. */
struct sigframe_context {
    u64 flags, link; /* 0 */
    u64 altstack[3]; /* stack_t: as it was before delivery */
    u64 mask;        /* blocked signals to come back with sigreturn */
};

struct sigframe_info {
    struct sigframe_context context;
    const void *siginfo; /* 48 bytes, or NULL when the handler takes no siginfo_t */
    u64 stack;           /* stack pointer to build below: user's or alternate stack's end */
    u64 handler, restorer;
    u64 fault_address, fault_esr; /* esr 0: no such record */
    int signal;
};

/*
 * Builds the frame of the current thread and points *f at the handler. The user's FP registers
 * must be in *fp. 0 or -EFAULT, and then *f is as it was. May sleep.
 */
int sigframe_push(struct trap_frame *f, const struct fp_state *fp,
                  const struct sigframe_info *info);

/*
 * The reverse: reads the frame at the user's SP into *f, *fp and *context. 0, or -EFAULT or
 * -EINVAL for a frame that cannot be read or trusted; *f may then be changed in part, never to a
 * privileged state.
 */
int sigframe_pop(struct trap_frame *f, struct fp_state *fp, struct sigframe_context *context);

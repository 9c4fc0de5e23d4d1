/*
 * What the architecture keeps of a thread: the head of every struct thread.
 */
#pragma once

#include "lib/types.h"

/*
 * A kernel stack is THREAD_STACK_SIZE bytes in the upper half of a region aligned to twice that;
 * the lower half is not mapped. So a stack pointer with bit log2(THREAD_STACK_SIZE) clear has
 * left its stack, which the exception vectors test before they store anything.
 */
#define THREAD_STACK_SIZE 0x4000UL

/* The callee-saved registers, in the order and at the offsets that context.S relies on. */
struct context {
    u64 saved[10]; /* x19 to x28 */
    u64 frame;     /* x29 at 80 */
    u64 link;      /* x30 at 88 */
    u64 stack;     /* sp at 96 */
};

/* The user's FP/SIMD registers. */
struct fp_state {
    u64 vregs[64]; /* v0 to v31, 16 bytes each */
    u32 fpsr, fpcr;
    u64 pad;
} __aligned(16);

/* Two words each of the keys APIA, APIB, APDA, APDB and APGA (pointer authentication). */
#define KEY_WORDS 10

/* Work to do before the next return to user mode; tested as one word. */
enum thread_work {
    WORK_SIGNAL = 1,  /* a signal, stop or exit to look at */
    WORK_RESCHED = 2, /* another thread should run; also tested when preemption comes back on */
    WORK_FP = 4,      /* the user's FP registers are not in the CPU */
    WORK_NOTIFY = 8,  /* callbacks of the owner (rseq) */
    WORK_TRACE = 16,  /* a tracer wants this call */
};

struct thread_head {
    struct context context; /* 0: written by context_switch */
    u64 canary;             /* 104: the stack protector's, random for each thread [I] */
    u64 percpu;             /* 112: offset of the per-CPU area of the CPU it runs on [C] */
    u32 preempt_count;      /* 120: 0 when it may be preempted [C] */
    u32 work;               /* 124: enum thread_work [A] */
    char *stack_low;        /* 128: first mapped byte of the kernel stack [I] */
    char *stack_high;       /* 136: its end; a user thread's trap frame ends here [I] */
    struct fp_state *fp;    /* 144: NULL for a thread that never enters user mode [I] */
    u32 fp_cpu;             /* 152: CPU whose registers last held *fp; owned by sched */
    u32 spare;              /* 156 */
    u64 tls;                /* 160: the user's thread register while switched out [C] */
    u64 keys[KEY_WORDS];    /* 168: the user's pointer authentication keys [C] */
    u64 keys_off;           /* 248: those the user has switched off, as bits of SCTLR_EL1 [C] */
    u64 alloc_failed;       /* 256: its last allocation was made to fail (core/fail.c) [C] */
};

/*
 * Saves the callee-saved registers and SP in *from and loads them from *to; returns in *to.
 * IRQs masked. *to must be the context of a thread_head, which becomes the current one.
 */
void context_switch(struct context *from, struct context *to);

/*
 * Prepares a context so that the first switch to it calls thread_first_run() and then
 * entry(arg) on the given stack; when entry returns, thread_entry_returned() is called, and then
 * the thread enters user mode.
 */
void context_init(struct context *context, char *stack_top, void (*entry)(void *), void *arg);

/* Store the FP/SIMD registers of this CPU, or load them. IRQs masked. */
void fp_save(struct fp_state *fp);
void fp_load(const struct fp_state *fp);

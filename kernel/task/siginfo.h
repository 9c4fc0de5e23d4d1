/*
 * Signals as programs see them: numbers, codes, flags and the layouts of signal(7) and
 * sigaction(2) on arm64.
 */
#pragma once

#include "lib/types.h"

enum signal_number {
    SIGHUP = 1,
    SIGINT,
    SIGQUIT,
    SIGILL,
    SIGTRAP,
    SIGABRT,
    SIGBUS,
    SIGFPE,
    SIGKILL,
    SIGUSR1,
    SIGSEGV,
    SIGUSR2,
    SIGPIPE,
    SIGALRM,
    SIGTERM,
    SIGSTKFLT,
    SIGCHLD,
    SIGCONT,
    SIGSTOP,
    SIGTSTP,
    SIGTTIN,
    SIGTTOU,
    SIGURG,
    SIGXCPU,
    SIGXFSZ,
    SIGVTALRM,
    SIGPROF,
    SIGWINCH,
    SIGIO,
    SIGPWR,
    SIGSYS,
    SIGRTMIN = 32,
    SIGNAL_MAX = 64,
};

#define SIGNAL_BIT(sig) (1UL << ((sig)-1))

/* si_code: who sent it. Above 0 the kernel, for a reason that belongs to the signal. */
#define SI_USER       0
#define SI_KERNEL     0x80
#define SI_TIMER      (-2)
#define SI_TKILL      (-6)

#define ILL_ILLOPC    1
#define ILL_ILLOPN    2
#define FPE_FLTUNK    14
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define BUS_OBJERR    3
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

/* sigaction(2) flags. */
#define SA_NOCLDSTOP      1UL
#define SA_NOCLDWAIT      2UL
#define SA_SIGINFO        4UL
#define SA_EXPOSE_TAGBITS 0x800UL
#define SA_RESTORER       0x04000000UL
#define SA_ONSTACK        0x08000000UL
#define SA_RESTART        0x10000000UL
#define SA_NODEFER        0x40000000UL
#define SA_RESETHAND      0x80000000UL

#define SIG_DFL           0UL
#define SIG_IGN           1UL

/* struct sigaction of the system call. */
struct sigaction {
    u64 handler; /* SIG_DFL, SIG_IGN or an address */
    u64 flags;
    u64 restorer; /* used with SA_RESTORER */
    u64 mask;
};

/* The first 48 bytes of siginfo_t; the other 80 are always zero. */
struct siginfo {
    s32 signo;
    s32 error;
    s32 code;
    u32 pad;
    union {
        struct {
            u32 pid, uid; /* kill, queue, child */
            union {
                u64 value; /* queue */
                struct {
                    s32 status; /* child */
                    u32 pad;
                    u64 utime, stime; /* clock ticks of 10 ms */
                } child;
            };
        };
        struct {
            u32 timer_id, overrun;
            u64 timer_value;
        };
        u64 address; /* fault */
    };
};

#define SIGINFO_ABI_SIZE 128
_Static_assert(sizeof(struct siginfo) == 48, "siginfo_t");

/* stack_t of sigaltstack(2). */
struct sigaltstack {
    u64 base;
    s32 flags;
    u32 pad;
    u64 size;
};

#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM (1U << 31)
#define MINSIGSTKSZ   5120 /* the smallest that sigaltstack takes on arm64 */

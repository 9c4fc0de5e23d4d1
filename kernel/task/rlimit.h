/* Resource limits (getrlimit(2)): each process has its own sixteen. */
#pragma once

#include "lib/types.h"

enum rlimit_which {
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_DATA,
    RLIMIT_STACK,
    RLIMIT_CORE,
    RLIMIT_RSS,
    RLIMIT_NPROC,
    RLIMIT_NOFILE,
    RLIMIT_MEMLOCK,
    RLIMIT_AS,
    RLIMIT_LOCKS,
    RLIMIT_SIGPENDING,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_RTPRIO,
    RLIMIT_RTTIME,
    RLIMIT_COUNT,
};

#define RLIM_INFINITY (~0UL)

struct rlimit {
    u64 soft, hard;
};

/* The current process's soft limit; RLIM_INFINITY in a kernel thread. */
u64 rlimit_get(enum rlimit_which which);

/* The limits that init begins with. Needs pages_total(). */
void rlimit_defaults(struct rlimit limits[RLIMIT_COUNT]);

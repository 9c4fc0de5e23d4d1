/* Structures that several families of calls pass in user memory. */
#pragma once

#include "core/uaccess.h"

struct timespec_abi {
    s64 seconds, nanoseconds;
};

struct timeval_abi {
    s64 seconds, microseconds;
};

struct rusage_abi {
    struct timeval_abi utime, stime;
    s64 max_rss, unused1[3], minor_faults, major_faults, unused2[6], voluntary, involuntary;
};

_Static_assert(sizeof(struct rusage_abi) == 144, "struct rusage");

struct process_usage;

/* Reads a timespec into ns, at most INT64_MAX. 0, -EFAULT, -EINVAL. */
int timespec_get(struct user_ptr from, u64 *ns);
int timespec_put(struct user_ptr to, u64 ns);

/* A tv_sec and tv_usec pair; the same. */
int timeval_get(struct user_ptr from, u64 *ns);

struct timeval_abi timeval_of(u64 ns);

/* Fills in what getrusage(2) and wait4(2) return. 0 or -EFAULT. */
int rusage_put(struct user_ptr to, const struct process_usage *usage);

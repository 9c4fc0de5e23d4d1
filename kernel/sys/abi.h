/* Structures that several families of calls pass in user memory. */
#pragma once

#include "core/uaccess.h"

#define SIGSET_SIZE 8                /* of a set of signals */
#define NS_MAX      ((u64)INT64_MAX) /* the longest time, some 292 years */
#define STRUCT_MAX  4096             /* the longest structure that gives its length */

struct timespec_abi {
    s64 seconds, nanoseconds;
};

struct timeval_abi {
    s64 seconds, microseconds;
};

struct process_usage;

/*
 * Reads a structure that programs may know shorter (from `least` bytes on) or longer than the
 * kernel: what they do not give is zero, what the kernel does not know must be. 0, -EINVAL (too
 * short), -E2BIG, -EFAULT.
 */
int struct_get(void *to, size_t size, size_t least, u64 from, u64 given);

/* Reads a timespec into ns, at most INT64_MAX. 0, -EFAULT, -EINVAL. */
int timespec_get(struct user_ptr from, u64 *ns);
/* What a wait has for a timeout, as a deadline: 0 for none at all, TIMER_NEVER without one. */
int deadline_get(u64 from, u64 *deadline);

int timespec_put(struct user_ptr to, u64 ns);

/* A tv_sec and tv_usec pair; the same. */
int timeval_get(struct user_ptr from, u64 *ns);

struct timeval_abi timeval_of(u64 ns);

/* Fills in what getrusage(2) and wait4(2) return. 0 or -EFAULT. */
int rusage_put(struct user_ptr to, const struct process_usage *usage);

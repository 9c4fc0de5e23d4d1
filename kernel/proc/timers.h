/* Timers that send signals: setitimer(2), timer_create(2), and the CPU-time limit. */
#pragma once

#include "lib/types.h"

struct process;
struct siginfo;

/* clock_gettime(2) */
enum clock_id {
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_THREAD_CPUTIME_ID,
    CLOCK_MONOTONIC_RAW,
    CLOCK_REALTIME_COARSE,
    CLOCK_MONOTONIC_COARSE,
    CLOCK_BOOTTIME,
    CLOCK_REALTIME_ALARM,
    CLOCK_BOOTTIME_ALARM,
    CLOCK_TAI = 11,
};

#define ITIMER_REAL    0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF    2

/* Time left (0: off) and interval, in ns. */
struct timer_value {
    u64 left, interval;
};

void itimer_get(int which, struct timer_value *value);
void itimer_set(int which, const struct timer_value *value, struct timer_value *old);

#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD_ID 4

struct timer_request {
    int clock;
    int notify, signal;
    u32 tid;   /* SIGEV_THREAD_ID */
    u64 value; /* sigval; with has_value false the timer's id is passed */
    bool has_value;
};

/* The id of the new timer, or -EINVAL, -EAGAIN. */
int posix_timer_create(const struct timer_request *request);

/* 0 or -EINVAL (no such timer). absolute: value->left is a time on the timer's clock. */
int posix_timer_set(s32 id, bool absolute, const struct timer_value *value,
                    struct timer_value *old);
int posix_timer_get(s32 id, struct timer_value *value);
int posix_timer_overrun(s32 id);
int posix_timer_delete(s32 id);

/*
 * By the only thread of the current process. exec: POSIX timers go, interval timers stay. Exit:
 * all go.
 */
void posix_timers_delete_all(void);
void timers_exit(void);

/* For a new process: its timer objects. */
void timers_init_process(struct process *process);

/* RLIMIT_CPU was changed. */
void timers_cpu_limit_changed(struct process *process);

/* A signal with SI_TIMER was taken by the current process: counts overruns and starts it again. */
void posix_timer_taken(struct siginfo *info);

/* Time on a clock in ns, for clock_gettime and timers; -EINVAL for one that does not exist. */
int clock_read(int clock, u64 *ns);

/* Can timers wait on a clock? 0, or -EINVAL, -EOPNOTSUPP or (may not wake the machine) -EPERM. */
int clock_may_wait(int clock);

/* What the vDSO gives to programs, and the page it reads. */
#pragma once

#include "lib/time_page.h"

struct timespec {
    s64 sec, nsec;
};

struct timeval {
    s64 sec, usec;
};

struct timezone {
    s32 minuteswest, dsttime;
};

/* Mapped right before the vDSO (vdso.lds). */
extern const struct time_page vdso_time_page __attribute__((visibility("hidden")));

int __kernel_clock_gettime(int clock, struct timespec *ts);
int __kernel_clock_getres(int clock, struct timespec *ts);
int __kernel_gettimeofday(struct timeval *tv, struct timezone *tz);

/* Clocks and sleeping. */
#include "abi.h"

#include <sys/timerfd.h>
#include <sys/timex.h>

CASE(time_clocks)
{
    static const struct {
        int id;
        const char *name;
    } clocks[] = {{CLOCK_REALTIME, "REALTIME"},
                  {CLOCK_MONOTONIC, "MONOTONIC"},
                  {CLOCK_PROCESS_CPUTIME_ID, "PROCESS_CPUTIME_ID"},
                  {CLOCK_THREAD_CPUTIME_ID, "THREAD_CPUTIME_ID"},
                  {CLOCK_MONOTONIC_RAW, "MONOTONIC_RAW"},
                  {CLOCK_REALTIME_COARSE, "REALTIME_COARSE"},
                  {CLOCK_MONOTONIC_COARSE, "MONOTONIC_COARSE"},
                  {CLOCK_BOOTTIME, "BOOTTIME"},
                  {CLOCK_TAI, "TAI"},
                  {10, "10"},
                  {99, "99"},
                  {-1, "-1"}};
    struct timespec a, b, raw;
    struct timeval tv;
    struct timezone tz = {77, 77};

    for (unsigned i = 0; i < COUNT(clocks); i++) {
        int r = clock_gettime(clocks[i].id, &a), err = r < 0 ? errno : 0;
        long s = syscall(SYS_clock_gettime, clocks[i].id, &b), serr = s < 0 ? errno : 0;
        int g = clock_getres(clocks[i].id, &raw), gerr = g < 0 ? errno : 0;
        int later = b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec);
        say("%s: vdso %s, call %s, getres %s, fits %d, ordered %d", clocks[i].name, error_name(err),
            error_name(serr), error_name(gerr), r < 0 || (a.tv_nsec >= 0 && a.tv_nsec < 1000000000),
            r < 0 || later);
        if (!g && i != 5 && i != 6)
            say("  resolution %ld.%09ld", (long)raw.tv_sec, raw.tv_nsec);
    }
    val(syscall(SYS_clock_gettime, CLOCK_REALTIME, NULL));
    val(syscall(SYS_clock_getres, CLOCK_REALTIME, NULL));
    val(syscall(SYS_clock_getres, 99, NULL));
    clock_gettime(CLOCK_REALTIME, &a);
    gettimeofday(&tv, NULL);
    yes(tv.tv_sec == a.tv_sec || tv.tv_sec == a.tv_sec + 1);
    val(syscall(SYS_gettimeofday, &tv, &tz));
    say("timezone %d %d", tz.tz_minuteswest, tz.tz_dsttime);
    val(syscall(SYS_gettimeofday, NULL, NULL));
    clock_gettime(CLOCK_MONOTONIC, &a);
    clock_gettime(CLOCK_BOOTTIME, &b);
    yes(b.tv_sec == a.tv_sec || b.tv_sec == a.tv_sec + 1);
    clock_gettime(CLOCK_REALTIME_COARSE, &a);
    clock_gettime(CLOCK_REALTIME, &b);
    long ns = (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
    yes(ns >= 0 && ns < 200000000);
    /* the vDSO and the call tell one time, in order */
    int wrong = 0;
    for (int i = 0; i < 1000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &a);
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &raw);
        clock_gettime(CLOCK_MONOTONIC, &b);
        long x = a.tv_sec * 1000000000 + a.tv_nsec, y = raw.tv_sec * 1000000000 + raw.tv_nsec,
             z = b.tv_sec * 1000000000 + b.tv_nsec;
        wrong += x > y || y > z;
    }
    val(wrong);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (volatile long i = 0; i < 5000000; i++)
        ;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    yes(b.tv_sec > a.tv_sec || b.tv_nsec > a.tv_nsec);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    msleep(100);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    yes((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec < 50000000);
    clockid_t id;
    err(clock_getcpuclockid(getpid(), &id));
    val(clock_gettime(id, &a));
    err(clock_getcpuclockid(999999, &id));
    RUN("as uid 1000", become(1000); val(clock_settime(CLOCK_REALTIME, &a));
        val(settimeofday(&tv, NULL)));
    val(clock_settime(CLOCK_MONOTONIC, &a));
    val(clock_settime(CLOCK_REALTIME, &(struct timespec){0, -1}));
    val(clock_settime(CLOCK_REALTIME, &(struct timespec){-1, 0}));
    clock_gettime(CLOCK_REALTIME, &a);
    struct timespec future = {2000000000, 0};
    val(clock_settime(CLOCK_REALTIME, &future));
    clock_gettime(CLOCK_REALTIME, &b);
    yes(b.tv_sec >= 2000000000 && b.tv_sec < 2000000060);
    val(clock_settime(CLOCK_REALTIME, &a));
}

static void nothing(int sig)
{
    (void)sig;
}

/*
 * Ten sleepers with absolute times 2 ms apart, made in another order: the order in which they wake.
 * They share CPU 0 as FIFO threads, so they run in the order in which they became runnable. False
 * when the first time had come before all slept: that says nothing.
 */
static bool wake_order(char order[11], long lead_ms)
{
    long first = now_ms() + lead_ms, made;
    pid_t pids[10];
    int p[2];

    pipe(p);
    for (int i = 0; i < 10; i++) {
        int k = i * 7 % 10;
        char c = '0' + k;

        pids[i] = fork();
        if (pids[i] == 0) {
            long ms = first + k * 2;
            struct timespec at = {ms / 1000, ms % 1000 * 1000000};
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
            write(p[1], &c, 1);
            _exit(0);
        }
    }
    for (int i = 0; i < 10; i++)
        wait_stopped_thread(pids[i]);
    made = now_ms();
    for (int i = 0; i < 10; i++) {
        read(p[0], order + i, 1);
        wait(NULL);
    }
    close(p[0]);
    close(p[1]);
    return made < first;
}

CASE(time_sleep)
{
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    struct itimerval it = {.it_value.tv_usec = 150000};
    struct timespec ts, rem = {7, 7};
    long before;

    val(nanosleep(&(struct timespec){0, 0}, NULL));
    val(nanosleep(&(struct timespec){0, -1}, NULL));
    val(nanosleep(&(struct timespec){0, 1000000000}, NULL));
    val(nanosleep(&(struct timespec){-1, 0}, NULL));
    val(nanosleep(NULL, NULL));
    before = now_ms();
    val(nanosleep(&(struct timespec){0, 30000000}, &rem));
    yes(now_ms() - before >= 30);
    say("rem untouched: %ld %ld", (long)rem.tv_sec, rem.tv_nsec);
    err(clock_nanosleep(CLOCK_REALTIME, 0, &(struct timespec){0, 1000000}, NULL));
    err(clock_nanosleep(CLOCK_BOOTTIME, 0, &(struct timespec){0, 1000000}, NULL));
    err(clock_nanosleep(CLOCK_MONOTONIC_RAW, 0, &(struct timespec){0, 1000000}, NULL));
    err(clock_nanosleep(CLOCK_MONOTONIC_COARSE, 0, &(struct timespec){0, 1000000}, NULL));
    err(clock_nanosleep(99, 0, &(struct timespec){0, 1000000}, NULL));
    val(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &rem, NULL));
    err(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, -1}, NULL));
    err(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){0, 5}, NULL));
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_nsec += 30000000;
    if (ts.tv_nsec >= 1000000000)
        ts.tv_sec++, ts.tv_nsec -= 1000000000;
    before = now_ms();
    err(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
    yes(now_ms() - before >= 29);
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &it, NULL);
    val(nanosleep(&(struct timespec){3, 0}, &rem));
    yes(rem.tv_sec == 2 && rem.tv_nsec > 0);
    setitimer(ITIMER_REAL, &it, NULL);
    val(syscall(SYS_nanosleep, &(struct timespec){3, 0}, 8));
    setitimer(ITIMER_REAL, &it, NULL);
    rem = (struct timespec){7, 7};
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += 3;
    err(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, &rem));
    say("rem untouched: %ld %ld", (long)rem.tv_sec, rem.tv_nsec);
    setitimer(ITIMER_REAL, &it, NULL);
    val(sleep(3) > 0);
    RUN("a sleep of 100 years", setitimer(ITIMER_REAL, &it, NULL);
        val(nanosleep(&(struct timespec){3000000000, 0}, NULL)));
    /* ten sleepers end in the order of their times; a slow host gets more time to make them */
    char order[11] = "";
    cpu_set_t cpu0;
    CPU_ZERO(&cpu0);
    CPU_SET(0, &cpu0);
    sched_setaffinity(0, sizeof(cpu0), &cpu0);
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1});
    for (long lead_ms = 200; !wake_order(order, lead_ms) && lead_ms < 5000; lead_ms *= 2)
        ;
    str(order);
}

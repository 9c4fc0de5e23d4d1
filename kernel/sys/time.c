/* Clocks, sleeping, timers. Times are ns in the kernel; structures of two words outside. */
#include "core/clock.h"
#include "lib/errno.h"
#include "proc/timers.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/cred.h"
#include "task/task.h"

#define TIMER_ABSTIME        1
#define COARSE_RESOLUTION_NS 4000000

/* ---- clocks ---- */

static __noinline long gettime_other(s32 clock, u64 out)
{
    u64 ns;
    int error = clock_read(clock, &ns);

    return error ? error : timespec_put(USER_PTR(out), ns);
}

/* The two clocks that are asked most go the short way. */
long sys_clock_gettime(u64 clock, u64 out)
{
    u64 ns;

    if ((s32)clock == 1)
        ns = clock_monotonic_ns();
    else if ((s32)clock == 0)
        ns = clock_realtime_ns();
    else
        return gettime_other((s32)clock, out);
    if (put_user_u64(USER_PTR(out), ns / NS_PER_SEC) ||
        put_user_u64(USER_PTR(out + 8), ns % NS_PER_SEC))
        return -EFAULT;
    return 0;
}

long sys_clock_getres(u64 clock, u64 out)
{
    bool coarse = (s32)clock == 5 || (s32)clock == 6;
    u64 ns;
    int error = clock_read((s32)clock, &ns);

    if (error || !out)
        return error;
    return timespec_put(USER_PTR(out), coarse ? COARSE_RESOLUTION_NS : 1);
}

static int set_realtime(u64 ns)
{
    if (!cred_has_cap(CAP_SYS_TIME))
        return -EPERM;
    if (ns < clock_monotonic_ns()) /* monotonic time 0 would be before 1970 */
        return -EINVAL;
    clock_set_realtime(ns);
    return 0;
}

long sys_clock_settime(u64 clock, u64 in)
{
    u64 ns;
    int error;

    if ((s32)clock) /* no CPU clock can be set, nor the others */
        return (s32)clock < 0 && clock_read((s32)clock, &ns) == 0 ? -EPERM : -EINVAL;
    error = timespec_get(USER_PTR(in), &ns);
    return error ? error : set_realtime(ns);
}

struct timezone_abi {
    s32 minutes_west, dst;
};

static struct timezone_abi timezone; /* kept for who asks; the kernel uses UTC. [A] */

long sys_gettimeofday(u64 tv, u64 tz)
{
    if (tv) {
        struct timeval_abi now = timeval_of(clock_realtime_ns());

        if (copy_to_user(USER_PTR(tv), &now, sizeof(now)))
            return -EFAULT;
    }
    if (tz && copy_to_user(USER_PTR(tz), &timezone, sizeof(timezone)))
        return -EFAULT;
    return 0;
}

long sys_settimeofday(u64 tv, u64 tz)
{
    struct timezone_abi zone;
    u64 ns = 0;
    int error = 0;

    if (tv)
        error = timeval_get(USER_PTR(tv), &ns);
    if (error)
        return error;
    if (tz && copy_from_user(&zone, USER_PTR(tz), sizeof(zone)))
        return -EFAULT;
    if (!cred_has_cap(CAP_SYS_TIME))
        return -EPERM;
    if (tz) {
        if (zone.minutes_west > 15 * 60 || zone.minutes_west < -15 * 60)
            return -EINVAL;
        timezone = zone;
    }
    return tv ? set_realtime(ns) : 0;
}

/* ---- sleeping ---- */

static long sleep_restart(struct restart_block *block);

/* Sleeps until a monotonic time; a signal leaves the rest, and a way to go on. */
static long sleep_relative(u64 deadline, struct user_ptr remaining)
{
    struct restart_block *block = &self_task()->restart;
    u64 now;

    if (!sleep_until(deadline, true))
        return 0;
    now = clock_monotonic_ns();
    if (now >= deadline)
        return 0;
    if (!user_ptr_null(remaining) && timespec_put(remaining, deadline - now))
        return -EFAULT;
    block->restart = sleep_restart;
    block->deadline_ns = deadline;
    block->user = remaining;
    return -ERESTART_RESTARTBLOCK;
}

static long sleep_restart(struct restart_block *block)
{
    return sleep_relative(block->deadline_ns, block->user);
}

long sys_restart_syscall(void)
{
    struct restart_block *block = &self_task()->restart;

    return block->restart ? block->restart(block) : -EINTR;
}

long sys_nanosleep(u64 request, u64 remaining)
{
    u64 ns;
    int error = timespec_get(USER_PTR(request), &ns);

    if (error)
        return error;
    return sleep_relative(MIN(clock_monotonic_ns() + ns, NS_MAX), USER_PTR(remaining));
}

long sys_clock_nanosleep(u64 clock, u64 flags, u64 request, u64 remaining)
{
    int error = clock_may_wait((s32)clock);
    u64 ns, now, clock_now;

    if ((s32)clock == CLOCK_PROCESS_CPUTIME_ID || (s32)clock == CLOCK_THREAD_CPUTIME_ID)
        error = -EOPNOTSUPP; /* a timer may wait on these, a thread may not */
    if (!error)
        error = timespec_get(USER_PTR(request), &ns);
    if (error)
        return error;
    now = clock_monotonic_ns();
    if (!((u32)flags & TIMER_ABSTIME))
        return sleep_relative(MIN(now + ns, NS_MAX), USER_PTR(remaining));
    clock_read((s32)clock, &clock_now);
    if (ns <= clock_now)
        return 0;
    return sleep_until(MIN(now + (ns - clock_now), NS_MAX), true) ? -ERESTARTNOHAND : 0;
}

/* ---- timers ---- */

/* struct itimerval: interval, value. */
static int itimerval_put(struct user_ptr to, const struct timer_value *value)
{
    struct timeval_abi tv[2] = {
        timeval_of(value->interval),
        timeval_of(DIV_ROUND_UP(value->left, NS_PER_US) * NS_PER_US),
    };

    return copy_to_user(to, tv, sizeof(tv));
}

long sys_getitimer(u64 which, u64 out)
{
    struct timer_value value;

    if ((u32)which > ITIMER_PROF)
        return -EINVAL;
    itimer_get((u32)which, &value);
    return itimerval_put(USER_PTR(out), &value);
}

long sys_setitimer(u64 which, u64 in, u64 out)
{
    struct timer_value value = {0}, old;
    int error = 0;

    if ((u32)which > ITIMER_PROF)
        return -EINVAL;
    if (in) {
        error = timeval_get(USER_PTR(in), &value.interval);
        if (!error)
            error = timeval_get(USER_PTR(in + 16), &value.left);
    }
    if (error)
        return error;
    itimer_set((u32)which, &value, &old);
    return out ? itimerval_put(USER_PTR(out), &old) : 0;
}

/* struct sigevent, as far as it is read. */
struct sigevent_abi {
    u64 value;
    s32 signal, notify;
    s32 tid;
    s32 pad[11];
};

_Static_assert(sizeof(struct sigevent_abi) == 64, "struct sigevent");

long sys_timer_create(u64 clock, u64 event, u64 out)
{
    struct timer_request r = {.clock = (s32)clock, .notify = SIGEV_SIGNAL, .signal = SIGALRM};
    struct sigevent_abi ev;
    int id;

    if (event) {
        if (copy_from_user(&ev, USER_PTR(event), sizeof(ev)))
            return -EFAULT;
        r.notify = ev.notify;
        r.signal = ev.signal;
        r.tid = ev.tid;
        r.value = ev.value;
        r.has_value = true;
    }
    id = posix_timer_create(&r);
    if (id >= 0 && put_user_u32(USER_PTR(out), id)) {
        posix_timer_delete(id);
        return -EFAULT;
    }
    return MIN(id, 0);
}

/* struct itimerspec: interval, value. */
static int itimerspec_put(struct user_ptr to, const struct timer_value *value)
{
    int error = timespec_put(to, value->interval);

    return error ? error : timespec_put(user_ptr_add(to, 16), value->left);
}

long sys_timer_settime(u64 id, u64 flags, u64 in, u64 out)
{
    struct timer_value value, old;
    int error = in ? timespec_get(USER_PTR(in), &value.interval) : -EINVAL;

    if (!error)
        error = timespec_get(USER_PTR(in + 16), &value.left);
    if (!error)
        error = posix_timer_set((s32)id, (u32)flags & 1, &value, &old);
    if (!error && out)
        error = itimerspec_put(USER_PTR(out), &old);
    return error;
}

long sys_timer_gettime(u64 id, u64 out)
{
    struct timer_value value;
    int error = posix_timer_get((s32)id, &value);

    return error ? error : itimerspec_put(USER_PTR(out), &value);
}

CALL(timer_getoverrun, (u64 id), posix_timer_overrun((s32)id))
CALL(timer_delete, (u64 id), posix_timer_delete((s32)id))

/* Interval timers and POSIX timers: their arguments; the work is proc/timers.c's. */
#include "core/clock.h"
#include "lib/errno.h"
#include "proc/timers.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/task.h"

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

long sys_timer_getoverrun(u64 id)
{
    return posix_timer_overrun((s32)id);
}

long sys_timer_delete(u64 id)
{
    return posix_timer_delete((s32)id);
}

/* What several families of calls read from user memory, or write there. */
#include "sys/abi.h"

#include "core/clock.h"
#include "lib/string.h"
#include "sched/timer.h"

int struct_get(void *to, size_t size, size_t least, u64 from, u64 given)
{
    if (given < least)
        return -EINVAL;
    if (given > STRUCT_MAX)
        return -E2BIG;
    memset(to, 0, size);
    if (copy_from_user(to, USER_PTR(from), MIN(size, given)))
        return -EFAULT;
    for (u64 i = size; i < given; i++) {
        u8 byte;

        if (get_user_u8(USER_PTR(from + i), &byte))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    return 0;
}

static int ns_of(s64 seconds, s64 fraction, s64 per_second, u64 *ns)
{
    if (seconds < 0 || fraction < 0 || fraction >= per_second)
        return -EINVAL;
    if ((u64)seconds >= NS_MAX / NS_PER_SEC)
        *ns = NS_MAX;
    else
        *ns = seconds * NS_PER_SEC + fraction * (NS_PER_SEC / per_second);
    return 0;
}

int timespec_get(struct user_ptr from, u64 *ns)
{
    struct timespec_abi ts;

    if (copy_from_user(&ts, from, sizeof(ts)))
        return -EFAULT;
    return ns_of(ts.seconds, ts.nanoseconds, NS_PER_SEC, ns);
}

int timespec_put(struct user_ptr to, u64 ns)
{
    struct timespec_abi ts = {ns / NS_PER_SEC, ns % NS_PER_SEC};

    return copy_to_user(to, &ts, sizeof(ts));
}

int timeval_get(struct user_ptr from, u64 *ns)
{
    struct timeval_abi tv;

    if (copy_from_user(&tv, from, sizeof(tv)))
        return -EFAULT;
    return ns_of(tv.seconds, tv.microseconds, 1000000, ns);
}

struct timeval_abi timeval_of(u64 ns)
{
    return (struct timeval_abi){ns / NS_PER_SEC, ns % NS_PER_SEC / NS_PER_US};
}

int deadline_get(u64 from, u64 *deadline)
{
    u64 ns = NS_MAX;
    int error = from ? timespec_get(USER_PTR(from), &ns) : 0;

    *deadline = !ns ? 0 : ns >= NS_MAX ? TIMER_NEVER : MIN(clock_monotonic_ns() + ns, NS_MAX);
    return error;
}

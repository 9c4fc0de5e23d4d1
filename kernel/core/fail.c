/* Fault injection by call count. */
#include "core/fail.h"
#include "core/log.h"
#include "core/param.h"

/* Calls left until the one that fails; 0: never, or done. [A] */
static u64 alloc_left, io_left;
static u64 alloc_wanted, io_wanted; /* [I] */

void fail_init(void)
{
    alloc_wanted = param_u64("fail_alloc", 0);
    io_wanted = param_u64("fail_io", 0);
}

void fail_arm(void)
{
    __atomic_store_n(&alloc_left, alloc_wanted, __ATOMIC_RELAXED);
    __atomic_store_n(&io_left, io_wanted, __ATOMIC_RELAXED);
}

bool fail_alloc_wanted(void)
{
    return alloc_wanted != 0;
}

static bool count_down(u64 *left)
{
    u64 old = __atomic_load_n(left, __ATOMIC_RELAXED);

    while (old != 0)
        if (__atomic_compare_exchange_n(left, &old, old - 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return old == 1;
    return false;
}

bool fail_alloc(void)
{
    return unlikely(alloc_wanted) && count_down(&alloc_left);
}

bool fail_io(void)
{
    return unlikely(io_wanted) && count_down(&io_left);
}

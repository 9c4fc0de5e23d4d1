/*
 * Fault injection by call count.
 *
 * What it is: one counter for the whole machine. Every step of every allocation asks fail_alloc():
 * a page, an object of a slab and, when it needs one, the slab's page, each page and page table of
 * a vmalloc area or a kernel stack, the descriptors of a section. What was made to fail, fails for
 * its caller: nobody reclaims, kills or tries again after fail_alloc_injected().
 *
 * Interface: fail_alloc=N lets the N-th allocation after fail_arm() fail. With the argument given,
 * be it as 0, root does the same at any time by writing N to /proc/sys/kernel/fail_alloc, and
 * reads there how many are left: 0 when it was reached. fail_alloc_next is for a second failure so
 * many allocations later.
 *
 * Structures: allocators ask on their slow paths only. With fail_alloc= given their per-CPU caches
 * are set up empty and full at once, so that each call is a slow one; without it, nothing is
 * counted and the fast paths pay nothing.
 *
 * Rejected: Linux's /proc/PID/fail-nth, which counts the calls of one task: a session of a shell
 * is many tasks, most of them short-lived, and interrupts and kernel threads belong to none.
 * Changing between empty and usual caches while running: every CPU's fast path would have to be
 * caught outside of it.
 */
#include "core/fail.h"

#include "core/log.h"
#include "core/param.h"
#include "core/preempt.h"

u32 fail_alloc_left, fail_alloc_next;
static u32 io_left;               /* as fail_alloc_left [A] */
static u32 alloc_first, io_first; /* what the arguments say [I] */
static bool alloc_wanted;         /* [I] */

void fail_init(void)
{
    alloc_wanted = param_flag("fail_alloc");
    alloc_first = param_u64("fail_alloc", 0);
    io_first = param_u64("fail_io", 0);
}

void fail_arm(void)
{
    WRITE_ONCE(fail_alloc_left, alloc_first);
    WRITE_ONCE(io_left, io_first);
}

bool fail_alloc_wanted(void)
{
    return alloc_wanted;
}

/* One off *left; true when that was the last, and then *next, if any, follows. */
static bool count_down(u32 *left, u32 *next)
{
    u32 old = READ_ONCE(*left);

    do {
        if (old == 0)
            return false;
    } while (!__atomic_compare_exchange_n(left, &old, old - 1, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    if (old == 1 && next) /* what others allocate in between does not count */
        WRITE_ONCE(*left, __atomic_exchange_n(next, 0, __ATOMIC_RELAXED));
    return old == 1;
}

bool fail_alloc(void)
{
    bool fails;

    if (likely(!alloc_wanted))
        return false;
    fails = count_down(&fail_alloc_left, &fail_alloc_next);
    if (!in_irq()) /* a handler does not answer for the thread that it came upon */
        current_head()->alloc_failed = fails;
    return fails;
}

bool fail_alloc_injected(void)
{
    return alloc_wanted && current_head()->alloc_failed;
}

bool fail_io(void)
{
    return unlikely(io_first) && count_down(&io_left, NULL);
}

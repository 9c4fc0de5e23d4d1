/*
 * The clocks without a system call, computed from the virtual counter (Arm ARM D11.1) and the time
 * page. Runs in user mode: nothing here may need a relocation, memory of its own or the stack
 * protector. Names, versions and meaning are those of vdso(7) for aarch64.
 */
#include "arch/arm64/vdso/clock.h"

enum clock {
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_MONOTONIC_RAW = 4,
    CLOCK_REALTIME_COARSE,
    CLOCK_MONOTONIC_COARSE,
    CLOCK_BOOTTIME,
};

#define REALTIME_CLOCKS (BIT(CLOCK_REALTIME) | BIT(CLOCK_REALTIME_COARSE))
#define MONOTONIC_CLOCKS \
    (BIT(CLOCK_MONOTONIC) | BIT(CLOCK_MONOTONIC_RAW) | BIT(CLOCK_MONOTONIC_COARSE))
#define BOOTTIME_CLOCKS  BIT(CLOCK_BOOTTIME)

#define NR_CLOCK_GETTIME 113
#define NR_CLOCK_GETRES  114

static long call(long number, long a, void *b)
{
    register long x8 asm("x8") = number;
    register long x0 asm("x0") = a;
    register void *x1 asm("x1") = b;

    asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    return x0;
}

/* Monotonic time plus *offset, a field of the page or NULL, in ns. */
static __always_inline u64 read_clock(const u64 *offset)
{
    const struct time_page *page = &vdso_time_page;
    u32 sequence;
    u64 counter, ns;

    do {
        sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
        /* ISB: the counter is not read ahead of what came before (D11.2.2). */
        asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(counter)::"memory");
        ns = time_page_monotonic(page, counter);
        if (offset)
            ns += READ_ONCE(*offset);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (sequence & 1 || sequence != READ_ONCE(page->sequence));
    return ns;
}

/* One division by hardware is shorter than what a compiler makes of a constant divisor. */
static inline u64 hidden_constant(u64 value)
{
    asm("" : "+r"(value));
    return value;
}

static inline void split(u64 ns, struct timespec *ts)
{
    u64 second = hidden_constant(1000000000), sec = ns / second;

    ts->sec = sec;
    ts->nsec = ns - sec * second;
}

int __kernel_clock_gettime(int clock, struct timespec *ts)
{
    u64 bit = (u32)clock < 64 ? BIT(clock) : 0;

    if (likely(bit & MONOTONIC_CLOCKS))
        split(read_clock(NULL), ts);
    else if (bit & REALTIME_CLOCKS)
        split(read_clock(&vdso_time_page.real_offset), ts);
    else if (bit & BOOTTIME_CLOCKS)
        split(read_clock(&vdso_time_page.boot_offset), ts);
    else
        return call(NR_CLOCK_GETTIME, clock, ts);
    return 0;
}

int __kernel_clock_getres(int clock, struct timespec *ts)
{
    return call(NR_CLOCK_GETRES, clock, ts);
}

int __kernel_gettimeofday(struct timeval *tv, struct timezone *tz)
{
    struct timespec ts;

    if (tv) {
        split(read_clock(&vdso_time_page.real_offset), &ts);
        tv->sec = ts.sec;
        tv->usec = (u64)ts.nsec / hidden_constant(1000);
    }
    if (tz)
        *tz = (struct timezone){0, 0};
    return 0;
}

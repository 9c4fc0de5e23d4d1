/*
 * The clocks: one linear function of the generic timer's counter, which all CPUs share and which
 * never stops, and offsets to it.
 *
 * ns = (counter - base) * mult / 2^32 in 128 bits never overflows, so nothing has to be updated
 * by a tick and the kernel reads it without the sequence: base and mult never change. The
 * offset to realtime is one word. The sequence is for programs, that is for the vDSO, which must
 * keep working when a later kernel steers mult.
 */
#include "core/clock.h"
#include "arch/counter.h"
#include "core/spinlock.h"

static union {
    struct time_page page;
    char whole[4096];
} time_area __aligned(4096);

static struct spinlock clock_lock = SPINLOCK_INIT(RANK_CLOCK);

struct time_page *clock_page(void)
{
    return &time_area.page;
}

void clock_init(void)
{
    struct time_page *p = &time_area.page;
    u64 frequency = cpu_features.counter_hz;

    p->shift = TIME_SHIFT;
    p->frequency = frequency;
    p->resolution_ns = MAX(1UL, (NS_PER_SEC + frequency / 2) / frequency);
    p->counter_base = counter_read();
    p->mult = ((NS_PER_SEC << TIME_SHIFT) + frequency / 2) / frequency;
}

u64 clock_monotonic_ns(void)
{
    return time_page_monotonic(&time_area.page, counter_read());
}

u64 clock_boottime_ns(void)
{
    return clock_monotonic_ns() + time_area.page.boot_offset;
}

u64 clock_realtime_ns(void)
{
    return clock_monotonic_ns() + READ_ONCE(time_area.page.real_offset);
}

void clock_set_realtime(u64 ns)
{
    struct time_page *p = &time_area.page;

    spin_guard_irqsave(&clock_lock);
    WRITE_ONCE(p->sequence, p->sequence + 1);
    smp_wmb(); /* the sequence before the data */
    WRITE_ONCE(p->real_offset, ns - clock_monotonic_ns());
    smp_store_release(&p->sequence, p->sequence + 1);
}

u64 ticks_to_ns(u64 ticks)
{
    return (unsigned __int128)ticks * time_area.page.mult >> TIME_SHIFT;
}

/* One tick more than exact: mult is rounded, and a timer must never fire before its time. */
u64 ns_to_ticks(u64 ns)
{
    u64 frequency = time_area.page.frequency;

    return ns / NS_PER_SEC * frequency + DIV_ROUND_UP(ns % NS_PER_SEC * frequency, NS_PER_SEC) + 1;
}

u64 clock_counter_at(u64 ns)
{
    return time_area.page.counter_base + ns_to_ticks(ns);
}

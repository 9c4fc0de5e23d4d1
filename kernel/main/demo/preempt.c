/*
 * demo=preempt: two tasks that never yield. Each prints its letter whenever it finds that the other
 * one had the CPU; the timer interrupt alone makes them alternate, every 10 ms, until they did so
 * often enough.
 */
#include "main/demo/demo.h"

#include "arch/uart.h"
#include "core/clock.h"
#include "sched/thread.h"

#define SLICE_NS (10 * NS_PER_MS)
#define SWITCHES 20
#define HANG_NS  (20 * NS_PER_SEC) /* a busy host makes it slow, but not that slow */

static u32 next_letter;
static char running; /* who ran last [A] */
static u32 switches; /* [A] */
static u64 limit_ns; /* [I] */

static void task(void)
{
    char self = 'A' + __atomic_fetch_add(&next_letter, 1, __ATOMIC_RELAXED);

    while (READ_ONCE(switches) < SWITCHES && clock_monotonic_ns() < limit_ns) {
        if (__atomic_exchange_n(&running, self, __ATOMIC_RELAXED) != self) {
            __atomic_add_fetch(&switches, 1, __ATOMIC_RELAXED);
            uart_write(&self, 1);
        }
    }
}

void demo_preempt(void)
{
    u64 start, ran;

    task_slice(SLICE_NS);
    if (task_create(task) < 0 || task_create(task) < 0)
        demo_verdict("no memory for two tasks");
    start = clock_monotonic_ns();
    limit_ns = start + HANG_NS;
    sched_start();
    ran = clock_monotonic_ns() - start;
    demo_print("\n%u switches in %lu ms\n", switches, ran / NS_PER_MS);
    if (switches < SWITCHES)
        demo_verdict("only %u switches: the tasks were not preempted", switches);
    if (ran < (SWITCHES - 1) * SLICE_NS) /* the first comes at once */
        demo_verdict("%u switches in %lu ms: too early", switches, ran / NS_PER_MS);
}

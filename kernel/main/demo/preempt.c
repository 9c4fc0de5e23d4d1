/*
 * demo=preempt: two tasks that never yield. Each prints its letter whenever it finds that the other
 * one had the CPU; the timer interrupt alone makes them alternate, every 10 ms.
 */
#include "main/demo/demo.h"

#include "arch/uart.h"
#include "core/clock.h"
#include "sched/thread.h"

#define RUN_NS       (400 * NS_PER_MS)
#define ALTERNATIONS 20 /* of about 40 */

static u32 next_letter;
static char running; /* who ran last [A] */
static u32 switches; /* [A] */
static u64 end_ns;   /* [I] */

static void task(void)
{
    char self = 'A' + __atomic_fetch_add(&next_letter, 1, __ATOMIC_RELAXED);

    while (clock_monotonic_ns() < end_ns) {
        if (__atomic_exchange_n(&running, self, __ATOMIC_RELAXED) != self) {
            __atomic_add_fetch(&switches, 1, __ATOMIC_RELAXED);
            uart_write(&self, 1);
        }
    }
}

void demo_preempt(void)
{
    if (task_create(task) < 0 || task_create(task) < 0)
        demo_verdict("no memory for two tasks");
    end_ns = clock_monotonic_ns() + RUN_NS;
    sched_start();
    demo_print("\n%u switches in %lu ms\n", switches, RUN_NS / NS_PER_MS);
    if (switches < ALTERNATIONS)
        demo_verdict("only %u switches: the tasks were not preempted", switches);
}

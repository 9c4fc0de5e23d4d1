/*
 * Spinlocks.
 *
 * What it is: a word that holds its holder, the thread head that current_head() gave at the
 * acquire, or NULL. So a waiter can name the holder, a second acquire by the same thread is found
 * at once, and assert_spin_held() costs a load. An interrupt handler is, as a holder, the thread
 * that it came upon: a handler that wants a lock of that thread is found as well.
 *
 * Interface: spinlock.h. The uncontended acquire and release are inline, about 17 instructions
 * for the pair with the preemption counter, 13 with the IRQ mask instead.
 *
 * Waiting: test, and test-and-set only when the lock looked free; between tests the delay doubles
 * up to a bound, with cpu_relax() in every turn. After 20 s the waiter panics and names the holder.
 *
 * Invariants:
 * I1. The holder runs with preemption off or IRQs masked, so it is on a CPU until the release.
 * I2. A lock that an interrupt handler takes is taken with IRQs masked everywhere.
 * I3. Ranks rise along the locks held (debug builds check it at each acquire); a handler's own
 *     order starts anew, for by I2 the locks of the code below it are none that handlers take.
 *
 * Rejected: ticket and MCS locks. FIFO order was measured to collapse when virtual CPUs outnumber
 * the host's: the next in line is often not running (8 on 2: 3.2 M acquisitions a second against
 * 5 k for MCS and 0.2 k for a ticket lock).
 */
#include "core/spinlock.h"
#include "arch/counter.h"
#include "core/percpu.h"

#define DELAY_MAX  256
#define WAIT_LIMIT 20 /* seconds */

void spin_acquire_slow(struct spinlock *lock)
{
    u64 limit = counter_read() + WAIT_LIMIT * cpu_features.counter_hz;
    u32 delay = 1;

    if (READ_ONCE(lock->holder) == current_head())
        panic("spinlock taken twice by one thread");
    do {
        while (READ_ONCE(lock->holder)) {
            for (u32 i = 0; i < delay; i++)
                cpu_relax();
            if (delay < DELAY_MAX)
                delay *= 2;
            if (counter_read() > limit && !panicking())
                panic_lock_timeout("spinlock", READ_ONCE(lock->holder));
        }
    } while (!spin_try_acquire(lock));
}

void preempt_check(void)
{
    if (READ_ONCE(current_head()->preempt_count) == 0 && !irqs_disabled())
        preempt_schedule();
}

void *preempt_check_value(void *value)
{
    preempt_check();
    return value;
}

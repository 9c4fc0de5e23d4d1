/*
 * Interrupts between CPUs, and calls of functions on other CPUs.
 *
 * A call is a record on the caller's stack, pushed onto the target's stack of calls by compare and
 * swap; the target takes the whole stack at once and runs it oldest first. Who waits spins with
 * IRQs enabled, so that it serves calls in the meantime. A caller that does not wait uses the one
 * spare record of its CPU, and so waits only for its own last such call to have begun.
 */
#include "core/ipi.h"
#include "arch/counter.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "lib/errno.h"

#define ANSWER_LIMIT 20 /* seconds */

struct call {
    struct call *next;
    void (*fn)(void *arg);
    void *arg;
    bool spare; /* may be used again once fn and arg were read */
    bool busy;  /* [A] */
};

static DEFINE_PERCPU(struct call *, calls); /* [A] */
static DEFINE_PERCPU(struct call, spare_call);
static DEFINE_PERCPU(u32[IPI_COUNT], received);

static void (*raise)(u32 cpu, enum ipi ipi); /* [I] */

static const char *const names[IPI_COUNT] = {
    [IPI_RESCHED] = "Rescheduling interrupts",
    [IPI_CALL] = "Function call interrupts",
    [IPI_STOP] = "CPU stop interrupts",
};

void ipi_register(void (*send)(u32 cpu, enum ipi ipi))
{
    raise = send;
}

void ipi_send(u32 cpu, enum ipi ipi)
{
    smp_wmb(); /* what the receiver is to see, before the interrupt */
    if (raise)
        raise(cpu, ipi);
}

static struct call *reversed(struct call *list)
{
    struct call *result = NULL;

    while (list) {
        struct call *next = list->next;

        list->next = result;
        result = list;
        list = next;
    }
    return result;
}

static void run_calls(void)
{
    struct call **head = &this_cpu(calls);
    struct call *call = reversed(__atomic_exchange_n(head, NULL, __ATOMIC_ACQUIRE));

    while (call) {
        struct call *next = call->next;
        void (*fn)(void *arg) = call->fn;
        void *arg = call->arg;

        if (call->spare) {
            smp_store_release(&call->busy, false);
            fn(arg);
        } else {
            fn(arg);
            smp_store_release(&call->busy, false);
        }
        call = next;
    }
}

void ipi_receive(enum ipi ipi)
{
    this_cpu(received)[ipi]++;
    if (ipi == IPI_CALL)
        run_calls();
    else if (ipi == IPI_STOP)
        panic_stop_cpu();
}

u32 ipi_received(u32 cpu, enum ipi ipi)
{
    return READ_ONCE(per_cpu(received, cpu)[ipi]);
}

const char *ipi_name(enum ipi ipi)
{
    return names[ipi];
}

static void wait_idle(const struct call *call, u32 cpu)
{
    u64 limit = counter_read() + ANSWER_LIMIT * cpu_features.counter_hz;

    while (smp_load_acquire(&call->busy)) {
        cpu_relax();
        if (counter_read() > limit && !panicking())
            panic("CPU %u does not answer a call of CPU %u", cpu, cpu_id());
    }
}

static void push(u32 cpu, struct call *call)
{
    struct call **head = &per_cpu(calls, cpu);

    call->next = __atomic_load_n(head, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(head, &call->next, call, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    ipi_send(cpu, IPI_CALL);
}

int smp_call(u32 cpu, void (*fn)(void *arg), void *arg, bool wait)
{
    struct call local = {.fn = fn, .arg = arg, .busy = true};

    preempt_disable();
    if (cpu == cpu_id()) {
        irqflags_t flags = irq_save();

        fn(arg);
        irq_restore(flags);
    } else if (cpu >= cpu_count || !cpu_online(cpu)) {
        preempt_enable();
        return -ENXIO;
    } else if (wait) {
        debug_assert(!irqs_disabled());
        push(cpu, &local);
        wait_idle(&local, cpu);
    } else {
        struct call *spare = &this_cpu(spare_call);

        wait_idle(spare, cpu);
        *spare = (struct call){.fn = fn, .arg = arg, .spare = true, .busy = true};
        push(cpu, spare);
    }
    preempt_enable();
    return 0;
}

void smp_call_all(void (*fn)(void *arg), void *arg)
{
    u32 cpu;

    for_each_online_cpu(cpu)
        smp_call(cpu, fn, arg, true);
}

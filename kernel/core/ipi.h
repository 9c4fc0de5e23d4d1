/*
 * Interrupts between CPUs.
 */
#pragma once

#include "lib/types.h"

/* What a CPU is asked to do; the numbers are the controller's software-generated interrupts. */
enum ipi {
    IPI_RESCHED, /* look at WORK_RESCHED on the way out */
    IPI_CALL,    /* run the calls queued for it */
    IPI_STOP,    /* a panic: report and halt */
    IPI_COUNT
};

/* The controller gives the function that raises an IPI at a CPU. */
void ipi_register(void (*send)(u32 cpu, enum ipi ipi));

/* Earlier stores are visible to the receiver. Any context; no-op before ipi_register. */
void ipi_send(u32 cpu, enum ipi ipi);

/* Called by the controller at the receiver. */
void ipi_receive(enum ipi ipi);

/* How often a CPU received it, and its name, for /proc/interrupts. */
u32 ipi_received(u32 cpu, enum ipi ipi);
const char *ipi_name(enum ipi ipi);

/*
 * Runs fn(arg) on a CPU with IRQs masked, at once when it is this one. With wait, returns after
 * it has run. IRQs enabled at the caller (two CPUs that call each other would wait for ever).
 * -ENXIO: the CPU is not online.
 */
int smp_call(u32 cpu, void (*fn)(void *arg), void *arg, bool wait);

/* On all online CPUs, this one too; returns after all have run it. */
void smp_call_all(void (*fn)(void *arg), void *arg);

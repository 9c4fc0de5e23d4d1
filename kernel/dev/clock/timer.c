/*
 * The generic timer's interrupt (binding "arm,armv8-timer"; Arm ARM D11.2). Its third interrupt is
 * the virtual timer's, a private one of each CPU (INTID 27 on most machines): the one that a kernel
 * may use at EL1 whether a hypervisor is below it or not. What comes of it is in sched/timer.c.
 */
#include "core/irq.h"
#include "dev/driver.h"
#include "lib/errno.h"
#include "sched/smp.h"
#include "sched/timer.h"

#define VIRTUAL_TIMER 2 /* its place in `interrupts` */

static int timer_irq; /* [I] */

static void timer_handle(void *unused)
{
    timer_interrupt();
}

/* A private line is enabled by each CPU for itself. */
static void timer_cpu_start(void)
{
    irq_unmask(timer_irq);
}

static int timer_probe(const struct fdt *fdt, int node)
{
    int irq = irq_map_fdt(fdt, node, VIRTUAL_TIMER), error;

    if (irq < 0)
        return irq;
    if (timer_irq)
        return -EBUSY;
    error = irq_request(irq, timer_handle, NULL, "timer");
    if (error < 0)
        return error;
    timer_irq = irq;
    smp_add_cpu_start(timer_cpu_start);
    return 0;
}

DRIVER(timer, DRIVER_TIMER, timer_probe, "arm,armv8-timer");

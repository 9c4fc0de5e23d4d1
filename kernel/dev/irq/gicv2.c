/*
 * The GICv2 interrupt controller (Arm IHI 0048B): a distributor for all CPUs and an interface for
 * each, both by registers. INTIDs 0-15 are software-generated (our IPIs), 16-31 each CPU's own, the
 * rest shared and routed to one CPU. It serves eight CPUs, and targets are bits that say which:
 * each CPU reads its own from its banked GICD_ITARGETSR0.
 *
 * One of these is the root of the interrupts, so there is one; a second node of the kind is
 * refused.
 */
#include "core/ipi.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/percpu.h"
#include "dev/driver.h"
#include "dev/irq/gic.h"
#include "dev/mmio.h"
#include "lib/errno.h"
#include "sched/smp.h"

/* CPU interface (chapter 4.4) */
#define GICC_CTLR      0x00
#define GICC_PMR       0x04
#define GICC_IAR       0x0c
#define GICC_EOIR      0x10

#define GICD_ITARGETSR 0x800
#define GICD_SGIR      0xf00

#define GICV2_CPUS     8

static void *gicd, *gicc;          /* [I] */
static u8 target_bits[GICV2_CPUS]; /* each CPU's own bit [I] once it is up */
static struct irq_domain gicv2_domain;

static void gicv2_handle(void)
{
    u32 iar = mmio_read32(gicc, GICC_IAR), intid = iar & 0x3ff;

    if (likely(intid >= 16 && intid < GIC_SPECIAL)) {
        irq_dispatch(&gicv2_domain, intid);
        mmio_write32(gicc, GICC_EOIR, iar);
    } else if (intid < 16) {
        mmio_write32(gicc, GICC_EOIR, iar);
        ipi_receive(intid);
    }
}

static void gicv2_send(u32 cpu, enum ipi ipi)
{
    mmio_write32(gicd, GICD_SGIR, (u32)target_bits[cpu] << 16 | ipi);
}

static void gicv2_enable(struct irq_domain *d, u32 hwirq)
{
    (void)d;
    mmio_write32(gicd, GICD_ISENABLER + hwirq / 32 * 4, 1u << hwirq % 32);
}

static void gicv2_disable(struct irq_domain *d, u32 hwirq)
{
    (void)d;
    mmio_write32(gicd, GICD_ICENABLER + hwirq / 32 * 4, 1u << hwirq % 32);
}

static int gicv2_set_affinity(struct irq_domain *d, u32 hwirq, u32 cpu)
{
    (void)d;
    if (hwirq < 32 || cpu >= GICV2_CPUS)
        return -EINVAL;
    mmio_write8(gicd, GICD_ITARGETSR + hwirq, target_bits[cpu]);
    return 0;
}

static int gicv2_set_type(struct irq_domain *d, u32 hwirq, u32 type)
{
    (void)d;
    return gic_configure(gicd, GICD_ICFGR, hwirq, type);
}

static const struct irq_domain_ops gicv2_ops = {
    .translate = gic_translate,
    .enable = gicv2_enable,
    .disable = gicv2_disable,
    .set_affinity = gicv2_set_affinity,
    .set_type = gicv2_set_type,
};

/* The target bit of this CPU; a machine with one CPU has no target registers. */
static u8 own_target(void)
{
    for (u32 i = 0; i < 32; i += 4) {
        u32 four = mmio_read32(gicd, GICD_ITARGETSR + i);

        four |= four >> 16;
        four |= four >> 8;
        if (four & 0xff)
            return four;
    }
    return 1;
}

/* On each CPU: the banked part of the distributor, and the CPU's interface. */
static void gicv2_cpu_start(void)
{
    if (cpu_id() >= GICV2_CPUS) {
        log_err("gicv2: cpu %u is beyond the eight that it serves", cpu_id());
        return;
    }
    target_bits[cpu_id()] = own_target();
    gic_init_private(gicd);
    mmio_write32(gicc, GICC_PMR, 0xff);
    mmio_write32(gicc, GICC_CTLR, 1);
}

static int gicv2_probe(const struct fdt *fdt, int node)
{
    int error;

    if (gicd)
        return -EBUSY;
    if ((error = driver_map(fdt, node, 1, &gicc)) < 0 ||
        (error = driver_map(fdt, node, 0, &gicd)) < 0)
        return error;
    gicv2_domain.name = "GICv2";
    gicv2_domain.ops = &gicv2_ops;
    gicv2_domain.count = gic_line_count(gicd);
    error = irq_domain_register(&gicv2_domain, node);
    if (error < 0)
        return error;
    mmio_write32(gicd, GICD_CTLR, 0);
    gic_init_shared(gicd, gicv2_domain.count);
    for (u32 i = 32; i < gicv2_domain.count; i += 4)
        mmio_write32(gicd, GICD_ITARGETSR + i, own_target() * 0x01010101u);
    mmio_write32(gicd, GICD_CTLR, 1);
    irq_set_root(gicv2_handle);
    ipi_register(gicv2_send);
    smp_add_cpu_start(gicv2_cpu_start);
    return 0;
}

DRIVER(gicv2, DRIVER_IRQ, gicv2_probe, "arm,cortex-a15-gic", "arm,gic-400", "arm,cortex-a9-gic",
       "arm,cortex-a7-gic");

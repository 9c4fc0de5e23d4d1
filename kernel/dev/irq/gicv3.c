/*
 * The GICv3 interrupt controller (Arm IHI 0069): a distributor for shared interrupts, a
 * redistributor for each CPU's own, and the CPU interface in system registers (arch/irqcpu.h).
 * Shared interrupts are routed by affinity. The redistributors stand in one or more regions, each
 * an array of frames that ends with the Last bit; a CPU finds its own by the affinity in
 * GICR_TYPER.
 *
 * Interrupts are in group 1, with one security state or from the non-secure side.
 */
#include "arch/cpu.h"
#include "arch/irqcpu.h"
#include "core/ipi.h"
#include "core/irq.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "dev/driver.h"
#include "dev/irq/gic.h"
#include "dev/mmio.h"
#include "lib/errno.h"
#include "sched/smp.h"

#define GICD_CTLR_GRP1_ARE (0x10u | 0x2u | 0x1u) /* in either view of the register: 12.9.4 */
#define GICD_CTLR_RWP      0x80000000u
#define GICD_IROUTER       0x6000

#define GICR_CTLR          0x00
#define GICR_TYPER         0x08
#define GICR_WAKER         0x14
#define GICR_SGI_PAGE      0x10000
#define GICR_FRAME         0x20000 /* two pages of 64 KiB, four with GICR_TYPER.VLPIS */
#define TYPER_VLPIS        2
#define TYPER_LAST         16
#define WAKER_SLEEP        2
#define WAKER_CHILDREN     4
#define GICR_REGIONS_MAX   8

struct redistributors {
    char *base;
    u64 size, stride;
};

static void *gicd;                                      /* [I] */
static struct redistributors regions[GICR_REGIONS_MAX]; /* [I] */
static u32 region_count;
static struct irq_domain gicv3_domain;
static DEFINE_PERCPU(char *, own_frame); /* this CPU's redistributor [I] */

static void gicv3_handle(void)
{
    u32 intid = icc_ack();

    if (likely(intid >= 16 && intid < GIC_SPECIAL)) {
        irq_dispatch(&gicv3_domain, intid);
        icc_eoi(intid);
    } else if (intid < 16) {
        icc_eoi(intid);
        ipi_receive(intid);
    }
}

static void gicv3_send(u32 cpu, enum ipi ipi)
{
    icc_sgi(smp_cpu_mpidr(cpu), ipi);
}

/* Where the enable and configuration registers of an interrupt are: by CPU, or for all. */
static void *bank(u32 hwirq)
{
    return hwirq < 32 ? this_cpu(own_frame) + GICR_SGI_PAGE : gicd;
}

/* RWP: the write before has taken effect. */
static void wait_for_writes(void)
{
    while (mmio_read32(gicd, GICD_CTLR) & GICD_CTLR_RWP)
        cpu_relax();
}

static void gicv3_enable(struct irq_domain *d, u32 hwirq)
{
    (void)d;
    mmio_write32(bank(hwirq), GICD_ISENABLER + hwirq / 32 * 4, 1u << hwirq % 32);
}

static void gicv3_disable(struct irq_domain *d, u32 hwirq)
{
    (void)d;
    mmio_write32(bank(hwirq), GICD_ICENABLER + hwirq / 32 * 4, 1u << hwirq % 32);
    if (hwirq >= 32)
        wait_for_writes();
}

static int gicv3_set_affinity(struct irq_domain *d, u32 hwirq, u32 cpu)
{
    (void)d;
    if (hwirq < 32)
        return -EINVAL;
    mmio_write64(gicd, GICD_IROUTER + hwirq * 8, smp_cpu_mpidr(cpu));
    return 0;
}

static int gicv3_set_type(struct irq_domain *d, u32 hwirq, u32 type)
{
    (void)d;
    return gic_configure(bank(hwirq), GICD_ICFGR, hwirq, type);
}

static const struct irq_domain_ops gicv3_ops = {
    .translate = gic_translate,
    .enable = gicv3_enable,
    .disable = gicv3_disable,
    .set_affinity = gicv3_set_affinity,
    .set_type = gicv3_set_type,
};

/* The frame whose affinity (Aff3-0 in 32 bits) is this CPU's, or NULL. */
static char *find_frame(void)
{
    u64 mpidr = cpu_mpidr(), affinity = (mpidr & 0xffffff) | (mpidr >> 32 & 0xff) << 24;

    for (u32 r = 0; r < region_count; r++) {
        for (u64 at = 0; at + GICR_FRAME <= regions[r].size;) {
            char *frame = regions[r].base + at;
            u64 typer = mmio_read64(frame, GICR_TYPER);

            if (typer >> 32 == affinity)
                return frame;
            if (typer & TYPER_LAST)
                break;
            at +=
                regions[r].stride ? regions[r].stride : GICR_FRAME * (typer & TYPER_VLPIS ? 2 : 1);
        }
    }
    return NULL;
}

static void gicv3_cpu_start(void)
{
    char *frame = find_frame();

    if (!frame)
        panic("gicv3: cpu %u (mpidr %lx) has no redistributor", cpu_id(), cpu_mpidr());
    this_cpu(own_frame) = frame;
    mmio_write32(frame, GICR_WAKER, mmio_read32(frame, GICR_WAKER) & ~WAKER_SLEEP);
    while (mmio_read32(frame, GICR_WAKER) & WAKER_CHILDREN)
        cpu_relax();
    mmio_write32(frame + GICR_SGI_PAGE, GICD_IGROUPR, ~0u);
    gic_init_private(frame + GICR_SGI_PAGE);
    icc_init();
}

static int map_regions(const struct fdt *fdt, int node)
{
    u32 count = 1;
    u64 stride = 0;

    fdt_u32(fdt, node, "#redistributor-regions", &count);
    fdt_u64(fdt, node, "redistributor-stride", &stride);
    if (count == 0 || count > GICR_REGIONS_MAX)
        return -EINVAL;
    for (u32 i = 0; i < count; i++) {
        paddr_t base;
        int error = fdt_reg(fdt, node, 1 + i, &base, &regions[i].size);
        void *mapped;

        if (error < 0 || (error = driver_map(fdt, node, 1 + i, &mapped)) < 0)
            return error;
        regions[i].base = mapped;
        regions[i].stride = stride;
    }
    region_count = count;
    return 0;
}

static int gicv3_probe(const struct fdt *fdt, int node)
{
    int error;

    if (gicd)
        return -EBUSY;
    if ((error = map_regions(fdt, node)) < 0 || (error = driver_map(fdt, node, 0, &gicd)) < 0)
        return error;
    gicv3_domain.name = "GICv3";
    gicv3_domain.ops = &gicv3_ops;
    gicv3_domain.count = gic_line_count(gicd);
    error = irq_domain_register(&gicv3_domain, node);
    if (error < 0)
        return error;
    mmio_write32(gicd, GICD_CTLR, 0);
    wait_for_writes();
    gic_init_shared(gicd, gicv3_domain.count);
    for (u32 i = 32; i < gicv3_domain.count; i += 32)
        mmio_write32(gicd, GICD_IGROUPR + i / 8, ~0u);
    mmio_write32(gicd, GICD_CTLR, GICD_CTLR_GRP1_ARE);
    wait_for_writes();
    for (u32 i = 32; i < gicv3_domain.count; i++)
        mmio_write64(gicd, GICD_IROUTER + i * 8, cpu_mpidr());
    irq_set_root(gicv3_handle);
    ipi_register(gicv3_send);
    smp_add_cpu_start(gicv3_cpu_start);
    return 0;
}

DRIVER(gicv3, DRIVER_IRQ, gicv3_probe, "arm,gic-v3");

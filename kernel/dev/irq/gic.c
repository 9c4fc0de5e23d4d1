/*
 * The GICv2 and GICv3 interrupt controllers (Arm IHI 0048B, IHI 0069): a distributor for the
 * shared interrupts and an interface for each CPU. INTIDs 0-15 are software-generated (our IPIs),
 * 16-31 each CPU's own, the rest shared and routed to one CPU. The distributors are alike. The
 * registers of the private interrupts stand at the same offsets in a bank that each CPU has for
 * itself: in GICv2 the distributor as that CPU sees it, in GICv3 the SGI page of its redistributor.
 *
 * GICv2's CPU interface is registers too. It serves eight CPUs, and targets are bits that say
 * which: each CPU reads its own from its banked GICD_ITARGETSR0.
 *
 * GICv3's is in system registers (arch/irqcpu.h), and interrupts are routed by affinity. The
 * redistributors stand in one or more regions, each an array of frames that ends with the Last bit;
 * a CPU finds its own by the affinity in GICR_TYPER. Interrupts are in group 1, with one security
 * state or from the non-secure side.
 *
 * Firmware gives the interrupts to the non-secure side. A kernel that entered at EL3 does it
 * itself: GICv3 gives up having two sides; in GICv2 each interrupt's group and each CPU's mask are
 * opened.
 *
 * One of these is the root of the interrupts, so there is one; a second node is refused.
 */
#include "arch/cpu.h"
#include "arch/irqcpu.h"
#include "core/ipi.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "dev/driver.h"
#include "dev/mmio.h"
#include "lib/errno.h"
#include "sched/smp.h"

/* The distributor (IHI 0048B 4.3, IHI 0069 12.9). */
#define GICD_CTLR       0x000
#define GICD_TYPER      0x004
#define GICD_IGROUPR    0x080
#define GICD_ISENABLER  0x100
#define GICD_ICENABLER  0x180
#define GICD_ICPENDR    0x280
#define GICD_ICACTIVER  0x380
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR  0x800
#define GICD_ICFGR      0xc00
#define GICD_SGIR       0xf00
#define GICD_IROUTER    0x6000

#define CTLR_DS         0x40u                 /* v3, secure view: one security state */
#define CTLR_RWP        0x80000000u           /* v3: a write has yet to take effect; v2: 0 */
#define CTLR_GRP1_ARE   (0x10u | 0x2u | 0x1u) /* v3, in either view of the register: 12.9.4 */
#define INTID_SPECIAL   1020                  /* from here on answers, not interrupts */
#define PRIORITY        0xa0a0a0a0u           /* of all interrupts, four to a register */

/* GICv2's CPU interface (4.4) */
#define GICC_CTLR  0x00
#define GICC_PMR   0x04
#define GICC_IAR   0x0c
#define GICC_EOIR  0x10

#define GICV2_CPUS 8

/* GICv3's redistributors (12.10) */
#define GICR_TYPER       0x08
#define GICR_WAKER       0x14
#define GICR_SGI_PAGE    0x10000
#define GICR_FRAME       0x20000 /* two pages of 64 KiB, four with GICR_TYPER.VLPIS */
#define TYPER_VLPIS      2
#define TYPER_LAST       16
#define WAKER_SLEEP      2
#define WAKER_CHILDREN   4
#define GICR_REGIONS_MAX 8

/* What the versions do each in its way. */
struct gic_kind {
    const char *name;
    u32 control;                                 /* GICD_CTLR of the running distributor */
    u32 group;                                   /* each IGROUPR */
    int (*map)(const struct fdt *fdt, int node); /* the registers beside the distributor's */
    void (*cpu_start)(void);                     /* on each CPU; calls init_bank() */
    void (*handle)(void);
    void (*send)(u32 cpu, enum ipi ipi);
    int (*route)(u32 intid, u32 cpu); /* a shared interrupt goes to this CPU: 0 or -EINVAL */
};

static const struct gic_kind *gic; /* [I] */
static struct irq_domain gic_domain;
static void *gicd;                          /* the distributor [I] */
static paddr_t gicd_base;                   /* the same, for the secure side [I] */
static DEFINE_PERCPU(void *, private_bank); /* [I] once the CPU is up */

static void wait_for_writes(void)
{
    while (mmio_read32(gicd, GICD_CTLR) & CTLR_RWP)
        cpu_relax();
}

/* Where the enable and configuration registers of an interrupt are. */
static void *bank_of(u32 hwirq)
{
    return hwirq < 32 ? this_cpu(private_bank) : gicd;
}

/* The device tree's cells: kind (0 shared, 1 private), number, type. */
static int gic_translate(struct irq_domain *d, const u32 *cells, u32 n, u32 *hwirq, u32 *type)
{
    if (n < 3 || cells[0] > 1 || cells[1] >= INTID_SPECIAL || (cells[0] == 1 && cells[1] >= 16))
        return -EINVAL;
    *hwirq = cells[1] + (cells[0] == 0 ? 32 : 16);
    *type = cells[2] & 15;
    return *hwirq < d->count ? 0 : -EINVAL;
}

static void gic_enable(struct irq_domain *d, u32 hwirq)
{
    mmio_write32(bank_of(hwirq), GICD_ISENABLER + hwirq / 32 * 4, 1u << hwirq % 32);
}

static void gic_disable(struct irq_domain *d, u32 hwirq)
{
    mmio_write32(bank_of(hwirq), GICD_ICENABLER + hwirq / 32 * 4, 1u << hwirq % 32);
    if (hwirq >= 32)
        wait_for_writes();
}

static int gic_set_type(struct irq_domain *d, u32 hwirq, u32 type)
{
    bool edge = type & (IRQ_TYPE_RISING | IRQ_TYPE_FALLING);
    size_t reg = GICD_ICFGR + hwirq / 16 * 4;
    u32 bit = 2u << hwirq % 16 * 2, value = mmio_read32(bank_of(hwirq), reg);

    if (hwirq < 16 || (type & IRQ_TYPE_FALLING))
        return -EINVAL;
    mmio_write32(bank_of(hwirq), reg, edge ? value | bit : value & ~bit); /* or fixed: no effect */
    return 0;
}

static const struct irq_domain_ops gic_ops = {
    .translate = gic_translate,
    .enable = gic_enable,
    .disable = gic_disable,
    .set_type = gic_set_type,
};

/* Interrupts [first, count): off, neither pending nor active, of one priority and group. */
static void init_range(void *bank, u32 first, u32 count)
{
    for (u32 i = first; i < count; i += 32) {
        mmio_write32(bank, GICD_ICENABLER + i / 8, ~0u);
        mmio_write32(bank, GICD_ICPENDR + i / 8, ~0u);
        mmio_write32(bank, GICD_ICACTIVER + i / 8, ~0u);
        mmio_write32(bank, GICD_IGROUPR + i / 8, gic->group);
    }
    for (u32 i = first; i < count; i += 4)
        mmio_write32(bank, GICD_IPRIORITYR + i, PRIORITY);
}

/* This CPU's private interrupts are at `bank`; the software-generated ones are on. */
static void init_bank(void *bank)
{
    this_cpu(private_bank) = bank;
    init_range(bank, 0, 32);
    mmio_write32(bank, GICD_ISENABLER, 0x0000ffffu);
}

/* ---- GICv2 ---- */

static void *gicc;                 /* [I] */
static paddr_t gicc_base;          /* [I] */
static u8 target_bits[GICV2_CPUS]; /* each CPU's own bit [I] once it is up */

static void gicv2_handle(void)
{
    u32 iar = mmio_read32(gicc, GICC_IAR), intid = iar & 0x3ff;

    if (likely(intid >= 16 && intid < INTID_SPECIAL)) {
        irq_dispatch(&gic_domain, intid);
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

static int gicv2_route(u32 intid, u32 cpu)
{
    if (cpu >= GICV2_CPUS)
        return -EINVAL;
    mmio_write8(gicd, GICD_ITARGETSR + intid, target_bits[cpu]);
    return 0;
}

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

static void gicv2_cpu_start(void)
{
    if (cpu_id() >= GICV2_CPUS) {
        log_err("gicv2: cpu %u is beyond the eight that it serves", cpu_id());
        return;
    }
    secure_write32(gicd_base + GICD_IGROUPR, ~0u);
    secure_write32(gicc_base + GICC_PMR, 0xff);
    target_bits[cpu_id()] = own_target();
    init_bank(gicd);
    mmio_write32(gicc, GICC_PMR, 0xff);
    mmio_write32(gicc, GICC_CTLR, 1);
}

static int gicv2_map(const struct fdt *fdt, int node)
{
    int error = driver_map(fdt, node, 1, &gicc);

    if (error < 0 || (error = fdt_reg(fdt, node, 1, &gicc_base, NULL)) < 0)
        return error;
    for (u32 i = 32; i < INTID_SPECIAL; i += 32)
        secure_write32(gicd_base + GICD_IGROUPR + i / 8, ~0u);
    return 0;
}

static const struct gic_kind gicv2 = {
    .name = "GICv2",
    .control = 1,
    .map = gicv2_map,
    .cpu_start = gicv2_cpu_start,
    .handle = gicv2_handle,
    .send = gicv2_send,
    .route = gicv2_route,
};

/* ---- GICv3 ---- */

static struct redistributors {
    char *base;
    u64 size, stride;
} regions[GICR_REGIONS_MAX]; /* [I] */
static u32 region_count;     /* [I] */

static void gicv3_handle(void)
{
    u32 intid = icc_ack();

    if (likely(intid >= 16 && intid < INTID_SPECIAL)) {
        irq_dispatch(&gic_domain, intid);
        icc_write(ICC_EOIR, intid);
    } else if (intid < 16) {
        icc_write(ICC_EOIR, intid);
        ipi_receive(intid);
    }
}

/* ICC_SGI1R: Aff3 55:48, RS 47:44, Aff2 39:32, INTID 27:24, Aff1 23:16, TargetList 15:0. */
static void gicv3_send(u32 cpu, enum ipi ipi)
{
    u64 mpidr = smp_cpu_mpidr(cpu), aff0 = mpidr & 0xff;

    icc_write(ICC_SGIR, (mpidr >> 32 & 0xff) << 48 | (mpidr >> 16 & 0xff) << 32 | (u64)ipi << 24 |
                            (mpidr >> 8 & 0xff) << 16 | (aff0 >> 4) << 44 | BIT(aff0 & 15));
}

static int gicv3_route(u32 intid, u32 cpu)
{
    mmio_write64(gicd, GICD_IROUTER + intid * 8, smp_cpu_mpidr(cpu));
    return 0;
}

/* The frame whose affinity (Aff3-0 in 32 bits) is this CPU's, or NULL. */
static char *find_frame(void)
{
    u64 mpidr = smp_cpu_mpidr(cpu_id()), affinity = (mpidr & 0xffffff) | (mpidr >> 32 & 0xff) << 24;

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
        panic("gicv3: cpu %u (mpidr %lx) has no redistributor", cpu_id(), smp_cpu_mpidr(cpu_id()));
    mmio_write32(frame, GICR_WAKER, mmio_read32(frame, GICR_WAKER) & ~WAKER_SLEEP);
    while (mmio_read32(frame, GICR_WAKER) & WAKER_CHILDREN)
        cpu_relax();
    init_bank(frame + GICR_SGI_PAGE);
    icc_write(ICC_SRE, 7); /* and no bypass of the GIC */
    icc_write(ICC_PMR, 0xff);
    icc_write(ICC_BPR, 0);
    icc_write(ICC_CTLR, 0); /* the end of an interrupt deactivates it, too */
    icc_write(ICC_IGRPEN, 1);
}

static int gicv3_map(const struct fdt *fdt, int node)
{
    u32 count = 1;
    u64 stride = 0;

    fdt_u32(fdt, node, "#redistributor-regions", 0, &count);
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
    secure_write32(gicd_base + GICD_CTLR, CTLR_DS);
    return 0;
}

static const struct gic_kind gicv3 = {
    .name = "GICv3",
    .control = CTLR_GRP1_ARE,
    .group = ~0u,
    .map = gicv3_map,
    .cpu_start = gicv3_cpu_start,
    .handle = gicv3_handle,
    .send = gicv3_send,
    .route = gicv3_route,
};

/* ---- probe ---- */

static int gic_probe(const struct fdt *fdt, int node)
{
    const struct gic_kind *kind = fdt_compatible(fdt, node, "arm,gic-v3") ? &gicv3 : &gicv2;
    int error;

    if (gicd)
        return -EBUSY;
    if ((error = fdt_reg(fdt, node, 0, &gicd_base, NULL)) < 0 ||
        (error = kind->map(fdt, node)) < 0 || (error = driver_map(fdt, node, 0, &gicd)) < 0)
        return error;
    gic = kind;
    gic_domain.name = kind->name;
    gic_domain.ops = &gic_ops;
    gic_domain.count = MIN_T(u32, ((mmio_read32(gicd, GICD_TYPER) & 31) + 1) * 32, INTID_SPECIAL);
    error = irq_domain_register(&gic_domain, node);
    if (error < 0)
        return error;
    mmio_write32(gicd, GICD_CTLR, 0);
    wait_for_writes();
    init_range(gicd, 32, gic_domain.count);
    for (u32 i = 32; i < gic_domain.count; i += 16)
        mmio_write32(gicd, GICD_ICFGR + i / 4, 0); /* level-sensitive */
    mmio_write32(gicd, GICD_CTLR, kind->control);
    wait_for_writes();
    irq_set_root(kind->handle);
    ipi_register(kind->send);
    smp_add_cpu_start(kind->cpu_start);
    for (u32 i = 32; i < gic_domain.count; i++)
        kind->route(i, 0);
    return 0;
}

DRIVER(gic, DRIVER_IRQ, gic_probe, "arm,gic-v3", "arm,cortex-a15-gic", "arm,gic-400",
       "arm,cortex-a9-gic", "arm,cortex-a7-gic");

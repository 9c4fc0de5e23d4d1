/*
 * What the GICv2 and GICv3 distributors have in common (Arm IHI 0048B 4.3, IHI 0069 12.9). The
 * registers of the private interrupts stand at the same offsets in a GICv3 redistributor's SGI
 * page.
 */
#pragma once

#include "core/irq.h"

#define GICD_CTLR       0x000
#define GICD_TYPER      0x004
#define GICD_IGROUPR    0x080
#define GICD_ISENABLER  0x100
#define GICD_ICENABLER  0x180
#define GICD_ICPENDR    0x280
#define GICD_ICACTIVER  0x380
#define GICD_IPRIORITYR 0x400
#define GICD_ICFGR      0xc00

#define GIC_SPECIAL     1020 /* INTIDs from here on are answers, not interrupts */
#define GIC_PRIORITY    0xa0a0a0a0u

/* The device tree's cells: kind (0 shared, 1 private), number, type. */
int gic_translate(struct irq_domain *d, const u32 *cells, u32 n, u32 *hwirq, u32 *type);

/* Edge or level in the ICFGR registers at base + offset. 0 or -EINVAL. */
int gic_configure(void *base, size_t offset, u32 hwirq, u32 type);

/* INTIDs that the distributor has. */
u32 gic_line_count(void *gicd);

/* All shared interrupts: off, not pending, one priority, level-sensitive. */
void gic_init_shared(void *gicd, u32 count);

/* This CPU's private ones: the same, with the software-generated ones on. */
void gic_init_private(void *base);

/* The common part of GICv2 and GICv3: see gic.h. */
#include "dev/irq/gic.h"

#include "dev/mmio.h"
#include "lib/errno.h"

int gic_translate(struct irq_domain *d, const u32 *cells, u32 n, u32 *hwirq, u32 *type)
{
    if (n < 3 || cells[0] > 1 || cells[1] >= GIC_SPECIAL || (cells[0] == 1 && cells[1] >= 16))
        return -EINVAL;
    *hwirq = cells[1] + (cells[0] == 0 ? 32 : 16);
    *type = cells[2] & 15;
    return *hwirq < d->count ? 0 : -EINVAL;
}

int gic_configure(void *base, size_t offset, u32 hwirq, u32 type)
{
    bool edge = type & (IRQ_TYPE_RISING | IRQ_TYPE_FALLING);
    size_t reg = offset + hwirq / 16 * 4;
    u32 bit = 2u << hwirq % 16 * 2, value = mmio_read32(base, reg);

    if (hwirq < 16 || (type & IRQ_TYPE_FALLING))
        return -EINVAL;
    mmio_write32(base, reg, edge ? value | bit : value & ~bit); /* fixed for some: no effect */
    return 0;
}

u32 gic_line_count(void *gicd)
{
    u32 count = ((mmio_read32(gicd, GICD_TYPER) & 31) + 1) * 32;

    return count < GIC_SPECIAL ? count : GIC_SPECIAL;
}

void gic_init_shared(void *gicd, u32 count)
{
    for (u32 i = 32; i < count; i += 32) {
        mmio_write32(gicd, GICD_ICENABLER + i / 8, ~0u);
        mmio_write32(gicd, GICD_ICPENDR + i / 8, ~0u);
        mmio_write32(gicd, GICD_ICACTIVER + i / 8, ~0u);
    }
    for (u32 i = 32; i < count; i += 4)
        mmio_write32(gicd, GICD_IPRIORITYR + i, GIC_PRIORITY);
    for (u32 i = 32; i < count; i += 16)
        mmio_write32(gicd, GICD_ICFGR + i / 4, 0);
}

void gic_init_private(void *base)
{
    mmio_write32(base, GICD_ICENABLER, 0xffff0000u);
    mmio_write32(base, GICD_ICPENDR, 0xffff0000u);
    mmio_write32(base, GICD_ICACTIVER, ~0u);
    for (u32 i = 0; i < 32; i += 4)
        mmio_write32(base, GICD_IPRIORITYR + i, GIC_PRIORITY);
    mmio_write32(base, GICD_ISENABLER, 0x0000ffffu);
}

/*
 * Addresses and interrupts in a device tree: what a node's numbers mean depends on its parents.
 */
#include "lib/errno.h"
#include "lib/fdt.h"

/* What #address-cells and #size-cells say for the children of `node`; 2 and 1 by default. */
static int child_cells(const struct fdt *fdt, int node, u32 *address_cells, u32 *size_cells)
{
    if (fdt_u32(fdt, node, "#address-cells", 0, address_cells))
        *address_cells = 2;
    if (fdt_u32(fdt, node, "#size-cells", 0, size_cells))
        *size_cells = 1;
    return *address_cells < 1 || *address_cells > 2 || *size_cells > 2 ? -EINVAL : 0;
}

/* Entry `index` of `reg` of a node whose parent is `bus`. */
static int reg_entry(const struct fdt *fdt, int bus, int node, int index, u64 *addr, u64 *size)
{
    u32 address_cells, size_cells, entry, len;
    const u8 *reg = fdt_prop(fdt, node, "reg", &len);
    int err;

    if (!reg)
        return -ENOENT;
    err = child_cells(fdt, bus, &address_cells, &size_cells);
    if (err)
        return err;
    entry = (address_cells + size_cells) * 4;
    if (index < 0 || (u32)index >= len / entry)
        return -ENOENT;
    reg += (size_t)index * entry;
    *addr = fdt_cells(reg, address_cells);
    if (size)
        *size = fdt_cells(reg + address_cells * 4, size_cells);
    return 0;
}

/* Turn an address on `bus` into one on the bus above, by `ranges` (specification 2.3.8). */
static int translate(const struct fdt *fdt, int above, int bus, u64 *addr)
{
    u32 cells, size_cells, above_cells, above_size_cells, entry, len;
    const u8 *ranges = fdt_prop(fdt, bus, "ranges", &len);

    if (!ranges)
        return -ENOENT;
    if (len == 0)
        return 0;
    if (child_cells(fdt, bus, &cells, &size_cells) ||
        child_cells(fdt, above, &above_cells, &above_size_cells))
        return -EINVAL;
    entry = (cells + above_cells + size_cells) * 4;
    for (; len >= entry; len -= entry, ranges += entry) {
        u64 from = fdt_cells(ranges, cells);
        u64 to = fdt_cells(ranges + cells * 4, above_cells);
        u64 size = fdt_cells(ranges + (cells + above_cells) * 4, size_cells);

        if (*addr >= from && *addr - from < size) {
            *addr = *addr - from + to;
            return 0;
        }
    }
    return -ENOENT;
}

int fdt_reg_raw(const struct fdt *fdt, int node, int index, u64 *addr, u64 *size)
{
    int path[FDT_DEPTH_MAX], depth = fdt_node_path(fdt, node, path);

    if (depth < 1)
        return depth < 0 ? depth : -ENOENT;
    return reg_entry(fdt, path[depth - 1], node, index, addr, size);
}

int fdt_reg(const struct fdt *fdt, int node, int index, paddr_t *addr, u64 *size)
{
    int path[FDT_DEPTH_MAX], depth = fdt_node_path(fdt, node, path);
    int err = fdt_reg_raw(fdt, node, index, addr, size);

    for (int bus = depth - 1; bus > 0 && !err; bus--)
        err = translate(fdt, path[bus - 1], path[bus], addr);
    return err;
}

/* Specification 2.4: the nearest `interrupt-parent` upward, or a parent that is a controller. */
static int interrupt_parent(const struct fdt *fdt, int node)
{
    int path[FDT_DEPTH_MAX], depth = fdt_node_path(fdt, node, path);
    u32 value;

    if (depth < 0)
        return depth;
    for (; depth >= 0; depth--) {
        if (path[depth] != node && fdt_prop(fdt, path[depth], "#interrupt-cells", NULL))
            return path[depth];
        if (fdt_u32(fdt, path[depth], "interrupt-parent", 0, &value) == 0)
            return fdt_phandle(fdt, value);
    }
    return -ENOENT;
}

/* Copy `count` cells at data; returns count, or -EINVAL when there is no room. */
static int copy_cells(const u8 *data, u32 count, u32 *cells, u32 max)
{
    if (count < 1 || count > max)
        return -EINVAL;
    for (u32 i = 0; i < count; i++)
        cells[i] = (u32)fdt_cells(data + 4 * i, 1);
    return (int)count;
}

/* `interrupts-extended`: each entry is a controller's phandle and as many cells as it wants. */
static int interrupt_extended(const struct fdt *fdt, const u8 *data, u32 len, int index,
                              int *controller, u32 *cells, u32 max)
{
    u32 count;

    while (len >= 4) {
        *controller = fdt_phandle(fdt, (u32)fdt_cells(data, 1));
        if (*controller < 0 || fdt_u32(fdt, *controller, "#interrupt-cells", 0, &count))
            return -EINVAL;
        if (count > len / 4 - 1)
            return -EINVAL;
        if (index-- == 0)
            return copy_cells(data + 4, count, cells, max);
        data += 4 + 4 * count;
        len -= 4 + 4 * count;
    }
    return -ENOENT;
}

int fdt_interrupt(const struct fdt *fdt, int node, int index, int *controller, u32 *cells, u32 max)
{
    u32 len, count;
    const u8 *data = fdt_prop(fdt, node, "interrupts-extended", &len);

    if (index < 0)
        return -ENOENT;
    if (data)
        return interrupt_extended(fdt, data, len, index, controller, cells, max);
    data = fdt_prop(fdt, node, "interrupts", &len);
    if (!data)
        return -ENOENT;
    *controller = interrupt_parent(fdt, node);
    if (*controller < 0)
        return *controller;
    if (fdt_u32(fdt, *controller, "#interrupt-cells", 0, &count) || count < 1 || count > max)
        return -EINVAL;
    if ((u32)index >= len / 4 / count)
        return -ENOENT;
    return copy_cells(data + (size_t)index * count * 4, count, cells, max);
}

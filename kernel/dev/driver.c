/*
 * The table of drivers is made by the linker from the DRIVER() lines of all files. The tree is
 * walked in its order, once for each class; a node is offered to the drivers of that class that
 * know one of its `compatible` strings, until one takes it. A driver keeps what it knows of a
 * device in memory of its own, so that two devices of a kind both work.
 */
#include "dev/driver.h"

#include "core/log.h"
#include "core/machine.h"
#include "lib/errno.h"
#include "mm/vmalloc.h"

static bool knows(const struct driver *driver, const struct fdt *fdt, int node)
{
    for (const char *const *c = driver->compatible; *c; c++)
        if (fdt_compatible(fdt, node, *c))
            return true;
    return false;
}

/* Does some driver take the node? */
static bool probe_node(enum driver_class class, const struct fdt *fdt, int node)
{
    const struct driver *driver;

    for (driver = __drivers_start; driver < __drivers_end; driver++) {
        int error;

        if (driver->class != class || !knows(driver, fdt, node) || !fdt_enabled(fdt, node))
            continue;
        error = driver->probe(fdt, node);
        if (error == 0)
            return true;
        if (error != -ENODEV)
            log_err("%s: %s: error %d", driver->name, fdt_name(fdt, node), -error);
    }
    return false;
}

u32 driver_probe(enum driver_class class)
{
    const struct fdt *fdt = machine_fdt();
    u32 count = 0;
    int node;

    fdt_for_each_node(node, fdt)
        count += probe_node(class, fdt, node);
    return count;
}

int driver_map(const struct fdt *fdt, int node, int index, void **registers)
{
    paddr_t base;
    u64 size;
    int error = fdt_reg(fdt, node, index, &base, &size);

    if (error < 0)
        return error;
    if (size == 0)
        return -EINVAL;
    *registers = device_map(base, size);
    return *registers ? 0 : -ENOMEM;
}

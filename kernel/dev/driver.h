/*
 * Drivers and the nodes of the device tree that they serve. Theory in driver.c.
 */
#pragma once

#include "lib/fdt.h"

/* The order in which classes come up. */
enum driver_class { DRIVER_IRQ, DRIVER_TIMER, DRIVER_POWER, DRIVER_DEVICE };

struct driver {
    const char *name;
    enum driver_class class;
    const char *const *compatible; /* ends with NULL */
    /* 0: the device works; -ENODEV: not this one; else an error, which is logged. May sleep. */
    int (*probe)(const struct fdt *fdt, int node);
};

/* DRIVER(pl031, DRIVER_DEVICE, pl031_probe, "arm,pl031"); in the driver's file. */
#define DRIVER(name_, class_, probe_, ...)                                      \
    static const char *const driver_compatible_##name_[] = {__VA_ARGS__, NULL}; \
    static const struct driver driver_##name_ __used __section(".drivers") = {  \
        #name_, class_, driver_compatible_##name_, probe_}

/* The linked table, from linker.ld. */
extern const struct driver __drivers_start[], __drivers_end[];

/* Probes each enabled node with the drivers of the class that know it. Returns how many work. */
u32 driver_probe(enum driver_class class);

/* Maps the registers that entry `index` of reg names; 0, -ENOENT, -EINVAL, -ENOMEM. */
int driver_map(const struct fdt *fdt, int node, int index, void **registers);

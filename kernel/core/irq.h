/*
 * Interrupt lines. A domain is a controller with its own numbers (hwirq); a line's number for the
 * rest of the kernel is the domain's base + hwirq. Theory in core/irq.c.
 */
#pragma once

#include "arch/trap.h"

struct fdt;
struct irq_domain;

/* How a line signals, as in device trees, where 4 and 8 are the levels high and low. */
enum irq_type {
    IRQ_TYPE_NONE = 0, /* as the controller has it */
    IRQ_TYPE_RISING = 1,
    IRQ_TYPE_FALLING = 2,
};

/* Called with IRQs masked and the domain's lines locked. */
struct irq_domain_ops {
    /* A device tree's interrupt specifier to a line of this domain. 0 or -EINVAL. */
    int (*translate)(struct irq_domain *d, const u32 *cells, u32 n, u32 *hwirq, u32 *type);
    void (*enable)(struct irq_domain *d, u32 hwirq); /* on this CPU for a per-CPU line */
    void (*disable)(struct irq_domain *d, u32 hwirq);
    int (*set_type)(struct irq_domain *d, u32 hwirq, u32 type); /* NULL: fixed */
};

struct irq_line {
    void (*handler)(void *arg); /* NULL: nobody's */
    void *arg;
    const char *name;
    u32 *counts; /* by CPU; each CPU writes its own */
};

/* The driver sets what is above the line; the domain lives for ever. */
struct irq_domain {
    const char *name; /* as /proc/interrupts shows it */
    const struct irq_domain_ops *ops;
    void *private;
    u32 count; /* hwirqs are below this */
    /* ---- */
    int node;               /* in the device tree [I] */
    u32 base;               /* [I] */
    struct irq_line *lines; /* [I] */
    struct irq_domain *next;
};

/* alloc returns zeroed memory or NULL (kmalloc_nosleep). Before any domain is registered. */
void irq_init(void *(*alloc)(size_t size));

/* Takes over the interrupts of the controller at this node of the tree. 0 or -ENOMEM. */
int irq_domain_register(struct irq_domain *d, int node);

/* The boot's one handler, which finds out and dispatches what is pending. */
void irq_set_root(void (*handler)(void));

/* The line of interrupt `index` of a device's node; -ENOENT, -EINVAL, -ENODEV (no controller). */
int irq_map_fdt(const struct fdt *fdt, int node, int index);

/*
 * Calls handler(arg) for each interrupt of the line, IRQs masked, and enables the line. A per-CPU
 * line is enabled on this CPU. 0, -EINVAL, -EBUSY, -ENOMEM.
 */
int irq_request(int irq, void (*handler)(void *arg), void *arg, const char *name);

/* Enables a requested per-CPU line on this CPU too. */
void irq_unmask(int irq);

/* Called by controllers: runs the handler of a line. */
void irq_dispatch(struct irq_domain *d, u32 hwirq);

/* For /proc/interrupts and /proc/stat: the first requested line at or after irq, or -1. */
struct irq_info {
    const char *domain, *name;
    u32 hwirq;
    const u32 *counts; /* by CPU */
};
int irq_next(int irq, struct irq_info *info);
u64 irq_total(void);

/* The registers that the interrupt being handled on this CPU came upon; NULL outside. */
struct trap_frame *irq_frame(void);

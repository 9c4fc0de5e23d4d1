/*
 * Interrupt lines.
 *
 * What it is: controllers register as domains and get a range of line numbers each; devices ask
 * for a line by their node in the tree (irq_map_fdt) and give a handler (irq_request). The root
 * controller's handler is called for each interrupt, finds out what is pending, and calls
 * irq_dispatch() for each line; a cascaded controller is a handler that does the same.
 *
 * Invariants:
 * I1. Domains and their lines live for ever; the list only grows, its links written before they
 *     are published. So look-ups take no lock.
 * I2. A line's handler is set with its argument before it (release), and called on the CPU that
 *     took the interrupt with IRQs masked. A line once requested stays.
 * I3. counts[cpu] is written by its CPU alone.
 *
 * Locking: irq_lock (RANK_IRQ) guards requests and the calls of ops but the dispatch.
 */
#include "core/irq.h"
#include "arch/upcall.h"
#include "core/log.h"
#include "core/percpu.h"
#include "core/random.h"
#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/fdt.h"

#define CELLS_MAX 8

static struct spinlock irq_lock = SPINLOCK_INIT(RANK_IRQ);
static struct irq_domain *domains;  /* I1 */
static u32 next_base;               /* [L] irq_lock */
static void (*root_handler)(void);  /* [I] */
static void *(*alloc)(size_t size); /* [I] */

static DEFINE_PERCPU(struct trap_frame *, current_frame);
static DEFINE_PERCPU(u64, irq_count);
DEFINE_PERCPU(u64, irq_last_pc);

void irq_init(void *(*alloc_fn)(size_t size))
{
    alloc = alloc_fn;
}

int irq_domain_register(struct irq_domain *d, int node)
{
    struct irq_domain **end;

    d->lines = alloc(d->count * sizeof *d->lines);
    if (!d->lines)
        return -ENOMEM;
    d->node = node;
    d->next = NULL;
    spin_guard_irqsave(&irq_lock);
    d->base = next_base;
    next_base += d->count;
    for (end = &domains; *end; end = &(*end)->next)
        ;
    smp_store_release(end, d);
    return 0;
}

void irq_set_root(void (*handler)(void))
{
    root_handler = handler;
}

static struct irq_domain *domain_of(int irq)
{
    for (struct irq_domain *d = smp_load_acquire(&domains); d; d = smp_load_acquire(&d->next))
        if ((u32)irq >= d->base && (u32)irq - d->base < d->count)
            return d;
    return NULL;
}

int irq_map_fdt(const struct fdt *fdt, int node, int index)
{
    struct irq_domain *d = smp_load_acquire(&domains);
    u32 cells[CELLS_MAX], hwirq, type = IRQ_TYPE_NONE;
    int controller, error, n = fdt_interrupt(fdt, node, index, &controller, cells, CELLS_MAX);

    if (n < 0)
        return n;
    while (d && d->node != controller)
        d = smp_load_acquire(&d->next);
    if (!d)
        return -ENODEV;
    error = d->ops->translate(d, cells, n, &hwirq, &type);
    if (error)
        return error;
    if (hwirq >= d->count)
        return -EINVAL;
    spin_guard_irqsave(&irq_lock);
    if (type != IRQ_TYPE_NONE && d->ops->set_type && !d->lines[hwirq].handler)
        error = d->ops->set_type(d, hwirq, type);
    return error ? error : (int)(d->base + hwirq);
}

int irq_request(int irq, void (*handler)(void *arg), void *arg, const char *name)
{
    struct irq_domain *d = domain_of(irq);
    struct irq_line *line;
    u32 *counts;

    if (!d)
        return -EINVAL;
    line = &d->lines[irq - d->base];
    counts = alloc(cpu_count * sizeof *counts);
    if (!counts)
        return -ENOMEM;
    spin_guard_irqsave(&irq_lock);
    if (line->handler)
        return -EBUSY; /* and the counts are lost: a driver's bug */
    line->counts = counts;
    line->arg = arg;
    line->name = name;
    smp_store_release(&line->handler, handler);
    d->ops->enable(d, irq - d->base);
    return 0;
}

void irq_unmask(int irq)
{
    struct irq_domain *d = domain_of(irq);

    spin_guard_irqsave(&irq_lock);
    d->ops->enable(d, irq - d->base);
}

/* A line that is nobody's would come again at once: it is disabled. */
static void spurious(struct irq_domain *d, u32 hwirq)
{
    spin_acquire(&irq_lock);
    d->ops->disable(d, hwirq);
    spin_release(&irq_lock);
    log_warn("irq: %s line %u came without a handler and is now off", d->name, hwirq);
}

void irq_dispatch(struct irq_domain *d, u32 hwirq)
{
    struct irq_line *line = &d->lines[hwirq];
    void (*handler)(void *arg) = hwirq < d->count ? smp_load_acquire(&line->handler) : NULL;

    if (unlikely(!random_ready()))
        random_add_timing(hwirq);
    if (unlikely(!handler)) {
        if (hwirq < d->count)
            spurious(d, hwirq);
        return;
    }
    line->counts[cpu_id()]++;
    handler(line->arg);
}

void trap_irq(struct trap_frame *f)
{
    struct thread_head *head = current_head();
    struct trap_frame **slot, *outer;

    WRITE_ONCE(head->preempt_count, head->preempt_count + PREEMPT_IRQ);
    slot = &this_cpu(current_frame);
    outer = *slot;
    *slot = f;
    this_cpu(irq_last_pc) = f->pc;
    this_cpu(irq_count)++;
    root_handler();
    if (unlikely(READ_ONCE(log_notify_pending)))
        log_notify_now();
    *slot = outer;
    WRITE_ONCE(head->preempt_count, head->preempt_count - PREEMPT_IRQ);
}

struct trap_frame *irq_frame(void)
{
    return this_cpu(current_frame);
}

int irq_next(int irq, struct irq_info *info)
{
    for (irq = MAX(irq, 0);; irq++) {
        struct irq_domain *d = domain_of(irq);
        struct irq_line *line;

        if (!d)
            return -1;
        line = &d->lines[irq - d->base];
        if (!READ_ONCE(line->handler))
            continue;
        *info = (struct irq_info){d->name, line->name, irq - d->base, line->counts};
        return irq;
    }
}

u64 irq_total(void)
{
    u64 total = 0;
    u32 cpu;

    for_each_cpu(cpu)
        total += READ_ONCE(per_cpu(irq_count, cpu));
    return total;
}

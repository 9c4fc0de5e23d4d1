/*
 * Kernel virtual memory.
 *
 * What it is: areas of address space in a balanced tree, each with the gap in front of it; the
 * lowest gap that is large enough is taken, which the tree finds by the largest gap below each
 * node. Low addresses are used again first, so that the page tables stay few. Behind the pages of
 * an area stands at least one page that is never mapped; in front of a stack, as much as the
 * stack (arch/thread.h says why).
 *
 * Interface: vmalloc.h.
 *
 * Structures and invariants:
 * I1. areas do not overlap; area->gap is the distance from the end of the one before (or from
 *     VMALLOC_BASE), area->largest the largest gap in the subtree.
 * I2. The pages of an area belong to it alone; they are unmapped everywhere before they are freed.
 * I3. A spare stack stays mapped. It waits in its CPU's small array or in the shared list, linked
 *     through its lowest word.
 *
 * Device registers: mapped at DEVICE_BASE + physical address, so that nobody has to remember what
 * is mapped where, and the registers of one page may be asked for many times.
 *
 * Locking: area_lock (RANK_VMALLOC) guards the tree, stacks_lock (RANK_STACKS) the shared list, a
 * CPU's array is its own; all with IRQs masked. kernel_map has a lock of its own.
 */
#include "mm/vmalloc.h"
#include "core/fail.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/rbtree.h"
#include "mm/kmalloc.h"
#include "mm/pagetable.h"

#define SPARE_LOCAL  8 /* stacks kept by each CPU */
#define SPARE_SHARED 64

struct area {
    struct rb_node rb;
    u64 start, end; /* with the guard */
    u64 gap;        /* I1 */
    u64 largest;    /* I1 */
    u64 map, size;  /* the part that has pages */
};

static struct spinlock area_lock = SPINLOCK_INIT(RANK_VMALLOC);
static struct rb_root areas; /* [L] area_lock */
static u64 used;             /* bytes with pages [A] */

struct spare_stacks { /* [C] */
    u32 count;
    void *stacks[SPARE_LOCAL];
};

static DEFINE_PERCPU(struct spare_stacks, spare_stacks);
static struct spinlock stacks_lock = SPINLOCK_INIT(RANK_STACKS);
static void *shared_stacks; /* [L] stacks_lock */
static u32 shared_count;    /* [L] stacks_lock */

static struct area *area_at(struct rb_node *node)
{
    return rb_entry(node, struct area, rb);
}

static u64 largest_below(struct rb_node *node)
{
    return node ? area_at(node)->largest : 0;
}

static void area_augment(struct rb_node *node)
{
    struct area *a = area_at(node);

    a->largest = MAX(a->gap, MAX(largest_below(node->left), largest_below(node->right)));
}

/* Where `size` bytes fit, a multiple of align, lowest first; 0: nowhere. */
static u64 find_gap_locked(u64 size, u64 align)
{
    u64 need = size + align - PAGE_SIZE;
    struct rb_node *node = areas.node, *last = rb_last(&areas);
    u64 start;

    if (largest_below(node) < need) {
        start = ALIGN_UP(last ? area_at(last)->end : VMALLOC_BASE, align);
        return start + size <= VMALLOC_END ? start : 0;
    }
    for (;;) {
        struct area *a = area_at(node);

        if (largest_below(node->left) >= need)
            node = node->left;
        else if (a->gap >= need)
            return ALIGN_UP(a->start - a->gap, align);
        else
            node = node->right;
    }
}

static void set_gap_locked(struct rb_node *node, u64 gap)
{
    if (!node)
        return;
    area_at(node)->gap = gap;
    rb_propagate(node, area_augment);
}

static void link_locked(struct area *a)
{
    struct rb_node **link = &areas.node, *parent = NULL, *prev;

    while (*link) {
        parent = *link;
        link = a->start < area_at(parent)->start ? &parent->left : &parent->right;
    }
    a->largest = a->gap = 0;
    rb_insert_augmented(&areas, &a->rb, parent, link, area_augment);
    prev = rb_prev(&a->rb);
    set_gap_locked(&a->rb, a->start - (prev ? area_at(prev)->end : VMALLOC_BASE));
    if (rb_next(&a->rb))
        set_gap_locked(rb_next(&a->rb), area_at(rb_next(&a->rb))->start - a->end);
}

static void unlink_locked(struct area *a)
{
    struct rb_node *next = rb_next(&a->rb);
    u64 gap = next ? a->gap + (a->end - a->start) + area_at(next)->gap : 0;

    rb_erase_augmented(&areas, &a->rb, area_augment);
    set_gap_locked(next, gap);
}

/* The area whose pages start at `map`. */
static struct area *find_locked(u64 map)
{
    struct rb_node *node = areas.node;

    while (node) {
        struct area *a = area_at(node);

        if (a->map == map)
            return a;
        node = map < a->start ? node->left : map >= a->end ? node->right : NULL;
    }
    return NULL;
}

/* Unmaps an area's first `size` bytes and frees their pages. (I2) */
static void unmap_pages(u64 map, u64 size)
{
    struct list pages = LIST_INIT(pages);
    struct page *page, *next;

    for (u64 at = map; at < map + size; at += PAGE_SIZE)
        list_add_tail(&phys_to_page(kernel_translate(at))->list, &pages);
    if (size)
        kernel_unmap(map, size);
    list_for_each_entry_safe(page, next, &pages, list)
        page_free(page, 0);
}

static bool map_pages(u64 map, u64 size)
{
    for (u64 at = map; at < map + size; at += PAGE_SIZE) {
        struct page *page = page_alloc_nosleep(0, PA_ZERO);

        if (page && kernel_map(at, page_to_phys(page), PAGE_SIZE, PROT_R | PROT_W) == 0)
            continue;
        if (page)
            page_free(page, 0);
        unmap_pages(map, at - map);
        return false;
    }
    return true;
}

static void area_free(struct area *a)
{
    irqflags_t flags = spin_lock_irqsave(&area_lock);

    unlink_locked(a);
    spin_unlock_irqrestore(&area_lock, flags);
    kfree(a);
}

/* `size` bytes of pages behind `front` bytes of nothing, or with a page of nothing behind them. */
static void *area_alloc(u64 size, u64 front, u64 align)
{
    struct area *a = kmalloc_nosleep(sizeof *a);
    u64 span = front + size + (front ? 0 : PAGE_SIZE);
    irqflags_t flags;

    if (!a)
        return NULL;
    flags = spin_lock_irqsave(&area_lock);
    a->start = find_gap_locked(span, align);
    a->end = a->start + span;
    a->map = a->start + front;
    a->size = size;
    if (a->start)
        link_locked(a);
    spin_unlock_irqrestore(&area_lock, flags);
    if (!a->start) {
        kfree(a);
        return NULL;
    }
    if (!map_pages(a->map, size)) {
        area_free(a);
        return NULL;
    }
    __atomic_add_fetch(&used, size, __ATOMIC_RELAXED);
    return (void *)a->map;
}

static void area_release(void *map)
{
    irqflags_t flags = spin_lock_irqsave(&area_lock);
    struct area *a = find_locked((u64)map);

    spin_unlock_irqrestore(&area_lock, flags);
    if (!a)
        panic("vfree: %p is no area", map);
    unmap_pages(a->map, a->size);
    __atomic_sub_fetch(&used, a->size, __ATOMIC_RELAXED);
    area_free(a);
}

void vmalloc_init(void)
{
    areas = (struct rb_root)RB_ROOT_INIT;
}

void *vmalloc_nosleep(size_t size)
{
    if (size == 0 || size > (VMALLOC_END - VMALLOC_BASE) / 2)
        return NULL;
    return area_alloc(ALIGN_UP(size, PAGE_SIZE), 0, PAGE_SIZE);
}

void vfree(void *area)
{
    if (area)
        area_release(area);
}

u64 vmalloc_used(void)
{
    return READ_ONCE(used);
}

static void *shared_pop(void)
{
    irqflags_t flags = spin_lock_irqsave(&stacks_lock);
    void *stack = shared_stacks;

    if (stack) {
        shared_stacks = *(void **)stack;
        shared_count--;
    }
    spin_unlock_irqrestore(&stacks_lock, flags);
    return stack;
}

static bool shared_push(void *stack)
{
    irqflags_t flags = spin_lock_irqsave(&stacks_lock);
    bool room = shared_count < SPARE_SHARED;

    if (room) {
        *(void **)stack = shared_stacks;
        shared_stacks = stack;
        shared_count++;
    }
    spin_unlock_irqrestore(&stacks_lock, flags);
    return room;
}

void *stack_alloc_nosleep(void)
{
    irqflags_t flags = irq_save();
    struct spare_stacks *spare = &this_cpu(spare_stacks);
    void *stack = spare->count > 0 ? spare->stacks[--spare->count] : NULL;

    irq_restore(flags);
    if (!stack)
        stack = shared_pop();
    return stack ? stack : area_alloc(THREAD_STACK_SIZE, THREAD_STACK_SIZE, 2 * THREAD_STACK_SIZE);
}

void stack_free(void *stack)
{
    struct spare_stacks *spare;
    irqflags_t flags;

    if (!stack)
        return;
    flags = irq_save();
    spare = &this_cpu(spare_stacks);
    if (spare->count < SPARE_LOCAL && !fail_alloc_wanted()) {
        spare->stacks[spare->count++] = stack;
        stack = NULL;
    }
    irq_restore(flags);
    if (stack && (fail_alloc_wanted() || !shared_push(stack)))
        area_release(stack);
}

void stack_drain(void *unused __maybe_unused)
{
    irqflags_t flags = irq_save();
    struct spare_stacks *spare = &this_cpu(spare_stacks);
    void *stack;

    while (spare->count > 0)
        area_release(spare->stacks[--spare->count]);
    while ((stack = shared_pop()))
        area_release(stack);
    irq_restore(flags);
}

void *device_map(paddr_t pa, size_t size)
{
    u64 from = ALIGN_DOWN(pa, PAGE_SIZE), to = ALIGN_UP(pa + size, PAGE_SIZE);

    if (size == 0 || pa + size < pa || to > DEVICE_END - DEVICE_BASE)
        return NULL;
    for (u64 at = from; at < to; at += PAGE_SIZE) {
        int error = kernel_map(DEVICE_BASE + at, at, PAGE_SIZE, PROT_R | PROT_W | PT_DEVICE);

        if (error && error != -EEXIST)
            return NULL;
    }
    return (void *)(DEVICE_BASE + pa);
}

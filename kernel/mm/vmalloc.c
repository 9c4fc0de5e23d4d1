/*
 * Kernel virtual memory.
 *
 * What it is: address space in slots of twice a kernel stack, one bit for each; the lowest that are
 * free are taken, so that the page tables stay few. A vmalloc area begins with a slot; behind its
 * pages stands at least one page that is never mapped. A stack is the upper half of a slot, and the
 * lower half is never mapped (arch/thread.h says why).
 *
 * Interface: vmalloc.h.
 *
 * Structures and invariants:
 * I1. A slot's bit is set for as long as something may be mapped in it.
 * I2. The pages of an area belong to it alone; they are unmapped everywhere before they are freed.
 *     Its end is where the first page without a mapping is, so nobody has to note it.
 * I3. A spare stack stays mapped. It waits in a list, linked through its lowest word.
 *
 * Device registers: mapped at DEVICE_BASE + physical address, so that nobody has to remember what
 * is mapped where, and the registers of one page may be asked for many times.
 *
 * Locking: slots_lock (RANK_VMALLOC) guards the bits, stacks_lock (RANK_STACKS) the list, IRQs
 * masked. kernel_map has a lock of its own.
 *
 * Rejected: a tree of areas of any size and alignment (nearly all are stacks); spare stacks by CPU.
 */
#include "mm/vmalloc.h"
#include "core/fail.h"
#include "core/panic.h"
#include "core/spinlock.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/kasan.h"
#include "mm/pagetable.h"

#define SLOT_SIZE (2 * THREAD_STACK_SIZE)
#define SLOTS     ((VMALLOC_END - VMALLOC_BASE) / SLOT_SIZE)
#define SPARE_MAX 64

static struct spinlock slots_lock = SPINLOCK_INIT(RANK_VMALLOC);
static u64 slots[BITMAP_WORDS(SLOTS)]; /* [L] slots_lock */
static u64 used;                       /* bytes with pages [A] */

static struct spinlock stacks_lock = SPINLOCK_INIT(RANK_STACKS);
static void *spare_stacks; /* [L] stacks_lock */
static u32 spare_count;    /* [L] stacks_lock */

/* Unmaps and frees the pages of [map, map+size). (I2) */
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

/* Slots for an area of `size` bytes behind `front` bytes of nothing, or else in front of a page. */
static u64 slots_for(u64 front, u64 size)
{
    return DIV_ROUND_UP(front ? front + size : size + PAGE_SIZE, SLOT_SIZE);
}

static void slots_give(u64 map, u64 count)
{
    spin_guard_irqsave(&slots_lock);
    bitmap_clear_range(slots, (map - VMALLOC_BASE) / SLOT_SIZE, count);
}

static void *area_alloc(u64 front, u64 size)
{
    u64 count = slots_for(front, size), first, map;
    irqflags_t flags = spin_lock_irqsave(&slots_lock);

    first = bitmap_find_zero_run(slots, SLOTS, 0, count);
    if (first < SLOTS)
        bitmap_set_range(slots, first, count);
    spin_unlock_irqrestore(&slots_lock, flags);
    if (first == SLOTS)
        return NULL;
    map = VMALLOC_BASE + first * SLOT_SIZE + front;
    if (!kasan_map_area(map, size) || !map_pages(map, size)) {
        slots_give(map, count);
        return NULL;
    }
    __atomic_add_fetch(&used, size, __ATOMIC_RELAXED);
    return (void *)map;
}

static void area_free(u64 front, u64 map, u64 size)
{
    unmap_pages(map, size);
    __atomic_sub_fetch(&used, size, __ATOMIC_RELAXED);
    slots_give(map, slots_for(front, size));
}

void *vmalloc_nosleep(size_t size)
{
    u64 whole = ALIGN_UP(size, PAGE_SIZE);
    char *area;

    if (size == 0 || size > VMALLOC_END - VMALLOC_BASE)
        return NULL;
    area = area_alloc(0, whole);
    if (area) {
        kasan_poison(area, whole, KASAN_REDZONE);
        kasan_unpoison(area, size);
    }
    return area;
}

void vfree(void *area)
{
    u64 map = (u64)area, size = 0;

    if (!area)
        return;
    while (kernel_translate(map + size) != PADDR_NONE)
        size += PAGE_SIZE;
    if (map < VMALLOC_BASE || map >= VMALLOC_END || map % SLOT_SIZE || !size)
        panic("vfree: %p is no area", area);
    area_free(0, map, size);
}

u64 vmalloc_used(void)
{
    return READ_ONCE(used);
}

static void *spare_pop(void)
{
    void *stack;

    spin_guard_irqsave(&stacks_lock);
    stack = spare_stacks;
    if (stack) {
        spare_stacks = *(void **)stack;
        spare_count--;
        kasan_unpoison(stack, THREAD_STACK_SIZE);
    }
    return stack;
}

static bool spare_push(void *stack)
{
    spin_guard_irqsave(&stacks_lock);
    if (spare_count == SPARE_MAX)
        return false;
    *(void **)stack = spare_stacks;
    spare_stacks = stack;
    spare_count++;
    return true;
}

void *stack_alloc_nosleep(void)
{
    void *stack = spare_pop();

    return stack ? stack : area_alloc(THREAD_STACK_SIZE, THREAD_STACK_SIZE);
}

void stack_free(void *stack)
{
    if (stack && (fail_alloc_wanted() || !spare_push(stack)))
        area_free(THREAD_STACK_SIZE, (u64)stack, THREAD_STACK_SIZE);
}

void stack_drain(void)
{
    void *stack;

    while ((stack = spare_pop()))
        area_free(THREAD_STACK_SIZE, (u64)stack, THREAD_STACK_SIZE);
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

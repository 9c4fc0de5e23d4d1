/*
 * The address sanitizer: each load and store of the kernel is checked (make KASAN=1).
 *
 * What it is: the compiler calls one of the functions below before each access that it cannot prove
 * right, lays redzones around variables of stacks and globals, and marks them itself. The
 * allocators mark what is theirs (kasan_heap.c). An access to marked memory panics with a report
 * (kasan_report.c).
 *
 * Structures: eight bytes of memory have one byte of shadow, at KASAN_SHADOW(): 0: all may be
 * touched; 1 to 7: the first so many; negative: none, for the reason it says. Shadow exists for
 *   - the image with its stacks: behind it, mapped by the boot code before the high half runs;
 *   - RAM in the linear map: reserved and mapped by memory_init();
 *   - vmalloc slots, one page of shadow for each, since the slot was used first.
 *
 * Invariants:
 * I1. An address outside of these is not looked up: the access itself faults, or reaches a device
 *     or the descriptors of pages. In a hole between two banks of RAM the look-up faults instead.
 * I2. This file, its neighbours kasan_*.c and slab.c, which works on freed objects, are not
 *     checked. What runs at its physical address has no redzones on its stack (Makefile), and its
 *     calls here find no region yet.
 * I3. Shadow of a live stack is 0 but where the compiler marked it: a stack comes out unmarked, and
 *     is unmarked when a function that does not return leaves frames behind.
 *
 * Locking: none. Who owns memory owns its shadow; neighbours do not share a byte of it, since
 * objects, pages and variables begin at multiples of 8. The bits of slots are set atomically.
 *
 * Rejected: a page of zeros mapped read-only as the shadow of all the rest (its tables would have
 * to be split when something is mapped there); shadow for RAM by section (the first store to a new
 * section's page may come from the page tables of that very shadow).
 */
#include "mm/kasan_impl.h"
#include "arch/boot.h"
#include "arch/cpu.h"
#include "arch/thread.h"
#include "core/panic.h"
#include "lib/bitmap.h"
#include "mm/memmap.h"
#include "mm/pagetable.h"
#include "mm/vmalloc.h"

#define GRANULE   8UL
#define SLOT_SIZE (PAGE_SIZE * GRANULE) /* what a page of shadow stands for: a slot of vmalloc.c */
#define SLOTS     ((VMALLOC_END - VMALLOC_BASE) / SLOT_SIZE)
_Static_assert(SLOT_SIZE == 2 * THREAD_STACK_SIZE, "each page of shadow has one owner");

static u64 image, image_size; /* [I] */
static u64 ram_size;          /* of the linear map from its start; 0: no shadow yet [I] */
static u64 slots[SLOTS / 64]; /* that have shadow [A] */
static paddr_t reserved;      /* the shadow of RAM, until it is mapped; 0: no room */

static __always_inline bool slot_mapped(u64 slot)
{
    return READ_ONCE(slots[slot / 64]) >> (slot % 64) & 1;
}

/* Has the address shadow? (I1) */
static __always_inline bool has_shadow(u64 at)
{
    return at - LINEAR_BASE < ram_size || at - image < image_size ||
           (at - VMALLOC_BASE < VMALLOC_END - VMALLOC_BASE &&
            slot_mapped((at - VMALLOC_BASE) / SLOT_SIZE));
}

static __always_inline s8 shadow_of(u64 at)
{
    return READ_ONCE(*(const s8 *)KASAN_SHADOW(at));
}

/* The first byte of [at, end) that may not be touched; end: none. */
static u64 first_bad(u64 at, u64 end)
{
    for (; at < end; at = ALIGN_DOWN(at, GRANULE) + GRANULE) {
        s8 mark = shadow_of(at);

        if (mark < 0)
            return at;
        if (mark && (MIN(end - 1, at | (GRANULE - 1)) & (GRANULE - 1)) >= (u64)mark)
            return MAX(at, ALIGN_DOWN(at, GRANULE) + mark);
    }
    return end;
}

static __always_inline void check(u64 at, u64 size, bool write, u64 pc)
{
    u64 bad;

    if (!has_shadow(at) || (size <= GRANULE && (at % GRANULE) + size <= GRANULE && !shadow_of(at)))
        return;
    bad = first_bad(at, at + size);
    if (bad != at + size)
        kasan_report(bad, size, NULL, write, pc);
}

void kasan_check(u64 at, size_t size, bool write)
{
    check(at, size, write, (u64)__builtin_return_address(0));
}

static void fill(u64 from, u64 to, u8 mark)
{
    for (; from < to && from % 8; from++)
        *(u8 *)from = mark;
    for (; from + 8 <= to; from += 8)
        *(u64 *)from = mark * 0x0101010101010101UL;
    for (; from < to; from++)
        *(u8 *)from = mark;
}

void kasan_poison(const void *start, u64 size, enum kasan_poison why)
{
    if (has_shadow((u64)start))
        fill(KASAN_SHADOW(start), KASAN_SHADOW((u64)start + size + GRANULE - 1), why);
}

void kasan_unpoison(const void *start, u64 size)
{
    u64 end = (u64)start + size;

    if (!has_shadow((u64)start))
        return;
    fill(KASAN_SHADOW(start), KASAN_SHADOW(end), 0);
    if (end % GRANULE)
        *(u8 *)KASAN_SHADOW(end) = end % GRANULE;
}

/* Takes the end of the first free range that is large enough; the boot allocator has the rest. */
void kasan_reserve(void)
{
    const struct memrange *bank;
    struct memrange range = {.end = 0};
    u64 size = 0;

    for (size_t i = 0; (bank = memmap_bank(i)); i++)
        size += ALIGN_UP((bank->end - bank->start) / GRANULE, PAGE_SIZE) + PAGE_SIZE;
    while (memmap_next_free(range.end, ~0UL, &range))
        if (range.end - range.start > size) {
            reserved = ALIGN_DOWN(range.end - size, PAGE_SIZE);
            memmap_reserve(reserved, size, "shadow");
            return;
        }
}

void kasan_map_ram(void)
{
    const struct memrange *bank;
    u64 start, end = 0;

    for (size_t i = 0; (bank = memmap_bank(i)); i++) {
        start = ALIGN_DOWN(KASAN_SHADOW(phys_to_virt(bank->start)), PAGE_SIZE);
        start = MAX(start, end); /* two banks may share a page */
        end = ALIGN_UP(KASAN_SHADOW(phys_to_virt(bank->end)), PAGE_SIZE);
        if (!reserved || kernel_map(start, reserved, end - start, PROT_R | PROT_W))
            panic("no memory for the shadow of RAM from %#lx to %#lx", bank->start, bank->end);
        for (u64 at = start; at < end; at += PAGE_SIZE)
            page_zero((void *)at);
        reserved += end - start;
        ram_size = bank->end;
    }
}

bool kasan_map_area(u64 start, u64 size)
{
    u64 first = (start - VMALLOC_BASE) / SLOT_SIZE;
    u64 last = (start + size - 1 - VMALLOC_BASE) / SLOT_SIZE;

    for (u64 slot = first; slot <= last; slot++) {
        u64 shadow = KASAN_SHADOW(VMALLOC_BASE + slot * SLOT_SIZE);
        struct page *page;

        if (slot_mapped(slot))
            continue;
        page = page_alloc_nosleep(0, PA_ZERO);
        if (page && kernel_map(shadow, page_to_phys(page), PAGE_SIZE, PROT_R | PROT_W)) {
            page_free(page, 0);
            page = NULL;
        }
        if (!page)
            return false;
        __atomic_fetch_or(&slots[slot / 64], BIT(slot % 64), __ATOMIC_RELEASE);
    }
    kasan_unpoison((void *)start, size);
    return true;
}

u64 kasan_area_pages(void)
{
    return bitmap_weight(slots, SLOTS);
}

/* ---- What the compiler calls. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define ACCESS(name, write, size, ...)                            \
    void __asan_##name##_noabort(u64 at, ##__VA_ARGS__)           \
    {                                                             \
        check(at, size, write, (u64)__builtin_return_address(0)); \
    }
ACCESS(load1, false, 1)
ACCESS(load2, false, 2)
ACCESS(load4, false, 4)
ACCESS(load8, false, 8)
ACCESS(load16, false, 16)
ACCESS(loadN, false, size, u64 size)
ACCESS(store1, true, 1)
ACCESS(store2, true, 2)
ACCESS(store4, true, 4)
ACCESS(store8, true, 8)
ACCESS(store16, true, 16)
ACCESS(storeN, true, size, u64 size)

/* Ahead of a call that does not come back: the frames of this stack end here (I3). */
void __asan_handle_no_return(void)
{
    const struct thread_head *head = current_head();
    u64 low = (u64)head->stack_low, at = (u64)__builtin_frame_address(0);

    if (at - low < THREAD_STACK_SIZE)
        kasan_unpoison((void *)low, THREAD_STACK_SIZE);
}

/* A variable's scope ends, or begins. */
void __asan_poison_stack_memory(const void *at, u64 size)
{
    kasan_poison(at, size, KASAN_STACK_SCOPE);
}

void __asan_unpoison_stack_memory(const void *at, u64 size)
{
    kasan_unpoison(at, size);
}

/* ---- Globals: a constructor of each file calls __asan_register_globals(). */

static void (*global_visitor)(const struct kasan_global *globals, size_t count);

void __asan_register_globals(const struct kasan_global *globals, u64 count)
{
    global_visitor(globals, count);
}

void kasan_walk_globals(void (*each)(const struct kasan_global *globals, size_t count))
{
    global_visitor = each;
    for (void (*const *constructor)(void) = __init_array_start; constructor < __init_array_end;
         constructor++)
        (*constructor)();
}

/* The destructors', which nobody calls. */
void __asan_unregister_globals(const struct kasan_global *globals, u64 count)
{
    BUG();
}

static void poison_globals(const struct kasan_global *globals, size_t count)
{
    for (const struct kasan_global *g = globals; g < globals + count; g++) {
        u64 end = g->start + ALIGN_UP(g->size, GRANULE);

        kasan_unpoison((void *)g->start, g->size);
        kasan_poison((void *)end, g->start + g->size_with_redzone - end, KASAN_GLOBAL);
    }
}

void kasan_init(void)
{
    image = (u64)_image_start;
    image_size = boot_info.image_end - boot_info.image;
    fill(KASAN_SHADOW(image), KASAN_SHADOW(image + image_size), 0);
    kasan_walk_globals(poison_globals);
}

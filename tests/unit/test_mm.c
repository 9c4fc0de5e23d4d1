/* mm on the host: 48 MiB of "RAM" in two banks, brought up as at boot; then random use. */
#include "arch/host/host.h"
#include "core/log.h"
#include "core/preempt.h"
#include "lib/string.h"
#include "mm/bump.h"
#include "mm/kmalloc.h"
#include "mm/memmap.h"
#include "mm/pagetable.h"
#include "mm/vmalloc.h"
#include "unit.h"

#define BANK  0x40000000UL
#define BANK2 0x80000000UL

/* sched's; nothing here ever asks for it. */
void preempt_schedule(void) {}

static void bring_up(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    log_set_console_level(1);
    host_ram(BANK, MIB(32));
    host_ram(BANK2, MIB(16));
    memmap_add(BANK2, MIB(16) + 5);
    memmap_add(BANK + MIB(16), MIB(16));
    memmap_add(BANK, MIB(20));
    memmap_add(BANK + 100, 50);
    memmap_reserve(BANK + MIB(2), MIB(1), "image");
    memmap_reserve(BANK + MIB(20), 5000, "tree");
    memmap_reserve(0, 4096, "elsewhere");
    mm_init(phys_to_virt(BANK + MIB(3)), phys_to_virt(BANK + MIB(16)));
    CHECK(mm_alloc(100, 16) == phys_to_virt(BANK + MIB(3)));
    page_init();
    kmalloc_init();
}

static bool filled_with(const u8 *memory, u8 value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (memory[i] != value)
            return false;
    return true;
}

UNIT(memmap_merges_and_cuts)
{
    struct memrange r;

    bring_up();
    CHECK(memmap_bank(0)->start == BANK && memmap_bank(0)->end == BANK + MIB(32));
    CHECK(memmap_bank(1)->start == BANK2 && memmap_bank(1)->end == BANK2 + MIB(16));
    CHECK(!memmap_bank(2));
    CHECK(memmap_next_free(0, ~0UL, &r) && r.start == BANK && r.end == BANK + MIB(2));
    CHECK(memmap_next_free(r.end, ~0UL, &r) && r.start > BANK + MIB(3));
    CHECK(r.end == BANK + MIB(20));
    CHECK(memmap_next_free(r.end, ~0UL, &r) && r.start == BANK + MIB(20) + 8192);
    CHECK(memmap_next_free(r.end, ~0UL, &r) && r.start == BANK2 && r.end == BANK2 + MIB(16));
    CHECK(!memmap_next_free(r.end, ~0UL, &r));
    CHECK(memmap_next_free(BANK + 4096, BANK + 12288, &r) && r.start == BANK + 4096 &&
          r.end == BANK + 12288);
    CHECK(memmap_in_bank(BANK + MIB(2), BANK + MIB(32)) &&
          !memmap_in_bank(BANK + MIB(2), BANK + MIB(32) + 1));
}

UNIT(bump_is_closed_after_page_init)
{
    bring_up();
    CHECK(!mm_alloc(1, 1));
}

/* Takes all memory there is, gives it back in random order, and finds it whole again. */
UNIT(page_all_memory_comes_back)
{
    static struct page *pages[MIB(48) / PAGE_SIZE];
    u64 free = 0, counts[PAGE_ORDER_MAX + 1];
    size_t n = 0;

    bring_up();
    while ((pages[n] = page_alloc_nosleep(0, 0)))
        memset(page_to_virt(pages[n++]), 0x77, PAGE_SIZE);
    CHECK(n > MIB(43) / PAGE_SIZE && n < MIB(47) / PAGE_SIZE);
    CHECK_EQ(pages_free(), 0);
    for (size_t left = n; left > 0;) {
        size_t i = unit_random() % left;

        page_put(pages[i]);
        pages[i] = pages[--left];
    }
    CHECK_EQ(pages_free(), n);
    page_drain(NULL);
    page_counts(counts);
    for (u32 order = 0; order <= PAGE_ORDER_MAX; order++)
        free += counts[order] << order;
    CHECK_EQ(free, n);
    CHECK(counts[PAGE_ORDER_MAX] >= 8); /* of 12 in 48 MiB; the banks have four holes */
    for (size_t i = 0; i < 100; i++) {
        pages[i] = page_alloc_nosleep(0, PA_ZERO);
        CHECK(filled_with(page_to_virt(pages[i]), 0, PAGE_SIZE));
    }
    for (size_t i = 0; i < 100; i++)
        page_free(pages[i], 0);
}

UNIT(page_blocks_do_not_overlap)
{
    enum { COUNT = 200 };
    struct page *blocks[COUNT] = {NULL};
    u32 orders[COUNT] = {0};

    bring_up();
    for (int turn = 0; turn < 5000; turn++) {
        size_t i = unit_random() % COUNT;
        u8 tag = i + 1;

        if (blocks[i]) {
            CHECK(filled_with(page_to_virt(blocks[i]), tag, PAGE_SIZE << orders[i]));
            page_free(blocks[i], orders[i]);
            blocks[i] = NULL;
            continue;
        }
        orders[i] = unit_random() % 6;
        blocks[i] = page_alloc_nosleep(orders[i], 0);
        if (blocks[i])
            memset(page_to_virt(blocks[i]), tag, PAGE_SIZE << orders[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        if (blocks[i])
            page_free(blocks[i], orders[i]);
}

UNIT(page_adopt_and_release)
{
    u64 total, free;
    struct page *page;

    bring_up();
    total = pages_total();
    page = page_adopt(BANK + MIB(2) + PAGE_SIZE);
    CHECK(page && page == page_adopt(BANK + MIB(2) + PAGE_SIZE));
    page_get(page);
    page_put(page);
    page_put(page); /* the last one: it is not the allocator's */
    CHECK(!page_adopt(BANK - PAGE_SIZE) && !page_adopt(BANK2 + MIB(16)));
    free = pages_free();
    page_release(BANK + MIB(2) + 1, BANK + MIB(3));
    CHECK_EQ(pages_total(), total + 255);
    CHECK_EQ(pages_free(), free + 255);
}

UNIT(kmalloc_random_use)
{
    enum { COUNT = 500 };
    u8 *objects[COUNT] = {NULL};
    size_t sizes[COUNT] = {0};
    struct kmem_info info;
    u64 active = 0;

    bring_up();
    for (int turn = 0; turn < 40000; turn++) {
        size_t i = unit_random() % COUNT;
        u8 tag = i + 1;

        if (objects[i]) {
            CHECK(filled_with(objects[i], tag, sizes[i]));
            kfree(objects[i]);
            objects[i] = NULL;
            continue;
        }
        sizes[i] = 1 + unit_random() % (unit_random() % 20 ? 700 : 9000);
        objects[i] = kmalloc_nosleep(sizes[i]);
        CHECK(objects[i] && filled_with(objects[i], 0, sizes[i]));
        memset(objects[i], tag, sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        kfree(objects[i]);
    kmalloc_drain(NULL);
    for (u32 n = 0; kmem_cache_info(n, &info); n++)
        active += info.active;
    CHECK(active <= 20); /* what areas of other tests hold */
}

UNIT(vmalloc_random_use)
{
    enum { COUNT = 40 };
    u8 *areas[COUNT] = {NULL};
    size_t sizes[COUNT] = {0};
    u64 used;

    bring_up();
    used = vmalloc_used();
    for (int turn = 0; turn < 2000; turn++) {
        size_t i = unit_random() % COUNT;

        if (areas[i]) {
            CHECK(filled_with(areas[i], i + 1, sizes[i]));
            CHECK(kernel_translate((u64)areas[i] + ALIGN_UP(sizes[i], PAGE_SIZE)) == PADDR_NONE);
            vfree(areas[i]);
            areas[i] = NULL;
            continue;
        }
        sizes[i] = 1 + unit_random() % 40000;
        areas[i] = vmalloc_nosleep(sizes[i]);
        CHECK(areas[i] != NULL);
        memset(areas[i], i + 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        vfree(areas[i]);
    CHECK_EQ(vmalloc_used(), used);
}

/* On-target tests of mm: the seed's allocator (S4), page frames, slab, areas, stacks, devices. */
#include "core/ipi.h"
#include "core/ktest.h"
#include "core/percpu.h"
#include "lib/string.h"
#include "mm/bump.h"
#include "mm/kasan.h"
#include "mm/kmalloc.h"
#include "mm/memmap.h"
#include "mm/pagetable.h"
#include "mm/vmalloc.h"

static bool all_zero(const void *memory, size_t size)
{
    const u8 *bytes = memory;

    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* S4: mm_init and mm_alloc, over a page of their own (the boot's is closed by now). */
KTEST(s4_bump_allocator)
{
    char *area = kmalloc_nosleep(PAGE_SIZE), *start, *end, *a, *b;

    memset(area, 0xaa, PAGE_SIZE);
    mm_init(area + 1, area + PAGE_SIZE);
    a = mm_alloc(3, 1);
    b = mm_alloc(64, 64);
    ktest_check(a == area + 1 && IS_ALIGNED((u64)b, 64) && b >= a + 3);
    ktest_check(all_zero(a, 3) && all_zero(b, 64));
    ktest_check(!mm_alloc(8, 3) && !mm_alloc(8, 0) && !mm_alloc(0, 8));
    ktest_check(!mm_alloc(PAGE_SIZE, 1) && !mm_alloc(~0UL, 1) && !mm_alloc(~0UL - 100, 4096));
    ktest_check(!mm_alloc(8, 1UL << 63));
    a = mm_alloc(area + PAGE_SIZE - (b + 64), 1);
    ktest_check(a == b + 64 && !mm_alloc(1, 1));
    mm_close(&start, &end);
    ktest_check(start == area + 1 && end == area + PAGE_SIZE && !mm_alloc(1, 1));
    kfree(area);
}

KTEST(memmap_is_sorted_and_whole)
{
    const struct memrange *last = NULL, *r;
    struct memrange free = {0};

    for (size_t i = 0; (r = memmap_bank(i)); last = r, i++)
        ktest_check(r->start < r->end && (!last || last->end < r->start));
    ktest_check(last && !memmap_in_bank(last->end, last->end + 1));
    while (memmap_next_free(free.end, ~0UL, &free))
        for (size_t i = 0; (r = memmap_reserved(i)); i++)
            ktest_check(r->end <= free.start || r->start >= free.end);
}

KTEST(page_alloc_gives_clean_aligned_blocks)
{
    u64 before = pages_free();

    for (u32 order = 0; order <= 5; order++) {
        struct page *page = page_alloc_nosleep(order, PA_ZERO);

        ktest_check(page && page->order == order && ref_read(&page->refs) == 1);
        if (!page)
            return;
        ktest_check(IS_ALIGNED(page_to_phys(page), PAGE_SIZE << order));
        ktest_check(all_zero(page_to_virt(page), PAGE_SIZE << order));
        ktest_check(virt_to_page(page_to_virt(page)) == page);
        memset(page_to_virt(page), 0xff, PAGE_SIZE << order);
        page_get(page);
        page_put(page);
        page_put(page);
    }
    ktest_check(!page_alloc_nosleep(PAGE_ORDER_MAX + 1, 0));
    ktest_check(before - pages_free() < 512); /* others run too */
}

/* What was taken page by page joins again: as many large blocks as before. */
KTEST(page_buddies_join)
{
    enum { COUNT = 600 };
    static struct page *pages[COUNT];
    u64 before[PAGE_ORDER_MAX + 1], after[PAGE_ORDER_MAX + 1];
    u64 sum_before = 0, sum_after = 0;
    u32 got = 0;

    page_drain(NULL);
    page_counts(before);
    while (got < COUNT && (pages[got] = page_alloc_nosleep(0, 0)))
        got++;
    for (u32 i = 0; i < got; i++) /* in an order of no use */
        for (u32 j = i % 7; j < got; j += 7)
            if (i < 7 && pages[j])
                page_free(pages[j], 0);
    page_drain(NULL);
    page_counts(after);
    for (u32 order = 0; order <= PAGE_ORDER_MAX; order++) {
        sum_before += before[order] << order;
        sum_after += after[order] << order;
    }
    ktest_check(sum_after + 200 >= sum_before);
    ktest_check(after[PAGE_ORDER_MAX] + 1 >= before[PAGE_ORDER_MAX]);
}

KTEST(kmalloc_is_zero_always)
{
    static const u16 sizes[] = {1,   16,  17,  40,   64,   96,   100, 192,
                                250, 500, 700, 1000, 2048, 3000, 9000};

    for (u32 turn = 0; turn < 40; turn++)
        for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
            char *p = kmalloc_nosleep(sizes[i]), *q = kmalloc_nosleep(sizes[i]);

            ktest_check(p && q && p != q && IS_ALIGNED((u64)p, 16));
            if (p && q) {
                ktest_check(all_zero(p, sizes[i]) && all_zero(q, sizes[i]));
                memset(p, 0x5a, sizes[i]);
                memset(q, 0xa5, sizes[i]);
            }
            kfree(p);
            kfree(q);
        }
    ktest_check(!kmalloc_nosleep(0) && !kmalloc_any_nosleep(~0UL));
    kfree(NULL);
}

KTEST(slab_counts_come_back)
{
    enum { COUNT = 300 };
    static void *objects[COUNT];
    static struct kmem_cache *cache;
    struct kmem_info info = {0};
    u32 n;

    if (!cache)
        cache = kmem_cache_create("ktest", 72, 8);
    for (u32 i = 0; i < COUNT; i++)
        objects[i] = kmem_cache_alloc_nosleep(cache);
    for (n = 0; kmem_cache_info(n, &info) && strcmp(info.name, "ktest") != 0; n++)
        ;
    ktest_check(info.size == kasan_stride(80, 16) && info.active == COUNT && info.total >= COUNT);
    for (u32 i = 0; i < COUNT; i++)
        for (u32 j = 0; j < i; j += 37)
            ktest_check(objects[i] != objects[j]);
    for (u32 i = 0; i < COUNT; i++)
        kmem_cache_free(cache, objects[i]);
    preempt_disable();
    kmalloc_drain(NULL);
    preempt_enable();
    kmem_cache_info(n, &info);
    ktest_check(info.active == 0);
}

static u64 churned; /* CPUs that are through */

/* Takes and gives back objects and pages whose owner's mark must stay. */
static void churn(void *cpu)
{
    void *held[16] = {NULL};

    for (u32 turn = 0; turn < 4000; turn++) {
        u64 **slot = (u64 **)&held[turn * 7 % ARRAY_SIZE(held)];

        if (*slot) {
            ktest_check((*slot)[1] >> 32 == (u64)cpu);
            kfree(*slot);
            *slot = NULL;
            continue;
        }
        *slot = kmalloc_any_nosleep(turn % 5 == 0 ? PAGE_SIZE : 16 + turn % 300);
        if (*slot) {
            ktest_check((*slot)[0] == 0 && (*slot)[1] == 0);
            (*slot)[1] = (u64)cpu << 32 | turn;
        }
    }
    for (u32 i = 0; i < ARRAY_SIZE(held); i++)
        kfree(held[i]);
    __atomic_add_fetch(&churned, 1, __ATOMIC_RELEASE);
}

/* Interrupt handlers on the other CPUs and this thread, all at once. */
KTEST(allocators_serve_all_cpus)
{
    u64 started = 0;
    u32 cpu;

    churned = 0;
    for_each_online_cpu(cpu)
        started += smp_call(cpu, churn, (void *)(u64)cpu, false) == 0;
    for (u32 i = 0; i < 5; i++, started++)
        churn((void *)1000UL);
    while (__atomic_load_n(&churned, __ATOMIC_ACQUIRE) < started)
        cpu_relax();
    smp_call_all(kmalloc_drain, NULL);
    smp_call_all(page_drain, NULL);
}

KTEST(vmalloc_has_guard_pages)
{
    char *a = vmalloc_nosleep(3 * PAGE_SIZE - 5), *b = vmalloc_nosleep(1);

    ktest_check(a && b && all_zero(a, 3 * PAGE_SIZE - 5));
    if (!a || !b)
        return;
    ktest_check(kernel_translate((u64)a) != PADDR_NONE);
    ktest_check(kernel_translate((u64)a + 2 * PAGE_SIZE) != PADDR_NONE);
    ktest_check(kernel_translate((u64)a + 3 * PAGE_SIZE) == PADDR_NONE);
    ktest_check(kernel_translate((u64)b + PAGE_SIZE) == PADDR_NONE);
    memset(a, 1, 3 * PAGE_SIZE - 5);
    vfree(a);
    ktest_check(kernel_translate((u64)a) == PADDR_NONE);
    ktest_check(vmalloc_nosleep(2 * PAGE_SIZE) == a); /* the lowest gap is used again */
    vfree(a);
    vfree(b);
    ktest_check(!vmalloc_nosleep(0) && !vmalloc_nosleep(~0UL));
}

KTEST(stacks_stand_in_the_upper_half)
{
    char *stacks[20];

    for (u32 i = 0; i < ARRAY_SIZE(stacks); i++) {
        stacks[i] = stack_alloc_nosleep();
        ktest_check(stacks[i] && (u64)stacks[i] % (2 * THREAD_STACK_SIZE) == THREAD_STACK_SIZE);
        ktest_check(kernel_translate((u64)stacks[i] - 1) == PADDR_NONE);
        memset(stacks[i], i, THREAD_STACK_SIZE);
    }
    for (u32 i = 0; i < ARRAY_SIZE(stacks); i++) {
        ktest_check(stacks[i][THREAD_STACK_SIZE - 1] == (char)i);
        stack_free(stacks[i]);
    }
}

KTEST(device_map_is_one_place)
{
    ktest_check(device_map(0x09000018, 4) == device_map(0x09000000, 0x1000) + 0x18);
    ktest_check(!device_map(~0UL, 1) && !device_map(0x1000, 0));
}

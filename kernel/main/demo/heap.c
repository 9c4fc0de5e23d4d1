/*
 * demo=heap: the boot allocator (mm/bump.c) on a heap of its own, of 64 KiB of used memory.
 */
#include "main/demo/demo.h"

#include "lib/string.h"
#include "mm/bump.h"
#include "sched/reclaim.h"

#define HEAP_ORDER 4
#define HEAP_SIZE  (4096UL << HEAP_ORDER)

static void check_one(size_t size, size_t align)
{
    u8 *block = mm_alloc(size, align);

    demo_print("mm_alloc(%zu, %zu) = %p\n", size, align, (void *)block);
    if (!block)
        demo_verdict("mm_alloc(%zu, %zu) gave nothing", size, align);
    if ((u64)block % align != 0)
        demo_verdict("%p is not aligned to %zu", (void *)block, align);
    for (size_t i = 0; i < size; i++)
        if (block[i])
            demo_verdict("byte %zu of %p is not zero", i, (void *)block);
    memset(block, 0xaa, size);
}

static void check_refused(size_t size, size_t align, const char *why)
{
    void *block = mm_alloc(size, align);

    demo_print("mm_alloc(0x%zx, %zu) = %p: %s\n", size, align, block, why);
    if (block)
        demo_verdict("mm_alloc(0x%zx, %zu) was not refused: %s", size, align, why);
}

void demo_heap(void)
{
    struct page *page = page_alloc(HEAP_ORDER, 0);
    char *heap;

    if (!page)
        demo_verdict("no memory for a heap");
    heap = page_to_virt(page);
    memset(heap, 0x55, HEAP_SIZE);
    mm_init(heap, heap + HEAP_SIZE);
    for (size_t align = 1; align <= 4096; align *= 4)
        check_one(align * 2 + 1, align);
    check_refused(16, 3, "the alignment is no power of two");
    check_refused(16, 0, "no alignment");
    check_refused(HEAP_SIZE, 16, "past the end of the heap");
    check_refused(SIZE_MAX - 8, 16, "the size wraps round");
    check_one(1024, 16);
    demo_print("%zu of %lu bytes used\n", mm_used(), HEAP_SIZE);
}

/*
 * Memory comes to the page allocator in sections.
 *
 * What it is: a section is 16 MiB of physical addresses that hold RAM. Its descriptors, at most
 * 256 KiB, are mapped and zeroed when the allocator runs low, or when someone adopts a page in it;
 * until then its free memory is a number. The pages for that come from the section itself.
 *
 * Invariants:
 * I1. Descriptors are mapped for whole blocks of 4 MiB, so that a buddy's flags can be read.
 * I2. The builder of a section has IRQs masked and waits for nothing but the kernel page table.
 *     Whoever holds that one asks for table pages with PA_NO_BUILD, and so never waits for the
 *     builder.
 *
 * Locking: `builder` (RANK_SECTION, IRQs masked) guards the sections.
 *
 * Rejected: descriptors for all RAM at boot (2 MiB of them and 100,000 instructions for 128 MiB of
 * RAM); sections of 128 MiB (a small machine would pay 2 MiB at its first page).
 */
#include "core/fail.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "mm/bump.h"
#include "mm/kasan.h"
#include "mm/memmap.h"
#include "mm/page_impl.h"
#include "mm/pagetable.h"

#define SECTION_SIZE MIB(16)
#define BLOCK_SIZE   (PAGE_SIZE << PAGE_ORDER_MAX)

struct section {
    paddr_t start; /* [I] */
    bool built;    /* [L] */
    bool mapped;   /* built, and has descriptors [L] */
};

static struct section *sections; /* by address [I] */
static u32 section_count;        /* [I] */
static struct spinlock builder = SPINLOCK_INIT(RANK_SECTION);
static u32 next_section; /* those below are built [L], read by all */
static u64 untaken;      /* pages free in sections not built [L], read by all */
static u64 total;        /* pages ever under the allocator [L], read by all */

/* Where the builder takes pages from for tables. */
static struct {
    u32 cpu; /* 1 + the CPU that builds; 0: none */
    paddr_t next, end;
} carve;

bool section_left(void)
{
    return READ_ONCE(next_section) < section_count;
}

u64 section_pages_untaken(void)
{
    return READ_ONCE(untaken);
}

u64 pages_total(void)
{
    return READ_ONCE(total);
}

static void *carve_page(void)
{
    paddr_t pa = carve.next;

    if (pa == carve.end)
        return NULL;
    carve.next += PAGE_SIZE;
    kasan_unpoison(phys_to_virt(pa), PAGE_SIZE);
    page_zero(phys_to_virt(pa));
    return phys_to_virt(pa);
}

void *table_alloc(void)
{
    struct page *page;

    if (unlikely(!total)) /* before page_init */
        return mm_alloc(PAGE_SIZE, PAGE_SIZE);
    if (READ_ONCE(carve.cpu) == cpu_id() + 1 && irqs_disabled())
        return carve_page();
    page = page_alloc_nosleep(0, PA_ZERO | PA_NO_BUILD);
    return page ? page_to_virt(page) : NULL;
}

/* The part of a section that has RAM, widened to whole blocks of 4 MiB (I1). */
static void section_span(const struct section *s, paddr_t *low, paddr_t *high)
{
    const struct memrange *bank;

    *low = s->start + SECTION_SIZE;
    *high = s->start;
    for (size_t i = 0; (bank = memmap_bank(i)); i++) {
        if (bank->end <= s->start || bank->start >= s->start + SECTION_SIZE)
            continue;
        *low = MIN(*low, MAX(bank->start, s->start));
        *high = MAX(*high, MIN(bank->end, s->start + SECTION_SIZE));
    }
    *low = ALIGN_DOWN(*low, BLOCK_SIZE);
    *high = ALIGN_UP(*high, BLOCK_SIZE);
}

/* The largest free range of a section, for its own descriptors. */
static void section_largest(const struct section *s, struct memrange *largest)
{
    struct memrange r = {.end = s->start};

    *largest = (struct memrange){0, 0, NULL};
    while (memmap_next_free(r.end, s->start + SECTION_SIZE, &r))
        if (r.end - r.start > largest->end - largest->start)
            *largest = r;
}

/*
 * Maps and zeroes a section's descriptors; *used is what that took of its own memory. The caller is
 * the builder (I2).
 */
static bool section_map(const struct section *s, struct memrange *used)
{
    paddr_t low, high;
    u64 va, size;
    int error;

    section_span(s, &low, &high);
    va = (u64)phys_to_page(low);
    size = (u64)phys_to_page(high) - va;
    section_largest(s, used);
    if (used->end - used->start < size + 4 * PAGE_SIZE) {
        /* Too little of its own: a block of another section's, and tables likewise. */
        struct page *block = page_alloc_nosleep(page_order(size), PA_ZERO | PA_NO_BUILD);

        *used = (struct memrange){0, 0, NULL};
        return block && kernel_map(va, page_to_phys(block), size, PROT_R | PROT_W) == 0;
    }
    for (u64 at = 0; at < size; at += PAGE_SIZE)
        page_zero(phys_to_virt(used->start + at));
    carve.next = used->start + size;
    carve.end = used->end;
    WRITE_ONCE(carve.cpu, cpu_id() + 1);
    error = kernel_map(va, used->start, size, PROT_R | PROT_W);
    WRITE_ONCE(carve.cpu, 0);
    used->end = carve.next;
    return error == 0;
}

static void section_build(struct section *s)
{
    struct memrange used, r = {.end = s->start};
    u64 taken = 0;

    s->mapped = section_map(s, &used);
    s->built = true;
    while (memmap_next_free(r.end, s->start + SECTION_SIZE, &r)) {
        taken += (r.end - r.start) / PAGE_SIZE;
        if (s->mapped)
            frames_add(r.start == used.start && used.end != 0 ? used.end : r.start, r.end);
    }
    WRITE_ONCE(untaken, untaken - taken);
    while (next_section < section_count && sections[next_section].built)
        WRITE_ONCE(next_section, next_section + 1);
    if (!s->mapped)
        log_err("memory: no descriptors for the section at %lx; it stays unused", s->start);
}

bool section_build_more(void)
{
    u32 next = READ_ONCE(next_section);

    if (!section_left() || fail_alloc()) /* for its descriptors */
        return false;
    spin_guard_irqsave(&builder);
    if (next_section == next) /* else another CPU has just built one */
        section_build(&sections[next]);
    return true;
}

static struct section *section_of(paddr_t pa)
{
    u32 low = 0, high = section_count;

    while (low < high) {
        u32 middle = (low + high) / 2;

        if (sections[middle].start + SECTION_SIZE <= pa)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == section_count || sections[low].start > pa)
        return NULL;
    return &sections[low];
}

/* Descriptors of [start, end) within a section, built if need be; NULL: no RAM or no memory. */
static struct page *section_pages_locked(paddr_t start, paddr_t end)
{
    struct section *s = section_of(start);

    if (!s || !memmap_in_bank(start, end))
        return NULL;
    if (!s->built)
        section_build(s);
    return s->mapped ? phys_to_page(start) : NULL;
}

struct page *page_adopt(paddr_t pa)
{
    struct page *page;

    spin_guard_irqsave(&builder);
    page = section_pages_locked(pa, pa + 1);
    if (page && !(page->flags & PG_FIXED)) {
        page->flags |= PG_FIXED;
        ref_init(&page->refs, 1);
    }
    return page;
}

void page_release(paddr_t start, paddr_t end)
{
    paddr_t stop;

    end = ALIGN_DOWN(end, PAGE_SIZE);
    for (start = ALIGN_UP(start, PAGE_SIZE); start < end; start = stop) {
        struct page *pages;
        u64 count;

        stop = MIN(end, ALIGN_DOWN(start, SECTION_SIZE) + SECTION_SIZE);
        count = (stop - start) / PAGE_SIZE;
        spin_guard_irqsave(&builder);
        pages = section_pages_locked(start, stop);
        if (!pages)
            continue;
        for (u64 i = 0; i < count; i++)
            pages[i].flags = 0;
        frames_add(start, stop);
        total += count;
    }
}

/* Notes the sections that hold RAM. */
static void find_sections(void)
{
    const struct memrange *bank;
    paddr_t next = 0;
    u64 most = 0;

    for (size_t i = 0; (bank = memmap_bank(i)); i++)
        most += bank->end / SECTION_SIZE - bank->start / SECTION_SIZE + 1;
    sections = mm_alloc(most * sizeof *sections, 8);
    if (!sections)
        panic("memory: no room for the table of %lu sections", most);
    for (size_t i = 0; (bank = memmap_bank(i)); i++)
        for (next = MAX(next, ALIGN_DOWN(bank->start, SECTION_SIZE)); next < bank->end;
             next += SECTION_SIZE)
            sections[section_count++].start = next;
}

void page_init(void)
{
    struct memrange r = {.end = 0};
    char *start, *end;

    fail_init();
    frames_init();
    find_sections();
    mm_close(&start, &end);
    memmap_reserve(kernel_translate((u64)start), end - start, "boot allocator");
    while (memmap_next_free(r.end, ~0UL, &r)) {
        untaken += (r.end - r.start) / PAGE_SIZE;
        kasan_poison(phys_to_virt(r.start), r.end - r.start, KASAN_FREE_PAGE);
    }
    total = untaken;
}

void page_start(void)
{
    while (pages_free() == untaken && section_build_more())
        ; /* the first one may have no page to spare */
}

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
#include "mm/memmap.h"
#include "mm/page_impl.h"
#include "mm/pagetable.h"

#define SECTION_SIZE MIB(16)
#define BLOCK_SIZE   (PAGE_SIZE << PAGE_ORDER_MAX)

struct section {
    paddr_t start; /* [I] */
    u32 free;      /* pages not taken up yet; 0 when built [L] */
    bool built;    /* [L] */
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
    bool ok = section_map(s, &used);

    while (ok && memmap_next_free(r.end, s->start + SECTION_SIZE, &r))
        frames_add(r.start == used.start && used.end != 0 ? used.end : r.start, r.end);
    WRITE_ONCE(untaken, untaken - s->free);
    s->free = 0;
    s->built = true;
    while (next_section < section_count && sections[next_section].built)
        WRITE_ONCE(next_section, next_section + 1);
    if (!ok)
        log_err("memory: no descriptors for the section at %lx; it stays unused", s->start);
}

bool section_build_more(void)
{
    u32 next = READ_ONCE(next_section);

    if (!section_left())
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

/* The page's descriptor, built if need be; NULL: no RAM, or no memory for it. */
static struct page *section_page_locked(paddr_t pa)
{
    struct section *s = section_of(pa);
    struct page *page = phys_to_page(pa);

    if (!s || !memmap_in_bank(pa, pa + 1))
        return NULL;
    if (!s->built)
        section_build(s);
    return kernel_translate((u64)page) != PADDR_NONE ? page : NULL;
}

struct page *page_adopt(paddr_t pa)
{
    struct page *page;

    spin_guard_irqsave(&builder);
    page = section_page_locked(pa);
    if (page && !(page->flags & PG_FIXED)) {
        page->flags |= PG_FIXED;
        ref_init(&page->refs, 1);
    }
    return page;
}

void page_release(paddr_t start, paddr_t end)
{
    start = ALIGN_UP(start, PAGE_SIZE);
    end = ALIGN_DOWN(end, PAGE_SIZE);
    for (; start < end; start += PAGE_SIZE) {
        struct page *page;

        spin_guard_irqsave(&builder);
        page = section_page_locked(start);
        if (!page)
            continue;
        page->flags = 0;
        frames_add(start, start + PAGE_SIZE);
        total++;
    }
}

/* Counts the sections that hold RAM, and notes them in `table` when that is not NULL. */
static u32 find_sections(struct section *table)
{
    const struct memrange *bank;
    paddr_t next = 0;
    u32 count = 0;

    for (size_t i = 0; (bank = memmap_bank(i)); i++)
        for (paddr_t at = MAX(next, ALIGN_DOWN(bank->start, SECTION_SIZE)); at < bank->end;
             at += SECTION_SIZE) {
            if (table)
                table[count].start = at;
            count++;
            next = at + SECTION_SIZE;
        }
    return count;
}

void page_init(void)
{
    char *start, *end;

    fail_init();
    frames_init();
    section_count = find_sections(NULL);
    sections = mm_alloc(section_count * sizeof *sections, 8);
    if (!sections)
        panic("memory: no room for the table of %u sections", section_count);
    find_sections(sections);
    mm_close(&start, &end);
    memmap_reserve(kernel_translate((u64)start), end - start, "boot allocator");
    for (u32 i = 0; i < section_count; i++) {
        struct section *s = &sections[i];
        struct memrange r = {.end = s->start};

        while (memmap_next_free(r.end, s->start + SECTION_SIZE, &r))
            s->free += (r.end - r.start) / PAGE_SIZE;
        untaken += s->free;
    }
    total = untaken;
    while (pages_free() == untaken && section_build_more())
        ; /* tables come from sections that are built */
}

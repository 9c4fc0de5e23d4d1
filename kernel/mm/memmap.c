/*
 * The map of physical memory: two sorted lists of ranges that do not overlap.
 *
 * Adding a range that overlaps or touches others merges them, so whatever order and overlap a tree
 * comes with, the lists stay in order. Reservations that merge keep the first name. Each list has
 * room for one more range at any time: it grows, out of the boot allocator, after an insertion
 * that filled it.
 */
#include "mm/memmap.h"
#include "core/log.h"
#include "core/panic.h"
#include "lib/string.h"
#include "mm/bump.h"
#include "mm/page.h"

#define EARLY_RANGES 64
#define PADDR_END    (1UL << 48)

struct rangelist {
    struct memrange *ranges;
    size_t count, room;
};

static struct memrange early_banks[EARLY_RANGES], early_reserved[EARLY_RANGES];
static struct rangelist banks = {early_banks, 0, EARLY_RANGES};
static struct rangelist reserved = {early_reserved, 0, EARLY_RANGES};

static void grow(struct rangelist *list)
{
    struct memrange *more = mm_alloc(2 * list->room * sizeof *more, 8);

    if (!more)
        panic("memory map: more than %zu ranges before there is memory to note them",
              list->room - 1);
    memcpy(more, list->ranges, list->count * sizeof *more);
    list->ranges = more;
    list->room *= 2;
}

static void insert(struct rangelist *list, paddr_t start, paddr_t end, const char *name)
{
    struct memrange *r = list->ranges;
    size_t at = 0, stop;

    while (at < list->count && r[at].end < start)
        at++;
    for (stop = at; stop < list->count && r[stop].start <= end; stop++) {
        start = MIN(start, r[stop].start);
        end = MAX(end, r[stop].end);
    }
    if (stop > at)
        name = r[at].name; /* r[at..stop) become one */
    memmove(r + at + 1, r + stop, (list->count - stop) * sizeof *r);
    list->count = list->count - (stop - at) + 1;
    r[at] = (struct memrange){start, end, name};
    if (list->count == list->room)
        grow(list);
}

void memmap_add(paddr_t base, u64 size)
{
    paddr_t end = base + size < base ? PADDR_END : MIN(base + size, PADDR_END);

    base = ALIGN_UP(base, PAGE_SIZE);
    end = ALIGN_DOWN(end, PAGE_SIZE);
    if (base < end && size >= PAGE_SIZE)
        insert(&banks, base, end, NULL);
}

void memmap_reserve(paddr_t base, u64 size, const char *name)
{
    paddr_t end = base + size < base ? PADDR_END : MIN(base + size, PADDR_END);

    if (base < end)
        insert(&reserved, ALIGN_DOWN(base, PAGE_SIZE), ALIGN_UP(end, PAGE_SIZE), name);
}

const struct memrange *memmap_bank(size_t n)
{
    return n < banks.count ? &banks.ranges[n] : NULL;
}

const struct memrange *memmap_reserved(size_t n)
{
    return n < reserved.count ? &reserved.ranges[n] : NULL;
}

/* Moves `from` behind the reservation that it lies in, and `to` in front of the next one. */
static void cut_reserved(paddr_t *from, paddr_t *to)
{
    for (size_t i = 0; i < reserved.count; i++) {
        const struct memrange *r = &reserved.ranges[i];

        if (r->end <= *from)
            continue;
        if (r->start > *from) {
            *to = MIN(*to, r->start);
            return;
        }
        *from = r->end;
    }
}

bool memmap_next_free(paddr_t from, paddr_t to, struct memrange *range)
{
    for (size_t i = 0; i < banks.count; i++) {
        paddr_t start = MAX(banks.ranges[i].start, from);

        while (start < MIN(banks.ranges[i].end, to)) {
            paddr_t end = MIN(banks.ranges[i].end, to);

            cut_reserved(&start, &end);
            if (start < end) {
                *range = (struct memrange){start, end, NULL};
                return true;
            }
        }
    }
    return false;
}

bool memmap_in_bank(paddr_t start, paddr_t end)
{
    for (size_t i = 0; i < banks.count; i++)
        if (start >= banks.ranges[i].start && end <= banks.ranges[i].end)
            return true;
    return false;
}

void memmap_log(void)
{
    for (size_t i = 0; i < banks.count; i++)
        log_info("memory: RAM      %012lx-%012lx %6lu KiB", banks.ranges[i].start,
                 banks.ranges[i].end - 1, (banks.ranges[i].end - banks.ranges[i].start) / 1024);
    for (size_t i = 0; i < reserved.count; i++)
        log_info("memory: reserved %012lx-%012lx %6lu KiB %s", reserved.ranges[i].start,
                 reserved.ranges[i].end - 1,
                 (reserved.ranges[i].end - reserved.ranges[i].start) / 1024,
                 reserved.ranges[i].name ? reserved.ranges[i].name : "");
}

/*
 * Page tables: four levels over addresses of 48 bits, in pages of 4 KiB.
 *
 * What it is. A user's table belongs to a vm_space; the kernel's one is shared by all CPUs. Every
 * table is one page of 512 entries, reached through the linear map. What an entry looks like is
 * arch/pte.h's; which CPUs walk a table, and how a TLB forgets it, is arch/pagetable.h's.
 *
 * Interface: pagetable.h. Walks (pt_find, pt_make, pt_next), the change of one live entry
 * (pte_update), the kernel's mappings.
 *
 * Invariants (section numbers are those of the Arm manual)
 *   I1  A table page is zero when it is linked, and linked after its zeros are visible.
 *   I2  An entry that was ever valid is not made to point elsewhere while a TLB may hold it: break
 *       (store 0), flush, then make (D8.14.1). pte_update is the one place for single entries;
 *       whoever works on many clears or restricts them all, flushes once, and only then frees or
 *       reuses the pages.
 *   I3  A change of permissions alone needs no break (D8.14.1 lists what does: type, size, output
 *       address, shareability and cacheability, global bit), only the flush.
 *   I4  Invalid entries are never in a TLB (D8.13): from empty to valid no flush is needed.
 *   I5  A user table page exists only while a region overlaps its span; pt_detach_tables keeps that
 *       by being told how far nothing is mapped, so no table is ever scanned for emptiness.
 *   I6  Tables are freed after a flush of the whole space: the walk caches hold pointers to them
 *       (D8.13.4).
 *
 * Locking. User tables: the caller's (vm_space). Kernel table: kernel_lock, IRQs masked; walks of
 * it by kernel_translate are lock-free, since its tables are never freed.
 *
 * Rejected: counting the entries of each table (a store more at each fault); a lock for each
 * table (the space's mutex is held anyway); the contiguous hint (no gain under an emulator, many
 * rules); hardware dirty state (only some CPUs have it; the first store of a shared page faults).
 */
#include "mm/pagetable.h"
#include "core/spinlock.h"
#include "lib/errno.h"
#include "mm/page_impl.h"

#define TOP_SHIFT  39 /* an entry of the level 0 table covers 512 GiB */
#define LEVEL_BITS 9
#define ENTRIES    512

static struct spinlock kernel_lock = SPINLOCK_INIT(RANK_KERNEL_MAP);

static pte_t *table_of(pte_t entry)
{
    return phys_to_virt(pte_pa(entry));
}

static pte_t *entry_of(pte_t *table, u64 va, unsigned shift)
{
    return &table[va >> shift & (ENTRIES - 1)];
}

/* Links a new table at *entry (I1); what is there now, or 0 without memory. */
static pte_t table_link(pte_t *entry)
{
    void *table = table_alloc();
    pte_t link;

    if (!table)
        return 0;
    link = pte_table(virt_to_phys(table));
    smp_wmb(); /* the zeros before the link, for the walkers of other CPUs */
    pte_store(entry, link);
    return link;
}

int pt_init(struct page_table *pt)
{
    void *root = table_alloc();

    if (!root)
        return -ENOMEM;
    *pt = (struct page_table){.root = virt_to_phys(root)};
    return 0;
}

void pt_destroy(struct page_table *pt)
{
    page_free(phys_to_page(pt->root), 0);
    pt->root = 0;
}

/*
 * The entry for va at the level of `*shift`, or the block or empty entry above it where the walk
 * ends (*shift says at which level); with `make`, tables are made and NULL means no memory.
 */
static pte_t *walk(paddr_t root, u64 va, unsigned *shift, bool make)
{
    pte_t *entry = entry_of(phys_to_virt(root), va, TOP_SHIFT), link;
    unsigned at = TOP_SHIFT;

    for (; at > *shift; at -= LEVEL_BITS) {
        link = READ_ONCE(*entry);
        if (!link) {
            if (!make)
                break;
            link = table_link(entry);
            if (!link)
                return NULL;
        }
        if (pte_is_block(link))
            break;
        entry = entry_of(table_of(link), va, at - LEVEL_BITS);
    }
    *shift = at;
    return entry;
}

/* The table below an entry, or NULL. */
static inline pte_t *table_below(pte_t *table, u64 va, unsigned shift)
{
    pte_t entry = *entry_of(table, va, shift);

    return likely(entry) ? table_of(entry) : NULL;
}

inline pte_t *pt_find(const struct page_table *pt, u64 va)
{
    pte_t *table = table_below(table_of(pt->root), va, 39);

    if (likely(table))
        table = table_below(table, va, 30);
    if (likely(table))
        table = table_below(table, va, 21);
    return likely(table) ? entry_of(table, va, PAGE_SHIFT) : NULL;
}

static pte_t *__noinline make_tables(struct page_table *pt, u64 va)
{
    unsigned shift = PAGE_SHIFT;

    return walk(pt->root, va, &shift, true);
}

pte_t *pt_make(struct page_table *pt, u64 va)
{
    pte_t *entry = pt_find(pt, va);

    return likely(entry) ? entry : make_tables(pt, va);
}

struct pt_place pt_next(const struct page_table *pt, u64 va, u64 end)
{
    while (va < end) {
        pte_t *table = table_of(pt->root), link;
        unsigned shift = TOP_SHIFT;

        for (; shift > PAGE_SHIFT; shift -= LEVEL_BITS) {
            link = *entry_of(table, va, shift);
            if (!link)
                break;
            table = table_of(link);
        }
        if (shift == PAGE_SHIFT)
            return (struct pt_place){entry_of(table, va, PAGE_SHIFT), va};
        va = (va | (BIT(shift) - 1)) + 1; /* nothing under this entry */
    }
    return (struct pt_place){NULL, end};
}

/* Takes out the tables below entries of `level` (a shift) in [start, end), whole entries. */
static void detach_level(struct page_table *pt, unsigned level, u64 start, u64 end, void **list)
{
    for (u64 at = start; at < end;) {
        unsigned shift = level;
        pte_t *entry = walk(pt->root, at, &shift, false);

        if (*entry) {
            void **table = (void **)table_of(*entry);

            pte_store(entry, 0);
            *table = *list; /* to a late walk a page-aligned pointer is an invalid entry */
            *list = table;
        }
        at = (at | (BIT(shift) - 1)) + 1;
    }
}

bool pt_detach_tables(struct page_table *pt, u64 start, u64 end, u64 floor, u64 ceiling,
                      void **list)
{
    for (unsigned level = PAGE_SHIFT + LEVEL_BITS; level <= TOP_SHIFT; level += LEVEL_BITS) {
        u64 span = BIT(level), low = ALIGN_DOWN(start, span), high = ALIGN_UP(end, span);

        if (low < floor)
            low = ALIGN_UP(floor, span);
        if (high > ceiling)
            high = ALIGN_DOWN(ceiling, span);
        if (low >= high)
            break; /* then no larger span fits either */
        detach_level(pt, level, low, high, list);
    }
    return *list;
}

void pt_free_tables(void *list)
{
    while (list) {
        void *next = *(void **)list;

        page_free(virt_to_page(list), 0);
        list = next;
    }
}

void pte_update(struct page_table *pt, u64 va, pte_t *entry, pte_t value)
{
    pte_t old = *entry;

    if (!pte_valid(old)) { /* I4 */
        pte_store(entry, value);
    } else if (pte_valid(value) && pte_same_page(old, value)) { /* I3 */
        pte_store(entry, value);
        tlb_flush_range(pt, va, va + PAGE_SIZE, false);
    } else { /* I2 */
        pte_store(entry, 0);
        tlb_flush_range(pt, va, va + PAGE_SIZE, false);
        pte_store(entry, value);
    }
}

/* The largest block that va, pa and size allow: 1 GiB, 2 MiB or a page. */
static unsigned block_shift(u64 va, paddr_t pa, u64 size)
{
    for (unsigned shift = TOP_SHIFT - LEVEL_BITS; shift > PAGE_SHIFT; shift -= LEVEL_BITS)
        if (!((va | pa) & (BIT(shift) - 1)) && size >= BIT(shift))
            return shift;
    return PAGE_SHIFT;
}

static int map_locked(u64 va, paddr_t pa, u64 size, u32 prot)
{
    while (size) {
        unsigned wanted = block_shift(va, pa, size), shift = wanted;
        pte_t *entry = walk(kernel_page_table_root, va, &shift, true), value = pte_make(pa, prot);

        if (!entry)
            return -ENOMEM;
        if (shift != wanted || *entry)
            return -EEXIST;
        pte_store(entry, shift == PAGE_SHIFT ? value : pte_block(value));
        va += BIT(shift);
        pa += BIT(shift);
        size -= BIT(shift);
    }
    return 0;
}

int kernel_map(u64 va, paddr_t pa, u64 size, u32 prot)
{
    irqflags_t flags;
    int error;

    if ((va | pa | size) & PAGE_MASK)
        return -EINVAL;
    flags = spin_lock_irqsave(&kernel_lock);
    error = map_locked(va, pa, size, prot);
    spin_unlock_irqrestore(&kernel_lock, flags);
    tlb_flush_kernel(va, va); /* I4 */
    return error;
}

/* Clears or changes the entries of [va, end). */
static int change_locked(u64 va, u64 end, u32 prot, bool clear)
{
    while (va < end) {
        unsigned shift = PAGE_SHIFT;
        pte_t *entry = walk(kernel_page_table_root, va, &shift, false);

        if (*entry && (va & (BIT(shift) - 1) || end - va < BIT(shift)))
            return -EINVAL; /* half a block */
        if (*entry)
            pte_store(entry, clear ? 0 : pte_permit(*entry, pte_permissions(prot))); /* I3 */
        va = (va | (BIT(shift) - 1)) + 1;
    }
    return 0;
}

static int change(u64 va, u64 size, u32 prot, bool clear)
{
    irqflags_t flags;
    int error;

    if ((va | size) & PAGE_MASK)
        return -EINVAL;
    flags = spin_lock_irqsave(&kernel_lock);
    error = change_locked(va, va + size, prot, clear);
    spin_unlock_irqrestore(&kernel_lock, flags);
    tlb_flush_kernel(va, va + size);
    return error;
}

int kernel_unmap(u64 va, u64 size)
{
    return change(va, size, 0, true);
}

int kernel_protect(u64 va, u64 size, u32 prot)
{
    return change(va, size, prot, false);
}

paddr_t kernel_translate(u64 va)
{
    unsigned shift = PAGE_SHIFT;
    pte_t entry = *walk(kernel_page_table_root, va, &shift, false);

    if (!pte_valid(entry))
        return PADDR_NONE;
    return (pte_pa(entry) & ~(BIT(shift) - 1)) | (va & (BIT(shift) - 1));
}

/*
 * Page tables of AArch64: 4 KiB granule, 48-bit addresses, four levels (Arm ARM D8.2, D8.3).
 *
 * What it is. A user's table hangs on TTBR0_EL1 and carries an ASID (asid.c); the kernel's one
 * hangs on TTBR1_EL1, is shared by all CPUs, and its entries are global. Every table is one page
 * reached through the linear map.
 *
 * Interface: arch/pagetable.h. Walks (pt_find, pt_make, pt_next), the change of one live entry
 * (pte_update), flushes, the kernel's mappings.
 *
 * Invariants
 *   I1  A table page is zero when it is linked, and linked after its zeros are visible.
 *   I2  An entry that was ever valid is not made to point elsewhere while a TLB may hold it: break
 *       (store 0), TLBI, DSB, then make (D8.14.1). pte_update is the one place for single entries;
 *       whoever works on many clears or restricts them all, flushes once, and only then frees or
 *       reuses the pages.
 *   I3  A change of permissions alone needs no break (D8.14.1 lists what does: type, size, output
 *       address, shareability and cacheability, global bit), only the flush.
 *   I4  Invalid entries are never in a TLB (D8.13): from empty to valid no flush is needed.
 *   I5  A user table page exists only while a region overlaps its span; pt_detach_tables keeps that
 *       by being told how far nothing is mapped, so no table is ever scanned for emptiness.
 *   I6  Tables are freed after a flush by ASID: the walk caches hold pointers to them (D8.13.4).
 *
 * Locking. User tables: the caller's (vm_space). Kernel table: kernel_lock, IRQs masked; walks of
 * it by kernel_translate are lock-free, since its tables are never freed.
 *
 * Rejected: counting the entries of each table (a store more at each fault); a lock for each
 * table (the space's mutex is held anyway); the contiguous hint (no gain under an emulator, many
 * rules); hardware dirty state (only some CPUs have it; the first store of a shared page faults).
 */
#include "arch/pagetable.h"

#include "arch/arm64/asid.h"
#include "arch/arm64/tlb.h"
#include "arch/cpu.h"
#include "lib/errno.h"

#define TOP_SHIFT  39 /* an entry of the level 0 table covers 512 GiB */
#define LEVEL_BITS 9
#define LEAF_SHIFT 12
#define ENTRIES    512
#define TABLE      (PTE_VALID | PTE_PAGE) /* a table descriptor, D8.3.1 */

/* Pages flushed one by one; beyond that, one flush by ASID is cheaper than the refills it costs. */
#define FLUSH_MAX 16

static struct {
    void *(*alloc)(void);
    void (*free)(void *page);
} source; /* [I] but for the two calls of pt_set_page_source at boot */

static u32 kernel_lock;

void pt_set_page_source(void *(*alloc)(void), void (*free)(void *page))
{
    source.alloc = alloc;
    source.free = free;
}

static u64 *table_of(u64 descriptor)
{
    return (u64 *)(LINEAR_BASE + (descriptor & PTE_ADDRESS));
}

static u64 *entry_of(u64 *table, u64 va, unsigned shift)
{
    return &table[va >> shift & (ENTRIES - 1)];
}

/* Links a new table at *entry (I1); its descriptor, or 0 without memory. */
static u64 __noinline table_link(u64 *entry)
{
    void *page = source.alloc();
    u64 descriptor;

    if (!page)
        return 0;
    descriptor = ((u64)page - LINEAR_BASE) | TABLE;
    smp_wmb(); /* the zeros before the link, for the walkers of other CPUs */
    WRITE_ONCE(*entry, descriptor);
    return descriptor;
}

int pt_init(struct page_table *pt)
{
    void *root = source.alloc();

    if (!root)
        return -ENOMEM;
    pt->root = (u64)root - LINEAR_BASE;
    pt->context = 0;
    pt->home = 0;
    return 0;
}

void pt_destroy(struct page_table *pt)
{
    /* No flush: its ASID belongs to nobody until all TLBs are emptied (asid.c). */
    if (source.free)
        source.free(table_of(pt->root));
    pt->root = 0;
}

/* The table below an entry, or NULL. */
static inline u64 *table_below(u64 *table, u64 va, unsigned shift)
{
    u64 descriptor = *entry_of(table, va, shift);

    return likely(descriptor) ? table_of(descriptor) : NULL;
}

pte_t *pt_find(const struct page_table *pt, u64 va)
{
    u64 *table = table_below(table_of(pt->root), va, 39);

    if (likely(table))
        table = table_below(table, va, 30);
    if (likely(table))
        table = table_below(table, va, 21);
    return likely(table) ? entry_of(table, va, LEAF_SHIFT) : NULL;
}

static pte_t *__noinline make_tables(struct page_table *pt, u64 va)
{
    u64 *table = table_of(pt->root), *entry, descriptor;

    for (unsigned shift = TOP_SHIFT; shift > LEAF_SHIFT; shift -= LEVEL_BITS) {
        entry = entry_of(table, va, shift);
        descriptor = *entry ? *entry : table_link(entry);
        if (!descriptor)
            return NULL;
        table = table_of(descriptor);
    }
    return entry_of(table, va, LEAF_SHIFT);
}

pte_t *pt_make(struct page_table *pt, u64 va)
{
    pte_t *entry = pt_find(pt, va);

    return likely(entry) ? entry : make_tables(pt, va);
}

struct pt_run pt_next(const struct page_table *pt, u64 va, u64 end)
{
    while (va < end) {
        u64 *table = table_of(pt->root), descriptor;
        unsigned shift = TOP_SHIFT;

        for (; shift > LEAF_SHIFT; shift -= LEVEL_BITS) {
            descriptor = *entry_of(table, va, shift);
            if (!descriptor)
                break;
            table = table_of(descriptor);
        }
        if (shift == LEAF_SHIFT)
            return (struct pt_run){entry_of(table, va, LEAF_SHIFT), va};
        va = (va | (BIT(shift) - 1)) + 1; /* nothing under this entry */
    }
    return (struct pt_run){NULL, end};
}

/* Takes out the tables below entries of `level` (a shift) in [start, end), whole entries. */
static void detach_level(struct page_table *pt, unsigned level, u64 start, u64 end, void **list)
{
    for (u64 at = start; at < end;) {
        u64 *entry = entry_of(table_of(pt->root), at, TOP_SHIFT);
        unsigned shift = TOP_SHIFT;

        for (; *entry && shift > level; shift -= LEVEL_BITS)
            entry = entry_of(table_of(*entry), at, shift - LEVEL_BITS);
        if (*entry) {
            void **table = (void **)table_of(*entry);

            WRITE_ONCE(*entry, 0);
            *table = *list; /* to a late walk a page-aligned pointer is an invalid entry */
            *list = table;
        }
        at = (at | (BIT(shift) - 1)) + 1;
    }
}

bool pt_detach_tables(struct page_table *pt, u64 start, u64 end, u64 floor, u64 ceiling,
                      void **list)
{
    bool some = false;

    for (unsigned level = LEAF_SHIFT + LEVEL_BITS; level <= TOP_SHIFT; level += LEVEL_BITS) {
        u64 span = BIT(level), low = ALIGN_DOWN(start, span), high = ALIGN_UP(end, span);

        if (low < floor)
            low = ALIGN_UP(floor, span);
        if (high > ceiling)
            high = ALIGN_DOWN(ceiling, span);
        if (low >= high)
            break; /* then no larger span fits either */
        detach_level(pt, level, low, high, list);
        some = *list;
    }
    return some;
}

void pt_free_tables(void *list)
{
    while (list) {
        void *next = *(void **)list;

        source.free(list);
        list = next;
    }
}

/*
 * Flushes. After the DSB that makes the new entries visible, `home` and the context are read: a CPU
 * that activates the table later than that walks the new entries, for it stores both before a
 * barrier of its own. A table that one CPU alone has used is flushed there alone (IRQs are masked
 * so that the thread stays on it), and one that none has used is in no TLB.
 */
static inline bool flush_begin(const struct page_table *pt, irqflags_t *flags, bool *here)
{
    u64 home;

    tables_publish();
    *flags = irq_save();
    home = READ_ONCE(pt->home);
    *here = home == pt_home();
    return home;
}

static inline void flush_end(irqflags_t flags)
{
    tlbi_done();
    irq_restore(flags);
}

static void flush_page(const struct page_table *pt, u64 va)
{
    irqflags_t flags;
    bool here;

    if (flush_begin(pt, &flags, &here)) {
        if (likely(here))
            tlbi_page_local(READ_ONCE(pt->context), va);
        else
            tlbi_page(READ_ONCE(pt->context), va);
    }
    flush_end(flags);
}

static void flush_space(const struct page_table *pt)
{
    irqflags_t flags;
    bool here;

    if (flush_begin(pt, &flags, &here)) {
        if (likely(here))
            tlbi_asid_local(READ_ONCE(pt->context));
        else
            tlbi_asid(READ_ONCE(pt->context));
    }
    flush_end(flags);
}

void tlb_flush_range(const struct page_table *pt, u64 start, u64 end, bool tables)
{
    irqflags_t flags;
    u64 context;
    bool here;

    if (tables || end - start > FLUSH_MAX * PT_PAGE_SIZE) {
        flush_space(pt);
        return;
    }
    if (flush_begin(pt, &flags, &here)) {
        context = READ_ONCE(pt->context);
        if (likely(here))
            for (; start < end; start += PT_PAGE_SIZE)
                tlbi_page_local(context, start);
        else
            for (; start < end; start += PT_PAGE_SIZE)
                tlbi_page(context, start);
    }
    flush_end(flags);
}

void pte_update(struct page_table *pt, u64 va, pte_t *entry, pte_t value)
{
    pte_t old = *entry;

    if (!pte_valid(old)) { /* I4 */
        pte_store(entry, value);
    } else if (pte_valid(value) && !((old ^ value) & ~PTE_PERMISSIONS)) { /* I3 */
        pte_store(entry, value);
        flush_page(pt, va);
    } else { /* I2 */
        pte_store(entry, 0);
        flush_page(pt, va);
        pte_store(entry, value);
    }
}

static irqflags_t kernel_table_lock(void)
{
    irqflags_t flags = irq_save();

    while (__atomic_exchange_n(&kernel_lock, 1, __ATOMIC_ACQUIRE))
        cpu_relax();
    return flags;
}

static void kernel_table_unlock(irqflags_t flags)
{
    __atomic_store_n(&kernel_lock, 0, __ATOMIC_RELEASE);
    irq_restore(flags);
}

/*
 * The entry for va at the level of `*shift`, or the block or empty entry above it where the walk
 * ends (*shift says at which level); with `make`, tables are made and NULL means no memory.
 */
static u64 *kernel_entry(u64 va, unsigned *shift, bool make)
{
    unsigned wanted = *shift;
    u64 *entry = entry_of(table_of(kernel_page_table_root), va, TOP_SHIFT);

    for (*shift = TOP_SHIFT; *shift > wanted; *shift -= LEVEL_BITS) {
        u64 descriptor = READ_ONCE(*entry);

        if (!descriptor) {
            if (!make)
                break;
            descriptor = table_link(entry);
            if (!descriptor)
                return NULL;
        }
        if (!(descriptor & PTE_PAGE))
            break; /* a block */
        entry = entry_of(table_of(descriptor), va, *shift - LEVEL_BITS);
    }
    return entry;
}

/* The largest block that va, pa and size allow: 1 GiB, 2 MiB or a page. */
static unsigned block_shift(u64 va, paddr_t pa, u64 size)
{
    for (unsigned shift = TOP_SHIFT - LEVEL_BITS; shift > LEAF_SHIFT; shift -= LEVEL_BITS)
        if (!((va | pa) & (BIT(shift) - 1)) && size >= BIT(shift))
            return shift;
    return LEAF_SHIFT;
}

static int map_locked(u64 va, paddr_t pa, u64 size, u32 prot)
{
    while (size) {
        unsigned wanted = block_shift(va, pa, size), shift = wanted;
        u64 *entry = kernel_entry(va, &shift, true);
        pte_t value = pte_make(pa, prot);

        if (!entry)
            return -ENOMEM;
        if (shift != wanted || *entry)
            return -EEXIST;
        pte_store(entry, shift == LEAF_SHIFT ? value : value & ~PTE_PAGE);
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

    if ((va | pa | size) & (PT_PAGE_SIZE - 1))
        return -EINVAL;
    flags = kernel_table_lock();
    error = map_locked(va, pa, size, prot);
    kernel_table_unlock(flags);
    tables_publish();
    isb(); /* the walker of this CPU too, before the caller's first access */
    return error;
}

/* Clears (permissions 0) or changes the entries of [va, va+size). */
static int change(u64 va, u64 size, u32 prot, bool clear)
{
    u64 start = va, end = va + size, pages = size / PT_PAGE_SIZE;
    irqflags_t flags;
    int error = 0;

    if ((va | size) & (PT_PAGE_SIZE - 1))
        return -EINVAL;
    flags = kernel_table_lock();
    while (va < end) {
        unsigned shift = LEAF_SHIFT;
        u64 *entry = kernel_entry(va, &shift, false);

        if (*entry && (va & (BIT(shift) - 1) || end - va < BIT(shift))) {
            error = -EINVAL; /* half a block */
            break;
        }
        if (*entry) /* I3: permissions alone, no break */
            pte_store(entry, clear ? 0 : pte_protect(*entry, prot));
        va = (va | (BIT(shift) - 1)) + 1;
    }
    kernel_table_unlock(flags);
    tables_publish();
    if (pages > FLUSH_MAX)
        tlbi_all();
    else
        for (va = start; va < end; va += PT_PAGE_SIZE)
            tlbi_kernel_page(va);
    tlbi_done();
    isb();
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
    unsigned shift = LEAF_SHIFT;
    u64 descriptor = *kernel_entry(va, &shift, false);

    if (!(descriptor & PTE_VALID))
        return PADDR_NONE;
    return ((descriptor & PTE_ADDRESS) & ~(BIT(shift) - 1)) | (va & (BIT(shift) - 1));
}

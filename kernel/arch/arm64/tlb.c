/*
 * Which user table a CPU walks, under which tag, and how the TLBs forget what tables said (Arm ARM
 * D8.13, D8.14).
 *
 * What it is. A user's table hangs on TTBR0_EL1 under an address-space identifier; the kernel's
 * one hangs on TTBR1_EL1, and its entries are global. A table gets an ASID when it is first
 * activated and keeps it for a generation. When the numbers run out, a new generation begins: all
 * TLBs are emptied, and only the tables that are live on some CPU keep their numbers. So a number
 * is never reused without that flush, and a table that dies needs none.
 *
 * Structures. page_table.context = generation << 16 | ASID. Each CPU has a slot in its per-CPU
 * area: `live` is its TTBR0_EL1 (ASID in the top 16 bits, since TCR_EL1.A1 is 0; table below),
 * `next` the context that it is about to load, or has loaded last. With pan=sw TTBR0_EL1 holds the
 * empty table most of the time, and what usercopy.S loads for a while is `live`, with IRQs masked
 * from the look to the write: the number in it is kept as ever (I2).
 *   I1  Within a generation a number belongs to one table.
 *   I2  A table that is live on a CPU has the number with which it is live there, whatever the
 *       generation of its context: a flush by pt->context reaches every CPU.
 *   I3  ASID 0 is the empty table's.
 *   I4  A TLB holds entries of a table only if its CPU has activated the table since it was made;
 *       as long as that is one CPU, pt->home names it, and its flushes stay on that CPU.
 *
 * The rule of every flush: entries are stored; DSB ISHST makes the stores visible to the walkers
 * of all CPUs; TLBI ...IS; DSB ISH waits until every CPU has dropped the entries and all accesses
 * through them are done. An ISB follows where this CPU's next instructions depend on it; for user
 * entries the exception return is one.
 *
 * Locking. `lock` with IRQs masked guards generation, used and kept. The fast path takes no lock:
 * it stores `next`, then reads the generation; a new generation is stored, then `next` is read;
 * with a full barrier between on both sides one of the two sees the other. So either the number is
 * kept for the CPU, or the CPU goes the slow way.
 *
 * Rejected: the lock at every switch (all CPUs would meet there); freeing numbers at exit (a flush
 * at each exit); per-CPU numbers (a flush of a range would have to interrupt other CPUs).
 */
#include "arch/pagetable.h"
#include "arch/arm64/alternative.h"
#include "arch/arm64/image.h"
#include "arch/arm64/layout.h"
#include "arch/boot.h"
#include "arch/cpu.h"
#include "arch/thread.h"
#include "lib/bitmap.h"
#include "lib/string.h"

#define ASID_BITS        16 /* in a context; the CPU may have only 8 */
#define ASID_MAX         (1u << ASID_BITS)
#define FIRST_GENERATION (1UL << ASID_BITS)

#define HOME_MANY        (~0UL) /* page_table.home: more than one CPU has activated it */

/* Pages flushed one by one; beyond that, one flush by ASID is cheaper than the refills it costs. */
#define FLUSH_MAX (16 * PT_PAGE_SIZE)

/* Operands of TLBI: an address goes without its page offset and above bit 55, an ASID on top. */
#define TLBI_VA(va)         ((va) >> 12 & ((1UL << 44) - 1))
#define tlbi(operation, of) asm volatile("tlbi " operation ", %0" ::"r"(of) : "memory")

struct asid_slot {
    struct page_table *pt; /* whose table is live; NULL: the empty one [C] */
    u64 live;              /* TTBR0_EL1 in user mode [C], read by all */
    u64 next;              /* context on its way to TTBR0_EL1 [C], read by all */
    u64 kept_live;         /* live and next when the generation began [L] */
    u64 kept_next;
    struct asid_slot *list; /* [L] */
    bool listed;            /* [C] */
};

struct asid_slot asid_slot __section(".percpu");
_Static_assert(offsetof(struct asid_slot, live) == SLOT_LIVE, "usercopy.S");

static u64 generation = FIRST_GENERATION; /* [L], read by all */
static u64 used[BITMAP_WORDS(ASID_MAX)];  /* [L] */
static u32 cursor = 1;                    /* numbers below are used [L] I3 */
static struct asid_slot *slots;           /* of all CPUs that ever activated a table [L] */
static u32 lock;

/* Stores to tables before this are seen by walks after it, on all CPUs. */
static inline void tables_publish(void)
{
    asm volatile("dsb ishst" ::: "memory");
}

static inline void tlbi_done(void)
{
    asm volatile("dsb ish" ::: "memory");
}

static inline void isb(void)
{
    asm volatile("isb" ::: "memory");
}

static inline void tlbi_everything(void)
{
    asm volatile("tlbi vmalle1is" ::: "memory");
}

/* The running CPU's name in page_table.home: its per-CPU offset, made odd. */
static inline u64 home_here(void)
{
    return READ_ONCE(current_head()->percpu) + 1;
}

static struct asid_slot *slot_at(u64 percpu)
{
    return (struct asid_slot *)((char *)&asid_slot + percpu);
}

static bool is_current(u64 context)
{
    return !((context ^ READ_ONCE(generation)) >> ASID_BITS);
}

static void generation_begin(void)
{
    u64 ended = generation;

    WRITE_ONCE(generation, ended + FIRST_GENERATION);
    smp_mb(); /* pairs with the one in pt_activate */
    memset(used, 0, sizeof(used));
    cursor = 1; /* I3 */
    for (struct asid_slot *slot = slots; slot; slot = slot->list) {
        u64 next = READ_ONCE(slot->next);

        slot->kept_live = READ_ONCE(slot->live);
        slot->kept_next = (next ^ ended) >> ASID_BITS ? 0 : next;
        bitmap_set(used, slot->kept_live >> 48);
        bitmap_set(used, slot->kept_next & (ASID_MAX - 1));
    }
    tables_publish();
    tlbi_everything();
    tlbi_done();
    isb();
}

/* Was pt live, or about to be, when this generation began? Then it keeps its number (I2). */
static bool is_kept(const struct page_table *pt, u64 context)
{
    if (!context)
        return false; /* never activated; `kept` speaks of a table that stood here before */
    for (const struct asid_slot *slot = slots; slot; slot = slot->list)
        if ((slot->kept_live & PTE_ADDRESS) == pt->root || slot->kept_next == context)
            return true;
    return false;
}

static u32 asid_take(void)
{
    u32 count = 1u << cpu_features.asid_bits, asid = bitmap_find_next_zero(used, count, cursor);

    if (asid >= count) {
        generation_begin();
        asid = bitmap_find_next_zero(used, count, cursor);
    }
    bitmap_set(used, asid);
    cursor = asid + 1;
    return asid;
}

/* Gives pt a context of the current generation, and lists the slot; returns the context. */
static u64 __noinline context_renew(struct page_table *pt, struct asid_slot *slot)
{
    irqflags_t flags = irq_save();
    u64 context;
    u32 asid;

    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
        cpu_relax();
    if (!slot->listed) {
        slot->listed = true;
        slot->list = slots;
        slots = slot;
    }
    context = pt->context;
    if (!is_current(context)) {
        asid = is_kept(pt, context) ? context & (ASID_MAX - 1) : asid_take();
        context = generation | asid;
        WRITE_ONCE(pt->context, context);
    }
    WRITE_ONCE(slot->next, context);
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    tlbi_done(); /* the context is visible before any walk: see tlb_flush_range */
    irq_restore(flags);
    return context;
}

/* Notes that this CPU's TLB will hold entries of pt. The caller has a barrier after it. */
static void home_add(struct page_table *pt)
{
    u64 home = 0, here = home_here();

    if (likely(READ_ONCE(pt->home) == here))
        return;
    if (!__atomic_compare_exchange_n(&pt->home, &home, here, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
        WRITE_ONCE(pt->home, HOME_MANY);
}

void pt_activate(struct page_table *pt)
{
    struct asid_slot *slot = slot_at(current_head()->percpu);
    u64 context, live = boot_info.empty_root;

    if (slot->pt == pt)
        return;
    if (likely(pt)) {
        context = READ_ONCE(pt->context);
        WRITE_ONCE(slot->next, context);
        home_add(pt);
        smp_mb(); /* pairs with the one in generation_begin, and with tlb_flush_range */
        if (unlikely(!is_current(context) || !slot->listed))
            context = context_renew(pt, slot);
        live = pt->root | context << 48;
    }
    asm volatile(ALTERNATIVE("msr ttbr0_el1, %0", IF_PAN_SW, INSN_NOP) "isb" ::"r"(live)
                 : "memory");
    WRITE_ONCE(slot->live, live); /* only now: until the ISB this CPU may walk the old one (I2) */
    slot->pt = pt;
}

bool pt_live_at(const struct page_table *pt, u64 percpu)
{
    return READ_ONCE(slot_at(percpu)->pt) == pt;
}

/*
 * After the DSB that makes the new entries visible, `home` and the context are read: a CPU that
 * activates the table later than that walks the new entries, for it stores both before a barrier
 * of its own. A table that one CPU alone has used is flushed there alone (IRQs are masked so that
 * the thread stays on it), and one that none has used is in no TLB.
 */
static __always_inline void flush(const struct page_table *pt, bool all, u64 start, u64 end)
{
    irqflags_t flags;
    u64 home, asid;

    tables_publish();
    flags = irq_save();
    home = READ_ONCE(pt->home);
    asid = READ_ONCE(pt->context) << 48;
    if (likely(home == home_here())) {
        if (all)
            tlbi("aside1", asid);
        for (; !all && start < end; start += PT_PAGE_SIZE)
            tlbi("vale1", asid | TLBI_VA(start));
    } else if (home) {
        if (all)
            tlbi("aside1is", asid);
        for (; !all && start < end; start += PT_PAGE_SIZE)
            tlbi("vale1is", asid | TLBI_VA(start));
    }
    tlbi_done();
    irq_restore(flags);
}

void tlb_flush_range(const struct page_table *pt, u64 start, u64 end, bool tables)
{
    if (tables || end - start > FLUSH_MAX)
        flush(pt, true, 0, 0);
    else
        flush(pt, false, start, end);
}

void tlb_flush_kernel(u64 start, u64 end)
{
    tables_publish();
    if (end - start > FLUSH_MAX)
        tlbi_everything();
    else
        for (; start < end; start += PT_PAGE_SIZE)
            tlbi("vaae1is", TLBI_VA(start));
    tlbi_done();
    isb(); /* the walker of this CPU too, before the caller's next access */
}

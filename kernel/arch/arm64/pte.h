/*
 * Stage 1 descriptors of the 4 KiB granule (Arm ARM D8.3), as vm and mm may use them.
 *
 * An entry is empty (0), valid, or it keeps a page that may not be touched (PTE_HIDDEN: PROT_NONE).
 * The access flag is always set. Permissions for EL0 imply them for EL1 (PAN guards that); EL1
 * never executes user pages and EL0 never kernel pages.
 */
#pragma once

#include "lib/types.h"

typedef u64 pte_t;

/* Protection: the low three are Linux's PROT_READ, PROT_WRITE and PROT_EXEC, 16 is its PROT_BTI. */
#define PROT_R          1u
#define PROT_W          2u
#define PROT_X          4u
#define PT_USER         8u   /* EL0 may access it, tagged with the ASID */
#define PT_GUARDED      16u  /* sets PTE_GUARDED; only on a CPU that has FEAT_BTI */
#define PT_DEVICE       32u  /* Device-nGnRE */
#define PT_NC           64u  /* Normal, not cacheable */
#define PT_SPECIAL      128u /* the page behind it is not counted */
#define PT_STRICT       256u /* Device-nGnRnE */
#define PT_PRIVATE      512u /* sets PTE_PRIVATE, for pte_private() */

#define PTE_VALID       BIT(0)
#define PTE_PAGE        BIT(1) /* table at levels 0-2, page at level 3; clear: a block */
#define PTE_ATTR(index) ((u64)(index) << 2) /* MAIR_EL1 index */
#define PTE_EL0         BIT(6)              /* AP[1] */
#define PTE_READONLY    BIT(7)              /* AP[2] */
#define PTE_INNER       (3UL << 8)          /* inner shareable */
#define PTE_ACCESSED    BIT(10)
#define PTE_NG          BIT(11) /* tagged with the ASID */
#define PTE_GUARDED     BIT(50) /* GP: indirect branches must land on a pad (FEAT_BTI) */
#define PTE_PXN         BIT(53)
#define PTE_UXN         BIT(54)
#define PTE_COUNTLESS   BIT(55) /* software: PT_SPECIAL */
#define PTE_HIDDEN      BIT(56) /* software: a page, not valid */
#define PTE_PRIVATE     BIT(57) /* software: the space's own copy, not a page of a file */
#define PTE_ADDRESS     0x0000fffffffff000UL

/* MAIR_EL1 as the boot code sets it: indices of the attributes. */
enum mair_index { MAIR_STRICT, MAIR_NORMAL, MAIR_DEVICE, MAIR_NC };

static inline u64 pte_attributes(u32 prot)
{
    if (prot & PT_DEVICE)
        return PTE_ATTR(MAIR_DEVICE);
    if (prot & PT_STRICT)
        return PTE_ATTR(MAIR_STRICT);
    return PTE_INNER | PTE_ATTR(prot & PT_NC ? MAIR_NC : MAIR_NORMAL);
}

/* The permission bits and validity for prot; without any of R, W, X the page is hidden. */
static inline u64 pte_permissions(u32 prot)
{
    u64 bits = prot & (PROT_R | PROT_W | PROT_X) ? PTE_VALID : PTE_HIDDEN;

    if (!(prot & PROT_W))
        bits |= PTE_READONLY;
    if (prot & PT_USER)
        bits |= PTE_EL0 | PTE_NG | PTE_PXN | (prot & PROT_X ? 0 : PTE_UXN) |
                (prot & PT_GUARDED ? PTE_GUARDED : 0);
    else
        bits |= PTE_UXN | (prot & PROT_X ? 0 : PTE_PXN);
    return bits;
}

/* A level 3 entry for the page at pa. pte_make(0, prot) | pa is the same. */
static inline pte_t pte_make(paddr_t pa, u32 prot)
{
    return pa | PTE_PAGE | PTE_ACCESSED | pte_attributes(prot) | pte_permissions(prot) |
           (prot & PT_SPECIAL ? PTE_COUNTLESS : 0) | (prot & PT_PRIVATE ? PTE_PRIVATE : 0);
}

/* Does it hold a page, valid or hidden? */
static inline bool pte_present(pte_t pte)
{
    return pte != 0;
}

static inline bool pte_valid(pte_t pte)
{
    return pte & PTE_VALID;
}

static inline bool pte_writable(pte_t pte)
{
    return (pte & (PTE_VALID | PTE_READONLY)) == PTE_VALID;
}

static inline bool pte_executable(pte_t pte)
{
    return (pte & (PTE_VALID | PTE_UXN)) == PTE_VALID;
}

static inline bool pte_special(pte_t pte)
{
    return pte & PTE_COUNTLESS;
}

static inline bool pte_private(pte_t pte)
{
    return pte & PTE_PRIVATE;
}

static inline paddr_t pte_pa(pte_t pte)
{
    return pte & PTE_ADDRESS;
}

static inline pte_t pte_readonly(pte_t pte)
{
    return pte | PTE_READONLY;
}

/* The page stays known, nobody can reach it. */
static inline pte_t pte_hidden(pte_t pte)
{
    return (pte & ~PTE_VALID) | PTE_HIDDEN;
}

static inline pte_t pte_writeable(pte_t pte)
{
    return pte & ~PTE_READONLY;
}

#define PTE_PERMISSIONS \
    (PTE_VALID | PTE_HIDDEN | PTE_READONLY | PTE_EL0 | PTE_NG | PTE_GUARDED | PTE_PXN | PTE_UXN)

/* The same page with other permissions, as pte_permissions() makes them. */
static inline pte_t pte_permit(pte_t pte, u64 permissions)
{
    return (pte & ~PTE_PERMISSIONS) | permissions;
}

/* Do two valid entries differ in their permissions at most? */
static inline bool pte_same_page(pte_t a, pte_t b)
{
    return !((a ^ b) & ~PTE_PERMISSIONS);
}

/* An entry of the levels above: the table at pa, or the block that begins at a page's address. */
static inline pte_t pte_table(paddr_t pa)
{
    return pa | PTE_VALID | PTE_PAGE;
}

static inline pte_t pte_block(pte_t page)
{
    return page & ~PTE_PAGE;
}

static inline bool pte_is_block(pte_t pte)
{
    return !(pte & PTE_PAGE);
}

/*
 * A bare store. Enough from empty to valid: a walk that misses it faults once more, and the
 * fault finds the entry there. Clearing and restricting need a tlb_flush_range() after it.
 */
static inline void pte_store(pte_t *entry, pte_t value)
{
    WRITE_ONCE(*entry, value);
}

/*
 * demo=mmu: the tutorial's identity map, one gigabyte of devices and one of memory, beside the
 * kernel's own map; through it the UART says that it works, and memory is found where it is.
 */
#include "main/demo/demo.h"

#include "arch/cpu.h"
#include "arch/uart.h"
#include "mm/pagetable.h"

#define PATTERN 0x41534c4152313031UL

static volatile u64 word = PATTERN;
static u64 word_at, seen;
static paddr_t uart_at;

/* A gigabyte at level 1. The page tables of programs are never so coarse: made by hand. */
#define BLOCK (PTE_VALID | PTE_ACCESSED | PTE_NG | PTE_PXN | PTE_UXN)

static u64 level0[512] __aligned(4096), level1[512] __aligned(4096);

static void draw_map(void)
{
    demo_print("L1[0]: 0x00000000-0x3fffffff  Device-nGnRnE      MAIR index 0\n");
    level1[0] = BLOCK | PTE_ATTR(MAIR_STRICT);
    demo_print("L1[1]: 0x40000000-0x7fffffff  Normal write-back  MAIR index 1\n");
    level1[1] = GIB(1) | BLOCK | PTE_INNER | PTE_ATTR(MAIR_NORMAL);
    demo_print("L0[0]: the L1 table (T0SZ 16: the walk starts at level 0)\n");
    level0[0] = kernel_translate((u64)level1) | PTE_PAGE | PTE_VALID;
}

/* With the identity map in force: physical addresses are addresses. */
static void look_inside(void)
{
    static struct page_table identity;
    irqflags_t flags = irq_save();
    u64 mapped = uart_base;

    identity.root = kernel_translate((u64)level0);
    pt_activate(&identity);
    uart_base = uart_at;
    demo_print("MMU enabled!\n");
    uart_base = mapped;
    seen = *(volatile u64 *)word_at;
    pt_activate(NULL);
    irq_restore(flags);
}

void demo_mmu(void)
{
    if (cpu_features.pan_sw)
        demo_verdict("pan=sw keeps the table of user addresses away while the kernel runs");
    word_at = kernel_translate((u64)&word);
    uart_at = kernel_translate(uart_base);
    if (uart_at >= GIB(1))
        demo_verdict("this machine's UART is not in the first gigabyte");
    if (word_at < GIB(1) || word_at >= GIB(2))
        demo_verdict("this machine's RAM is not in the second gigabyte");
    draw_map();
    look_inside();
    demo_print("the word at %p, read at physical 0x%lx: 0x%lx\n", (void *)&word, word_at, seen);
    if (seen != PATTERN)
        demo_verdict("read 0x%lx instead of 0x%lx", seen, PATTERN);
}

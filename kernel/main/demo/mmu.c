/*
 * demo=mmu: the tutorial's identity map, one gigabyte of devices and one of memory, beside the
 * kernel's own map; through it the UART says that it works, and memory is found where it is.
 */
#include "main/demo/demo.h"

#include "arch/demo.h"
#include "arch/uart.h"
#include "mm/pagetable.h"

#define PATTERN 0x41534c4152313031UL

static volatile u64 word = PATTERN;
static u64 word_at, seen;
static paddr_t uart_at;

static void print_line(const char *line)
{
    demo_print("%s\n", line);
}

/* With the identity map in force: physical addresses are addresses. */
static void inside(void)
{
    u64 mapped = uart_base;

    uart_base = uart_at;
    uart_puts("MMU enabled!\n");
    uart_base = mapped;
    seen = *(volatile u64 *)word_at;
}

void demo_mmu(void)
{
    word_at = kernel_translate((u64)&word);
    uart_at = kernel_translate(uart_base);
    if (uart_at >= GIB(1))
        demo_verdict("this machine's UART is not in the first gigabyte");
    if (!demo_identity_map(print_line, inside))
        demo_verdict("this machine's RAM is not in the second gigabyte");
    demo_print("the word at %p, read at physical 0x%lx: 0x%lx\n", (void *)&word, word_at, seen);
    if (seen != PATTERN)
        demo_verdict("read 0x%lx instead of 0x%lx", seen, PATTERN);
}

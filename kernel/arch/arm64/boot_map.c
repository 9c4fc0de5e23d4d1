/*
 * The boot CPU's translation tables, the relocation of the image, and KASLR.
 *
 * boot_identity() runs with the MMU off, boot_early() with it on under the identity map; both
 * run at the physical address, before relocation: no pointer in static data may be used here,
 * and no static initialiser holds one. Built with -mstrict-align and without stack protector.
 *
 * The identity map is of 1 GiB blocks: that of the image, those where the tree may lie, and that of
 * the UART as Device-nGnRnE. On QEMU's virt board this is the tutorial's map to the letter: 0..1
 * GiB device, 1..2 GiB normal write-back. It goes when the high half runs; starting CPUs borrow it.
 *
 * The high half gets the image, page by page with its own rights; the RAM bank that the image
 * stands in, as far as its GiB reaches, in the linear map; the tree, which may lie elsewhere; and
 * the page of the UART. All the rest is mapped by kernel_map() later. The image's read-only parts
 * are read-only in both.
 */
#include "arch/arm64/alternative.h"
#include "arch/arm64/image.h"
#include "arch/arm64/layout.h"
#include "arch/boot.h"
#include "arch/cpu.h"
#include "arch/pagetable.h"
#include "arch/thread.h"
#include "arch/uart.h"
#include "lib/errno.h"
#include "lib/fdt.h"
#include "lib/kasan.h"

/* The kinds of memory here, as descriptor attributes. */
#define NORMAL (PTE_VALID | PTE_ACCESSED | PTE_INNER | PTE_ATTR(MAIR_NORMAL) | PTE_UXN)
#define DEVICE (PTE_VALID | PTE_ACCESSED | PTE_ATTR(MAIR_STRICT) | PTE_UXN | PTE_PXN)
#define RX     (NORMAL | PTE_READONLY)
#define RO     (NORMAL | PTE_READONLY | PTE_PXN)
#define RW     (NORMAL | PTE_PXN)

/* Where the early UART's page stays mapped: the last page below the device mappings. */
#define BOOT_UART_VA 0xffff8ffffffff000UL

#define BLOCK_1G     GIB(1)
#define BLOCK_2M     MIB(2)

/* Where RAM begins on the tutorial's machine, and where QEMU puts the tree for an ELF. */
#define FALLBACK_RAM 0x40000000UL

/* A tree is at most this large, as Linux's boot protocol has it. */
#define TREE_MAX    MIB(2)

#define POOL_TABLES 24

struct boot_info boot_info;
paddr_t identity_root;
paddr_t kernel_page_table_root;
struct thread_head boot_head;

/* Tables come from here, used once each; .bss, so zero. */
static u64 pool[POOL_TABLES][512] __aligned(4096);
static u32 pool_used;

paddr_t boot_identity(paddr_t image, paddr_t x0);
u64 boot_early(paddr_t x0, paddr_t image, u64 level);

static u64 *table_new(void)
{
    if (pool_used == POOL_TABLES) {
        uart_puts("boot: no table left to map the image: build in a smaller archive\n");
        cpu_halt();
    }
    return pool[pool_used++];
}

static u64 *table_below(u64 *table, u64 index)
{
    if (!(table[index] & PTE_VALID))
        table[index] = (u64)table_new() | PTE_PAGE | PTE_VALID;
    return (u64 *)(table[index] & PTE_ADDRESS);
}

static void identity_block(u64 *root, paddr_t pa, u64 attr)
{
    u64 *l1 = table_below(root, pa >> 39 & 511);

    if (!l1[pa >> 30 & 511])
        l1[pa >> 30 & 511] = ALIGN_DOWN(pa, BLOCK_1G) | attr;
}

/* Maps [va, va+size) to pa, whole 2 MiB blocks as such. All multiples of 4 KiB. */
static void map_range(u64 *root, u64 va, paddr_t pa, u64 size, u64 attr)
{
    while (size) {
        u64 *l2 = table_below(table_below(root, va >> 39 & 511), va >> 30 & 511);
        u64 step = PT_PAGE_SIZE;

        if (!((va | pa) & (BLOCK_2M - 1)) && size >= BLOCK_2M) {
            step = BLOCK_2M;
            l2[va >> 21 & 511] = pa | attr;
        } else {
            table_below(l2, va >> 21 & 511)[va >> 12 & 511] = pa | attr | PTE_PAGE;
        }
        va += step, pa += step, size -= step;
    }
}

paddr_t boot_identity(paddr_t image, paddr_t x0)
{
    u64 *root = table_new();

    identity_block(root, image, NORMAL);
    if (x0 && !(x0 & 7) && x0 < 1UL << 48) {
        identity_block(root, x0, RW);
        identity_block(root, x0 + TREE_MAX, RW);
    }
    identity_block(root, FALLBACK_RAM, RW);
    identity_block(root, uart_base, DEVICE);
    identity_root = (paddr_t)root;
    return identity_root;
}

/* Opens the tree that may lie at pa, if it is whole. */
static bool open_tree(struct fdt *fdt, paddr_t pa)
{
    u32 size = pa && !(pa & 7) && pa < 1UL << 48 ? fdt_total_size((const void *)pa) : 0;
    int node;

    boot_info.dtb = pa;
    if (!size || size > TREE_MAX || fdt_open(fdt, (const void *)pa, size) < 0)
        return false;
    fdt_for_each_node(node, fdt)
        continue;
    return node == -ENOENT;
}

/* From x0, else at the start of RAM, which is the image's GiB or QEMU's, else our own. */
static void find_tree(struct fdt *fdt, paddr_t x0, paddr_t image)
{
    if (open_tree(fdt, x0) || open_tree(fdt, ALIGN_DOWN(image, BLOCK_1G)) ||
        open_tree(fdt, FALLBACK_RAM))
        return;
    boot_info.fallback = true;
    open_tree(fdt, (paddr_t)fallback_tree);
}

/* Is `word` one of the words of the kernel's arguments, before "--"? */
static bool has_word(const char *args, const char *word)
{
    while (args && *args) {
        const char *w = word;

        while (*w && *args == *w)
            args++, w++;
        if (!*w && (!*args || *args == ' '))
            return true;
        while (*args && *args != ' ')
            args++;
        while (*args == ' ')
            args++;
        if (args[0] == '-' && args[1] == '-' && (!args[2] || args[2] == ' '))
            return false;
    }
    return false;
}

/* A random multiple of 2 MiB below 512 GiB less the image; 0 without a seed or with nokaslr. */
static u64 choose_slide(const struct fdt *fdt, int chosen, const char *args)
{
    u64 seed = 0;
    u32 len;
    u8 *bytes = (u8 *)fdt_prop(fdt, chosen, "kaslr-seed", &len);

    if (has_word(args, "nokaslr"))
        return 0;
    for (u32 i = 0; bytes && i < len && i < 8; i++) {
        seed = seed << 8 | bytes[i];
        bytes[i] = 0; /* used once, then gone */
    }
    if (!seed && !random_hw(&seed))
        return 0;
    seed *= 0x9e3779b97f4a7c15UL;
    return (seed >> 32) % (GIB(512) / BLOCK_2M - 64) * BLOCK_2M;
}

struct rela {
    u64 offset, info, addend;
};

/* The image holds only R_AARCH64_RELATIVE relocations: the linker saw to it (-z text). */
static void relocate(paddr_t image, u64 slide)
{
    for (struct rela *r = (void *)_rela_start; r < (struct rela *)_rela_end; r++)
        *(u64 *)(r->offset - KERNEL_VMA + image) = r->addend + slide;
}

/* The instructions for this CPU (alternative.h); the kernel's text is still writable here. */
static void patch_alternatives(void)
{
    u32 have = cpu_features.pan << IF_PAN | cpu_features.pauth << IF_PAUTH |
               cpu_features.pan_sw << IF_PAN_SW;

    if (!have)
        return;
    for (const struct alternative *a = _alternatives_start; a < _alternatives_end; a++)
        if (have & BIT(a->feature))
            *(u32 *)((u64)&a->place + (s64)a->place) = a->insn;
    icache_sync(_text_start, _text_end - _text_start);
}

/* The bank that holds the image, within the image's GiB; else it and a page, for last words. */
static void find_bank(const struct fdt *fdt, paddr_t image, paddr_t *start, paddr_t *end)
{
    int node;

    *start = image;
    *end = image + (_heap_start - _image_start) + PT_PAGE_SIZE;
    fdt_for_each_node(node, fdt) {
        const char *type = fdt_string(fdt, node, "device_type");
        paddr_t base;
        u64 size;

        if (!type || type[0] != 'm' || type[1] != 'e' || type[2] != 'm')
            continue;
        for (int i = 0; fdt_reg(fdt, node, i, &base, &size) == 0; i++)
            if (base <= image && image - base < size) {
                *start = MAX(ALIGN_UP(base, PT_PAGE_SIZE), ALIGN_DOWN(image, BLOCK_1G));
                *end = MIN(ALIGN_DOWN(base + size, PT_PAGE_SIZE),
                           ALIGN_DOWN(image, BLOCK_1G) + BLOCK_1G);
                return;
            }
    }
}

/* The registers of the console: stdout-path, else the first PL011; 0 when the tree has none. */
static paddr_t find_uart(const struct fdt *fdt)
{
    const char *path = fdt_string(fdt, fdt_path(fdt, "/chosen"), "stdout-path");
    int node = path ? fdt_path(fdt, path) : -1;
    paddr_t base;

    if (!fdt_compatible(fdt, node, "arm,pl011"))
        node = fdt_find_compatible(fdt, -1, "arm,pl011");
    return fdt_reg(fdt, node, 0, &base, NULL) == 0 ? base : 0;
}

/* One part of the image, [start, end) as this code sees it, with its rights. */
static void map_part(u64 *root, char *start, char *end, u64 attr)
{
    u64 offset = start - _image_start;

    map_range(root, KERNEL_VMA + boot_info.slide + offset, boot_info.image + offset,
              ALIGN_UP((u64)end, PT_PAGE_SIZE) - (u64)start, attr);
}

static void map_image(u64 *root)
{
    map_part(root, _image_start, _text_start, RO);
    map_part(root, _text_start, _text_end, RX | (cpu_features.bti ? PTE_GUARDED : 0));
    map_part(root, _rodata_start, _rodata_end, RO);
    map_part(root, _ro_init_start, _ro_init_end, RW); /* until it is sealed */
    map_part(root, _data_start, _heap_start, RW);
    if (KASAN)
        map_range(root, KASAN_SHADOW(KERNEL_VMA + boot_info.slide),
                  boot_info.image + (_shadow_start - _image_start), _shadow_end - _shadow_start,
                  RW);
}

/* The linear map of [start, end): the image's blocks page by page, its read-only pages so. */
static void map_linear(u64 *root, paddr_t start, paddr_t end, paddr_t image)
{
    paddr_t ro_end = image + (_rodata_end - _image_start);
    paddr_t fine = ALIGN_DOWN(image, BLOCK_2M), fine_end;

    fine_end = ALIGN_UP(image + (_ro_init_end - _image_start), BLOCK_2M);
    fine = MAX(fine, start), fine_end = MIN(fine_end, end);
    map_range(root, LINEAR_BASE + start, start, fine - start, RW);
    for (paddr_t pa = fine; pa < fine_end; pa += PT_PAGE_SIZE)
        map_range(root, LINEAR_BASE + pa, pa, PT_PAGE_SIZE, pa >= image && pa < ro_end ? RO : RW);
    map_range(root, LINEAR_BASE + fine_end, fine_end, end - fine_end, RW);
}

u64 boot_early(paddr_t x0, paddr_t image, u64 level)
{
    struct boot_info *b = &boot_info;
    u64 *root = table_new();
    const char *args;
    struct fdt tree;
    paddr_t uart;
    int chosen;

    b->x0 = x0;
    b->image = image;
    b->image_end = image + (_heap_start - _image_start);
    b->entry_level = level;
    cpu_features_init();
    find_tree(&tree, x0, image);
    chosen = fdt_path(&tree, "/chosen");
    args = fdt_string(&tree, chosen, "bootargs");
    cpu_features.pan_sw = !cpu_features.pan && !cpu_features.pauth && has_word(args, "pan=sw");
    b->slide = choose_slide(&tree, chosen, args);
    b->voffset = KERNEL_VMA + b->slide - image;
    relocate(image, b->slide);

    find_bank(&tree, image, &b->linear_start, &b->linear_end);
    map_image(root);
    map_linear(root, b->linear_start, b->linear_end, image);
    map_range(root, BOOT_TREE_VA, ALIGN_DOWN(b->dtb, BLOCK_2M), BOOT_TREE_SIZE, RO);
    uart = find_uart(&tree);
    if (uart)
        map_range(root, BOOT_UART_VA, ALIGN_DOWN(uart, PT_PAGE_SIZE), PT_PAGE_SIZE,
                  DEVICE | PTE_ATTR(MAIR_DEVICE));
    boot_head.preempt_count = 1; /* nothing to switch to yet */
    uart_base = uart ? BOOT_UART_VA + (uart & (PT_PAGE_SIZE - 1)) : 0;
    b->empty_root = (paddr_t)table_new();
    kernel_page_table_root = (paddr_t)root;
    patch_alternatives();
    asm volatile("dsb ish" ::: "memory"); /* the tables before the walker sees them */
    return b->voffset;
}

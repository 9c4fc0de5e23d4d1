/*
 * The device tree and memory at boot: what the kernel takes from the tree before there are drivers,
 * its banks and reservations, the boot allocator over the free memory behind the image, the linear
 * map of all RAM, and the copy of the tree that is kept.
 */
#include "main/main_impl.h"

#include "arch/boot.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/panic.h"
#include "core/random.h"
#include "lib/fdt.h"
#include "lib/string.h"
#include "mm/bump.h"
#include "mm/kasan.h"
#include "mm/memmap.h"
#include "mm/pagetable.h"

/* Where the loader left the tree, until its copy is made. */
static paddr_t tree_start, tree_end;

/* The loader's archive; 0, 0: none. [I] */
static paddr_t initrd_start, initrd_end;

void tree_open(paddr_t dtb)
{
    const void *blob = (const void *)(BOOT_TREE_VA + dtb % (BOOT_TREE_SIZE / 2));

    machine_set_fdt(blob, fdt_total_size(blob)); /* the boot code did the same: it works */
}

const char *tree_bootargs(void)
{
    const struct fdt *fdt = machine_fdt();

    return fdt_string(fdt, fdt_path(fdt, "/chosen"), "bootargs");
}

/* /chosen/rng-seed is the loader's entropy: used once, then wiped from the copy of the tree. */
void tree_seed_random(void)
{
    const struct fdt *fdt = machine_fdt();
    u32 len;
    u8 *seed = (u8 *)fdt_prop(fdt, fdt_path(fdt, "/chosen"), "rng-seed", &len);

    if (!seed)
        return;
    random_add(seed, len, len * 8);
    for (u32 i = 0; i < len; i++)
        seed[i] = 0;
}

static void add_banks(const struct fdt *fdt)
{
    int node;

    fdt_for_each_node(node, fdt) {
        const char *type = fdt_string(fdt, node, "device_type");
        paddr_t base;
        u64 size;

        if (!type || strcmp(type, "memory") || !fdt_enabled(fdt, node))
            continue;
        for (int i = 0; fdt_reg(fdt, node, i, &base, &size) == 0; i++)
            memmap_add(base, size);
    }
}

static void add_reservations(const struct fdt *fdt)
{
    paddr_t base;
    int node;
    u64 size;

    for (int i = 0; fdt_reserve(fdt, i, &base, &size) == 0; i++)
        memmap_reserve(base, size, "firmware");
    fdt_for_each_child(node, fdt, fdt_path(fdt, "/reserved-memory"))
        for (int i = 0; fdt_reg(fdt, node, i, &base, &size) == 0; i++)
            memmap_reserve(base, size, "reserved");
}

/*
 * The loader's archive: it is read from where it lies, and freed after that. The loader may have
 * reserved it, but what is freed or kept in another name it cannot be.
 */
static void add_initrd(const struct fdt *fdt)
{
    const struct boot_info *b = &boot_info;
    int chosen = fdt_path(fdt, "/chosen");
    u64 start, end;

    if (fdt_u64(fdt, chosen, "linux,initrd-start", &start) ||
        fdt_u64(fdt, chosen, "linux,initrd-end", &end) || end <= start)
        return;
    if (!memmap_in_bank(start, end)) {
        log_err("initrd lies outside RAM: %#lx to %#lx", start, end);
        return;
    }
    if ((start < b->image_end && end > b->image) || (start < tree_end && end > tree_start)) {
        log_err("initrd lies over the kernel or the device tree: %#lx to %#lx", start, end);
        return;
    }
    initrd_start = start;
    initrd_end = end;
    memmap_reserve(start, end - start, "initrd");
}

bool memory_initrd(paddr_t *start, paddr_t *end)
{
    *start = initrd_start;
    *end = initrd_end;
    return initrd_end != 0;
}

static void map_bank(paddr_t start, paddr_t end)
{
    if (start < end && kernel_map((u64)phys_to_virt(start), start, end - start, PROT_R | PROT_W))
        log_err("memory: cannot map %#lx to %#lx", start, end);
}

/* The linear map of all banks; the boot code has mapped a part of one. */
static void map_banks(void)
{
    const struct boot_info *b = &boot_info;
    const struct memrange *r;

    for (size_t n = 0; (r = memmap_bank(n)); n++) {
        map_bank(r->start, MIN(r->end, MAX(r->start, b->linear_start)));
        map_bank(MAX(r->start, MIN(r->end, b->linear_end)), r->end);
    }
}

static void copy_tree(void)
{
    const struct fdt *fdt = machine_fdt();
    void *copy = mm_alloc(fdt->size, 8);

    if (!copy)
        panic("no memory for the device tree");
    memcpy(copy, fdt->blob, fdt->size);
    machine_set_fdt(copy, fdt->size);
}

void memory_init(void)
{
    const struct boot_info *b = &boot_info;
    const struct fdt *fdt = machine_fdt();
    struct memrange range;

    /* The map's arrays grow out of what is surely free: the first KiB behind the image. */
    mm_init(phys_to_virt(b->image_end), phys_to_virt(b->image_end + PAGE_SIZE));
    memmap_reserve(b->image, b->image_end + PAGE_SIZE - b->image, "image");
    if (!b->fallback) {
        tree_start = ALIGN_DOWN(b->dtb, PAGE_SIZE);
        tree_end = ALIGN_UP(b->dtb + fdt->size, PAGE_SIZE);
        memmap_reserve(b->dtb, fdt->size, "device tree");
    }
    add_banks(fdt);
    add_reservations(fdt);
    add_initrd(fdt);
    kasan_reserve();
    if (!memmap_next_free(b->image_end, b->linear_end, &range))
        panic("the device tree names no free memory behind the image");
    mm_init(phys_to_virt(range.start), phys_to_virt(range.end));
    map_banks();
    kasan_map_ram();
    copy_tree();
    memmap_log();
}

void memory_release(void)
{
    page_release(tree_start, tree_end);
    page_start();
    kernel_unmap(BOOT_TREE_VA, BOOT_TREE_SIZE);
}

void kernel_seal(void)
{
    u64 start = (u64)_ro_init_start, size = _ro_init_end - _ro_init_start;

    if (!size)
        return;
    kernel_protect(start, size, PROT_R);
    kernel_protect((u64)phys_to_virt(start - boot_info.voffset), size, PROT_R);
}

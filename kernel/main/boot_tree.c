/*
 * The device tree at boot: where it lies, what the kernel takes from it before there are drivers,
 * and the copy that is kept.
 */
#include "main/main_impl.h"

#include "arch/boot.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/random.h"
#include "lib/fdt.h"
#include "mm/page.h"

void tree_open(paddr_t dtb)
{
    const void *blob = (const void *)(BOOT_TREE_VA + dtb % (BOOT_TREE_SIZE / 2));

    machine_set_fdt(blob, fdt_total_size(blob)); /* the boot code did the same: it works */
}

const char *tree_bootargs(void)
{
    const struct fdt *fdt = machine_fdt();
    int chosen = fdt_path(fdt, "/chosen");

    return chosen >= 0 ? fdt_string(fdt, chosen, "bootargs") : NULL;
}

/* /chosen/rng-seed is the loader's entropy: used once, then wiped from the copy of the tree. */
void tree_seed_random(void)
{
    const struct fdt *fdt = machine_fdt();
    int chosen = fdt_path(fdt, "/chosen");
    u32 len;
    u8 *seed = chosen >= 0 ? (u8 *)fdt_prop(fdt, chosen, "rng-seed", &len) : NULL;

    if (!seed)
        return;
    random_add(seed, len, len * 8);
    for (u32 i = 0; i < len; i++)
        seed[i] = 0;
}

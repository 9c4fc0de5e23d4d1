/* What the boot path found out, for kernel_main and for the CPUs that come later. */
#pragma once

#include "lib/types.h"

struct boot_info {
    paddr_t dtb;        /* 0: where the device tree lies; read by boot.S */
    u64 voffset;        /* 8: virtual minus physical address of the image; read by boot.S */
    paddr_t empty_root; /* 16: a translation table without entries; read by boot.S */
    paddr_t x0;         /* what the loader passed */
    paddr_t image;      /* physical range of the image with its .bss */
    paddr_t image_end;
    u64 slide;            /* KASLR: added to every linked address */
    u64 entry_level;      /* exception level at entry: 1, 2 or 3 */
    paddr_t linear_start; /* physical memory that boot already has in the linear map */
    paddr_t linear_end;
    bool fallback; /* the loader passed no tree; that of the image stands in */
};

/* While booting the tree, of 2 MiB at most, is in the two blocks of 2 MiB that are mapped here. */
#define BOOT_TREE_VA   0xffff8fffff800000UL
#define BOOT_TREE_SIZE MIB(4)

extern struct boot_info boot_info;
extern paddr_t identity_root; /* TTBR0 while a CPU starts */

/* Parts of the image, whole pages: what only booting writes, and the archive that is built in. */
extern char _ro_init_start[], _ro_init_end[];
extern char __initramfs_start[], __initramfs_end[];

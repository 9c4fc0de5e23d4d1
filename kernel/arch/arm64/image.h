/* The parts of the kernel image, by linker.ld. Addresses are as the code sees itself. */
#pragma once

#include "lib/types.h"

extern char _image_start[], _text_start[], _text_end[], _rodata_start[], _rodata_end[];
extern char _ro_init_start[], _ro_init_end[], _data_start[], _bss_end[], _heap_start[];
extern char _rela_start[], _rela_end[], _stack_low[], _stack_top[];
extern char secondary_entry[];
extern char __initramfs_start[], __initramfs_end[];

/* Offsets are from the field itself. */
struct pan_site {
    s32 place;
    u32 on; /* 1: user access ends here */
};
struct ex_entry {
    s32 insn, fixup;
};
extern const struct pan_site _pan_sites_start[], _pan_sites_end[];
extern const struct ex_entry __ex_table_start[], __ex_table_end[];

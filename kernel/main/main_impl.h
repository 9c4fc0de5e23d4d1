/* The pieces of the bring-up that main.c calls by name. */
#pragma once

#include "lib/types.h"

/* boot_memory.c: the device tree, and from its memory nodes to the allocators. */
void tree_open(paddr_t dtb);
const char *tree_bootargs(void);
void tree_seed_random(void);
void memory_init(void);
void memory_release(void);
void kernel_seal(void); /* what only booting writes is read-only from here, in both mappings */
bool memory_initrd(paddr_t *start, paddr_t *end); /* where the loader's archive lies, if any */

/* boot_init.c: the banner, the archive, process 1, and the end of a run without one. */
void banner(void);
void initramfs_load(void);
void init_exec(void) __noreturn;
void finish(int status) __noreturn;

/* demo/: the tutorial's exercises. */
void demo_run(const char *name) __noreturn;

/*
 * What is known of the machine as a whole.
 */
#pragma once

#include "lib/types.h"

struct fdt;

/* The device tree: the loader's, or that of the fallback map. */
const struct fdt *machine_fdt(void);

/* Opens the blob where it lies; main does so twice, the second is the copy that stays. 0 or
 * -EINVAL. */
int machine_set_fdt(const void *blob, size_t max);

/* With exit=semihosting, ends the machine by the emulator's exit; else returns. */
void machine_exit(u8 status);

/* The status with which the emulator ends (/proc/sys/kernel/exit_status) [A]. */
extern u32 machine_exit_status;

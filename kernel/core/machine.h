/*
 * What is known of the machine as a whole.
 */
#pragma once

#include "lib/types.h"

struct fdt;

/* The device tree; NULL when there is none. Set once; the blob stays where it is. */
const struct fdt *machine_fdt(void);

/* Opens the copy of the blob that the kernel keeps. 0 or -EINVAL. */
int machine_set_fdt(const void *blob, size_t max);

/* Was exit=semihosting given: the machine ends by the emulator's exit. */
bool machine_semihosting(void);

/* The status with which the emulator ends (/proc/sys/kernel/exit_status) [A]. */
extern u8 machine_exit_status;

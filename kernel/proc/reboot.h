/* The end of a run. */
#pragma once

#include "core/machine.h"
#include "dev/power/power.h"

/*
 * What the machine ends with when the kernel was started with exit=semihosting, written through
 * /proc/sys/kernel/exit_status.
 */
#define exit_status machine_exit_status

static inline void __noreturn machine_power_off(void)
{
    power_off();
}

static inline void __noreturn machine_restart(void)
{
    power_restart();
}

/*
 * Ending and restarting the machine.
 */
#pragma once

#include "lib/types.h"

/*
 * Powers the machine off: with exit=semihosting by SYS_EXIT with machine_exit_status, else by PSCI;
 * a machine that has neither is halted with a message.
 */
void power_off(void) __noreturn;

/* Resets the machine by PSCI (with exit=semihosting it ends, as above). */
void power_restart(void) __noreturn;

/*
 * Ending and restarting the machine: by whatever it has for that (power.c), else it is halted with
 * a message. With exit=semihosting either ends the emulator with machine_exit_status.
 */
#pragma once

#include "lib/types.h"

void power_off(void) __noreturn;
void power_restart(void) __noreturn;

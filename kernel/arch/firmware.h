/*
 * Calls to firmware (PSCI, DEN0022) and to the debugger or emulator (semihosting, DEN0028-like
 * interface of the Arm semihosting specification).
 */
#pragma once

#include "lib/types.h"

enum psci_conduit { PSCI_NONE, PSCI_HVC, PSCI_SMC };

/* [I] set once from the device tree's /psci node. */
void psci_set_conduit(enum psci_conduit conduit);

/* Returns PSCI's status, NOT_SUPPORTED (-1) without a conduit. */
long psci_call(u64 function, u64 a, u64 b, u64 c);

/*
 * Ends the machine with an exit status by SYS_EXIT. To be called only when the command line
 * said that semihosting is there: elsewhere the instruction is undefined.
 */
void semihosting_exit(int status) __noreturn;

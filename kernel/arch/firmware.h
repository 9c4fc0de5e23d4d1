/*
 * Calls out of the kernel: to firmware (the SMC Calling Convention, DEN0028), and to a debugger or
 * emulator (Arm's semihosting specification).
 */
#pragma once

#include "lib/types.h"

/* By which instruction. Semihosting may be used only where the command line said that it is there:
 * elsewhere the instruction is undefined. */
enum conduit { CONDUIT_NONE, CONDUIT_HVC, CONDUIT_SMC, CONDUIT_SEMIHOSTING };

/* Of PSCI (DEN0022), whose status -1 is NOT_SUPPORTED. [I] set once from the tree's /psci node */
extern enum conduit psci_conduit;

/* Returns what the callee left in its first register, -1 for CONDUIT_NONE. */
long firmware_call(enum conduit conduit, u64 function, u64 a, u64 b, u64 c);

/*
 * The monitor's only function, for a kernel that entered at EL3 and so is its own firmware: stores
 * 32 bits (b) at a physical address (a) from the secure side. 0, or -1 when nothing answers there.
 */
#define MONITOR_STORE 0xc2000001

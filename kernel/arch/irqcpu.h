/*
 * The GICv3 CPU interface, which is system registers (Arm IHI 0069, chapter 12).
 */
#pragma once

#include "lib/types.h"

/* Enables the interface of this CPU: system registers on, priority mask open, group 1 on. */
void icc_init(void);

/* Acknowledges and returns the INTID, 1023 when there is none. */
u32 icc_ack(void);

/* End of interrupt: drops the priority and deactivates. */
void icc_eoi(u32 intid);

/* Sends SGI 0 to 15 to the CPU with this affinity; orders earlier stores before it. */
void icc_sgi(u64 mpidr, u32 sgi);

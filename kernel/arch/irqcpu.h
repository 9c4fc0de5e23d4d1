/*
 * The GICv3 CPU interface, which is system registers (Arm IHI 0069, chapter 12): its driver's way
 * to them.
 */
#pragma once

#include "lib/types.h"

enum icc_register {
    ICC_EOIR,   /* end of an interrupt */
    ICC_SGIR,   /* sends a software interrupt of group 1 */
    ICC_SRE,    /* system registers on */
    ICC_PMR,    /* priority mask */
    ICC_BPR,    /* binary point of group 1 */
    ICC_CTLR,   /* control */
    ICC_IGRPEN, /* group 1 on */
};

/* Acknowledges and returns the INTID, 1023 when there is none; before all later accesses. */
u32 icc_ack(void);

/* Writes a register of this CPU's interface, after all earlier stores; done when it returns. */
void icc_write(enum icc_register reg, u64 value);

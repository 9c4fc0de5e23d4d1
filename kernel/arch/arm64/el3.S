/*
 * EL3: what a machine without firmware leaves to its kernel.
 *
 * CPUs that enter at EL3 have no firmware under them. el3_leave brings each down, non-secure, to
 * the level that firmware would have entered the kernel at, with nothing that EL1 does trapping to
 * EL3. What stays behind is a monitor with one service, a 32-bit store from the secure side: some
 * registers are reachable from nowhere else (the groups of interrupts, the GPIO that switches the
 * power), and their drivers know them better than code without a stack. All other calls get
 * NOT_SUPPORTED, PSCI's too. That EL1 thus commands the secure side takes nothing away: there is
 * nothing on it.
 */
#include "arch/arm64/layout.h"

/*
 * EL3 to below_el3 at EL2, or at EL1 where there is no EL2. In: x0 = 3. Clobbers x1-x2; x30 is the
 * way out of enter_el1, and stays.
 *
 * The SCR_EL3 bits that are clear leave IRQ, FIQ, SError, WFx and RNDR untrapped; and FGTEn, HXEn
 * and ECVEn make EL2's registers of those features act as zero, so that nobody need write them.
 */
    .section .text.boot, "ax"
    .global el3_leave
el3_leave:
    ldr     x1, =SCTLR_EL3_MMU_OFF
    msr     sctlr_el3, x1
    ldr     x1, =SCR_VALUE
    msr     scr_el3, x1
    mov     x1, #CPTR_EZ | CPTR_ESM
    msr     cptr_el3, x1
    msr     mdcr_el3, xzr
    adrp    x1, el3_vectors
    add     x1, x1, :lo12:el3_vectors
    msr     vbar_el3, x1
    mrs     x1, cntfrq_el0          /* only EL3 can tell the others the counter's rate */
    cbnz    x1, 1f
    ldr     x1, =FALLBACK_CNTFRQ
    msr     cntfrq_el0, x1
1:  isb
    mrs     x2, id_aa64pfr0_el1
    ubfx    x1, x2, #24, #4         /* GIC system registers? */
    cbz     x1, 2f
    mrs     x1, S3_6_C12_C12_5      /* ICC_SRE_EL3: SRE, and Enable for the levels below */
    orr     x1, x1, #1
    orr     x1, x1, #8
    msr     S3_6_C12_C12_5, x1
    isb
    mov     x1, #0xff
    msr     S3_0_C4_C6_0, x1        /* ICC_PMR_EL1: open, or its lower half shuts us out */
2:  mov     x1, #0x3c9              /* EL2h, DAIF masked */
    tst     x2, #0xf00              /* is there an EL2? */
    b.ne    3f
    mov     x1, #0x3c5              /* EL1h */
3:  msr     spsr_el3, x1
    adr     x1, below_el3
    msr     elr_el3, x1
    eret
    .ltorg

/* The monitor. Each call may clobber x0-x17, as any function (SMCCC 1.0). */
    .text
    .balign 2048
el3_vectors:
    .rept   4                       /* on SP_EL0: never */
    .balign 0x80
    b       cpu_halt
    .endr
    .balign 0x80                    /* synchronous, at EL3: the store hit nothing; go on */
    mrs     x3, elr_el3
    add     x3, x3, #4
    msr     elr_el3, x3
    mov     x0, #-1
    eret
    .rept   3                       /* masked, and not routed here */
    .balign 0x80
    b       cpu_halt
    .endr
    .balign 0x80                    /* synchronous, from below: SMC */
    ldr     x3, =SMC_SECURE_STORE
    cmp     x0, x3
    mov     x0, #-1                 /* NOT_SUPPORTED */
    b.ne    1f
    mrs     x4, elr_el3
    mrs     x5, spsr_el3
    mov     x0, xzr
    str     w2, [x1]
    dsb     sy
    msr     elr_el3, x4
    msr     spsr_el3, x5
1:  eret
    .rept   7
    .balign 0x80
    b       cpu_halt
    .endr
    .ltorg

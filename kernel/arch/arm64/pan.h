/*
 * For assembly: where PSTATE.PAN changes. NOPs, which boot_early patches to MSR PAN on a CPU that
 * has FEAT_PAN. Privileged access never: with PAN set a load or store of the kernel to an address
 * that EL0 may use faults, LDTR and STTR apart. Exceptions set it (SCTLR_EL1.SPAN is clear).
 */
#pragma once

/* clang-format off */
    .macro  user_on
9990:   nop
    .pushsection .pan_sites, "a"
    .word   9990b - .
    .word   0
    .popsection
    .endm

    .macro  user_off
9990:   nop
    .pushsection .pan_sites, "a"
    .word   9990b - .
    .word   1
    .popsection
    .endm
                      /* clang-format on */

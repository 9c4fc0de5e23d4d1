/*
 * Instructions that depend on the CPU. What the code holds is what a CPU without the feature
 * executes, at no cost beyond that; boot_early() puts the other instruction there on a CPU that has
 * it, before any other CPU runs, and while the text is still writable.
 *
 * The branch of a patched instruction counts from the place it is put at: INSN_BL of two labels.
 */
#pragma once

/* Which CPUs: bits of the mask that boot_map.c works out. */
#define IF_PAN   0 /* FEAT_PAN */
#define IF_PAUTH 1 /* FEAT_PAuth */

/* MSR PAN, #imm (FEAT_PAN). */
#define INSN_PAN_OFF 0xd500409f
#define INSN_PAN_ON  0xd500419f
/* BL from one label to another, both of one section. */
#define INSN_BL(from, to) (0x94000000 | (((to) - (from)) >> 2 & 0x3ffffff))

#ifdef __ASSEMBLER__
/* clang-format off */
/* At the label 9990 right before stands what `insn` replaces when the CPU has `feature`. */
    .macro  alternative feature, insn:vararg
    .pushsection .alternatives, "a"
    .word   9990b - ., \feature, \insn
    .popsection
    .endm

/*
 * Privileged access never: with PSTATE.PAN set a load or store of the kernel to an address that EL0
 * may use faults, LDTR and STTR apart. Exceptions set it (SCTLR_EL1.SPAN is clear).
 */
    .macro  user_on
9990:   nop
    alternative IF_PAN, INSN_PAN_OFF
    .endm

    .macro  user_off
9990:   nop
    alternative IF_PAN, INSN_PAN_ON
    .endm
/* clang-format on */
#else

/* For inline assembly: a NOP, and on a CPU with `feature` a branch to the C label `to`. */
#define NOP_OR_BRANCH(feature, to) NOP_OR_BRANCH_OF(feature, to)
#define NOP_OR_BRANCH_OF(feature, to)                                                      \
    "1:  nop\n"                                                                            \
    "    .pushsection .alternatives, \"a\"\n"                                              \
    "    .word 1b - ., " #feature ", 0x14000000 | ((%l[" #to "] - 1b) >> 2 & 0x3ffffff)\n" \
    "    .popsection"
#endif

/*
 * Instructions that depend on the CPU. What the code holds is what a CPU without the feature
 * executes, at no cost beyond that; boot_early() puts the other instruction there on a CPU that has
 * it, before any other CPU runs, and while the text is still writable.
 *
 * The branch of a patched instruction counts from the place it is put at: INSN_BL of two labels.
 */
#pragma once

/* Which CPUs: bits of the mask that boot_map.c works out. */
#define IF_PAN    0 /* FEAT_PAN */
#define IF_PAUTH  1 /* FEAT_PAuth, and so FEAT_PAN too */
#define IF_PAN_SW 2 /* none of them, and the argument pan=sw */

/* MSR PAN, #imm (FEAT_PAN). */
#define INSN_PAN_OFF 0xd500409f
#define INSN_PAN_ON  0xd500419f
/* B and BL from one label to another, both of one section. */
#define INSN_B(from, to)  (0x14000000 | (((to) - (from)) >> 2 & 0x3ffffff))
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
 * may use faults, LDTR and STTR apart. Exceptions set it (SCTLR_EL1.SPAN is clear). With pan=sw the
 * user's table is walked in between alone (usercopy.S); then these clobber x16 and x17.
 */
    .macro  user_on
    user_window INSN_PAN_OFF, user_table_on
    .endm

    .macro  user_off
    user_window INSN_PAN_ON, user_table_off
    .endm

    .macro  user_window pan, routine
9990:   nop
    alternative IF_PAN, \pan
    alternative IF_PAN_SW, INSN_B(9990b, 9992f)
    .subsection 1
9992:   adr     x16, 9990b + 4
    b       \routine
    .previous
    .endm
/* clang-format on */
#else

/* For inline assembly: `insn` at the label 1, and what stands there on a CPU with `feature`. */
#define ALTERNATIVE(insn, feature, instead) ALTERNATIVE_OF(insn, feature, instead)
#define ALTERNATIVE_OF(insn, feature, instead)      \
    "1:  " insn "\n"                                \
    "    .pushsection .alternatives, \"a\"\n"       \
    "    .word 1b - ., " #feature ", " instead "\n" \
    "    .popsection\n"
#define INSN_NOP         "0xd503201f"
#define INSN_B_TO(label) "0x14000000 | ((%l[" #label "] - 1b) >> 2 & 0x3ffffff)"
#endif

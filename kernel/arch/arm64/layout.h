/*
 * Addresses and offsets that C and assembly share. Each offset is held against the C structure by
 * a _Static_assert in cpu.c.
 */
#pragma once

/* Where the kernel is linked; KASLR slides the second. Both are known to linker.ld. */
#define KERNEL_LMA 0x40200000
#define KERNEL_VMA 0xffffc00000000000

/* struct thread_head */
#define HEAD_CANARY     104
#define HEAD_PERCPU     112
#define HEAD_PREEMPT    120
#define HEAD_WORK       124
#define HEAD_STACK_HIGH 136
#define HEAD_KEYS       168
#define HEAD_KEYS_OFF   248

/* struct asid_slot: held in tlb.c, where it is private. */
#define SLOT_LIVE 8

/* struct boot_info */
#define BOOT_VOFFSET    8
#define BOOT_EMPTY_ROOT 16

/* struct trap_frame */
#define FRAME_LR      240
#define FRAME_SP      248
#define FRAME_PC      256
#define FRAME_PSTATE  264
#define FRAME_ORIG_X0 272
#define FRAME_SYSCALL 280
#define FRAME_RECORD  288
#define FRAME_SIZE    304

/* log2 of THREAD_STACK_SIZE: this bit of SP is set while SP is on its stack. */
#define STACK_SHIFT 14

/* MAIR_EL1: 0 Device-nGnRnE, 1 Normal write-back, 2 Device-nGnRE, 3 Normal non-cacheable. */
#define MAIR_VALUE 0x4404ff00

/*
 * TCR_EL1 (Arm ARM D17.2.139): 48-bit halves, 4 KiB granule in both, write-back inner shareable
 * walks, top byte of user addresses ignored. IPS and AS are added from the ID registers.
 */
#define TCR_T0SZ  (16 << 0)
#define TCR_WALK0 ((1 << 8) | (1 << 10) | (3 << 12))
#define TCR_T1SZ  (16 << 16)
#define TCR_WALK1 ((1 << 24) | (1 << 26) | (3 << 28))
#define TCR_TG1   (2 << 30)
#define TCR_TBI0  (1 << 37)
#define TCR_VALUE (TCR_T0SZ | TCR_WALK0 | TCR_T1SZ | TCR_WALK1 | TCR_TG1 | TCR_TBI0)

/*
 * SCTLR_EL1: LSMAOE 29, nTLSMD 28, UCI 26, EIS 22, TSCXT 20, nTWE 18, nTWI 16, UCT 15, DZE 14,
 * I 12, EOS 11, SED 8, SA0 4, SA 3, C 2, M 0. SPAN 23 is clear: an exception sets PSTATE.PAN.
 */
#define SCTLR_MMU_OFF 0x30d00800
#define SCTLR_VALUE                                                                              \
    ((1 << 29) | (1 << 28) | (1 << 26) | (1 << 22) | (1 << 20) | (1 << 18) | (1 << 16) |         \
     (1 << 15) | (1 << 14) | (1 << 12) | (1 << 11) | (1 << 8) | (1 << 4) | (1 << 3) | (1 << 2) | \
     (1 << 0))

/*
 * EL3's registers as the monitor has them. SCTLR_EL3: its RES1 bits, all else off. SCR_EL3: RES1 5
 * and 4; NS 0, HCE 8, RW 10, ST 11, APK 16, API 17, EnSCXT 25, ATA 26, EnTP2 41.
 */
#define SCTLR_EL3_MMU_OFF 0x30c50830
#define SCR_VALUE \
    (0x30 | (1 << 0) | (1 << 8) | (1 << 10) | (3 << 16) | (1 << 25) | (1 << 26) | (1 << 41))
#define CPTR_EZ  (1 << 8)
#define CPTR_ESM (1 << 12)

/* The counter's rate on a board where nobody has set it: QEMU's, as the whole fallback map is. */
#define FALLBACK_CNTFRQ 62500000

/* The monitor's call, in the range for services of the silicon: address, value. */
#define SMC_SECURE_STORE 0xc2000001

/*
 * The exception vectors (Arm ARM D1.3.3): 16 slots of 128 bytes, each with a full frame.
 *
 * From EL0 the stack is empty and SP_EL1 is its top, so the frame is at a known place. From EL1
 * a synchronous exception first checks that SP is on a stack at all (STACK_SHIFT): a stack
 * overflow is reported on an overflow stack.
 */
#include "arch/arm64/alternative.h"
#include "arch/arm64/layout.h"

    .altmacro
/* Stores (stp) or loads (ldp) x0 to x29 in the frame at SP. */
    .macro  regs op
    .irp    n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28
    reg_pair \op, \n, %(\n + 1)
    .endr
    .endm
    .macro  reg_pair op, a, b
    \op     x\a, x\b, [sp, #\a * 8]
    .endm

/*
 * From EL0: registers, SP_EL0, ELR, SPSR, and no frame before this one. Leaves x21 = SP_EL0,
 * x22 = ELR, x23 = SPSR.
 */
    .macro  enter_el0
    sub     sp, sp, #FRAME_SIZE
    regs    stp
    mrs     x21, sp_el0
    mrs     x22, elr_el1
    mrs     x23, spsr_el1
    stp     x30, x21, [sp, #FRAME_LR]
    stp     x22, x23, [sp, #FRAME_PC]
9990:   mov     x29, xzr
    alternative IF_PAUTH, INSN_BL(9990b, take_kernel_key)
    alternative IF_PAN_SW, INSN_BL(9990b, leave_user_table)
    .endm

/* From EL1, SP already lowered: the same, and a frame record so that backtraces go on. */
    .macro  enter_el1
    regs    stp
    add     x21, sp, #FRAME_SIZE
    mrs     x22, elr_el1
    mrs     x23, spsr_el1
    stp     x30, x21, [sp, #FRAME_LR]
    stp     x22, x23, [sp, #FRAME_PC]
    mov     x24, #-1
    str     x24, [sp, #FRAME_SYSCALL]
    stp     x29, x22, [sp, #FRAME_RECORD]
9990:   add     x29, sp, #FRAME_RECORD
    alternative IF_PAN_SW, INSN_BL(9990b, close_window)
    .endm

/*
 * For debuggers, behind enter_el1, until .cfi_endproc: SP is at a frame with the registers of what
 * was interrupted. Its PC has the column 32 in DWARF for the Arm 64-bit Architecture, 4.1.
 */
    .cfi_sections .debug_frame
    .macro  interrupted
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_return_column 32
    .cfi_def_cfa sp, FRAME_SIZE
    .irp    n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    .cfi_offset \n, \n * 8 - FRAME_SIZE
    .endr
    .cfi_offset 31, FRAME_SP - FRAME_SIZE
    .cfi_offset 32, FRAME_PC - FRAME_SIZE
    .endm

    .macro  slot label
    .balign 128
    b       \label
    .endm

    .section .text.vectors, "ax"
    .balign 2048
    .global exception_vectors
exception_vectors:
/* Current EL with SP_EL0: never used by this kernel. */
    slot    el1_bad
    slot    el1_bad
    slot    el1_bad
    slot    el1_bad
/* Current EL with SP_EL1. */
    .balign 128
    sub     sp, sp, #FRAME_SIZE     /* synchronous: is SP on its stack? */
    msr     tpidrro_el0, x0
    mov     x0, sp
    tbnz    x0, #STACK_SHIFT, 1f
    b       stack_overflow
1:  mrs     x0, tpidrro_el0
    msr     tpidrro_el0, xzr
    b       el1_sync
    .balign 128
    sub     sp, sp, #FRAME_SIZE
    b       el1_irq
    slot    el1_bad
    slot    el1_bad
/* Lower EL, AArch64. */
    .balign 128
    b       el0_sync
    slot    el0_irq
    slot    el0_bad
    slot    el0_bad
/* Lower EL, AArch32: not supported, cannot be entered. */
    slot    el0_bad
    slot    el0_bad
    slot    el0_bad
    slot    el0_bad

/*
 * The paths stand behind the table, on the page from which the exception has just been fetched. A
 * system call is the one to keep short: save, call, test for work, load, ERET.
 */
    .balign 64
el0_sync:
    enter_el0
    mrs     x24, esr_el1
    lsr     x25, x24, #26
    cmp     x25, #0x15              /* SVC from AArch64 */
    b.ne    el0_fault
    sxtw    x8, w8
    stp     x0, x8, [sp, #FRAME_ORIG_X0]
    msr     daifclr, #14
    mov     x6, x8                  /* the arguments still are in x0 to x5 */
    bl      trap_syscall
    str     x0, [sp]
    .global ret_to_user
ret_to_user:
    msr     daifset, #2
    mrs     x0, tpidr_el1
    ldr     w1, [x0, #HEAD_WORK]
    cbnz    w1, 2f
1:
9990:   ldp     x21, x22, [sp, #FRAME_SP]
    alternative IF_PAUTH, INSN_BL(9990b, take_user_key)
    alternative IF_PAN_SW, INSN_BL(9990b, take_user_table)
    ldr     x23, [sp, #FRAME_PSTATE]
    mrs     x24, sp_el0             /* mostly as they were: a read is cheaper than a write */
    mrs     x25, elr_el1
    mrs     x26, spsr_el1
    cmp     x21, x24
    ccmp    x22, x25, #0, eq
    ccmp    x23, x26, #0, eq
    b.eq    3f
    msr     sp_el0, x21
    msr     elr_el1, x22
    msr     spsr_el1, x23
3:  ldr     x30, [sp, #FRAME_LR]
    regs    ldp
    add     sp, sp, #FRAME_SIZE
    eret
2:  mov     x0, sp
    bl      trap_user_return
    b       1b

el0_fault:
    mov     x25, #-1
    str     x25, [sp, #FRAME_SYSCALL]
    mov     x0, sp
    mov     x1, x24
    mrs     x2, far_el1
    msr     daifclr, #14
    bl      trap_from_user
    b       ret_to_user

el0_irq:
    enter_el0
    mov     x25, #-1
    str     x25, [sp, #FRAME_SYSCALL]
    mov     x0, sp
    bl      trap_irq
    b       ret_to_user

el1_irq:
    enter_el1
    interrupted
    mov     x0, sp
    bl      trap_irq
    mrs     x0, tpidr_el1
    ldr     x1, [x0, #HEAD_PREEMPT] /* preempt_count, and work above it */
    cbnz    w1, leave_el1
    tbz     x1, #33, leave_el1      /* WORK_RESCHED */
    bl      preempt_schedule_irq
leave_el1:
9990:   ldp     x22, x23, [sp, #FRAME_PC]
    alternative IF_PAN_SW, INSN_BL(9990b, reopen_window)
    msr     elr_el1, x22
    msr     spsr_el1, x23
    ldr     x30, [sp, #FRAME_LR]
    regs    ldp
    .cfi_endproc
    add     sp, sp, #FRAME_SIZE
    eret

el1_sync:
    enter_el1
    interrupted
    mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      trap_from_kernel
    b       leave_el1
    .cfi_endproc

/* SError, FIQ, or a stack mode that is not used: reported, never returned from. */
el0_bad:
    enter_el0
    b       1f
el1_bad:
    sub     sp, sp, #FRAME_SIZE
    enter_el1
1:  mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      trap_unexpected

/* SP has left its stack: x0 is in TPIDRRO_EL0. Go on with the overflow stack. */
stack_overflow:
    msr     tpidr_el0, x1           /* no user state is worth keeping now */
    adrp    x1, overflow_stack_top
    add     x1, x1, :lo12:overflow_stack_top
    mov     sp, x1
    mrs     x1, tpidr_el0
    add     x0, x0, #FRAME_SIZE     /* SP before the exception */
    msr     tpidr_el0, x0
    mrs     x0, tpidrro_el0
    sub     sp, sp, #FRAME_SIZE
    enter_el1
    mrs     x3, tpidr_el0
    str     x3, [sp, #FRAME_SP]
    interrupted
    mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      trap_unexpected
    .cfi_endproc

/*
 * CPUs with pointer authentication: key A of instructions is the kernel's at EL1 and the program's
 * at EL0, and on at EL1 whatever the program has switched off. Each also does what it was put in
 * the place of.
 *
 * take_kernel_key: ends enter_el0. The ISB stands before the first return address that is signed.
 * Clobbers x26, x27.
 */
take_kernel_key:
    mrs     x26, tpidr_el1
    ldr     x27, [x26, #HEAD_KEYS_OFF]
    cbz     x27, 1f
    mrs     x26, sctlr_el1
    orr     x26, x26, x27
    msr     sctlr_el1, x26
1:  adrp    x26, kernel_key
    add     x26, x26, :lo12:kernel_key
    ldp     x26, x27, [x26]
    msr     S3_0_C2_C1_0, x26       /* APIAKeyLo_EL1, APIAKeyHi_EL1 */
    msr     S3_0_C2_C1_1, x27
    isb
    mov     x29, xzr
    ret

/* take_user_key: on the way to user mode, where the ERET synchronises. */
take_user_key:
    mrs     x23, tpidr_el1
    ldp     x21, x22, [x23, #HEAD_KEYS]
    msr     S3_0_C2_C1_0, x21
    msr     S3_0_C2_C1_1, x22
    ldr     x21, [x23, #HEAD_KEYS_OFF]
    cbz     x21, 1f
    mrs     x22, sctlr_el1
    bic     x22, x22, x21
    msr     sctlr_el1, x22
1:  ldp     x21, x22, [sp, #FRAME_SP]
    ret

/*
 * pan=sw: the user's table goes at the entry from user mode and comes back on the way out. An
 * exception from EL1 keeps TTBR0 in its frame: whether a window was open. What is walked in a
 * reopened one is this CPU's present table, since the thread may have slept and its number changed.
 */
leave_user_table:
    mov     x29, xzr
    mov     x16, x30
    b       user_table_off
take_user_table:
    ldp     x21, x22, [sp, #FRAME_SP]
    mov     x16, x30
    b       user_table_on
close_window:
    add     x29, sp, #FRAME_RECORD
    mrs     x17, ttbr0_el1
    str     x17, [sp, #FRAME_ORIG_X0]
    mov     x16, x30
    b       user_table_off
reopen_window:
    ldp     x22, x23, [sp, #FRAME_PC]
    ldr     x17, [sp, #FRAME_ORIG_X0]
    mov     x16, x30
    lsr     x17, x17, #48           /* the empty table alone has ASID 0 */
    cbnz    x17, user_table_on
    ret

/*
 * user_enter: the first way out of a new user thread, from its prepared frame. In: x29 = 0, so that
 * backtraces end here (thread_trampoline).
 */
    .global user_enter
user_enter:
    msr     daifset, #2
    mrs     x0, tpidr_el1
    ldr     x1, [x0, #HEAD_STACK_HIGH]
    sub     sp, x1, #FRAME_SIZE
    b       ret_to_user

/* install_vectors(): VBAR_EL1 of this CPU. PC-relative: right with the MMU off and on. */
    .global install_vectors
install_vectors:
    adrp    x0, exception_vectors
    add     x0, x0, :lo12:exception_vectors
    msr     vbar_el1, x0
    isb
    ret

    .section .bss.overflow, "aw", %nobits
    .balign 16
    .skip   8192
overflow_stack_top:

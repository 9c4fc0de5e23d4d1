/* Switching kernel threads: struct context is x19-x28 at 0, x29 at 80, x30 at 88, sp at 96. */
    .text
/*
 * context_switch(x0 = from, x1 = to). Stores the callee-saved registers and SP, loads the
 * other thread's, and returns there, as the current thread: a struct thread_head begins with its
 * context. Clobbers x9. IRQs are masked by the caller.
 */
    .global context_switch
context_switch:
    stp     x19, x20, [x0]
    stp     x21, x22, [x0, #16]
    stp     x23, x24, [x0, #32]
    stp     x25, x26, [x0, #48]
    stp     x27, x28, [x0, #64]
    mov     x9, sp
    stp     x29, x30, [x0, #80]
    str     x9, [x0, #96]
    msr     tpidr_el1, x1
    ldp     x19, x20, [x1]
    ldp     x21, x22, [x1, #16]
    ldp     x23, x24, [x1, #32]
    ldp     x25, x26, [x1, #48]
    ldp     x27, x28, [x1, #64]
    ldp     x29, x30, [x1, #80]
    ldr     x9, [x1, #96]
    mov     sp, x9
    ret

/* Where a new thread begins: context_init put entry in x19 and its argument in x20. */
    .global thread_trampoline
thread_trampoline:
    mov     x29, xzr
    bl      thread_first_run
    mov     x0, x20
    blr     x19
    bl      thread_entry_returned
    b       user_enter

/* fp_save(x0), fp_load(x0): v0-v31, FPSR, FPCR. Clobber x1-x2. */
    .arch_extension fp
    .arch_extension simd
    .macro  fp_all op
    .irp    n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
    fp_pair \op, \n, %(\n + 1)
    .endr
    .endm
    .macro  fp_pair op, a, b
    \op     q\a, q\b, [x0, #\a * 16]
    .endm
    .altmacro
    .global fp_save
fp_save:
    fp_all  stp
    mrs     x1, fpsr
    mrs     x2, fpcr
    add     x0, x0, #512
    stp     w1, w2, [x0]
    ret
    .global fp_load
fp_load:
    fp_all  ldp
    add     x0, x0, #512
    ldp     w1, w2, [x0]
    msr     fpsr, x1
    msr     fpcr, x2
    ret
    .noaltmacro

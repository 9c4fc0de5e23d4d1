/* Calls to firmware, and whole pages. */
    .text
/*
 * firmware_call(w0 = conduit, x1 = function, x2-x4): result in x0. Clobbers what a procedure call
 * does.
 */
    .global firmware_call
firmware_call:
    mov     w9, w0
    mov     x0, x1
    mov     x1, x2
    mov     x2, x3
    mov     x3, x4
    cmp     w9, #2
    b.hi    2f
    b.eq    1f
    cbz     w9, 3f
    hvc     #0
    ret
1:  smc     #0
    ret
2:  hlt     #0xf000
    ret
3:  mov     x0, #-1
    ret

/* page_zero(x0): DC ZVA, where it is allowed and takes 64 bytes (DCZID_EL0). Clobbers x1-x2. */
    .balign 16
    .global page_zero
page_zero:
    add     x1, x0, #4096
    mrs     x2, dczid_el0
    cmp     x2, #4
    b.ne    2f
1:
    .rept   8
    dc      zva, x0
    add     x0, x0, #64
    .endr
    cmp     x0, x1
    b.ne    1b
    ret
2:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.ne    2b
    ret

/* page_copy(x0 = to, x1 = from), 128 bytes a turn. Clobbers x2-x10. */
    .balign 16
    .global page_copy
page_copy:
    mov     x2, #4096
1:
    .irp    at, 0, 64
    ldp     x3, x4, [x1, #\at]
    ldp     x5, x6, [x1, #\at + 16]
    ldp     x7, x8, [x1, #\at + 32]
    ldp     x9, x10, [x1, #\at + 48]
    stp     x3, x4, [x0, #\at]
    stp     x5, x6, [x0, #\at + 16]
    stp     x7, x8, [x0, #\at + 32]
    stp     x9, x10, [x0, #\at + 48]
    .endr
    add     x0, x0, #128
    add     x1, x1, #128
    subs    x2, x2, #128
    b.ne    1b
    ret

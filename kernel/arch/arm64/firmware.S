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

/* page_zero(x0): DC ZVA by 64 bytes, the block size that cpu_features_init checked. */
    .balign 16
    .global page_zero
page_zero:
    add     x1, x0, #4096
1:  dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    cmp     x0, x1
    b.ne    1b
    ret

/* page_copy(x0 = to, x1 = from), 128 bytes a turn. Clobbers x1-x12. */
    .balign 16
    .global page_copy
page_copy:
    mov     x2, #4096
1:  ldp     x3, x4, [x1]
    ldp     x5, x6, [x1, #16]
    ldp     x7, x8, [x1, #32]
    ldp     x9, x10, [x1, #48]
    stp     x3, x4, [x0]
    stp     x5, x6, [x0, #16]
    stp     x7, x8, [x0, #32]
    stp     x9, x10, [x0, #48]
    ldp     x3, x4, [x1, #64]
    ldp     x5, x6, [x1, #80]
    ldp     x7, x8, [x1, #96]
    ldp     x9, x10, [x1, #112]
    add     x1, x1, #128
    stp     x3, x4, [x0, #64]
    stp     x5, x6, [x0, #80]
    stp     x7, x8, [x0, #96]
    stp     x9, x10, [x0, #112]
    add     x0, x0, #128
    subs    x2, x2, #128
    b.ne    1b
    ret

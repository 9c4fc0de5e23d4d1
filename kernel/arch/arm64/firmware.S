/* The two conduits to firmware and the semihosting call. */
    .text
/* firmware_hvc, firmware_smc(x0 = function, x1-x3): SMC Calling Convention; result in x0. */
    .global firmware_hvc
firmware_hvc:
    hvc     #0
    ret
    .global firmware_smc
firmware_smc:
    smc     #0
    ret

/* semihosting_exit(w0): SYS_EXIT (0x18) with {ADP_Stopped_ApplicationExit, status}. */
    .global semihosting_exit
semihosting_exit:
    sub     sp, sp, #16
    mov     x1, #0x0026
    movk    x1, #0x2, lsl #16
    sxtw    x2, w0
    stp     x1, x2, [sp]
    mov     w0, #0x18
    mov     x1, sp
    hlt     #0xf000
    b       cpu_halt

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

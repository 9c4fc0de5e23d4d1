/* Calls to firmware. */
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

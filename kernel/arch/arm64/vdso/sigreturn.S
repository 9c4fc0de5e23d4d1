/*
 * __kernel_rt_sigreturn: where a signal handler returns to (x30 is set to it by the kernel).
 * In: SP at the signal frame. Never returns. Debuggers and unwinders know a signal frame by these
 * two instructions at the return address, so nothing may stand between them. It is reached by RET
 * alone and needs no landing pad; the note says so to the linker.
 */
    .section .text.sigreturn, "ax"
    .globl __kernel_rt_sigreturn
    .type __kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
    mov x8, #139            /* rt_sigreturn */
    svc #0
    .size __kernel_rt_sigreturn, . - __kernel_rt_sigreturn

    .section .note.gnu.property, "a"
    .balign 8
    .long 4, 16, 5                  /* sizes of name and content, NT_GNU_PROPERTY_TYPE_0 */
    .asciz "GNU"
    .long 0xc0000000, 4, 3, 0       /* FEATURE_1_AND: BTI, PAC */

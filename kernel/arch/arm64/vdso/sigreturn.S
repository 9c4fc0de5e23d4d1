/*
 * __kernel_rt_sigreturn: where a signal handler returns to (x30 is set to it by the kernel).
 * In: SP at the signal frame. Never returns. Debuggers and unwinders know a signal frame by these
 * two instructions at the return address, so nothing may stand between them.
 */
    .section .text.sigreturn, "ax"
    .globl __kernel_rt_sigreturn
    .type __kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
    mov x8, #139            /* rt_sigreturn */
    svc #0
    .size __kernel_rt_sigreturn, . - __kernel_rt_sigreturn

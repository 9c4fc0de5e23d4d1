/*
 * The built vDSO as read-only data of the kernel; mapped into processes as it stands here.
 */
    .section .rodata.vdso, "a"
    .globl vdso_image, vdso_image_end
    .balign 4096
vdso_image:
    .incbin "vdso.so"
    .balign 4096
vdso_image_end:

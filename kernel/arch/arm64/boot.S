/*
 * From the first instruction to C in the high half.
 *
 * Registers, from _start to the jump into kernel_main:
 *   x19  entry exception level        set at primary_entry      used by boot_early
 *   x20  where C runs next            local
 *   x21  x0 at entry: the device tree set at primary_entry      used by boot_early
 *   x22  physical address of _start   set at primary_entry      used by boot_early
 *
 * The code runs at any 4 KiB aligned address: only PC-relative addresses are used until the
 * relocations are applied (boot_early). Boot protocol: x0 is the tree, MMU off, as Linux's
 * (the 64-byte header below is the arm64 Image header).
 */
#include "arch/arm64/alternative.h"
#include "arch/arm64/layout.h"

    .section .head, "ax"
    .global _start
_start:
    b       head_jump               /* code0 */
    nop                             /* code1 */
    .quad   0                       /* text_offset: any 2 MiB boundary will do */
    /* image_size: linker.ld puts it here, with .bss, since loaders place the initrd after it */
    .section .head.rest, "ax"
    .quad   0xa                     /* little endian, 4 KiB pages, anywhere in RAM */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

/*
 * .head is linked where it is loaded, so that a debugger stopped at the first instruction knows
 * it as _start. All the rest is linked in the high half, KERNEL_VMA - KERNEL_LMA further up.
 */
head_jump:
    adr     x9, 1f
    ldr     x10, [x9]
    add     x9, x9, x10
    br      x9
    .balign 8
1:  .quad   primary_entry - 1b - (KERNEL_VMA - KERNEL_LMA)

    .section .text.boot, "ax"
    .global primary_entry
/* In: x0 = device tree or anything. Entered by the boot CPU, perhaps by others at that time. */
primary_entry:
    msr     daifset, #15
    mov     x21, x0
    adrp    x22, _image_start
    bl      enter_el1
    mov     x19, x0
    bl      elect_boot_cpu

    adrp    x1, _stack_top
    add     x1, x1, :lo12:_stack_top
    mov     sp, x1
    mov     x29, xzr
    adrp    x0, boot_head
    add     x0, x0, :lo12:boot_head
    msr     tpidr_el1, x0
    bl      install_vectors
    bl      clear_bss

    mov     x0, x22
    mov     x1, x21
    bl      boot_identity           /* builds the identity map, returns its root */
    bl      mmu_on

    mov     x0, x21
    mov     x1, x22
    mov     x2, x19
    bl      boot_early              /* relocates, builds the high half; returns virt - phys */
    mov     x20, x0
    adrp    x1, kernel_page_table_root
    ldr     x1, [x1, :lo12:kernel_page_table_root]
    msr     ttbr1_el1, x1
    isb

    adr     x2, 2f                  /* on in the high half */
    add     x2, x2, x20
    br      x2
2:  hint    #36                     /* BTI j: guarded from here on */
    adrp    x1, _stack_top
    add     x1, x1, :lo12:_stack_top
    mov     sp, x1
    adrp    x0, boot_head
    add     x0, x0, :lo12:boot_head
    msr     tpidr_el1, x0
    bl      install_vectors
    bl      drop_identity
    adrp    x1, boot_info
    ldr     x0, [x1, :lo12:boot_info]   /* the first member: the tree */
    bl      kernel_main
    b       cpu_halt                /* it does not return */

/*
 * Where a CPU waits until arch_cpu_start() writes its affinity into pen_mail: one that entered
 * together with the boot CPU, or came from the loader's spin table. MMU off. In the image, so that
 * the wait may last for ever.
 */
    .global pen_entry
pen_entry:
    msr     daifset, #15
    bl      enter_el1
pen_wait:
    mrs     x1, mpidr_el1
    and     x1, x1, #0xffffffffff
    and     x1, x1, #0xffffffff00ffffff
    adrp    x2, pen_mail
    add     x2, x2, :lo12:pen_mail
1:  ldar    x3, [x2]
    cmp     x3, x1
    b.eq    2f
    wfe
    b       1b
2:  ldr     x0, [x2, #8]            /* its idle thread, for secondary_entry */

/*
 * Where PSCI's CPU_ON starts another CPU, MMU off.
 * In: x0 = struct thread_head of its idle thread, an address of the high half.
 */
    .global secondary_entry
secondary_entry:
    msr     daifset, #15
    mov     x21, x0
    bl      enter_el1
    adrp    x0, identity_root
    ldr     x0, [x0, :lo12:identity_root]
    adrp    x1, kernel_page_table_root
    ldr     x1, [x1, :lo12:kernel_page_table_root]
    msr     ttbr1_el1, x1
    bl      mmu_on
    adrp    x20, boot_info
    add     x20, x20, :lo12:boot_info
    ldr     x20, [x20, #BOOT_VOFFSET]
    adr     x2, 1f
    add     x2, x2, x20
    br      x2
1:  hint    #36                     /* BTI j */
    msr     tpidr_el1, x21
    ldr     x1, [x21, #HEAD_STACK_HIGH]
    mov     sp, x1
    mov     x29, xzr
    bl      install_vectors
    bl      drop_identity
    mov     x0, x21
    bl      cpu_main
    b       cpu_halt

/*
 * Lets one CPU through and sends the others to the pen: the first to take a ticket boots, whatever
 * its number. Clobbers x0-x3.
 */
elect_boot_cpu:
    adrp    x0, boot_tickets
    add     x0, x0, :lo12:boot_tickets
1:  ldaxr   w1, [x0]
    add     w2, w1, #1
    stxr    w3, w2, [x0]
    cbnz    w3, 1b
    cbnz    w1, pen_wait
    ret

/*
 * Comes down from EL3 or EL2 to EL1 and prepares what they share. Out: x0 = the level of entry.
 * Clobbers x1-x3. The return is at non-secure EL1 with every interrupt masked, MMU and caches off.
 */
enter_el1:
    mrs     x0, CurrentEL
    lsr     x0, x0, #2
    cmp     x0, #3
    b.eq    el3_leave               /* goes on below, at EL2 or EL1 */
    .global below_el3
below_el3:
    mrs     x2, CurrentEL
    mov     x1, #SCTLR_MMU_OFF & 0xffff
    movk    x1, #SCTLR_MMU_OFF >> 16, lsl #16
    msr     sctlr_el1, x1
    isb
    cmp     x2, #2 << 2
    b.ne    el1_common
    mrs     x1, midr_el1
    msr     vpidr_el2, x1
    mrs     x1, mpidr_el1
    msr     vmpidr_el2, x1
    mov     x1, #(1 << 31)          /* HCR_EL2.RW: EL1 is AArch64 */
    orr     x1, x1, #(3 << 40)      /* APK, API: pointer authentication not trapped */
    msr     hcr_el2, x1
    mov     x1, #3                  /* EL1 may use the counter and the physical timer */
    msr     cnthctl_el2, x1
    msr     cntvoff_el2, xzr
    mov     x1, #0x33ff             /* no traps of FP */
    msr     cptr_el2, x1
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x1, mdcr_el2
    and     x1, x1, #0x1f           /* HPMN kept, no debug traps */
    msr     mdcr_el2, x1
    mrs     x1, id_aa64pfr0_el1
    ubfx    x1, x1, #24, #4         /* GIC system registers? */
    cbz     x1, 1f
    mrs     x1, S3_4_C12_C9_5       /* ICC_SRE_EL2: SRE, Enable */
    orr     x1, x1, #1
    orr     x1, x1, #8
    msr     S3_4_C12_C9_5, x1
    isb
    msr     S3_4_C12_C11_0, xzr     /* ICH_HCR_EL2: no virtual interface */
1:  mov     x1, #0x3c5              /* EL1h, DAIF masked */
    msr     spsr_el2, x1
    adr     x1, el1_common
    msr     elr_el2, x1
    eret
el1_common:
    mov     x1, #(3 << 20)          /* CPACR_EL1.FPEN: FP/SIMD for EL0 and EL1 */
    msr     cpacr_el1, x1
    msr     mdscr_el1, xzr
    mov     x1, #2                  /* CNTKCTL_EL1.EL0VCTEN: programs read the counter (vDSO) */
    msr     cntkctl_el1, x1
    isb
    ret

/* Zeroes .bss by 64 bytes, and drops stale cache lines over it. Clobbers x0-x1. */
clear_bss:
    adrp    x0, _bss_start
    add     x0, x0, :lo12:_bss_start
    adrp    x1, _bss_end
    add     x1, x1, :lo12:_bss_end
1:  stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    dc      ivac, x0
    add     x0, x0, #64
    cmp     x0, x1
    b.lo    1b
    dsb     sy
    ret

/*
 * Turns the MMU and caches on. In: x0 = root of the table for TTBR0. Preserves x19-x30, SP.
 * The TLB is emptied before (Arm ARM D8.13), the DSB completes the table's stores.
 */
mmu_on:
    msr     ttbr0_el1, x0
    ldr     x1, =MAIR_VALUE
    msr     mair_el1, x1
    mrs     x3, id_aa64mmfr0_el1
    ldr     x1, =TCR_VALUE
    and     x2, x3, #7              /* PARange to IPS; 52 bits need what we do not use */
    cmp     x2, #5
    mov     x4, #5
    csel    x2, x2, x4, lo
    bfi     x1, x2, #32, #3
    ubfx    x2, x3, #4, #4          /* ASIDBits: 2 means 16 */
    lsr     x2, x2, #1
    bfi     x1, x2, #36, #1
    msr     tcr_el1, x1
    dsb     ish
    tlbi    vmalle1
    dsb     nsh
    isb
    ldr     x1, =SCTLR_VALUE
    msr     sctlr_el1, x1
    isb
    ret
    .ltorg

/* Makes TTBR0 point at an empty table; what it points at later is not the kernel's. Clobbers x0. */
    .global drop_identity
drop_identity:
    adrp    x0, boot_info
    add     x0, x0, :lo12:boot_info
    ldr     x0, [x0, #BOOT_EMPTY_ROOT]
    msr     ttbr0_el1, x0
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    user_off
    ret

    .global cpu_halt
/* Stops this CPU for good. */
cpu_halt:
    msr     daifset, #15
1:  wfi
    b       1b

    .section .data, "aw"
    .balign 8
    .global boot_tickets
boot_tickets:                       /* CPUs that have entered by themselves */
    .quad   0
    .balign 16
    .global pen_mail
pen_mail:                           /* the affinity of the CPU that is called, its idle thread */
    .quad   -1, 0

    .section .bss.stack, "aw", %nobits
    .global _stack_low
_stack_low:
    .skip   (1 << STACK_SHIFT)
    .global _stack_top
_stack_top:

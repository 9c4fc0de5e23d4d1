/*
 * Access to user memory: the only instructions of the kernel that may touch it.
 *
 * Single values go by LDTR/STTR (uaccess.h), which have the rights of EL0 whatever PAN says. Bulk
 * copies use LDP/STP with PAN off in between, by `user_on` and `user_off` of alternative.h. Each
 * instruction that may fault has an entry in __ex_table: its place and that of its fix-up. The
 * fix-up is only taken for a user address, so the kernel's side of a copy may carry an entry too,
 * and one body serves both directions. A block that faults is done again byte by byte, so that the
 * count of what was not done is exact.
 *
 * Without PAN, and with pan=sw, TTBR0 holds the empty table while the kernel runs, and the user's
 * between user_on and user_off alone; LDTR and STTR are done in a window of their own (uaccess.h).
 * Exceptions from such a window close it, and open it again at their end (vectors.S).
 */
#include "arch/arm64/alternative.h"
#include "arch/arm64/layout.h"

#define EFAULT 14

/* U fixup, instruction: the instruction may fault, and then control goes to fixup. */
    .macro  U fixup, insn:vararg
9991:   \insn
    .pushsection __ex_table, "a"
    .word   9991b - .
    .word   \fixup - .
    .popsection
    .endm

/* Branches to bad unless addr + len stays at or below USER_TOP. Clobbers x8, x9. */
    .macro  check_range addr, len, bad
    adds    x8, \addr, \len
    b.cs    \bad
    mov     x9, #(1 << 48)
    cmp     x8, x9
    b.hi    \bad
    .endm

/* 64 bytes from x1 + at to x0 + at. Clobbers x4-x11. */
    .macro  move64 at
    U       copy_bytes, ldp x4, x5, [x1, #\at]
    U       copy_bytes, ldp x6, x7, [x1, #\at + 16]
    U       copy_bytes, ldp x8, x9, [x1, #\at + 32]
    U       copy_bytes, ldp x10, x11, [x1, #\at + 48]
    U       copy_bytes, stp x4, x5, [x0, #\at]
    U       copy_bytes, stp x6, x7, [x0, #\at + 16]
    U       copy_bytes, stp x8, x9, [x0, #\at + 32]
    U       copy_bytes, stp x10, x11, [x0, #\at + 48]
    .endm

    .macro  advance n
    sub     x2, x2, #\n
    add     x0, x0, #\n
    add     x1, x1, #\n
    .endm

    .text
/*
 * user_copy_from(x0 = kernel, x1 = user, x2 = bytes), user_copy_to(x0 = user, x1 = kernel, x2):
 * x0 = bytes not done. Clobber x1-x11.
 */
    .balign 16
    .global user_copy_from
user_copy_from:
    check_range x1, x2, copy_refused
    b       copy
    .global user_copy_to
user_copy_to:
    check_range x0, x2, copy_refused
copy:
    user_on
    cmp     x2, #64
    b.lo    2f
    cmp     x2, #256
    b.lo    4f
3:  move64  0
    move64  64
    move64  128
    move64  192
    advance 256
    cmp     x2, #256
    b.hs    3b
4:  tbz     x2, #7, 1f
    move64  0
    move64  64
    advance 128
1:  tbz     x2, #6, 2f
    move64  0
    advance 64
2:  cbz     x2, copy_done
    tbz     x2, #5, 1f
    U       copy_bytes, ldp x4, x5, [x1]
    U       copy_bytes, ldp x6, x7, [x1, #16]
    U       copy_bytes, stp x4, x5, [x0]
    U       copy_bytes, stp x6, x7, [x0, #16]
    advance 32
1:  tbz     x2, #4, 1f
    U       copy_bytes, ldp x4, x5, [x1]
    U       copy_bytes, stp x4, x5, [x0]
    advance 16
1:  tbz     x2, #3, 1f
    U       copy_bytes, ldr x4, [x1]
    U       copy_bytes, str x4, [x0]
    advance 8
1:  tbz     x2, #2, 1f
    U       copy_bytes, ldr w4, [x1]
    U       copy_bytes, str w4, [x0]
    advance 4
1:  tbz     x2, #1, 1f
    U       copy_bytes, ldrh w4, [x1]
    U       copy_bytes, strh w4, [x0]
    advance 2
1:  tbz     x2, #0, copy_done
copy_bytes:                         /* also where a block that faulted goes on */
    U       copy_failed, ldrb w4, [x1]
    U       copy_failed, strb w4, [x0]
    advance 1
    cbnz    x2, copy_bytes
copy_done:
    user_off
    mov     x0, #0
    ret
copy_failed:
    user_off
copy_refused:
    mov     x0, x2
    ret

/* user_clear(x0 = user, x1 = bytes): x0 = bytes not done. Clobbers x1, x8, x9. */
    .balign 16
    .global user_clear
user_clear:
    check_range x0, x1, 5f
    user_on
1:  cmp     x1, #64
    b.lo    3f
    U       3f, stp xzr, xzr, [x0]
    U       3f, stp xzr, xzr, [x0, #16]
    U       3f, stp xzr, xzr, [x0, #32]
    U       3f, stp xzr, xzr, [x0, #48]
    add     x0, x0, #64
    sub     x1, x1, #64
    b       1b
3:  cbz     x1, 4f
    U       4f, strb wzr, [x0]
    add     x0, x0, #1
    sub     x1, x1, #1
    b       3b
4:  user_off
5:  mov     x0, x1
    ret

/* user_cmpxchg32(x0 = user, w1 = old, w2 = new, x3 = seen): 0 or -EFAULT. */
    .balign 16
    .global user_cmpxchg32
user_cmpxchg32:
    mov     x4, #4
    check_range x0, x4, 4f
    user_on
1:  U       3f, ldaxr w5, [x0]
    cmp     w5, w1
    b.ne    2f
    U       3f, stlxr w6, w2, [x0]
    cbnz    w6, 1b
2:  user_off
    str     w5, [x3]
    mov     x0, #0
    ret
3:  user_off
4:  mov     x0, #-EFAULT
    ret

/*
 * pan=sw: user_table_on makes TTBR0 the table that pt_activate() has chosen for this CPU, with IRQs
 * masked from the look to the write, so that no switch comes between. user_table_off makes it the
 * empty one. In: x16 = where to go on. Clobber x16, x17.
 */
    .global user_table_on
user_table_on:
    stp     x14, x15, [sp, #-16]!
    mrs     x17, daif
    msr     daifset, #2
    mrs     x14, tpidr_el1
    ldr     x14, [x14, #HEAD_PERCPU]
    adrp    x15, asid_slot
    add     x15, x15, :lo12:asid_slot
    add     x14, x14, x15
    ldr     x14, [x14, #SLOT_LIVE]
    msr     ttbr0_el1, x14
    isb
    msr     daif, x17
    ldp     x14, x15, [sp], #16
    ret     x16
    .global user_table_off
user_table_off:
    adrp    x17, boot_info
    add     x17, x17, :lo12:boot_info
    ldr     x17, [x17, #BOOT_EMPTY_ROOT]
    msr     ttbr0_el1, x17
    isb
    ret     x16

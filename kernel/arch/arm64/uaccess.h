/* Single values of user memory: LDTR and STTR, as usercopy.S says. Bodies of arch/uaccess.h. */
#pragma once

#include "arch/arm64/alternative.h"
#include "lib/errno.h"

/*
 * `insn` with operands %0, the value, and %1, the address; goes on at `fault` when it faults. With
 * pan=sw there is a branch in its place, to the same between the opening of a window and its end.
 */
#define USER_INSN(insn)                                                       \
    ALTERNATIVE(insn, IF_PAN_SW, "0x14000000 | ((2f - 1b) >> 2 & 0x3ffffff)") \
    "    .subsection 1\n"                                                     \
    "2:  adr x16, 3f\n"                                                       \
    "    b user_table_on\n"                                                   \
    "3:  " insn "\n"                                                          \
    "    adr x16, 1b + 4\n"                                                   \
    "    b user_table_off\n"                                                  \
    "4:  adr x16, %l[fault]\n"                                                \
    "    b user_table_off\n"                                                  \
    "    .previous\n"                                                         \
    "    .pushsection __ex_table, \"a\"\n"                                    \
    "    .word 1b - ., %l[fault] - ., 3b - ., 4b - .\n"                       \
    "    .popsection"

/* The empty asm keeps GCC 12 from losing the output of the one before it (GCC bug 113921). */
#define USER_LOAD(insn, value, from)                                                               \
    asm volatile goto(USER_INSN(insn) : "=r"(value) : "r"(from) : "memory", "x16", "x17" : fault); \
    asm volatile("")
#define USER_STORE(insn, value, to) \
    asm volatile goto(USER_INSN(insn) : : "r"(value), "r"(to) : "memory", "x16", "x17" : fault)

static __always_inline int user_load(u64 from, void *out, size_t size)
{
    u64 value;

    if (unlikely(from > USER_TOP - size))
        return -EFAULT;
    switch (size) {
    case 1: USER_LOAD("ldtrb %w0, [%1]", value, from); break;
    case 2: USER_LOAD("ldtrh %w0, [%1]", value, from); break;
    case 4: USER_LOAD("ldtr %w0, [%1]", value, from); break;
    default: USER_LOAD("ldtr %0, [%1]", value, from); break;
    }
    __builtin_memcpy(out, &value, size); /* little endian */
    return 0;
fault:
    return -EFAULT;
}

static __always_inline int user_store(u64 to, u64 value, size_t size)
{
    if (unlikely(to > USER_TOP - size))
        return -EFAULT;
    switch (size) {
    case 1: USER_STORE("sttrb %w0, [%1]", value, to); break;
    case 2: USER_STORE("sttrh %w0, [%1]", value, to); break;
    case 4: USER_STORE("sttr %w0, [%1]", value, to); break;
    default: USER_STORE("sttr %0, [%1]", value, to); break;
    }
    return 0;
fault:
    return -EFAULT;
}

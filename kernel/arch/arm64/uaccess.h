/* Single values of user memory: LDTR and STTR, as usercopy.S says. Bodies of arch/uaccess.h. */
#pragma once

#include "lib/errno.h"

/* `insn` with operands %0, the value, and %1, the address; goes on at `fault` when it faults. */
#define USER_INSN(insn)                    \
    "1:  " insn "\n"                       \
    "    .pushsection __ex_table, \"a\"\n" \
    "    .word 1b - ., %l[fault] - .\n"    \
    "    .popsection"

/* The empty asm keeps GCC 12 from losing the output of the one before it (GCC bug 113921). */
#define USER_LOAD(insn, value, from)                                                 \
    asm volatile goto(USER_INSN(insn) : "=r"(value) : "r"(from) : "memory" : fault); \
    asm volatile("")
#define USER_STORE(insn, value, to) \
    asm volatile goto(USER_INSN(insn) : : "r"(value), "r"(to) : "memory" : fault)

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

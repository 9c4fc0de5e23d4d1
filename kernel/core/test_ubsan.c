/*
 * Undefined behaviour that must be reported, one a boot: tests/system/test_builds.py has what each
 * says. In builds with UBSAN=1 only.
 */
#include "core/ktest.h"

static volatile int sink, zero, one = 1, largest = 0x7fffffff, smallest = -0x7fffffff - 1;

KTEST(fatal_ubsan_add)
{
    sink = largest + one;
}

KTEST(fatal_ubsan_multiply)
{
    sink = largest * (one + one);
}

KTEST(fatal_ubsan_negate)
{
    sink = -smallest;
}

KTEST(fatal_ubsan_divide)
{
    sink = one / zero;
}

KTEST(fatal_ubsan_shift)
{
    sink = one << (one + 39);
}

KTEST(fatal_ubsan_index)
{
    static int table[4];

    sink = table[one + 8];
}

KTEST(fatal_ubsan_null)
{
    int *volatile nowhere = NULL;

    sink = *nowhere;
}

KTEST(fatal_ubsan_bool)
{
    union {
        volatile u8 byte;
        volatile bool truth;
    } both = {.byte = 7};

    sink = both.truth;
}

KTEST(fatal_ubsan_pointer)
{
    char *volatile high = (char *)~15UL;

    sink = (high + 16 * one) == high;
}

KTEST(fatal_ubsan_unreachable)
{
    if (one)
        __builtin_unreachable();
}

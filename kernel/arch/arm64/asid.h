/*
 * Private to arch/arm64: which CPU's TLB may hold entries of a user table (asid.c, I4).
 */
#pragma once

#include "arch/cpu.h"
#include "arch/thread.h"

/* The running CPU's name in page_table.home: its per-CPU offset, made odd. */
static inline u64 pt_home(void)
{
    return READ_ONCE(current_head()->percpu) + 1;
}

/* Restartable sequences (rseq(2)). */
#pragma once

#include "lib/types.h"

struct trap_frame;

/* rseq(2) of the current task. 0 or -errno. */
int rseq_register(u64 area, u32 length, u32 flags, u32 signature);

/*
 * Before user mode after a preemption, migration or signal: writes the CPU's number into the area
 * and, when the frame stands in a critical section, moves it to the abort handler. May sleep; bad
 * user memory gives SIGSEGV.
 */
void rseq_update(struct trap_frame *f);

/* May the current task stand in a critical section? One load from user memory. */
bool rseq_in_section(void);

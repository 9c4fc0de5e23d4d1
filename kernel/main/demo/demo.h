/* What the demos share. */
#pragma once

#include "lib/types.h"

/* A line, or a part of one, to the serial port, whatever the console is doing. */
__printf(1, 2) void demo_print(const char *fmt, ...);

/* The last line: PASS when why is NULL, else FAIL and why. The machine goes off. */
__printf(1, 2) void demo_verdict(const char *why, ...) __noreturn;

void demo_coop(void);
void demo_preempt(void);
void demo_mmu(void);
void demo_fault(void);
void demo_heap(void);

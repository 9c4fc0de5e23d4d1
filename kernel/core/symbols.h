/*
 * The kernel's own function names, for backtraces. tools/ksyms.py makes the table from nm's
 * output; the first link has an empty one.
 */
#pragma once

#include "lib/types.h"

/* The function around pc and the distance from its start; NULL when unknown. */
const char *symbol_name(u64 pc, u64 *offset);

/* The table, from linker.ld; empty in the first link. */
extern const u32 __ksyms_start[], __ksyms_end[];
extern char _image_start[];

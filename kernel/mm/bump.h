/*
 * The boot allocator: memory from a range, never given back. One CPU, before the page frames.
 */
#pragma once

#include "lib/types.h"

/* Allocations come from [start, end), which is mapped; end may be below start: nothing. */
void mm_init(void *start, void *end);

/*
 * Zeroed memory aligned to a power of two. NULL: past the end, size or alignment overflow, align
 * no power of two, or size 0.
 */
void *mm_alloc(size_t size, size_t align);

/* No more from now on: mm_alloc returns NULL. What was handed out is [*start, *end). */
void mm_close(char **start, char **end);

/* Bytes handed out so far, with what alignment cost. */
size_t mm_used(void);

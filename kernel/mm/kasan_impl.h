/* Between kasan.c, kasan_heap.c and kasan_report.c. */
#pragma once

#include "mm/kasan.h"

#define KASAN_TRACE 3 /* return addresses kept of who allocated, and who freed */

/* An object of the slab as it lies, for a report. */
struct kasan_object {
    u64 start;
    u32 size; /* asked for by the last owner */
    u32 stride;
    const char *cache;
    const u64 *allocated, *freed; /* KASAN_TRACE each, 0 behind the last */
};

/* The object whose stride `at` lies in; false: `at` is in no slab. */
bool kasan_find_object(u64 at, struct kasan_object *object);

/* A global variable, as the compiler describes it to the constructors. */
struct kasan_global {
    u64 start, size, size_with_redzone;
    const char *name, *module;
    u64 dynamic_init;
    const void *location, *odr_indicator;
};

/* By linker.ld. */
extern void (*const __init_array_start[])(void), (*const __init_array_end[])(void);

/* Calls the constructors: `each` gets the globals, file by file. */
void kasan_walk_globals(void (*each)(const struct kasan_global *globals, size_t count));

/* Panics, unless a panic goes on already. `what`: NULL for an access, said by the shadow. */
void kasan_report(u64 at, u64 size, const char *what, bool write, u64 pc) __cold;

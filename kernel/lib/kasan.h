/*
 * The address sanitizer's checks, for code on any floor (make KASAN=1; else all this is nothing).
 * Theory in mm/kasan.c.
 */
#pragma once

#include "lib/types.h"

/* The shadow byte of an address of the kernel's half; -fasan-shadow-offset of the Makefile. */
#define KASAN_SHADOW(va) (((u64)(va) >> 3) + 0xe000000000000000UL)

/*
 * For memory that is reached in other ways than by checked loads and stores: panics when one of the
 * bytes may not be touched. __no_kasan: the function's own are not checked.
 */
#if KASAN
#define __no_kasan __attribute__((no_sanitize_address))
void kasan_check(u64 at, size_t size, bool write);
#else
#define KASAN 0
#define __no_kasan
#define kasan_check(at, size, write) ((void)(at))
#endif

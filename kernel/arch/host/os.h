/* What the host architecture wants of the operating system; os.c alone sees the C library. */
#pragma once

#include <stddef.h>

/* Zeroed memory at this very address; ends the program when it is taken. */
void os_map(unsigned long address, size_t size);
void os_unmap(unsigned long address, size_t size);
unsigned long os_clock_ns(void);
void os_write(const char *text, size_t size);
void os_abort(void) __attribute__((noreturn));

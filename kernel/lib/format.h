/*
 * printf-style formatting: %d %u %x %X %o %c %s %p %%, flags "-0", "#" for x, a width in digits, a
 * precision in digits for %s, lengths l and z. Nothing else. A NULL %s prints (null), %p prints 0x
 * and hexadecimal digits. What cannot be parsed is printed as it stands.
 */
#pragma once

#include <stdarg.h>
#include "lib/types.h"

/* Where the text goes, piece by piece; embed it to carry state. Pieces have no NUL. */
struct format_out {
    void (*write)(struct format_out *out, const char *text, size_t size);
};

/* Format into `out`. Returns the number of bytes written. */
int format_v(struct format_out *out, const char *fmt, va_list args);

/*
 * Format into buf[size], always ended by NUL unless size is 0. Returns the length the whole text
 * has, which is >= size when it was cut short.
 */
int format_buf_v(char *buf, size_t size, const char *fmt, va_list args);
__printf(3, 4) int format_buf(char *buf, size_t size, const char *fmt, ...);

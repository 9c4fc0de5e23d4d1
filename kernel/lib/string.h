/*
 * Memory and strings. The mem* functions use unaligned 64-bit accesses: they are for Normal
 * memory with the MMU on. Code that runs before that has its own byte or word loops.
 */
#pragma once

#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t size);
void *memmove(void *dst, const void *src, size_t size);
void *memset(void *dst, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *mem, int byte, size_t size);

size_t strlen(const char *str);
size_t strnlen(const char *str, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *str, int c);
char *strrchr(const char *str, int c);

/*
 * Copy at most size - 1 bytes of `src` and always end with NUL (size 0: nothing is written).
 * Returns the length of what was copied, or -E2BIG when `src` was cut short.
 */
ssize_t str_copy(char *dst, const char *src, size_t size);

/* Does `str` begin with `prefix`? Returns what follows it, or NULL. */
const char *str_skip_prefix(const char *str, const char *prefix);

/*
 * Read an unsigned number in base 2..36; base 0 takes 0x, leading 0 (octal) or decimal. No
 * sign, no white space. *end (when not NULL) is set behind the last digit; when `end` is NULL,
 * the number must be the whole string. 0, -EINVAL (no digits, or trash behind), -ERANGE.
 */
int str_to_u64(const char *str, unsigned base, u64 *out, const char **end);

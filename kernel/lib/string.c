/*
 * Memory and string functions, and those that the compiler calls by name.
 *
 * The mem* functions are written so that the compiler emits pairs of 64-bit registers (ldp, stp)
 * and a block's loads all come before its stores. Up to 64 bytes take no loop: a block is covered
 * from both ends, and the two halves may overlap. A longer copy first loads its last 64 bytes,
 * copies from the front in whole blocks, and stores those 64 bytes last; so it needs no loop over
 * odd bytes, and it is right for overlapping memory too, as long as the destination is lower.
 * 64 KiB take about 9,300 instructions.
 */
#include "lib/string.h"
#include "lib/errno.h"

/* Do not turn a loop into a call of the function that it implements (clang: -ffreestanding). */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef u64 __attribute__((aligned(1), may_alias)) loose_u64;
typedef u32 __attribute__((aligned(1), may_alias)) loose_u32;
typedef u16 __attribute__((aligned(1), may_alias)) loose_u16;

struct block32 {
    u64 a, b, c, d;
};

static __always_inline u64 load64(const u8 *at)
{
    return *(const loose_u64 *)at;
}

static __always_inline void store64(u8 *at, u64 value)
{
    *(loose_u64 *)at = value;
}

static __always_inline struct block32 load32b(const u8 *at)
{
    return (struct block32){load64(at), load64(at + 8), load64(at + 16), load64(at + 24)};
}

static __always_inline void store32b(u8 *at, struct block32 block)
{
    store64(at, block.a);
    store64(at + 8, block.b);
    store64(at + 16, block.c);
    store64(at + 24, block.d);
}

static __always_inline void copy32b(u8 *dst, const u8 *src)
{
    store32b(dst, load32b(src));
}

static __always_inline void copy64b(u8 *dst, const u8 *src)
{
    copy32b(dst, src);
    copy32b(dst + 32, src + 32);
}

static __always_inline void copy128b(u8 *dst, const u8 *src)
{
    copy64b(dst, src);
    copy64b(dst + 64, src + 64);
}

/* At most 16 bytes, all loads first. */
static __always_inline void copy_upto_16(u8 *dst, const u8 *src, size_t size)
{
    if (size >= 8) {
        u64 head = load64(src), tail = load64(src + size - 8);

        store64(dst, head);
        store64(dst + size - 8, tail);
    } else if (size >= 4) {
        u32 head = *(const loose_u32 *)src, tail = *(const loose_u32 *)(src + size - 4);

        *(loose_u32 *)dst = head;
        *(loose_u32 *)(dst + size - 4) = tail;
    } else if (size) { /* first, middle and last byte: for 1 to 3 bytes these are all */
        u8 head = src[0], middle = src[size / 2], tail = src[size - 1];

        dst[0] = head;
        dst[size / 2] = middle;
        dst[size - 1] = tail;
    }
}

/* 17 to 64 bytes, all loads first. */
static __always_inline void copy_upto_64(u8 *dst, const u8 *src, size_t size)
{
    if (size <= 32) {
        u64 a = load64(src), b = load64(src + 8);
        u64 c = load64(src + size - 16), d = load64(src + size - 8);

        store64(dst, a);
        store64(dst + 8, b);
        store64(dst + size - 16, c);
        store64(dst + size - 8, d);
    } else {
        struct block32 head = load32b(src), tail = load32b(src + size - 32);

        store32b(dst, head);
        store32b(dst + size - 32, tail);
    }
}

/* More than 64 bytes, from the front; dst is not in [src + 1, src + size). */
static __always_inline void copy_up(u8 *dst, const u8 *src, size_t size)
{
    struct block32 tail0 = load32b(src + size - 64), tail1 = load32b(src + size - 32);
    u8 *last = dst + size - 64;

    for (; size >= 256; size -= 256, dst += 256, src += 256) {
        copy128b(dst, src);
        copy128b(dst + 128, src + 128);
    }
    for (; size > 64; size -= 64, dst += 64, src += 64)
        copy64b(dst, src);
    store32b(last, tail0);
    store32b(last + 32, tail1);
}

/* More than 64 bytes, from the back. */
static __always_inline void copy_down(u8 *dst, const u8 *src, size_t size)
{
    struct block32 head0 = load32b(src), head1 = load32b(src + 32);

    for (; size > 64; size -= 64) {
        copy32b(dst + size - 32, src + size - 32);
        copy32b(dst + size - 64, src + size - 64);
    }
    store32b(dst, head0);
    store32b(dst + 32, head1);
}

void *memcpy(void *dst, const void *src, size_t size)
{
    if (size <= 16)
        copy_upto_16(dst, src, size);
    else if (size <= 64)
        copy_upto_64(dst, src, size);
    else
        copy_up(dst, src, size);
    return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
    if (size <= 64 || (uintptr_t)dst - (uintptr_t)src >= size) /* lower, or apart */
        return memcpy(dst, src, size);
    copy_down(dst, src, size);
    return dst;
}

/* Less than 16 bytes of a repeated byte. */
static __always_inline void fill_below_16(u8 *dst, u64 word, size_t size)
{
    if (size >= 8) {
        store64(dst, word);
        store64(dst + size - 8, word);
    } else if (size >= 4) {
        *(loose_u32 *)dst = word;
        *(loose_u32 *)(dst + size - 4) = word;
    } else if (size) {
        dst[0] = word;
        dst[size / 2] = word;
        dst[size - 1] = word;
    }
}

void *memset(void *dst, int byte, size_t size)
{
    u64 word = (u8)byte * 0x0101010101010101UL;
    struct block32 block = {word, word, word, word};
    u8 *at = dst;

    if (size < 16) {
        fill_below_16(at, word, size);
        return dst;
    }
    for (; size >= 128; size -= 128, at += 128) {
        store32b(at, block);
        store32b(at + 32, block);
        store32b(at + 64, block);
        store32b(at + 96, block);
    }
    for (; size >= 16; size -= 16, at += 16) {
        store64(at, word);
        store64(at + 8, word);
    }
    if (size) { /* there are 16 bytes at least: the last ones may be written twice */
        store64(at + size - 16, word);
        store64(at + size - 8, word);
    }
    return dst;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const u8 *x = a, *y = b;

    for (; size >= 8; size -= 8, x += 8, y += 8) {
        u64 left = load64(x), right = load64(y);

        if (left != right) /* the first byte in memory decides */
            return __builtin_bswap64(left) < __builtin_bswap64(right) ? -1 : 1;
    }
    for (; size; size--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *memchr(const void *mem, int byte, size_t size)
{
    for (const u8 *at = mem; size; size--, at++)
        if (*at == (u8)byte)
            return (void *)at;
    return NULL;
}

size_t strlen(const char *str)
{
    const char *end = str;

    while (*end)
        end++;
    return end - str;
}

size_t strnlen(const char *str, size_t max)
{
    size_t len = 0;

    while (len < max && str[len])
        len++;
    return len;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
    for (; max; max--, a++, b++)
        if (*a != *b || !*a)
            return (u8)*a - (u8)*b;
    return 0;
}

char *strchr(const char *str, int c)
{
    for (;; str++) {
        if (*str == (char)c)
            return (char *)str;
        if (!*str)
            return NULL;
    }
}

char *strrchr(const char *str, int c)
{
    const char *found = NULL;

    for (;; str++) {
        if (*str == (char)c)
            found = str;
        if (!*str)
            return (char *)found;
    }
}

ssize_t str_copy(char *dst, const char *src, size_t size)
{
    size_t len;

    if (!size)
        return -E2BIG;
    len = strnlen(src, size);
    if (len < size) {
        memcpy(dst, src, len + 1);
        return len;
    }
    memcpy(dst, src, size - 1);
    dst[size - 1] = '\0';
    return -E2BIG;
}

const char *str_skip_prefix(const char *str, const char *prefix)
{
    while (*prefix)
        if (*str++ != *prefix++)
            return NULL;
    return str;
}

/* The value of a digit in bases up to 36, or 36. */
static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20; /* lower case */
    return c >= 'a' && c <= 'z' ? c - 'a' + 10u : 36;
}

/* Resolve base 0 by the prefix at *str, and step over a prefix that goes with the base. */
static unsigned base_of(const char **str, unsigned base)
{
    const char *at = *str;
    char mark = at[0] == '0' ? at[1] | 0x20 : 0;

    if ((base == 0 || base == 16) && mark == 'x' && digit_value(at[2]) < 16) {
        *str += 2;
        return 16;
    }
    if (base == 0)
        return at[0] == '0' ? 8 : 10;
    return base;
}

int str_to_u64(const char *str, unsigned base, u64 *out, const char **end)
{
    u64 value = 0;
    bool overflow = false;
    const char *first;

    base = base_of(&str, base);
    for (first = str; digit_value(*str) < base; str++)
        overflow |= __builtin_mul_overflow(value, (u64)base, &value) ||
                    __builtin_add_overflow(value, (u64)digit_value(*str), &value);
    if (str == first || (!end && *str))
        return -EINVAL;
    if (end)
        *end = str;
    if (overflow)
        return -ERANGE;
    *out = value;
    return 0;
}

/*
 * Bit sets in arrays of u64, bit n being bit n % 64 of word n / 64. Nothing here is atomic.
 * Searches over `bits` bits return `bits` when they find none.
 */
#pragma once

#include "lib/types.h"

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

static inline void bitmap_set(u64 *map, size_t bit)
{
    map[bit / 64] |= BIT(bit % 64);
}

static inline void bitmap_clear(u64 *map, size_t bit)
{
    map[bit / 64] &= ~BIT(bit % 64);
}

static inline void bitmap_assign(u64 *map, size_t bit, bool on)
{
    map[bit / 64] = (map[bit / 64] & ~BIT(bit % 64)) | (u64)on << bit % 64;
}

static inline bool bitmap_test(const u64 *map, size_t bit)
{
    return map[bit / 64] >> (bit % 64) & 1;
}

/* Bits set in a word, without the SIMD instruction that a builtin would ask for. */
static inline unsigned bits_weight(u64 word)
{
    word -= word >> 1 & 0x5555555555555555;
    word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return word * 0x0101010101010101 >> 56;
}

/* The first bit at or after `from` that is set. */
size_t bitmap_find_next(const u64 *map, size_t bits, size_t from);

/* The first bit at or after `from` that is clear. */
size_t bitmap_find_next_zero(const u64 *map, size_t bits, size_t from);

/* The start of the first run of `count` clear bits at or after `from`. */
size_t bitmap_find_zero_run(const u64 *map, size_t bits, size_t from, size_t count);

/* Set or clear `count` bits from `from`. */
void bitmap_set_range(u64 *map, size_t from, size_t count);
void bitmap_clear_range(u64 *map, size_t from, size_t count);

/* How many of the first `bits` bits are set. */
size_t bitmap_weight(const u64 *map, size_t bits);

#define bitmap_for_each(bit, map, bits)                              \
    for (bit = bitmap_find_next(map, bits, 0); bit < (size_t)(bits); \
         bit = bitmap_find_next(map, bits, bit + 1))

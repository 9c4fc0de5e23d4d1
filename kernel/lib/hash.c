/*
 * Hash of byte strings, and of path components while their end is being looked for.
 */
#include "lib/hash.h"

#define ONES  0x0101010101010101UL
#define HIGHS 0x8080808080808080UL

typedef u64 __attribute__((aligned(1), may_alias)) loose_u64;
typedef u32 __attribute__((aligned(1), may_alias)) loose_u32;
typedef u16 __attribute__((aligned(1), may_alias)) loose_u16;

/* The last 0 to 7 bytes as a number, little end first, without reading beyond them. */
static u64 load_tail(const u8 *at, size_t size)
{
    u64 word = 0;
    unsigned shift = 0;

    if (size & 4) {
        word = *(const loose_u32 *)at;
        at += 4;
        shift = 32;
    }
    if (size & 2) {
        word |= (u64) * (const loose_u16 *)at << shift;
        at += 2;
        shift += 16;
    }
    if (size & 1)
        word |= (u64)*at << shift;
    return word;
}

static u64 finish(u64 hash, u64 tail, size_t size)
{
    return hash_mix(hash_mix(hash, tail), size);
}

u64 hash_bytes(const void *data, size_t size, u64 seed)
{
    const u8 *at = data;
    size_t left = size;
    u64 hash = seed;

    for (; left >= 8; left -= 8, at += 8)
        hash = hash_mix(hash, *(const loose_u64 *)at);
    return finish(hash, load_tail(at, left), size);
}

/* Bit 7 of every byte of `word` that is zero; bytes above the lowest such one may err. */
static u64 zero_bytes(u64 word)
{
    return (word - ONES) & ~word & HIGHS;
}

u64 hash_name(const char *name, u64 seed, size_t *size)
{
    const char *at = name;
    u64 hash = seed, word, ends;
    unsigned bits;

    for (;; at += 8) {
        word = *(const loose_u64 *)at;
        ends = zero_bytes(word) | zero_bytes(word ^ '/' * ONES);
        if (ends)
            break;
        hash = hash_mix(hash, word);
    }
    bits = __builtin_ctzl(ends) & ~7u; /* before the terminator */
    *size = at - name + bits / 8;
    return finish(hash, word & ((1UL << bits) - 1), *size);
}

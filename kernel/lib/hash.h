/*
 * Hash functions for tables in memory: fast, seedable, not cryptographic. The result's high and
 * low bits are equally good; results differ between big- and little-endian machines.
 */
#pragma once

#include "lib/types.h"

#define HASH_MULTIPLIER 0x9e3779b97f4a7c15UL /* 2^64 divided by the golden ratio, odd */

/* A bucket number below 2^bits, 1 <= bits <= 64. */
static inline u64 hash_u64_bits(u64 value, unsigned bits)
{
    return value * HASH_MULTIPLIER >> (64 - bits);
}

/* One step over eight bytes: both halves of the 128-bit product. */
static inline u64 hash_mix(u64 hash, u64 word)
{
    unsigned __int128 product = (unsigned __int128)(hash ^ word) * HASH_MULTIPLIER;

    return (u64)product ^ (u64)(product >> 64);
}

/*
 * Hash of the path component at `name`, which ends at NUL or '/', and its length. Whole words are
 * mixed in as loaded, then (always) the last 0 to 7 bytes, padded with zeros: as a name has no
 * zeros, no two names are the same words. Up to seven bytes behind the terminator are read: the
 * buffer must have that slack.
 */
struct name_hash {
    u64 hash;
    size_t size;
};

struct name_hash hash_name(const char *name, u64 seed);

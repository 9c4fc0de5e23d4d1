/*
 * Hash of path components, while their end is being looked for.
 */
#include "lib/hash.h"
#include "lib/kasan.h"

#define ONES  0x0101010101010101UL
#define HIGHS 0x8080808080808080UL

typedef u64 __attribute__((aligned(1), may_alias)) loose_u64;

/*
 * Bit 7 of every byte of `word` that is NUL or '/'; bytes above the lowest such one may err. A byte
 * without bit 7 that gets it when 1 is taken off was 0; as '/' has no bit 7, one look at it serves
 * for both.
 */
static u64 end_bytes(u64 word)
{
    return ((word - ONES) | ((word ^ '/' * ONES) - ONES)) & ~word & HIGHS;
}

__no_kasan struct name_hash hash_name(const char *name, u64 seed)
{
    const char *at = name;
    u64 hash = seed, word, ends;
    size_t size;
    unsigned bits;

    for (;; at += 8) {
        word = *(const loose_u64 *)at;
        ends = end_bytes(word);
        if (ends)
            break;
        hash = hash_mix(hash, word);
    }
    bits = __builtin_ctzl(ends) & ~7u; /* before the terminator */
    size = at - name + bits / 8;
    kasan_check((u64)name, size + 1, false); /* the slack of a constant is the image behind it */
    return (struct name_hash){hash_mix(hash, word & ((1UL << bits) - 1)), size};
}

/*
 * Searches over bit sets, a word at a time.
 */
#include "lib/bitmap.h"

/* `flip` is all ones to look for a clear bit, 0 to look for a set one. */
static size_t find(const u64 *map, size_t bits, size_t from, u64 flip)
{
    size_t at = from / 64;
    u64 word;

    if (from >= bits)
        return bits;
    word = (map[at] ^ flip) & ~0UL << (from % 64);
    while (!word) {
        if (++at * 64 >= bits)
            return bits;
        word = map[at] ^ flip;
    }
    at = at * 64 + __builtin_ctzl(word);
    return at < bits ? at : bits;
}

size_t bitmap_find_next(const u64 *map, size_t bits, size_t from)
{
    return find(map, bits, from, 0);
}

size_t bitmap_find_next_zero(const u64 *map, size_t bits, size_t from)
{
    return find(map, bits, from, ~0UL);
}

size_t bitmap_find_zero_run(const u64 *map, size_t bits, size_t from, size_t count)
{
    while (from < bits && count <= bits) {
        size_t start = find(map, bits, from, ~0UL), end;

        if (start > bits - count)
            break;
        end = find(map, start + count, start, 0);
        if (end == start + count)
            return start;
        from = end + 1;
    }
    return bits;
}

/* The bits of the word that holds `from` which lie in [from, from + count). */
static u64 word_mask(size_t from, size_t count)
{
    u64 ones = count < 64 ? (1UL << count) - 1 : ~0UL;

    return ones << (from % 64);
}

void bitmap_set_range(u64 *map, size_t from, size_t count)
{
    while (count) {
        size_t step = MIN(64 - from % 64, count);

        map[from / 64] |= word_mask(from, step);
        from += step;
        count -= step;
    }
}

void bitmap_clear_range(u64 *map, size_t from, size_t count)
{
    while (count) {
        size_t step = MIN(64 - from % 64, count);

        map[from / 64] &= ~word_mask(from, step);
        from += step;
        count -= step;
    }
}

size_t bitmap_weight(const u64 *map, size_t bits)
{
    size_t weight = 0;

    for (size_t i = 0; i < bits / 64; i++)
        weight += bits_weight(map[i]);
    if (bits % 64)
        weight += bits_weight(map[bits / 64] & word_mask(0, bits % 64));
    return weight;
}

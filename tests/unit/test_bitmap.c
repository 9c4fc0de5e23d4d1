#include <string.h>

#include "lib/bitmap.h"
#include "unit.h"

#define BITS 331

static bool plain[BITS];

static size_t plain_find(size_t from, bool value)
{
    while (from < BITS && plain[from] != value)
        from++;
    return from < BITS ? from : BITS;
}

static size_t plain_run(size_t from, size_t count)
{
    for (; from + count <= BITS; from++) {
        size_t len = 0;

        while (len < count && !plain[from + len])
            len++;
        if (len == count)
            return from;
    }
    return BITS;
}

UNIT(bitmap_random)
{
    u64 map[BITMAP_WORDS(BITS)] = {0};

    memset(plain, 0, sizeof(plain));
    map[BITMAP_WORDS(BITS) - 1] = ~0ul << BITS % 64; /* what lies behind must not matter */
    for (int round = 0; round < 3000; round++) {
        size_t bit = unit_random() % BITS, count = unit_random() % 150, weight = 0, each;

        switch (unit_random() % 5) {
        case 0:
            bitmap_set(map, bit);
            plain[bit] = true;
            break;
        case 1:
            bitmap_clear(map, bit);
            plain[bit] = false;
            break;
        case 2:
            count = MIN(count, BITS - bit);
            bitmap_set_range(map, bit, count);
            memset(plain + bit, 1, count);
            break;
        default:
            count = MIN(count, BITS - bit);
            bitmap_clear_range(map, bit, count);
            memset(plain + bit, 0, count);
        }
        for (size_t i = 0; i < BITS; i++) {
            CHECK(bitmap_test(map, i) == plain[i]);
            weight += plain[i];
        }
        CHECK_EQ(bitmap_weight(map, BITS), weight);
        bitmap_for_each(each, map, BITS)
            weight -= plain[each] ? 1 : BITS;
        CHECK_EQ(weight, 0);
        bit = unit_random() % (BITS + 2);
        CHECK_EQ(bitmap_find_next(map, BITS, bit), plain_find(bit, true));
        CHECK_EQ(bitmap_find_next_zero(map, BITS, bit), plain_find(bit, false));
        count = 1 + unit_random() % 100;
        CHECK_EQ(bitmap_find_zero_run(map, BITS, bit, count), plain_run(bit, count));
    }
    CHECK_EQ(map[BITMAP_WORDS(BITS) - 1] >> BITS % 64, ~0ul >> BITS % 64);
    CHECK_EQ(bitmap_find_next(map, 0, 0), 0);
    CHECK_EQ(bitmap_find_zero_run(map, BITS, 0, BITS + 1), BITS);
}

#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "unit.h"

/* What hash_name says it computes, byte by byte. */
static u64 plain_hash(const char *name, size_t size, u64 seed)
{
    u64 hash = seed, word = 0;

    for (size_t i = 0; i < size; i++) {
        word |= (u64)(u8)name[i] << i % 8 * 8;
        if (i % 8 == 7) {
            hash = hash_mix(hash, word);
            word = 0;
        }
    }
    return hash_mix(hash, word);
}

/* It must find the end, for every length and alignment, whatever lies behind. */
UNIT(hash_name_finds_the_end)
{
    for (int round = 0; round < 20000; round++) {
        size_t size = unit_random() % 40, skew = unit_random() % 8;
        char *buf = malloc(skew + size + 8), *name = buf + skew;
        u64 seed = unit_random();
        struct name_hash found;

        for (size_t i = 0; i < size + 8; i++) {
            name[i] = unit_random();
            if (i < size && (!name[i] || name[i] == '/'))
                name[i] = round & 1 ? '\x80' : '.';
        }
        name[size] = round & 2 ? '/' : '\0';
        found = hash_name(name, seed);
        CHECK_EQ(found.hash, plain_hash(name, size, seed));
        CHECK_EQ(found.size, size);
        free(buf);
    }
}

/* Spread: 4096 similar keys over 1024 buckets; a random choice fills about 98% of them. */
UNIT(hash_spread)
{
    static bool used[3][1024];
    int filled[3] = {0};

    memset(used, 0, sizeof(used));
    for (u64 i = 0; i < 4096; i++) {
        char name[20] = "file0000.txt";

        for (int k = 0; k < 4; k++)
            name[4 + k] = '0' + (i >> (9 - 3 * k) & 7);
        used[0][hash_name(name, 1).hash & 1023] = true;
        used[1][hash_name(name, 1).hash >> 54] = true;
        used[2][hash_u64_bits(i << 12, 10)] = true;
    }
    for (int t = 0; t < 3; t++) {
        for (int i = 0; i < 1024; i++)
            filled[t] += used[t][i];
        CHECK(filled[t] > 970);
    }
}

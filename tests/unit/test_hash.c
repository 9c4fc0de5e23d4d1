#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "unit.h"

/* hash_name must find the end and agree with hash_bytes, for every length and alignment. */
UNIT(hash_name_is_hash_bytes)
{
    for (int round = 0; round < 20000; round++) {
        size_t size = unit_random() % 40, skew = unit_random() % 8, found = 99;
        char *buf = malloc(skew + size + 8), *name = buf + skew;
        u64 seed = unit_random();

        for (size_t i = 0; i < size + 8; i++) {
            name[i] = unit_random();
            if (i < size && (!name[i] || name[i] == '/'))
                name[i] = round & 1 ? '\x80' : '.';
        }
        name[size] = round & 2 ? '/' : '\0';
        CHECK_EQ(hash_name(name, seed, &found), hash_bytes(name, size, seed));
        CHECK_EQ(found, size);
        free(buf);
    }
}

UNIT(hash_bytes_reads_no_further)
{
    for (size_t size = 0; size < 40; size++) {
        u8 *exact = malloc(size), *padded = calloc(1, size + 8);

        memset(exact, 'a', size);
        memset(padded, 'a', size);
        CHECK_EQ(hash_bytes(exact, size, 7), hash_bytes(padded, size, 7));
        CHECK(hash_bytes(padded, size, 7) != hash_bytes(padded, size + 1, 7));
        CHECK(hash_bytes(padded, size, 7) != hash_bytes(padded, size, 8));
        free(exact);
        free(padded);
    }
}

/* Spread: 4096 similar keys over 1024 buckets; a random choice fills about 98% of them. */
UNIT(hash_spread)
{
    static bool used[3][1024];
    int filled[3] = {0};

    memset(used, 0, sizeof(used));
    for (u64 i = 0; i < 4096; i++) {
        char name[12] = "file0000.txt";

        for (int k = 0; k < 4; k++)
            name[4 + k] = '0' + (i >> (9 - 3 * k) & 7);
        used[0][hash_bytes(name, sizeof(name), 1) & 1023] = true;
        used[1][hash_bytes(name, sizeof(name), 1) >> 54] = true;
        used[2][hash_u64_bits(i << 12, 10)] = true;
    }
    for (int t = 0; t < 3; t++) {
        for (int i = 0; i < 1024; i++)
            filled[t] += used[t][i];
        CHECK(filled[t] > 970);
    }
    CHECK(hash_u64(1) != hash_u64(2));
}

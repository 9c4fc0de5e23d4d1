#include <stdlib.h>
#include <string.h>

static void *(*const host_memcpy)(void *, const void *, size_t) = memcpy;
static void *(*const host_memmove)(void *, const void *, size_t) = memmove;
static void *(*const host_memset)(void *, int, size_t) = memset;
static int (*const host_memcmp)(const void *, const void *, size_t) = memcmp;

#include "rename.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "unit.h"

static void fill(u8 *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = unit_random();
}

/* Exact heap blocks, so that ASan sees one byte too many on either side. */
UNIT(string_memcpy)
{
    for (size_t size = 0; size < 1200; size += size < 300 ? 1 : 37) {
        size_t skew = unit_random() % 8;
        u8 *src = malloc(size + skew), *dst = malloc(size + skew);

        fill(src, size + skew);
        CHECK(memcpy(dst + skew, src + skew, size) == dst + skew);
        CHECK(host_memcmp(dst + skew, src + skew, size) == 0);
        free(src);
        free(dst);
    }
}

UNIT(string_memmove)
{
    enum { SPAN = 900 };
    u8 start[SPAN], have[SPAN], want[SPAN];

    fill(start, SPAN);
    for (int round = 0; round < 20000; round++) {
        size_t size = unit_random() % (round % 2 ? 100 : 600);
        size_t from = unit_random() % 200, to = from;

        to += unit_random() % 4 ? unit_random() % 80 : unit_random() % 200;
        if (round & 4) {
            size_t swap = from;

            from = to;
            to = swap;
        }
        size = MIN(size, SPAN - MAX(from, to));
        host_memcpy(have, start, SPAN);
        host_memcpy(want, start, SPAN);
        CHECK(memmove(have + to, have + from, size) == have + to);
        host_memmove(want + to, want + from, size);
        CHECK(host_memcmp(have, want, SPAN) == 0);
    }
}

UNIT(string_memset)
{
    for (size_t size = 0; size < 600; size++) {
        size_t skew = unit_random() % 8;
        u8 *have = malloc(size + skew), *want = malloc(size + skew);

        fill(have, size + skew);
        host_memcpy(want, have, size + skew);
        CHECK(memset(have + skew, 0x1a5, size) == have + skew);
        host_memset(want + skew, 0x1a5, size);
        CHECK(host_memcmp(have, want, size + skew) == 0);
        free(have);
        free(want);
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

UNIT(string_memcmp_memchr)
{
    for (int round = 0; round < 20000; round++) {
        size_t size = unit_random() % 40;
        u8 *a = malloc(size), *b = malloc(size), byte = unit_random();
        const u8 *found = NULL;

        fill(a, size);
        host_memcpy(b, a, size);
        for (size_t i = unit_random() % 3; size && i; i--)
            b[unit_random() % size] = unit_random();
        CHECK_EQ(sign(memcmp(a, b, size)), sign(host_memcmp(a, b, size)));
        for (size_t i = size; i-- > 0;)
            if (a[i] == byte)
                found = a + i;
        CHECK(memchr(a, byte, size) == found);
        free(a);
        free(b);
    }
}

UNIT(string_strings)
{
    const char *s = "abcabd";

    CHECK_EQ(strlen(""), 0);
    CHECK_EQ(strlen(s), 6);
    CHECK_EQ(strnlen(s, 4), 4);
    CHECK_EQ(strnlen(s, 99), 6);
    CHECK(strcmp("a", "a") == 0 && strcmp("a", "ab") < 0 && strcmp("b", "ab") > 0);
    CHECK(strcmp("\xff", "a") > 0); /* bytes are unsigned */
    CHECK(strncmp("abc", "abd", 2) == 0 && strncmp("abc", "abd", 3) < 0);
    CHECK(strncmp("a", "a", 9) == 0 && strncmp("x", "y", 0) == 0);
    CHECK(strchr(s, 'b') == s + 1 && strrchr(s, 'b') == s + 4);
    CHECK(strchr(s, 0) == s + 6 && strrchr(s, 0) == s + 6);
    CHECK(!strchr(s, 'x') && !strrchr(s, 'x'));
    CHECK(str_skip_prefix(s, "abc") == s + 3 && !str_skip_prefix(s, "abd"));
    CHECK(!str_skip_prefix("ab", "abc") && str_skip_prefix(s, "") == s);
}

UNIT(string_copy)
{
    char buf[4] = "zzz";

    CHECK_EQ(str_copy(buf, "abc", 0), -E2BIG);
    CHECK_STR(buf, "zzz");
    CHECK_EQ(str_copy(buf, "abc", 4), 3);
    CHECK_STR(buf, "abc");
    CHECK_EQ(str_copy(buf, "wxyz", 4), -E2BIG);
    CHECK_STR(buf, "wxy");
    CHECK_EQ(str_copy(buf, "", 4), 0);
    CHECK_STR(buf, "");
    CHECK_EQ(str_copy(buf, "q", 1), -E2BIG);
    CHECK_STR(buf, "");
}

UNIT(string_to_u64)
{
    static const struct {
        const char *str;
        unsigned base;
        int err;
        u64 value;
    } cases[] = {
        {"0", 0, 0, 0},
        {"123", 0, 0, 123},
        {"0x1F", 0, 0, 31},
        {"0x1f", 16, 0, 31},
        {"1f", 16, 0, 31},
        {"0b101", 0, -EINVAL, 0},
        {"0b1", 16, 0, 0xb1},
        {"017", 0, 0, 15},
        {"zz", 36, 0, 35 * 36 + 35},
        {"18446744073709551615", 10, 0, ~0ul},
        {"18446744073709551616", 10, -ERANGE, 0},
        {"99999999999999999999999999", 10, -ERANGE, 0},
        {"0xffffffffffffffff", 0, 0, ~0ul},
        {"0x10000000000000000", 0, -ERANGE, 0},
        {"", 10, -EINVAL, 0},
        {"x", 10, -EINVAL, 0},
        {"-1", 10, -EINVAL, 0},
        {" 1", 10, -EINVAL, 0},
        {"12k", 10, -EINVAL, 0},
        {"0x", 0, -EINVAL, 0},
        {"08", 0, -EINVAL, 0},
    };
    const char *end, *text = "64K";
    u64 value;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        value = 0;
        CHECK_EQ(str_to_u64(cases[i].str, cases[i].base, &value, NULL), cases[i].err);
        CHECK_EQ(value, cases[i].value);
    }
    CHECK_EQ(str_to_u64(text, 0, &value, &end), 0);
    CHECK(value == 64 && end == text + 2);
    CHECK_EQ(str_to_u64("k", 0, &value, &end), -EINVAL);
}

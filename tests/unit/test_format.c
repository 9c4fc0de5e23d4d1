#include <stdio.h>
#include <string.h>

#include "lib/format.h"
#include "unit.h"

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-zero-length"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#endif

/* The same call to the host's snprintf: text and length must agree. */
#define SAME(...)                                                   \
    do {                                                            \
        char have[300], want[300];                                  \
        int have_len = format_buf(have, sizeof(have), __VA_ARGS__); \
        int want_len = snprintf(want, sizeof(want), __VA_ARGS__);   \
        CHECK_STR(have, want);                                      \
        CHECK_EQ(have_len, want_len);                               \
    } while (0)

UNIT(format_integers)
{
    static const char *const flags[] = {"", "-", "0", "-0"};
    static const char *const sizes[] = {"", "1", "5", "30"};
    static const char *const lengths[] = {"", "l", "z"};
    static const long values[] = {0,     1,          7,          -1,        127,
                                  128,   -128,       255,        1000,      -32769,
                                  65536, 0x7fffffff, 0x80000000, INT64_MIN, INT64_MAX};
    char fmt[32];

    for (const char *conv = "duxXo"; *conv; conv++)
        for (size_t f = 0; f < ARRAY_SIZE(flags); f++)
            for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
                for (size_t l = 0; l < ARRAY_SIZE(lengths); l++)
                    for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
                        snprintf(fmt, sizeof(fmt), "<%%%s%s%s%c>", flags[f], sizes[s], lengths[l],
                                 *conv);
                        if (!lengths[l][0])
                            SAME(fmt, (int)values[v]);
                        else
                            SAME(fmt, values[v]);
                    }
}

UNIT(format_text)
{
    SAME("");
    SAME("plain");
    SAME("%s and %s", "one", "two");
    SAME("[%10s] [%-10s] [%.2s] [%-6.3s] [%6.3s]", "abc", "abc", "abc", "abcd", "abcd");
    SAME("%#x %#lx [%#10x] [%-#10x] [%#010x] %#x", 1, 2l, 3, 4, 5, 0);
    SAME("%c%c%c [%4c] [%-4c]", 'a', 'b', 'c', 'd', 'e');
    SAME("100%% %d%%", 5);
    SAME("%p", (void *)0x1234abcd);
    SAME("[%20p] [%-20p]", (void *)0x10, (void *)0x20);
    SAME("%s", "a string that is longer than any run of padding, to be sure of it");
    SAME("[%100s]", "x");
    SAME("%d %s %lu %c %x", -1, "s", 1ul << 40, 'z', 255);
    SAME("%.0s|", "abc");
}

UNIT(format_odd)
{
    char buf[64];
    const char *null = NULL;
    char unterminated[3] = {'a', 'b', 'c'};

    CHECK_EQ(format_buf(buf, sizeof(buf), "%s", null), 6);
    CHECK_STR(buf, "(null)");
    format_buf(buf, sizeof(buf), "%p", null);
    CHECK_STR(buf, "0x0");
    format_buf(buf, sizeof(buf), "%.3s", unterminated);
    CHECK_STR(buf, "abc");
    format_buf(buf, sizeof(buf), "a%");
    CHECK_STR(buf, "a%");
    format_buf(buf, sizeof(buf), "a%5k %d", 1);
    CHECK_STR(buf, "a%5k %d");
    CHECK_EQ(format_buf(buf, sizeof(buf), "%9999d", 1), 9999);
    CHECK_EQ(strlen(buf), sizeof(buf) - 1);
}

UNIT(format_cut)
{
    char buf[8];

    for (size_t size = 0; size <= sizeof(buf); size++) {
        char want[8];

        memset(buf, '#', sizeof(buf));
        CHECK_EQ(format_buf(buf, size, "%d-%s", 123, "xy"), 6);
        snprintf(want, size, "%d-%s", 123, "xy");
        if (size)
            CHECK_STR(buf, want);
        if (size < sizeof(buf))
            CHECK_EQ(buf[size], '#');
    }
}

struct counter {
    struct format_out out;
    size_t bytes;
};

static void count_bytes(struct format_out *out, const char *text, size_t size)
{
    (void)text;
    container_of(out, struct counter, out)->bytes += size;
}

static int format_to(struct format_out *out, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = format_v(out, fmt, args);
    va_end(args);
    return len;
}

UNIT(format_sink)
{
    struct counter counter = {{count_bytes}, 0};

    CHECK_EQ(format_to(&counter.out, "%50d|%s", 1, "abc"), 54);
    CHECK_EQ(counter.bytes, 54);
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cpio.h"
#include "lib/errno.h"
#include "unit.h"

/* An archive under construction. */
struct maker {
    u8 bytes[16384];
    size_t size, base;
};

static void append(struct maker *m, const void *data, size_t size)
{
    memcpy(m->bytes + m->size, data, size);
    m->size += size;
}

static void pad_to(struct maker *m, size_t unit)
{
    while ((m->size - m->base) % unit)
        m->bytes[m->size++] = 0;
}

/* `extra` more NULs in the name; data[size]. */
static void member(struct maker *m, const char *name, size_t extra, u32 mode, const void *data,
                   u32 size)
{
    char header[111];
    size_t name_size = strlen(name) + 1 + extra;

    snprintf(header, sizeof(header), "070701%08X%08x%08X%08X%08X%08X%08X%08X%08X%08X%08X%08zX%08X",
             0xabc, mode, 1000, 1001, 2, 0x5f000000, size, 3, 4, 5, 6, name_size, 0);
    append(m, header, 110);
    append(m, name, strlen(name));
    for (size_t i = 0; i <= extra; i++)
        append(m, "", 1);
    pad_to(m, 4);
    append(m, data, size);
    pad_to(m, 4);
}

static void trailer(struct maker *m)
{
    member(m, "TRAILER!!!", 0, 0, "", 0);
}

static void new_archive(struct maker *m, size_t zeros)
{
    memset(m->bytes + m->size, 0, zeros);
    m->size += zeros;
    m->base = m->size;
}

static size_t make_two(struct maker *m)
{
    static u8 page[4096];

    memset(page, 'p', sizeof(page));
    m->size = m->base = 0;
    member(m, ".", 0, 040755, "", 0);
    member(m, "etc/motd", 0, 0100644, "hello", 5);
    /* the data of this one is to begin at 4096 */
    member(m, "bin/sh", 4096 - m->size - 110 - 7, 0100755, page, sizeof(page));
    trailer(m);
    new_archive(m, 301); /* so that the second begins at no multiple of four */
    member(m, "link", 0, 0120777, "etc/motd", 8);
    trailer(m);
    new_archive(m, 64);
    return m->size;
}

UNIT(cpio_two_archives)
{
    static struct maker m;
    struct cpio cpio;
    struct cpio_entry e;

    make_two(&m);
    cpio_open(&cpio, m.bytes, m.size);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_ENTRY);
    CHECK_STR(e.name, ".");
    CHECK(e.mode == 040755 && e.size == 0 && e.ino == 0xabc && e.uid == 1000 && e.gid == 1001);
    CHECK(e.nlink == 2 && e.mtime == 0x5f000000 && e.dev_major == 3 && e.dev_minor == 4);
    CHECK(e.rdev_major == 5 && e.rdev_minor == 6);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_ENTRY);
    CHECK_STR(e.name, "etc/motd");
    CHECK(e.size == 5 && memcmp(e.data, "hello", 5) == 0);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_ENTRY);
    CHECK_STR(e.name, "bin/sh");
    CHECK_EQ(e.data - m.bytes, 4096);
    CHECK(e.size == 4096 && e.data[0] == 'p' && e.data[4095] == 'p');
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_ENTRY);
    CHECK_STR(e.name, "link");
    CHECK(e.size == 8 && memcmp(e.data, "etc/motd", 8) == 0);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_END);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_END);
    CHECK(!cpio.error);
}

UNIT(cpio_foreign)
{
    static struct maker m;
    struct cpio cpio;
    struct cpio_entry e;

    m.size = m.base = 0;
    member(&m, "a", 0, 0100644, "1", 1);
    trailer(&m);
    new_archive(&m, 8);
    append(&m, "\x1f\x8b\x08", 3);
    cpio_open(&cpio, m.bytes, m.size);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_ENTRY);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_FOREIGN);
    CHECK_EQ(cpio.pos, m.size - 3);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_FOREIGN);
    cpio_open(&cpio, "\x1f\x8b\x08...", 6);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_FOREIGN);
    CHECK_EQ(cpio.pos, 0);
    cpio_open(&cpio, NULL, 0);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_END);
}

/* Change one thing in the second member of an archive and expect this error there. */
static void expect_error(size_t at, const char *bytes, const char *error)
{
    static struct maker m;
    struct cpio cpio;
    struct cpio_entry e;
    size_t second;

    m.size = m.base = 0;
    member(&m, "first", 0, 0100644, "1", 1);
    second = m.size;
    member(&m, "second", 0, 0100644, "22", 2);
    trailer(&m);
    memcpy(m.bytes + second + at, bytes, strlen(bytes) + (*bytes == 0));
    cpio_open(&cpio, m.bytes, m.size);
    CHECK_EQ(cpio_next(&cpio, &e), CPIO_ENTRY);
    CHECK_EQ(cpio_next(&cpio, &e), -EINVAL);
    CHECK_STR(cpio.error, error);
    CHECK_EQ(cpio.pos, second);
    CHECK_EQ(cpio_next(&cpio, &e), -EINVAL);
}

UNIT(cpio_errors)
{
    expect_error(0, "07070x", "no header where one must be");
    expect_error(0, "\0", "no header where one must be");
    expect_error(6, "0000000g", "a header field is no number");
    expect_error(109, " ", "a header field is no number");
    expect_error(6 + 8 * 6, "FFFFFFFF", "cut short");  /* size of the data */
    expect_error(6 + 8 * 11, "FFFFFFFF", "cut short"); /* size of the name */
    expect_error(6 + 8 * 11, "00000000", "bad file name");
    expect_error(6 + 8 * 11, "00000006", "bad file name");
    expect_error(110, "\0", "bad file name");
}

/* Read all and touch all bytes that the entries promise. */
static void read_through(const u8 *data, size_t size)
{
    struct cpio cpio;
    struct cpio_entry e;
    volatile u8 sink;
    int steps = 0;

    cpio_open(&cpio, data, size);
    while (cpio_next(&cpio, &e) == CPIO_ENTRY) {
        CHECK(strlen(e.name) <= CPIO_NAME_MAX);
        for (u32 i = 0; i < e.size; i++)
            sink = e.data[i];
        (void)sink;
        CHECK(++steps < 1000);
    }
    CHECK(cpio.pos <= size);
}

UNIT(cpio_truncated_and_flipped)
{
    static struct maker m;
    size_t size = make_two(&m);

    for (size_t cut = 0; cut <= size; cut++) {
        u8 *copy = malloc(cut);

        memcpy(copy, m.bytes, cut);
        read_through(copy, cut);
        free(copy);
    }
    for (size_t at = 0; at < size; at++) {
        u8 *copy = malloc(size);

        memcpy(copy, m.bytes, size);
        copy[at] ^= 1 << unit_random() % 8;
        read_through(copy, size);
        copy[at] = "0F/x\xff"[unit_random() % 6];
        read_through(copy, size);
        free(copy);
    }
}

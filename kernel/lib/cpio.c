/*
 * The newc cpio reader. A member is a header of 110 characters, the name, and the data; the data
 * and the next header begin at multiples of four counted from the start of the archive.
 */
#include "lib/cpio.h"
#include "lib/errno.h"
#include "lib/string.h"

#define MAGIC_SIZE  6

#define HEADER_SIZE (MAGIC_SIZE + CPIO_FIELDS * 8) /* a field is eight hexadecimal digits */

void cpio_open(struct cpio *cpio, const void *data, size_t size)
{
    *cpio = (struct cpio){.data = data, .size = size};
}

static int fail(struct cpio *cpio, const char *error)
{
    cpio->error = error;
    return -EINVAL;
}

static bool is_magic(const u8 *at)
{
    return memcmp(at, "07070", 5) == 0 && (at[5] == '1' || at[5] == '2');
}

static bool parse_hex(const u8 *at, u32 *value)
{
    *value = 0;
    for (int i = 0; i < 8; i++) {
        u8 c = at[i];
        u32 digit;

        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10;
        else
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

/* Where the next multiple of four lies, not beyond the buffer (the last padding may be cut). */
static size_t align_in_archive(const struct cpio *cpio, size_t pos)
{
    pos = cpio->base + ALIGN_UP(pos - cpio->base, 4);
    return MIN(pos, cpio->size);
}

/* Between archives: step over zeros. Returns CPIO_ENTRY when an archive begins there. */
static int archive_begin(struct cpio *cpio)
{
    while (cpio->pos < cpio->size && cpio->data[cpio->pos] == 0)
        cpio->pos++;
    if (cpio->pos == cpio->size)
        return CPIO_END;
    if (cpio->size - cpio->pos < MAGIC_SIZE || !is_magic(cpio->data + cpio->pos))
        return CPIO_FOREIGN;
    cpio->base = cpio->pos;
    cpio->inside = true;
    return CPIO_ENTRY;
}

/* Parse the member at pos. Sets `next` to the position behind it; pos stays. */
static int member_parse(struct cpio *cpio, struct cpio_entry *entry, size_t *next)
{
    const u8 *header = cpio->data + cpio->pos;
    size_t left = cpio->size - cpio->pos, data_pos;

    if (left < HEADER_SIZE)
        return fail(cpio, "cut short");
    if (!is_magic(header))
        return fail(cpio, "no header where one must be");
    for (int i = 0; i < CPIO_FIELDS; i++)
        if (!parse_hex(header + MAGIC_SIZE + 8 * i, &entry->fields[i]))
            return fail(cpio, "a header field is no number");
    left -= HEADER_SIZE;
    if (entry->name_size > left)
        return fail(cpio, "cut short");

    entry->name = (const char *)header + HEADER_SIZE;
    if (entry->name_size < 2 || entry->name[0] == '\0' ||
        entry->name[entry->name_size - 1] != '\0' ||
        strnlen(entry->name, CPIO_NAME_MAX + 1) > CPIO_NAME_MAX)
        return fail(cpio, "bad file name");
    data_pos = align_in_archive(cpio, cpio->pos + HEADER_SIZE + entry->name_size);
    if (entry->size > cpio->size - data_pos)
        return fail(cpio, "cut short");

    entry->data = cpio->data + data_pos;
    *next = align_in_archive(cpio, data_pos + entry->size);
    return 0;
}

int cpio_next(struct cpio *cpio, struct cpio_entry *entry)
{
    size_t next;
    int err;

    for (;;) {
        if (cpio->inside && cpio->pos == cpio->size)
            return CPIO_END;
        if (!cpio->inside) {
            int begin = archive_begin(cpio);

            if (begin != CPIO_ENTRY)
                return begin;
        }
        err = member_parse(cpio, entry, &next);
        if (err)
            return err;
        cpio->pos = next;
        if (strcmp(entry->name, "TRAILER!!!") != 0)
            return CPIO_ENTRY;
        cpio->inside = false;
    }
}

/*
 * gzip members (RFC 1952) in memory: header and checksum here, the deflate data by zlib, which is
 * built without anything but its inflate (zlib.mk).
 */
#include "fs/fs.h"

#include <zlib.h>
#include "lib/errno.h"
#include "mm/kmalloc.h"
#include "mm/vmalloc.h"
#include "sched/reclaim.h"

#define HEADER_SIZE    10
#define TRAILER_SIZE   8
#define FLAG_HCRC      2
#define FLAG_EXTRA     4
#define FLAG_NAME      8
#define FLAG_COMMENT   16
#define FLAGS_RESERVED 0xe0
#define SCRATCH_SIZE   16384
#define OUT_MAX        (1UL << 31)

static void *zlib_alloc(void *opaque, unsigned items, unsigned size)
{
    (void)opaque;
    return kmalloc((size_t)items * size);
}

static void zlib_free(void *opaque, void *memory)
{
    (void)opaque;
    kfree(memory);
}

/* The length of the header, or 0 when it is none. */
static size_t header_length(const u8 *data, size_t size)
{
    size_t pos = HEADER_SIZE;
    u8 flags;

    if (size < HEADER_SIZE + TRAILER_SIZE || data[0] != 0x1f || data[1] != 0x8b || data[2] != 8)
        return 0;
    flags = data[3];
    if (flags & FLAGS_RESERVED)
        return 0;
    if (flags & FLAG_EXTRA) {
        if (size - pos < 2)
            return 0;
        pos += 2 + (data[pos] | data[pos + 1] << 8);
    }
    for (u32 strings = !!(flags & FLAG_NAME) + !!(flags & FLAG_COMMENT); strings; strings--) {
        while (pos < size && data[pos])
            pos++;
        pos++;
    }
    if (flags & FLAG_HCRC)
        pos += 2;
    return pos < size ? pos : 0;
}

static u32 crc32_of(const u8 *data, size_t size)
{
    u32 table[16], crc = ~0u;

    for (u32 i = 0; i < 16; i++) {
        table[i] = i;
        for (u32 bit = 0; bit < 4; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    while (size--) {
        crc ^= *data++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/*
 * Inflate into `out` of out_size bytes, or, with out NULL, only count. *used: bytes of deflate
 * data; *total: bytes that came out. 0, -EINVAL, -ENOMEM.
 */
static int inflate_all(const u8 *data, size_t size, u8 *out, size_t out_size, size_t *used,
                       size_t *total)
{
    u8 *scratch = out ? NULL : kmalloc(SCRATCH_SIZE);
    z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free};
    int result;

    if (!out && !scratch)
        return -ENOMEM;
    z.next_in = (u8 *)data;
    z.avail_in = MIN(size, (size_t)UINT32_MAX);
    result = inflateInit2(&z, -MAX_WBITS); /* bare deflate data */
    if (result == Z_OK) {
        do {
            if (!out || z.total_out == 0) {
                z.next_out = out ? out : scratch;
                z.avail_out = out ? out_size : SCRATCH_SIZE;
            }
            result = inflate(&z, out ? Z_FINISH : Z_NO_FLUSH);
        } while (!out && result == Z_OK && z.total_out < OUT_MAX);
        inflateEnd(&z);
    }
    kfree(scratch);
    *used = z.total_in;
    *total = z.total_out;
    if (result == Z_MEM_ERROR)
        return -ENOMEM;
    return result == Z_STREAM_END ? 0 : -EINVAL;
}

/* A byte is never less than 1/1032 of what it inflates to, so the first pass ends. */
int gunzip(const u8 *data, size_t size, u8 **out, size_t *out_size, size_t *used)
{
    size_t header = header_length(data, size), body, total;
    const u8 *trailer;
    u32 crc, length;
    int err;

    if (!header)
        return -EINVAL;
    err = inflate_all(data + header, size - header, NULL, 0, &body, &total);
    if (err)
        return err;
    if (size - header - body < TRAILER_SIZE)
        return -EINVAL;
    trailer = data + header + body;
    crc = trailer[0] | trailer[1] << 8 | trailer[2] << 16 | (u32)trailer[3] << 24;
    length = trailer[4] | trailer[5] << 8 | trailer[6] << 16 | (u32)trailer[7] << 24;
    *out = vmalloc(total + 1);
    if (!*out)
        return -ENOMEM;
    err = inflate_all(data + header, body, *out, total + 1, &body, &total);
    if (!err && (crc32_of(*out, total) != crc || (u32)total != length))
        err = -EINVAL;
    if (err) {
        vfree(*out);
        return err;
    }
    *out_size = total;
    *used = header + body + TRAILER_SIZE;
    return 0;
}

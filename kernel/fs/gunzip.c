/*
 * gzip members (RFC 1952) in memory, by zlib, of which nothing but inflate is built in (zlib.mk).
 */
#include "fs/fs.h"

#include <zlib.h>
#include "lib/errno.h"
#include "mm/vmalloc.h"
#include "sched/reclaim.h"

#define SCRATCH_SIZE 16384
#define OUT_MAX      (1UL << 31)

static void *zlib_alloc(void *opaque, unsigned items, unsigned size)
{
    return kmalloc((size_t)items * size);
}

static void zlib_free(void *opaque, void *memory)
{
    kfree(memory);
}

/*
 * Inflate the member at z->next_in into `out`, which must have room for more than all of it, or,
 * with `again`, as often as need be, to count: z->total_in, z->total_out. 0, -EINVAL, -ENOMEM.
 */
static int inflate_member(z_stream *z, u8 *out, size_t out_size, bool again)
{
    int result = inflateInit2(z, MAX_WBITS + 16); /* with the header and the checksum of gzip */

    if (result != Z_OK)
        return -ENOMEM;
    do {
        z->next_out = out;
        z->avail_out = out_size;
        result = inflate(z, Z_NO_FLUSH);
    } while (again && result == Z_OK && z->total_out < OUT_MAX);
    inflateEnd(z);
    if (result == Z_MEM_ERROR)
        return -ENOMEM;
    return result == Z_STREAM_END ? 0 : -EINVAL;
}

/* A byte is never less than 1/1032 of what it inflates to, so the count ends. */
int gunzip(const u8 *data, size_t size, u8 **out, size_t *out_size, size_t *used)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free, .next_in = (u8 *)data};
    u8 *scratch __scoped(kmalloc) = kmalloc(SCRATCH_SIZE);
    int err;

    if (!scratch)
        return -ENOMEM;
    z.avail_in = MIN(size, (size_t)UINT32_MAX);
    err = inflate_member(&z, scratch, SCRATCH_SIZE, true);
    if (err)
        return err;
    *out_size = z.total_out;
    *used = z.total_in;
    *out = vmalloc(*out_size + 1);
    if (!*out)
        return -ENOMEM;
    z.next_in = (u8 *)data;
    z.avail_in = *used;
    err = inflate_member(&z, *out, *out_size + 1, false);
    if (err)
        vfree(*out);
    return err;
}

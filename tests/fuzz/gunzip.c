/* gzip members that may be anything, through the kernel's gunzip() and its zlib. */
#include "fs/fs.h"
#include "fuzz.h"
#include "mm/vmalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u8 *packed = exact_copy(data, size), *out;
    size_t out_size, used;

    if (gunzip(packed, size, &out, &out_size, &used) == 0) {
        assert(used <= size);
        out[out_size] = 0; /* the room that is promised */
        vfree(out);
    }
    free(packed);
    return 0;
}

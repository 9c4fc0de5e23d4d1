/* The cpio reader, over an archive that may be anything. */
#include "fuzz.h"
#include "lib/cpio.h"

static volatile u8 sink;

static void check_entry(const struct cpio *cpio, const struct cpio_entry *e)
{
    size_t name = (const u8 *)e->name - cpio->data, data = e->data - cpio->data;
    size_t len = strlen(e->name);

    assert(name < cpio->size && len > 0 && len <= CPIO_NAME_MAX && len < cpio->size - name);
    assert(data <= cpio->size && e->size <= cpio->size - data);
    for (u32 i = 0; i < e->size; i++)
        sink = e->data[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u8 *archive = exact_copy(data, size);
    struct cpio cpio;
    struct cpio_entry entry;
    size_t before = 0;
    int what;

    cpio_open(&cpio, archive, size);
    while ((what = cpio_next(&cpio, &entry)) == CPIO_ENTRY) {
        assert(cpio.pos > before && cpio.pos <= size);
        before = cpio.pos;
        check_entry(&cpio, &entry);
    }
    assert(what >= 0 || cpio.error);
    assert(cpio.pos >= before && cpio.pos <= size);
    free(archive);
    return 0;
}

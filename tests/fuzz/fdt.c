/* The device tree reader: everything that can be asked, of every node of any blob. */
#include "fuzz.h"
#include "lib/errno.h"
#include "lib/fdt.h"

static const char *const names[] = {
    "compatible", "reg",    "ranges",           "interrupts", "interrupts-extended",
    "phandle",    "status", "interrupt-parent", "bootargs",   "",
};
static const char *const paths[] = {
    "/", "/cpus/cpu@0", "/chosen:115200n8", "serial0:8n1", "serial0", "//memory", "", ":", "/soc",
};

static volatile u64 sink;

static void ask_property(const struct fdt *fdt, int node, const char *name)
{
    u32 len, cell;
    u64 number;
    const u8 *value = fdt_prop(fdt, node, name, &len);
    const char *text = fdt_string(fdt, node, name);

    if (value) {
        assert(value >= fdt->blob && len <= fdt->size && value + len <= fdt->blob + fdt->size);
        for (u32 i = 0; i < len; i++)
            sink += value[i];
    }
    if (text)
        sink += strlen(text);
    for (int i = -1; i < 4; i++)
        if (fdt_u32(fdt, node, name, i, &cell) == 0)
            assert(value && i >= 0 && (u32)i < len / 4);
    fdt_u64(fdt, node, name, &number);
}

static void ask_node(const struct fdt *fdt, int node)
{
    int path[FDT_DEPTH_MAX], controller, other;
    u32 cells[4];
    u64 addr, size;

    assert(fdt_name(fdt, node));
    sink += strlen(fdt_name(fdt, node));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        ask_property(fdt, node, names[i]);
    if ((other = fdt_node_path(fdt, node, path)) >= 0)
        assert(other < FDT_DEPTH_MAX && path[other] == node);
    fdt_for_each_child(other, fdt, node)
        assert(other > node);
    for (int i = 0; i < 3; i++) {
        int n = fdt_interrupt(fdt, node, i, &controller, cells, ARRAY_SIZE(cells));

        assert(n <= (int)ARRAY_SIZE(cells) && n != 0);
        fdt_reg_raw(fdt, node, i, &addr, i ? &size : NULL);
        fdt_reg(fdt, node, i, &addr, i ? &size : NULL);
    }
    fdt_compatible(fdt, node, "arm,pl011");
    fdt_enabled(fdt, node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u8 *blob = exact_copy(data, size);
    struct fdt fdt;
    u64 addr, length;
    int node, last = -1;

    if (fdt_open(&fdt, blob, size) == 0) {
        fdt_for_each_node(node, &fdt) {
            assert(node > last);
            last = node;
            ask_node(&fdt, node);
        }
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
            if ((node = fdt_path(&fdt, paths[i])) >= 0)
                assert(fdt_name(&fdt, node));
        fdt_phandle(&fdt, 1);
        fdt_find_compatible(&fdt, -1, "arm,pl011");
        for (int i = 0; fdt_reserve(&fdt, i, &addr, &length) == 0; i++)
            sink += addr + length;
    }
    free(blob);
    return 0;
}

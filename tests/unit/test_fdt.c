#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "lib/fdt.h"
#include "unit.h"

/* A blob under construction. */
struct maker {
    u8 structs[4096], strings[1024];
    size_t structs_size, strings_size;
};

static void put_u32(u8 *at, u32 value)
{
    at[0] = value >> 24;
    at[1] = value >> 16;
    at[2] = value >> 8;
    at[3] = value;
}

static void word(struct maker *m, u32 value)
{
    put_u32(m->structs + m->structs_size, value);
    m->structs_size += 4;
}

static void bytes(struct maker *m, const void *data, size_t size)
{
    memcpy(m->structs + m->structs_size, data, size);
    m->structs_size += size;
    while (m->structs_size % 4)
        m->structs[m->structs_size++] = 0;
}

static void begin(struct maker *m, const char *name)
{
    word(m, 1);
    bytes(m, name, strlen(name) + 1);
}

static void end(struct maker *m)
{
    word(m, 2);
}

static void prop(struct maker *m, const char *name, const void *data, size_t size)
{
    size_t at = 0;

    while (at < m->strings_size && strcmp((char *)m->strings + at, name))
        at += strlen((char *)m->strings + at) + 1;
    if (at == m->strings_size) {
        strcpy((char *)m->strings + at, name);
        m->strings_size += strlen(name) + 1;
    }
    word(m, 3);
    word(m, size);
    word(m, at);
    bytes(m, data, size);
}

static void prop_string(struct maker *m, const char *name, const char *value)
{
    prop(m, name, value, strlen(value) + 1);
}

#define prop_cells(m, name, ...)                          \
    do {                                                  \
        u32 list_[] = {__VA_ARGS__};                      \
        u8 data_[sizeof(list_)];                          \
        for (size_t i_ = 0; i_ < ARRAY_SIZE(list_); i_++) \
            put_u32(data_ + 4 * i_, list_[i_]);           \
        prop(m, name, data_, sizeof(data_));              \
    } while (0)

/* Header, two reservations, structure block, strings. The caller frees. */
static u8 *finish(const struct maker *m, size_t *size)
{
    u32 structs = 40 + 48, strings = structs + m->structs_size;
    u8 *blob;

    *size = strings + m->strings_size;
    blob = calloc(1, *size);
    put_u32(blob, 0xd00dfeed);
    put_u32(blob + 4, *size);
    put_u32(blob + 8, structs);
    put_u32(blob + 12, strings);
    put_u32(blob + 16, 40);
    put_u32(blob + 20, 17);
    put_u32(blob + 24, 16);
    put_u32(blob + 32, m->strings_size);
    put_u32(blob + 36, m->structs_size);
    put_u32(blob + 44, 0x80000000);
    put_u32(blob + 52, 0x1000);
    put_u32(blob + 56, 1);
    put_u32(blob + 68, 0x20);
    memcpy(blob + structs, m->structs, m->structs_size);
    memcpy(blob + strings, m->strings, m->strings_size);
    return blob;
}

static u8 *make_board(size_t *size)
{
    struct maker m = {.structs_size = 0};

    word(&m, 4); /* NOP */
    begin(&m, "");
    prop_string(&m, "compatible", "test,board");
    prop_cells(&m, "#address-cells", 2);
    prop_cells(&m, "#size-cells", 2);
    prop_cells(&m, "interrupt-parent", 1);
    word(&m, 4);
    begin(&m, "aliases");
    prop_string(&m, "serial0", "/soc/uart@9000");
    prop_string(&m, "loop", "loop");
    end(&m);
    begin(&m, "chosen");
    prop_string(&m, "bootargs", "quiet init=/bin/sh");
    prop_string(&m, "stdout-path", "serial0:115200n8");
    prop(&m, "rng-seed", "\1\2\3\4\5", 5);
    prop_cells(&m, "linux,initrd-start", 0x48000000);
    prop_cells(&m, "linux,initrd-end", 1, 0x48001000);
    end(&m);
    begin(&m, "memory@40000000");
    prop_string(&m, "device_type", "memory");
    prop_cells(&m, "reg", 0, 0x40000000, 0, 0x8000000, 1, 0, 2, 0);
    end(&m);
    begin(&m, "cpus");
    prop_cells(&m, "#address-cells", 1);
    prop_cells(&m, "#size-cells", 0);
    begin(&m, "cpu@0");
    prop_cells(&m, "reg", 0);
    end(&m);
    begin(&m, "cpu@101");
    prop_cells(&m, "reg", 0x101);
    end(&m);
    end(&m);
    begin(&m, "intc@8000000");
    prop(&m, "compatible", "arm,gic-v3\0arm,gic", 19);
    prop_cells(&m, "#interrupt-cells", 3);
    prop_cells(&m, "phandle", 1);
    prop(&m, "interrupt-controller", "", 0);
    end(&m);
    begin(&m, "soc");
    prop_cells(&m, "#address-cells", 1);
    prop_cells(&m, "#size-cells", 1);
    prop_cells(&m, "ranges", 0x0, 2, 0x0, 0x100000, 0x80000000, 3, 0x0, 0x1000);
    begin(&m, "uart@9000");
    prop(&m, "compatible", "arm,pl011\0arm,primecell", 24);
    prop_cells(&m, "reg", 0x9000, 0x1000, 0xa000, 0x20);
    prop_cells(&m, "interrupts", 0, 1, 4, 0, 2, 4);
    end(&m);
    begin(&m, "uart@80000010");
    prop_string(&m, "compatible", "arm,pl011");
    prop_cells(&m, "reg", 0x80000010, 8, 0x100000, 4);
    prop_string(&m, "status", "disabled");
    end(&m);
    begin(&m, "bus@20000");
    prop_cells(&m, "#address-cells", 1);
    prop_cells(&m, "#size-cells", 1);
    prop_cells(&m, "ranges", 0x0, 0x20000, 0x1000);
    prop_cells(&m, "phandle", 7);
    prop_cells(&m, "#interrupt-cells", 1);
    begin(&m, "gpio@10");
    prop_cells(&m, "reg", 0x10, 4);
    prop_cells(&m, "interrupts", 9);
    prop_string(&m, "status", "okay");
    end(&m);
    begin(&m, "timer");
    prop_cells(&m, "interrupts-extended", 7, 5, 1, 1, 13, 8);
    end(&m);
    end(&m);
    begin(&m, "island");
    begin(&m, "dev@1");
    prop_cells(&m, "reg", 0, 1, 1);
    end(&m);
    end(&m);
    end(&m);
    end(&m);
    word(&m, 9);
    return finish(&m, size);
}

struct board {
    struct fdt fdt;
    u8 *blob;
    size_t size;
};

static struct board board_open(void)
{
    struct board board;

    board.blob = make_board(&board.size);
    CHECK_EQ(fdt_open(&board.fdt, board.blob, board.size), 0);
    return board;
}

UNIT(fdt_header)
{
    struct board board = board_open();
    struct fdt fdt;
    u8 *moved = malloc(board.size + 1);

    CHECK_EQ(fdt_total_size(board.blob), board.size);
    CHECK_EQ(fdt_open(&fdt, board.blob, board.size - 1), -EINVAL);
    CHECK_EQ(fdt_open(&fdt, board.blob, 39), -EINVAL);
    memcpy(moved + 1, board.blob, board.size); /* any alignment will do */
    CHECK_EQ(fdt_open(&fdt, moved + 1, board.size), 0);
    CHECK(fdt_path(&fdt, "/soc/uart@9000") > 0);
    put_u32(board.blob + 20, 16); /* version 16 has no size of the structure block */
    put_u32(board.blob + 36, 0xffffffff);
    CHECK_EQ(fdt_open(&fdt, board.blob, board.size), 0);
    CHECK(fdt_path(&fdt, "/soc/uart@9000") > 0);
    put_u32(board.blob + 20, 15);
    CHECK_EQ(fdt_open(&fdt, board.blob, board.size), -EINVAL);
    put_u32(board.blob, 0xd00dfeee);
    CHECK_EQ(fdt_open(&fdt, board.blob, board.size), -EINVAL);
    CHECK_EQ(fdt_total_size(board.blob), 0);
    free(moved);
    free(board.blob);
}

static int parent_of(const struct fdt *fdt, int node)
{
    int path[FDT_DEPTH_MAX], depth = fdt_node_path(fdt, node, path);

    return depth < 0 ? depth : depth == 0 ? -ENOENT : path[depth - 1];
}

UNIT(fdt_walk)
{
    struct board board = board_open();
    struct fdt *fdt = &board.fdt;
    int node, depth = 0, count = 0, soc = fdt_path(fdt, "/soc");
    u32 len;

    for (node = fdt_root(fdt); node >= 0; node = fdt_next_node(fdt, node, &depth)) {
        int parent = parent_of(fdt, node);

        CHECK(depth == 0 ? parent == -ENOENT : parent < node);
        count++;
    }
    CHECK_EQ(node, -ENOENT);
    CHECK_EQ(count, 16);
    count = 0;
    fdt_for_each_child(node, fdt, soc) {
        CHECK_EQ(parent_of(fdt, node), soc);
        count++;
    }
    CHECK_EQ(count, 4);
    CHECK_EQ(node, -ENOENT);
    CHECK_STR(fdt_name(fdt, fdt_root(fdt)), "");
    CHECK_STR(fdt_name(fdt, fdt_first_child(fdt, soc)), "uart@9000");
    CHECK_EQ(fdt_first_child(fdt, fdt_path(fdt, "/chosen")), -ENOENT);
    CHECK_EQ(fdt_next_sibling(fdt, soc), -ENOENT);
    CHECK(!fdt_name(fdt, soc + 4) && !fdt_name(fdt, -1) && !fdt_name(fdt, 1 << 30));
    CHECK_EQ(parent_of(fdt, soc + 4), -EINVAL);
    CHECK(fdt_prop(fdt, soc, "ranges", &len) && len == 32);
    CHECK(!fdt_prop(fdt, soc, "range", &len) && !fdt_prop(fdt, soc, "", &len));
    free(board.blob);
}

UNIT(fdt_paths)
{
    struct board board = board_open();
    struct fdt *fdt = &board.fdt;
    int uart = fdt_path(fdt, "/soc/uart@9000");

    CHECK_EQ(fdt_path(fdt, "/"), fdt_root(fdt));
    CHECK(uart > 0);
    CHECK_EQ(fdt_path(fdt, "/soc/uart"), uart);
    CHECK_EQ(fdt_path(fdt, "//soc//uart@9000/"), uart);
    CHECK_EQ(fdt_path(fdt, "serial0"), uart);
    CHECK_EQ(fdt_path(fdt, fdt_string(fdt, fdt_path(fdt, "/chosen"), "stdout-path")), uart);
    CHECK(fdt_path(fdt, "/soc/uart@80000010") > uart);
    CHECK(fdt_path(fdt, "/soc/bus/gpio") > uart);
    CHECK_EQ(fdt_path(fdt, "/soc/uart@9"), -ENOENT);
    CHECK_EQ(fdt_path(fdt, "/so"), -ENOENT);
    CHECK_EQ(fdt_path(fdt, "/memory@4000000"), -ENOENT);
    CHECK_EQ(fdt_path(fdt, "serial1"), -ENOENT);
    CHECK_EQ(fdt_path(fdt, ""), -ENOENT);
    CHECK_EQ(fdt_path(fdt, "loop"), -EINVAL);
    free(board.blob);
}

UNIT(fdt_properties)
{
    struct board board = board_open();
    struct fdt *fdt = &board.fdt;
    int chosen = fdt_path(fdt, "/chosen"), intc = fdt_path(fdt, "/intc"), uart;
    u32 value, len;
    u64 wide;

    CHECK_STR(fdt_string(fdt, chosen, "bootargs"), "quiet init=/bin/sh");
    CHECK(!fdt_string(fdt, chosen, "rng-seed") && !fdt_string(fdt, chosen, "boot"));
    CHECK(fdt_prop(fdt, chosen, "rng-seed", &len) && len == 5);
    CHECK(fdt_prop(fdt, intc, "interrupt-controller", &len) && len == 0);
    CHECK_EQ(fdt_u64(fdt, chosen, "linux,initrd-start", &wide), 0);
    CHECK_EQ(wide, 0x48000000);
    CHECK_EQ(fdt_u64(fdt, chosen, "linux,initrd-end", &wide), 0);
    CHECK_EQ(wide, 0x148001000);
    CHECK_EQ(fdt_u64(fdt, chosen, "rng-seed", &wide), -EINVAL);
    CHECK_EQ(fdt_u64(fdt, chosen, "none", &wide), -ENOENT);
    CHECK_EQ(fdt_u32(fdt, intc, "#interrupt-cells", 0, &value), 0);
    CHECK_EQ(value, 3);
    CHECK_EQ(fdt_u32(fdt, chosen, "linux,initrd-end", 1, &value), 0);
    CHECK_EQ(value, 0x48001000);
    CHECK_EQ(fdt_u32(fdt, chosen, "linux,initrd-end", 2, &value), -ENOENT);
    CHECK(fdt_compatible(fdt, intc, "arm,gic-v3") && fdt_compatible(fdt, intc, "arm,gic"));
    CHECK(!fdt_compatible(fdt, intc, "arm,gic-v") && !fdt_compatible(fdt, intc, "gic"));
    uart = fdt_find_compatible(fdt, -1, "arm,pl011");
    CHECK_EQ(uart, fdt_path(fdt, "serial0"));
    CHECK(fdt_enabled(fdt, uart));
    uart = fdt_find_compatible(fdt, uart, "arm,pl011");
    CHECK(uart > 0 && !fdt_enabled(fdt, uart));
    CHECK_EQ(fdt_find_compatible(fdt, uart, "arm,pl011"), -ENOENT);
    CHECK(fdt_enabled(fdt, fdt_path(fdt, "/soc/bus/gpio")));
    CHECK_EQ(fdt_phandle(fdt, 1), intc);
    CHECK_EQ(fdt_phandle(fdt, 2), -ENOENT);
    CHECK_EQ(fdt_phandle(fdt, 0), -ENOENT);
    free(board.blob);
}

UNIT(fdt_reg)
{
    struct board board = board_open();
    struct fdt *fdt = &board.fdt;
    int memory = fdt_path(fdt, "/memory"), cpu = fdt_path(fdt, "/cpus/cpu@101");
    int uart = fdt_path(fdt, "/soc/uart@9000"), second = fdt_path(fdt, "/soc/uart@80000010");
    int gpio = fdt_path(fdt, "/soc/bus/gpio"), stranded = fdt_path(fdt, "/soc/island/dev");
    u64 addr, size;

    CHECK_EQ(fdt_reg(fdt, memory, 0, &addr, &size), 0);
    CHECK(addr == 0x40000000 && size == 0x8000000);
    CHECK_EQ(fdt_reg(fdt, memory, 1, &addr, &size), 0);
    CHECK(addr == 0x100000000 && size == 0x200000000);
    CHECK_EQ(fdt_reg(fdt, memory, 2, &addr, &size), -ENOENT);
    CHECK_EQ(fdt_reg(fdt, memory, -1, &addr, &size), -ENOENT);
    CHECK_EQ(fdt_reg_raw(fdt, cpu, 0, &addr, &size), 0);
    CHECK(addr == 0x101 && size == 0);
    CHECK_EQ(fdt_reg(fdt, cpu, 0, &addr, &size), -ENOENT); /* no ranges: not an address */
    CHECK_EQ(fdt_reg(fdt, uart, 1, &addr, &size), 0);
    CHECK(addr == 0x20000a000 && size == 0x20);
    CHECK_EQ(fdt_reg(fdt, second, 0, &addr, NULL), 0);
    CHECK_EQ(addr, 0x300000010);
    CHECK_EQ(fdt_reg(fdt, second, 1, &addr, NULL), -ENOENT); /* one behind its range */
    CHECK_EQ(fdt_reg(fdt, gpio, 0, &addr, &size), 0);
    CHECK_EQ(addr, 0x200020010);
    CHECK_EQ(fdt_reg(fdt, stranded, 0, &addr, &size), -ENOENT);
    CHECK_EQ(fdt_reg_raw(fdt, stranded, 0, &addr, &size), 0);
    CHECK_EQ(fdt_reg(fdt, fdt_path(fdt, "/chosen"), 0, &addr, &size), -ENOENT);
    CHECK_EQ(fdt_reg(fdt, fdt_root(fdt), 0, &addr, &size), -ENOENT);

    CHECK_EQ(fdt_reserve(fdt, 0, &addr, &size), 0);
    CHECK(addr == 0x80000000 && size == 0x1000);
    CHECK_EQ(fdt_reserve(fdt, 1, &addr, &size), 0);
    CHECK(addr == 0x100000000 && size == 0x20);
    CHECK_EQ(fdt_reserve(fdt, 2, &addr, &size), -ENOENT);
    free(board.blob);
}

UNIT(fdt_interrupts)
{
    struct board board = board_open();
    struct fdt *fdt = &board.fdt;
    int intc = fdt_path(fdt, "/intc"), bus = fdt_path(fdt, "/soc/bus");
    int uart = fdt_path(fdt, "/soc/uart"), timer = fdt_path(fdt, "/soc/bus/timer"), controller;
    u32 cells[4];

    CHECK_EQ(fdt_interrupt(fdt, uart, 1, &controller, cells, 4), 3);
    CHECK(controller == intc && cells[0] == 0 && cells[1] == 2 && cells[2] == 4);
    CHECK_EQ(fdt_interrupt(fdt, uart, 2, &controller, cells, 4), -ENOENT);
    CHECK_EQ(fdt_interrupt(fdt, uart, 0, &controller, cells, 2), -EINVAL);
    CHECK_EQ(fdt_interrupt(fdt, fdt_path(fdt, "/soc/bus/gpio"), 0, &controller, cells, 4), 1);
    CHECK(controller == bus && cells[0] == 9);
    CHECK_EQ(fdt_interrupt(fdt, timer, 0, &controller, cells, 4), 1);
    CHECK(controller == bus && cells[0] == 5);
    CHECK_EQ(fdt_interrupt(fdt, timer, 1, &controller, cells, 4), 3);
    CHECK(controller == intc && cells[1] == 13 && cells[2] == 8);
    CHECK_EQ(fdt_interrupt(fdt, timer, 2, &controller, cells, 4), -ENOENT);
    CHECK_EQ(fdt_interrupt(fdt, bus, 0, &controller, cells, 4), -ENOENT);
    free(board.blob);
}

UNIT(fdt_too_deep)
{
    struct maker m = {.structs_size = 0};
    struct fdt fdt;
    size_t size;
    int node, last = 0;
    u8 *blob;

    begin(&m, "");
    for (int i = 0; i < 40; i++)
        begin(&m, "n");
    for (int i = 0; i < 41; i++)
        end(&m);
    word(&m, 9);
    blob = finish(&m, &size);
    CHECK_EQ(fdt_open(&fdt, blob, size), 0);
    fdt_for_each_node(node, &fdt)
        last = node;
    CHECK_EQ(parent_of(&fdt, last), -EINVAL);
    free(blob);
}

/* Call everything on whatever the blob shows; ASan watches, and nothing may take forever. */
static void use_everything(const u8 *blob, size_t size)
{
    struct fdt fdt;
    int node, depth = 0, controller, steps = 0;
    u64 a, b;
    u32 cells[4], len;
    static const char *const names[] = {"compatible", "reg", "ranges", "phandle", ""};

    if (fdt_open(&fdt, blob, size))
        return;
    for (node = fdt_root(&fdt); node >= 0; node = fdt_next_node(&fdt, node, &depth)) {
        volatile size_t sink;

        sink = strlen(fdt_name(&fdt, node));
        CHECK(++steps <= 64);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            const u8 *data = fdt_prop(&fdt, node, names[i], &len);

            while (data && len)
                sink = data[--len];
            (void)sink;
        }
        fdt_reg(&fdt, node, 0, &a, &b);
        fdt_reg_raw(&fdt, node, 1, &a, &b);
        fdt_interrupt(&fdt, node, 0, &controller, cells, 4);
        fdt_interrupt(&fdt, node, 1, &controller, cells, 4);
        fdt_compatible(&fdt, node, "arm,primecell");
        fdt_string(&fdt, node, "compatible");
        fdt_enabled(&fdt, node);
    }
    fdt_path(&fdt, "serial0:115200");
    fdt_path(&fdt, "/soc/bus/gpio@10");
    for (int i = 0; i < 100 && fdt_reserve(&fdt, i, &a, &b) == 0; i++)
        ;
}

UNIT(fdt_truncated)
{
    size_t size;
    u8 *blob = make_board(&size);

    for (size_t cut = 0; cut < size; cut++) {
        u8 *copy = malloc(cut);

        memcpy(copy, blob, cut);
        use_everything(copy, cut);
        for (int variant = 0; variant < 3 && cut >= 40; variant++) {
            put_u32(copy + 4, cut); /* a header that agrees with the cut... */
            if (variant == 1 && cut >= 88)
                put_u32(copy + 36, cut - 88); /* ...and the structure block, */
            if (variant == 2) {
                put_u32(copy + 12, cut / 2); /* with strings somewhere inside it */
                put_u32(copy + 32, cut - cut / 2);
            }
            use_everything(copy, cut);
        }
        free(copy);
    }
    free(blob);
}

UNIT(fdt_flipped)
{
    size_t size;
    u8 *blob = make_board(&size);

    for (size_t at = 0; at < size; at++) {
        u8 old = blob[at];

        blob[at] = old ^ 1 << unit_random() % 8;
        use_everything(blob, size);
        blob[at] = 0xff;
        use_everything(blob, size);
        blob[at] = unit_random() % 10;
        use_everything(blob, size);
        blob[at] = old;
    }
    for (int round = 0; round < 3000; round++) { /* several at once */
        u8 *copy = malloc(size);

        memcpy(copy, blob, size);
        for (int i = unit_random() % 8; i >= 0; i--)
            copy[unit_random() % size] = unit_random();
        use_everything(copy, size);
        free(copy);
    }
    free(blob);
}

/* What dtc writes, where dtc is installed. */
UNIT(fdt_from_dtc)
{
    static const char source[] = "/dts-v1/; /memreserve/ 0x1000 0x2000; / { #address-cells = <1>;"
                                 "#size-cells = <1>; a: dev@10 { reg = <0x10 4>; x = [01 02]; };"
                                 "aliases { first = &a; }; list = \"p\", \"q\"; ref = <&a>; };";
    char command[512];
    u8 blob[4096];
    struct fdt fdt;
    FILE *pipe;
    size_t size;
    u64 a, b;
    u32 phandle;
    int node;

    snprintf(command, sizeof(command), "echo '%s' | dtc -q -I dts -O dtb 2>/dev/null", source);
    pipe = popen(command, "r");
    if (!pipe)
        return;
    size = fread(blob, 1, sizeof(blob), pipe);
    if (pclose(pipe) != 0 || !size)
        return; /* no dtc */
    CHECK_EQ(fdt_open(&fdt, blob, size), 0);
    node = fdt_path(&fdt, "first");
    CHECK_STR(fdt_name(&fdt, node), "dev@10");
    CHECK(fdt_reg(&fdt, node, 0, &a, &b) == 0 && a == 0x10 && b == 4);
    CHECK(fdt_reserve(&fdt, 0, &a, &b) == 0 && a == 0x1000 && b == 0x2000);
    CHECK(fdt_u32(&fdt, 0, "ref", 0, &phandle) == 0 && fdt_phandle(&fdt, phandle) == node);
    CHECK_STR(fdt_string(&fdt, 0, "list"), "p");
}

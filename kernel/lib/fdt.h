/*
 * Reader of flattened device trees (Devicetree Specification v0.4, chapters 2, 3 and 5).
 *
 * Nothing is allocated and nothing in the blob is trusted: each access is checked, each step of a
 * walk moves forward. A node is an int, its offset in the structure block (the root is 0 unless
 * the blob begins with NOPs; fdt_root() knows). Functions return 0, a node or a count; -ENOENT
 * when the thing asked for is not there, -EINVAL when the blob is malformed at that place. An error
 * given in place of a node is a node with nothing in it: look-ups need one test, at their end.
 *
 * What needs the parents of a node (fdt_reg, fdt_interrupt) walks from the root to
 * it, thousands of instructions: walk the tree once, and ask only for the devices wanted.
 *
 * Loads are written byte by byte, so any alignment of the blob does; but a compiler may fuse them
 * into one unaligned load: before the MMU is on, use this only in files built with -mstrict-align.
 */
#pragma once

#include "lib/types.h"

struct fdt {
    const u8 *blob;
    u32 size;                  /* of the whole blob, in bytes */
    u32 structs, structs_size; /* structure block: offset in the blob, bytes */
    u32 strings, strings_size; /* strings block */
    u32 reserve;               /* memory reservation block */
};

#define FDT_DEPTH_MAX   16 /* nodes nested deeper are refused (-EINVAL) */
#define FDT_HEADER_SIZE 40 /* enough to ask fdt_total_size */

/* The size that the header at `blob` (FDT_HEADER_SIZE bytes) claims, or 0 when it is none. */
u32 fdt_total_size(const void *blob);

/* Check the header of a blob of which at most `max` bytes may be read. 0 or -EINVAL. */
int fdt_open(struct fdt *fdt, const void *blob, size_t max);

/* Walks. *depth is the caller's: it is raised and lowered by the change in depth on each step. */
int fdt_root(const struct fdt *fdt);
int fdt_next_node(const struct fdt *fdt, int node, int *depth);
int fdt_first_child(const struct fdt *fdt, int node);
int fdt_next_sibling(const struct fdt *fdt, int node);

/* All nodes from the root (path[0]) to `node` (path[depth]). Returns depth or -EINVAL. */
int fdt_node_path(const struct fdt *fdt, int node, int path[FDT_DEPTH_MAX]);

#define fdt_for_each_child(child, fdt, node) \
    for (child = fdt_first_child(fdt, node); child >= 0; child = fdt_next_sibling(fdt, child))
#define fdt_for_each_node(node, fdt) \
    for (node = fdt_root(fdt); node >= 0; node = fdt_next_node(fdt, node, NULL))

/*
 * The node at `path`, which ends at NUL or ':' (console options). A path that does not begin with
 * '/' begins with an alias. A component without "@address" matches the first node of that name.
 */
int fdt_path(const struct fdt *fdt, const char *path);

/* The node's name with its unit address ("" for the root), or NULL when malformed. */
const char *fdt_name(const struct fdt *fdt, int node);

/* The value of a property and its length in bytes (len may be NULL), or NULL. */
const void *fdt_prop(const struct fdt *fdt, int node, const char *name, u32 *len);

/* A property as a NUL-terminated string; NULL when absent or not terminated. */
const char *fdt_string(const struct fdt *fdt, int node, const char *name);

/* Number `index` (counted in cells of 32 bits) of a property. 0 or -ENOENT. */
int fdt_u32(const struct fdt *fdt, int node, const char *name, int index, u32 *value);

/* A number of one or two cells, by the property's length. 0, -ENOENT or -EINVAL. */
int fdt_u64(const struct fdt *fdt, int node, const char *name, u64 *value);

/* The big-endian number in `cells` cells at `data`: the low 64 bits when there are more. */
u64 fdt_cells(const void *data, u32 cells);

/* The node with this phandle. */
int fdt_phandle(const struct fdt *fdt, u32 phandle);

/*
 * Entry `index` of `reg`: as written (fdt_reg_raw: CPU numbers, bus addresses), or translated
 * through the `ranges` of all parents to a CPU physical address. `size` may be NULL. -ENOENT:
 * no such entry, or not reachable from the CPU; -EINVAL: malformed or more than two cells.
 */
int fdt_reg_raw(const struct fdt *fdt, int node, int index, u64 *addr, u64 *size);
int fdt_reg(const struct fdt *fdt, int node, int index, paddr_t *addr, u64 *size);

/* Is `compatible` in the node's list? */
bool fdt_compatible(const struct fdt *fdt, int node, const char *compatible);

/* The next compatible node behind `from`; from < 0: from the start. */
int fdt_find_compatible(const struct fdt *fdt, int from, const char *compatible);

/* `status` absent, "okay" or "ok". */
bool fdt_enabled(const struct fdt *fdt, int node);

/* Entry `index` of the memory reservation block. */
int fdt_reserve(const struct fdt *fdt, int index, paddr_t *addr, u64 *size);

/*
 * Interrupt `index` of a node, by `interrupts-extended` or `interrupts`: copies the specifier to
 * cells[], sets *controller; returns the number of cells, at most max.
 */
int fdt_interrupt(const struct fdt *fdt, int node, int index, int *controller, u32 *cells, u32 max);

/*
 * Flattened device tree reader.
 *
 * What it is: a view of the blob that the boot loader leaves; no tree is built. The structure
 * block is a row of 32-bit tokens: a node begins with its name, then come its properties, its
 * children, and its end mark. Offsets below count from the start of that block.
 *
 * Invariants, which hold for any bytes after fdt_open() has returned 0:
 *   I1  The three blocks lie inside `size` bytes, and sizes fit in an int.
 *   I2  The last byte of the strings block is NUL, or the block is empty: every property name
 *       that begins inside it ends inside it.
 *   I3  token_at() returns a token only if all of its payload lies inside the block, and then
 *       *next > off: every walk ends.
 * So each function here is right for a good blob and harmless for a bad one, and no look-up costs
 * more than a few passes over the structure block.
 *
 * What a node says about its place among buses and interrupt controllers is read by fdt_bus.c.
 *
 * Locking: none; the blob is constant. Nothing sleeps.
 *
 * Rejected: a tree of structures built once (memory before there is an allocator, and the tree is
 * read only at boot); a cache of parents (the walks of a 10 KiB tree are cheap enough).
 */
#include "lib/fdt.h"
#include "lib/errno.h"
#include "lib/string.h"

#define FDT_MAGIC    0xd00dfeed
#define FDT_SIZE_MAX (64u << 20)

enum token { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };

static u32 load32(const u8 *at)
{
    return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

u64 fdt_cells(const void *data, u32 cells)
{
    const u8 *at = data;
    u64 value = 0;

    for (; cells; cells--, at += 4)
        value = value << 32 | load32(at);
    return value;
}

u32 fdt_total_size(const void *blob)
{
    const u8 *at = blob;

    return load32(at) == FDT_MAGIC ? load32(at + 4) : 0;
}

/* Does a block of `size` bytes at `off` lie inside `total`? */
static bool inside(u32 off, u32 size, u32 total)
{
    return off <= total && size <= total - off;
}

int fdt_open(struct fdt *fdt, const void *blob, size_t max)
{
    const u8 *at = blob;
    u32 version;

    if (max < FDT_HEADER_SIZE)
        return -EINVAL;
    fdt->blob = at;
    fdt->size = fdt_total_size(blob);
    if (fdt->size < FDT_HEADER_SIZE || fdt->size > max || fdt->size > FDT_SIZE_MAX)
        return -EINVAL;
    fdt->structs = load32(at + 8);
    fdt->strings = load32(at + 12);
    fdt->reserve = load32(at + 16);
    version = load32(at + 20);
    if (version < 16 || load32(at + 24) > 17)
        return -EINVAL;
    fdt->strings_size = load32(at + 32);
    if (fdt->structs > fdt->size || fdt->structs % 4)
        return -EINVAL;
    fdt->structs_size = version >= 17 ? load32(at + 36) : fdt->size - fdt->structs;
    if (!inside(fdt->structs, fdt->structs_size, fdt->size) ||
        !inside(fdt->strings, fdt->strings_size, fdt->size) || fdt->reserve > fdt->size)
        return -EINVAL;
    fdt->structs_size = ALIGN_DOWN(fdt->structs_size, 4);
    while (fdt->strings_size && at[fdt->strings + fdt->strings_size - 1]) /* I2 */
        fdt->strings_size--;
    return fdt_root(fdt) < 0 ? -EINVAL : 0;
}

/*
 * Bytes that the node name at `at` takes with its NUL and its padding; more than `max` (a multiple
 * of four) when it has no end. A word at a time: every walk passes every name.
 */
static __always_inline u32 name_span(const u8 *at, u32 max)
{
    u32 span = 0, word;

    while (span < max) {
        word = load32(at + span);
        span += 4;
        if ((word - 0x01010101) & ~word & 0x80808080) /* one of its bytes is zero */
            return span;
    }
    return max + 4;
}

/* The token at `off`, with its payload checked; *next is the offset behind it. I3 */
static __always_inline int scan(const struct fdt *fdt, int off, int *next)
{
    const u8 *at = fdt->blob + fdt->structs + off;
    u32 left, size = 4, token;

    if ((u32)off >= fdt->structs_size || off % 4)
        return -EINVAL;
    left = fdt->structs_size - off; /* a multiple of four, at least four */
    token = load32(at);
    if (token == PROP) {
        if (left < 12 || load32(at + 4) > left - 12)
            return -EINVAL;
        size = ALIGN_UP(12 + load32(at + 4), 4); /* at most `left` */
    } else if (token == BEGIN_NODE) {
        size += name_span(at + 4, left - 4);
        if (size > left)
            return -EINVAL;
    } else if (token != END_NODE && token != NOP && token != END) {
        return -EINVAL;
    }
    *next = off + (int)size;
    return (int)token;
}

/* The same out of line, for all but the loops that walk the whole block. */
static __noinline int token_at(const struct fdt *fdt, int off, int *next)
{
    return scan(fdt, off, next);
}

int fdt_root(const struct fdt *fdt)
{
    int off = 0, next, token;

    while ((token = token_at(fdt, off, &next)) == NOP)
        off = next;
    return token == BEGIN_NODE ? off : -EINVAL;
}

/* The node behind `node` in the order of the blob, whatever its depth; -ENOENT at the end. */
int fdt_next_node(const struct fdt *fdt, int node, int *depth)
{
    int off, next, change = 0;

    if (token_at(fdt, node, &off) != BEGIN_NODE)
        return -EINVAL;
    for (;; off = next) {
        switch (scan(fdt, off, &next)) {
        case BEGIN_NODE:
            if (depth)
                *depth += change + 1;
            return off;
        case END_NODE: change--; break;
        case PROP:
        case NOP: break;
        case END: return -ENOENT;
        default: return -EINVAL;
        }
    }
}

int fdt_first_child(const struct fdt *fdt, int node)
{
    int depth = 0, child = fdt_next_node(fdt, node, &depth);

    return child < 0 || depth == 1 ? child : -ENOENT;
}

int fdt_next_sibling(const struct fdt *fdt, int node)
{
    int depth = 0;

    do {
        node = fdt_next_node(fdt, node, &depth);
        if (node < 0)
            return node;
    } while (depth > 0);
    return depth == 0 ? node : -ENOENT;
}

int fdt_node_path(const struct fdt *fdt, int node, int path[FDT_DEPTH_MAX])
{
    int depth = 0;

    for (int at = fdt_root(fdt); at >= 0; at = fdt_next_node(fdt, at, &depth)) {
        if (depth < 0 || depth >= FDT_DEPTH_MAX)
            return -EINVAL;
        path[depth] = at;
        if (at == node)
            return depth;
        if (at > node)
            break;
    }
    return -EINVAL;
}

const char *fdt_name(const struct fdt *fdt, int node)
{
    int next;

    if (token_at(fdt, node, &next) != BEGIN_NODE)
        return NULL;
    return (const char *)fdt->blob + fdt->structs + node + 4;
}

/* Name of the property at `off`; "" when its offset leads nowhere. */
static const char *property_name(const struct fdt *fdt, int off)
{
    u32 name = load32(fdt->blob + fdt->structs + off + 8);

    return name < fdt->strings_size ? (const char *)fdt->blob + fdt->strings + name : "";
}

/* Look up by a name of `name_len` characters, which need not be terminated. */
static const void *find_property(const struct fdt *fdt, int node, const char *name, size_t name_len,
                                 u32 *len)
{
    int off, next, token = token_at(fdt, node, &next);

    if (token != BEGIN_NODE)
        return NULL;
    for (off = next; (token = token_at(fdt, off, &next)) == PROP || token == NOP; off = next) {
        const u8 *at = fdt->blob + fdt->structs + off;
        const char *have;

        if (token == NOP)
            continue;
        have = property_name(fdt, off);
        if (have[0] == name[0] && strncmp(have, name, name_len) == 0 && have[name_len] == '\0') {
            if (len)
                *len = load32(at + 4);
            return at + 12;
        }
    }
    return NULL;
}

const void *fdt_prop(const struct fdt *fdt, int node, const char *name, u32 *len)
{
    return find_property(fdt, node, name, strlen(name), len);
}

const char *fdt_string(const struct fdt *fdt, int node, const char *name)
{
    u32 len = 0;
    const char *str = fdt_prop(fdt, node, name, &len);

    return str && strnlen(str, len) < len ? str : NULL;
}

int fdt_u32(const struct fdt *fdt, int node, const char *name, int index, u32 *value)
{
    u32 len;
    const u8 *data = fdt_prop(fdt, node, name, &len);

    if (!data || index < 0 || (u32)index >= len / 4)
        return -ENOENT;
    *value = load32(data + 4 * (size_t)index);
    return 0;
}

int fdt_u64(const struct fdt *fdt, int node, const char *name, u64 *value)
{
    u32 len;
    const void *data = fdt_prop(fdt, node, name, &len);

    if (!data)
        return -ENOENT;
    if (len != 4 && len != 8)
        return -EINVAL;
    *value = fdt_cells(data, len / 4);
    return 0;
}

/* The child of `node` called name[len], with its unit address or, if name has none, without. */
static int find_child(const struct fdt *fdt, int node, const char *name, size_t len)
{
    bool with_unit = memchr(name, '@', len);
    int child;

    fdt_for_each_child(child, fdt, node) {
        const char *have = fdt_name(fdt, child);

        if (strncmp(have, name, len) == 0 &&
            (have[len] == '\0' || (!with_unit && have[len] == '@')))
            return child;
    }
    return child;
}

/* Length of the component at `path`. */
static size_t component_len(const char *path)
{
    size_t len = 0;

    while (path[len] && path[len] != '/' && path[len] != ':')
        len++;
    return len;
}

/* Walk an absolute or relative path from `node`. */
static int walk(const struct fdt *fdt, int node, const char *path)
{
    while (node >= 0) {
        size_t len;

        while (*path == '/')
            path++;
        len = component_len(path);
        if (!len)
            return node;
        node = find_child(fdt, node, path, len);
        path += len;
    }
    return node;
}

int fdt_path(const struct fdt *fdt, const char *path)
{
    int root = fdt_root(fdt), node;
    const char *target;
    size_t len;
    u32 target_size;

    if (*path == '/' || root < 0)
        return walk(fdt, root, path);
    len = component_len(path);
    node = find_child(fdt, root, "aliases", 7);
    if (node < 0)
        return node;
    target = find_property(fdt, node, path, len, &target_size);
    if (!target || !len)
        return -ENOENT;
    if (strnlen(target, target_size) == target_size || target[0] != '/')
        return -EINVAL;
    return walk(fdt, walk(fdt, root, target), path + len);
}

/* One pass over all tokens: names are compared only where the value is the one looked for. */
int fdt_phandle(const struct fdt *fdt, u32 phandle)
{
    const u8 *block = fdt->blob + fdt->structs;
    int node = -ENOENT, next, token;

    if (phandle == 0 || phandle == ~0u)
        return -ENOENT;
    for (int off = 0; (token = scan(fdt, off, &next)) != END; off = next) {
        const char *name;

        if (token < 0)
            return token;
        if (token == BEGIN_NODE)
            node = off;
        if (token != PROP || load32(block + off + 4) != 4 || load32(block + off + 12) != phandle)
            continue;
        name = property_name(fdt, off);
        if (strcmp(name, "phandle") == 0 || strcmp(name, "linux,phandle") == 0)
            return node;
    }
    return -ENOENT;
}

bool fdt_compatible(const struct fdt *fdt, int node, const char *compatible)
{
    u32 left = 0;
    const char *str = fdt_prop(fdt, node, "compatible", &left);
    size_t size = strlen(compatible) + 1;

    for (u32 step; str && left >= size; str += step, left -= step) {
        if (memcmp(str, compatible, size) == 0)
            return true;
        step = (u32)strnlen(str, left - 1) + 1;
    }
    return false;
}

int fdt_find_compatible(const struct fdt *fdt, int from, const char *compatible)
{
    int node = from < 0 ? fdt_root(fdt) : fdt_next_node(fdt, from, NULL);

    while (node >= 0 && !fdt_compatible(fdt, node, compatible))
        node = fdt_next_node(fdt, node, NULL);
    return node;
}

bool fdt_enabled(const struct fdt *fdt, int node)
{
    u32 len;
    const char *status = fdt_prop(fdt, node, "status", &len);

    if (!status)
        return true;
    return strnlen(status, len) < len && (strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0);
}

int fdt_reserve(const struct fdt *fdt, int index, paddr_t *addr, u64 *size)
{
    const u8 *entry = fdt->blob + fdt->reserve;

    for (u32 left = fdt->size - fdt->reserve; left >= 16; left -= 16, entry += 16) {
        *addr = fdt_cells(entry, 2);
        *size = fdt_cells(entry + 8, 2);
        if (*addr == 0 && *size == 0)
            break;
        if (index-- == 0)
            return 0;
    }
    return -ENOENT;
}

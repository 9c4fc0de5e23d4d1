/*
 * Sparse arrays (radix trees).
 *
 * What it is: a map from u64 to pointers, good when indices come in runs: pages of a file, pids,
 * inode numbers. Each node resolves six bits of the index.
 *
 * Structures and invariants.
 *   I1  xa->root is NULL (empty), a value (only index 0 is present), or a node tagged with bit 0.
 *   I2  A node of shift s stands for 64 children of 2^s indices each: nodes of shift s - 6, or
 *       values when s is 0. A root of shift s covers exactly the indices below 2^(s + 6).
 *   I3  count is the number of slots that are not NULL; no node in the tree has count 0. The tree
 *       is as high as the highest index it has held since it was empty.
 *   I4  A node is complete before a release store makes it reachable, and once unlinked it is not
 *       changed again. A reader that comes without the lock therefore always stands on a node
 *       whose shift and slots make sense: at worst it sees the array as of a moment in its call.
 *
 * Locking: writers by the caller's lock; readers need the lock or the RCU read side, with
 * ops->free deferring. Nothing sleeps unless ops->alloc does.
 *
 * Rejected: a balanced tree (readers without a lock would need more), a hash table (no order, and
 * growing it under readers is hard), parent pointers in nodes (writers hold the path on their
 * stack: 11 levels at most), tags per slot (dirty pages are on lists).
 */
#include "lib/xarray.h"
#include "lib/errno.h"
#include "lib/string.h"

#define SLOT_BITS  6
#define SLOTS      (1 << SLOT_BITS)
#define LEVELS_MAX 11 /* 64 bits, 6 at a time */
#define SHIFT_MAX  ((LEVELS_MAX - 1) * SLOT_BITS)

struct xa_node {
    u32 shift; /* [I] */
    u32 count;
    void *slots[SLOTS];
};

_Static_assert(sizeof(struct xa_node) == XARRAY_NODE_SIZE, "node size is part of the interface");

/* The nodes from the root toward an index. */
struct path {
    int levels;
    struct xa_node *nodes[LEVELS_MAX];
};

static bool is_node(const void *root)
{
    return (uintptr_t)root & 1;
}

static struct xa_node *to_node(void *root)
{
    return (struct xa_node *)((uintptr_t)root - 1);
}

static void *tag_node(struct xa_node *node)
{
    return (void *)((uintptr_t)node + 1);
}

static bool covers(const struct xa_node *node, u64 index)
{
    return index >> node->shift < SLOTS;
}

static void **slot_of(struct xa_node *node, u64 index)
{
    return &node->slots[index >> node->shift & (SLOTS - 1)];
}

static void publish(void **place, void *what)
{
    __atomic_store_n(place, what, __ATOMIC_RELEASE);
}

void *xa_load(const struct xarray *xa, u64 index)
{
    void *entry = READ_ONCE(xa->root);
    struct xa_node *node;
    u32 shift;

    if (!is_node(entry))
        return index ? NULL : entry;
    node = to_node(entry);
    if (!covers(node, index))
        return NULL;
    for (;;) {
        shift = node->shift;
        entry = READ_ONCE(*slot_of(node, index));
        if (shift == 0 || !entry)
            return entry;
        node = entry;
    }
}

static struct xa_node *node_create(struct xarray *xa, u32 shift)
{
    struct xa_node *node = xa->ops->alloc(sizeof(*node));

    if (!node)
        return NULL;
    memset(node, 0, sizeof(*node));
    node->shift = shift;
    return node;
}

/* Unlink and free the nodes at the path's end that are empty: I3 again. */
static void prune(struct xarray *xa, struct path *path, u64 index)
{
    while (path->levels > 0) {
        struct xa_node *node = path->nodes[--path->levels];

        if (node->count)
            break;
        if (path->levels) {
            struct xa_node *parent = path->nodes[path->levels - 1];
            WRITE_ONCE(*slot_of(parent, index), NULL);
            parent->count--;
        } else {
            WRITE_ONCE(xa->root, NULL);
        }
        xa->ops->free(node, sizeof(*node));
    }
}

/*
 * Put nodes on top until the root covers `index`. What was stays under slot 0; an empty array goes
 * straight to the height that `index` needs.
 */
static int raise_root(struct xarray *xa, u64 index)
{
    u32 shift = is_node(xa->root) ? to_node(xa->root)->shift + SLOT_BITS : 0;

    for (; !is_node(xa->root) || !covers(to_node(xa->root), index); shift += SLOT_BITS) {
        struct xa_node *node;

        if (!xa->root && index >> shift >= SLOTS)
            continue;
        node = node_create(xa, shift);
        if (!node)
            return -ENOMEM;
        node->slots[0] = is_node(xa->root) ? to_node(xa->root) : xa->root;
        node->count = node->slots[0] ? 1 : 0;
        publish(&xa->root, tag_node(node));
    }
    return 0;
}

/*
 * Collect the nodes from the root, which covers `index`, down to the leaf; `grow` makes those that
 * are missing. -ENOENT or -ENOMEM: the path ends at the last node there is.
 */
static int path_walk(struct xarray *xa, u64 index, struct path *path, bool grow)
{
    struct xa_node *node = to_node(xa->root), *below;

    for (path->levels = 0;; node = below) {
        path->nodes[path->levels++] = node;
        if (!node->shift)
            return 0;
        below = *slot_of(node, index);
        if (below)
            continue;
        if (!grow)
            return -ENOENT;
        below = node_create(xa, node->shift - SLOT_BITS);
        if (!below)
            return -ENOMEM;
        publish(slot_of(node, index), below);
        node->count++;
    }
}

int xa_store(struct xarray *xa, u64 index, void *value)
{
    struct path path;
    struct xa_node *leaf;
    int err;

    if (index == 0 && !is_node(xa->root)) {
        publish(&xa->root, value);
        return 0;
    }
    err = raise_root(xa, index);
    if (err)
        return err;
    err = path_walk(xa, index, &path, true);
    if (err) {
        prune(xa, &path, index);
        return err;
    }
    leaf = path.nodes[path.levels - 1];
    if (!*slot_of(leaf, index))
        leaf->count++;
    publish(slot_of(leaf, index), value);
    return 0;
}

void *xa_erase(struct xarray *xa, u64 index)
{
    struct path path;
    struct xa_node *leaf;
    void *old;

    if (!is_node(xa->root)) {
        old = index ? NULL : xa->root;
        if (old)
            WRITE_ONCE(xa->root, NULL);
        return old;
    }
    if (!covers(to_node(xa->root), index) || path_walk(xa, index, &path, false))
        return NULL;
    leaf = path.nodes[path.levels - 1];
    old = *slot_of(leaf, index);
    if (!old)
        return NULL;
    WRITE_ONCE(*slot_of(leaf, index), NULL);
    leaf->count--;
    prune(xa, &path, index);
    return old;
}

/* The first slot of `node` in use at or after the one for *index; sets *index to its start. */
static void *next_slot(struct xa_node *node, u64 *index)
{
    u32 shift = node->shift;
    u32 first = *index >> shift & (SLOTS - 1);
    u64 base = shift == SHIFT_MAX ? 0 : *index >> (shift + SLOT_BITS) << (shift + SLOT_BITS);

    for (u32 i = first; i < SLOTS; i++) {
        void *entry = READ_ONCE(node->slots[i]);

        if (!entry)
            continue;
        if (i != first)
            *index = base | (u64)i << shift;
        return entry;
    }
    *index = base | ((u64)SLOTS - 1) << shift | ((1UL << shift) - 1); /* the last one below node */
    return NULL;
}

void *xa_find(const struct xarray *xa, u64 *index, u64 max)
{
    u64 at = *index;

    do {
        void *entry = READ_ONCE(xa->root);
        struct xa_node *node;

        if (!is_node(entry))
            return at ? NULL : entry;
        node = to_node(entry);
        if (!covers(node, at))
            return NULL;
        while ((entry = next_slot(node, &at)) && node->shift)
            node = entry;
        if (entry) {
            if (at > max)
                return NULL;
            *index = at;
            return entry;
        }
    } while (at++ < max); /* nothing more below `node`: again from the root, behind it */
    return NULL;
}

void *xa_find_after(const struct xarray *xa, u64 *index, u64 max)
{
    u64 at = *index + 1;
    void *entry = at ? xa_find(xa, &at, max) : NULL;

    if (entry)
        *index = at;
    return entry;
}

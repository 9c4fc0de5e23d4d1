/*
 * Intrusive red-black tree. The caller searches for itself, so that comparison is inlined:
 *
 *     struct rb_node **link = &root->node, *parent = NULL;
 *     while (*link) {
 *         parent = *link;
 *         link = key < rb_entry(parent, struct item, rb)->key ? &parent->left : &parent->right;
 *     }
 *     rb_insert(root, &item->rb, parent, link);
 *
 * An augmented tree keeps in each entry a value computed from the entry and its two children (the
 * largest gap below, for instance). `augment(node)` recomputes that value from the node and its
 * children; it is called bottom up for every node whose subtree changed, up to the root. The value
 * must be a function of the entries below, not of the shape of the tree.
 *
 * No function allocates or locks; the caller holds the lock of the tree.
 */
#pragma once

#include "lib/types.h"

struct rb_node {
    uintptr_t parent_color; /* parent's address; bit 0: black */
    struct rb_node *left, *right;
};

struct rb_root {
    struct rb_node *node;
};

#define RB_ROOT_INIT \
    {                \
        NULL         \
    }

typedef void rb_augment_fn(struct rb_node *node);

#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_or_null(ptr, type, member)                 \
    ({                                                      \
        struct rb_node *rb_node_ = (ptr);                   \
        rb_node_ ? rb_entry(rb_node_, type, member) : NULL; \
    })

static inline struct rb_node *rb_parent(const struct rb_node *node)
{
    return (struct rb_node *)(node->parent_color & ~(uintptr_t)1);
}

static inline bool rb_empty(const struct rb_root *root)
{
    return !root->node;
}

/* Mark a node as in no tree, and ask. rb_erase() leaves this mark. */
static inline void rb_node_clear(struct rb_node *node)
{
    node->parent_color = (uintptr_t)node;
}

static inline bool rb_node_cleared(const struct rb_node *node)
{
    return node->parent_color == (uintptr_t)node;
}

/* Link `node` at *link below `parent` (NULL and &root->node: an empty tree) and rebalance. */
void rb_insert_augmented(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
                         struct rb_node **link, rb_augment_fn *augment);

/* Unlink `node`, which must be in the tree, and rebalance. */
void rb_erase_augmented(struct rb_root *root, struct rb_node *node, rb_augment_fn *augment);

/* Recompute from `node` (NULL: nothing) to the root, after what an entry holds has changed. */
void rb_propagate(struct rb_node *node, rb_augment_fn *augment);

static inline void rb_insert(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
                             struct rb_node **link)
{
    rb_insert_augmented(root, node, parent, link, NULL);
}

static inline void rb_erase(struct rb_root *root, struct rb_node *node)
{
    rb_erase_augmented(root, node, NULL);
}

/* Put `node` in the place of `old` (same key); nothing is rebalanced or recomputed. */
void rb_replace(struct rb_root *root, struct rb_node *old, struct rb_node *node);

/* In-order walk; NULL at the end. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

#define rb_for_each(pos, root) for (pos = rb_first(root); pos; pos = rb_next(pos))

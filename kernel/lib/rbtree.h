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

typedef void rb_augment_fn(struct rb_node *node);

#define rb_entry(ptr, type, member) container_of(ptr, type, member)

static inline struct rb_node *rb_parent(const struct rb_node *node)
{
    return (struct rb_node *)(node->parent_color & ~(uintptr_t)1);
}

/* Link `node` at *link below `parent` (NULL and &root->node: an empty tree) and rebalance. */
void rb_insert_augmented(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
                         struct rb_node **link, rb_augment_fn *augment);

/* Unlink `node`, which must be in the tree, and rebalance. */
void rb_erase_augmented(struct rb_root *root, struct rb_node *node, rb_augment_fn *augment);

static inline void rb_insert(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
                             struct rb_node **link)
{
    rb_insert_augmented(root, node, parent, link, NULL);
}

static inline void rb_erase(struct rb_root *root, struct rb_node *node)
{
    rb_erase_augmented(root, node, NULL);
}

/* The last in order (NULL: empty); and the one behind (NULL: none). */
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);

/*
 * Red-black trees.
 *
 * What it is: a binary search tree kept balanced by one colour bit a node, so that its height is
 * at most twice the logarithm of its size.
 *
 * Structures and invariants. A struct rb_node lies inside the caller's object; the colour is bit 0
 * of the parent pointer.
 *   I1  In-order is key order. Only the caller knows keys; rotations preserve the order.
 *   I2  A red node has no red child, and the root is black.
 *   I3  Each way from a node down to a missing child passes the same number of black nodes.
 *   I4  In an augmented tree each node's value agrees with its children.
 * Insertion links a red node, which can break only I2, at one place, and moves that place up.
 * Removal of a black node breaks I3 by one on one side, and moves that deficit up. Each needs at
 * most three rotations. A rotation changes the subtree of two nodes and leaves the set of entries
 * under the upper place as it was: recomputing those two restores I4 for all.
 *
 * Locking: the caller's. Nothing is allocated, nothing can fail, nothing sleeps.
 *
 * Rejected: AVL trees (shallower, more rotations on removal, two bits); skip lists and B-trees
 * (they allocate, so that unmapping memory could fail); a copy of each case for left and right
 * (`side` selects the child instead: half the code for one conditional select).
 */
#include "lib/rbtree.h"

enum side { LEFT, RIGHT };

static struct rb_node **child(struct rb_node *node, enum side side)
{
    return side == LEFT ? &node->left : &node->right;
}

static enum side side_of(const struct rb_node *parent, const struct rb_node *node)
{
    return parent->left == node ? LEFT : RIGHT;
}

static bool is_black(const struct rb_node *node)
{
    return !node || (node->parent_color & 1);
}

static void make_black(struct rb_node *node)
{
    node->parent_color |= 1;
}

static void make_red(struct rb_node *node)
{
    node->parent_color &= ~(uintptr_t)1;
}

static void set_parent(struct rb_node *node, struct rb_node *parent)
{
    node->parent_color = (uintptr_t)parent | (node->parent_color & 1);
}

/* Let what pointed at `old` (the parent, or the root) point at `new`. */
static void replace_child(struct rb_root *root, struct rb_node *parent, struct rb_node *old,
                          struct rb_node *new)
{
    if (!parent)
        root->node = new;
    else
        *child(parent, side_of(parent, old)) = new;
}

/* `top` goes down to `side`; its other child takes its place. Colours stay with the nodes. */
static void rotate(struct rb_root *root, struct rb_node *top, enum side side,
                   rb_augment_fn *augment)
{
    struct rb_node *up = *child(top, !side), *middle = *child(up, side);
    struct rb_node *parent = rb_parent(top);

    *child(top, !side) = middle;
    if (middle)
        set_parent(middle, top);
    replace_child(root, parent, top, up);
    set_parent(up, parent);
    *child(up, side) = top;
    set_parent(top, up);
    if (augment) {
        augment(top);
        augment(up);
    }
}

/* Recompute from `node` (NULL: nothing) to the root. */
static void propagate(struct rb_node *node, rb_augment_fn *augment)
{
    for (; node; node = rb_parent(node))
        augment(node);
}

void rb_insert_augmented(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
                         struct rb_node **link, rb_augment_fn *augment)
{
    node->parent_color = (uintptr_t)parent; /* red */
    node->left = NULL;
    node->right = NULL;
    *link = node;
    if (augment)
        propagate(node, augment);

    while (parent && !is_black(parent)) {
        struct rb_node *grand = rb_parent(parent); /* there is one: the root is black */
        enum side side = side_of(grand, parent);
        struct rb_node *uncle = *child(grand, !side);

        if (!is_black(uncle)) { /* push the black down: the conflict moves up two levels */
            make_black(parent);
            make_black(uncle);
            make_red(grand);
            node = grand;
            parent = rb_parent(node);
            continue;
        }
        if (*child(parent, side) != node) { /* an inner grandchild: turn it outward first */
            rotate(root, parent, side, augment);
            parent = node;
        }
        make_black(parent);
        make_red(grand);
        rotate(root, grand, !side, augment);
        break;
    }
    make_black(root->node);
}

/* The ways through `node` (NULL, or black), a child of `parent`, lack one black: restore I3. */
static void erase_fixup(struct rb_root *root, struct rb_node *parent, struct rb_node *node,
                        rb_augment_fn *augment)
{
    while (parent && is_black(node)) {
        enum side side = side_of(parent, node);
        struct rb_node *sibling = *child(parent, !side); /* exists, by I3 */

        if (!is_black(sibling)) {
            make_black(sibling);
            make_red(parent);
            rotate(root, parent, side, augment);
            sibling = *child(parent, !side);
        }
        if (is_black(sibling->left) && is_black(sibling->right)) {
            make_red(sibling); /* now both sides lack one: the deficit moves up */
            node = parent;
            parent = rb_parent(node);
            continue;
        }
        if (is_black(*child(sibling, !side))) { /* the red nephew is inside: turn it outward */
            make_black(*child(sibling, side));
            make_red(sibling);
            rotate(root, sibling, !side, augment);
            sibling = *child(parent, !side);
        }
        if (is_black(parent))
            make_black(sibling);
        else
            make_red(sibling);
        make_black(parent);
        make_black(*child(sibling, !side));
        rotate(root, parent, side, augment);
        return;
    }
    if (node)
        make_black(node);
}

void rb_erase_augmented(struct rb_root *root, struct rb_node *node, rb_augment_fn *augment)
{
    struct rb_node *parent = rb_parent(node), *orphan, *next;
    bool lost_black;

    if (!node->left || !node->right) {
        lost_black = is_black(node);
        orphan = node->left ? node->left : node->right;
        replace_child(root, parent, node, orphan);
        if (orphan)
            set_parent(orphan, parent);
    } else { /* the successor, which has no left child, moves to the node's place and colour */
        for (next = node->right; next->left; next = next->left)
            ;
        lost_black = is_black(next);
        orphan = next->right;
        replace_child(root, parent, node, next);
        parent = rb_parent(next);
        next->parent_color = node->parent_color;
        next->left = node->left;
        set_parent(next->left, next);
        if (parent == node) {
            parent = next;
        } else {
            parent->left = orphan;
            if (orphan)
                set_parent(orphan, parent);
            next->right = node->right;
            set_parent(next->right, next);
        }
    }
    if (augment)
        propagate(parent, augment);
    if (lost_black)
        erase_fixup(root, parent, orphan, augment);
}

struct rb_node *rb_last(const struct rb_root *root)
{
    struct rb_node *node = root->node;

    while (node && node->right)
        node = node->right;
    return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
    struct rb_node *next = node->right;

    if (next) {
        while (next->left)
            next = next->left;
        return next;
    }
    while ((next = rb_parent(node)) && next->right == node)
        node = next;
    return next;
}

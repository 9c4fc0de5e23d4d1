#include <stdlib.h>

#include "lib/rbtree.h"
#include "unit.h"

#define ITEMS 400

struct item {
    struct rb_node rb;
    uint64_t key;
    uint64_t max; /* augmented: the largest key below */
    int weight;   /* augmented: number of entries below */
    bool linked;
};

static void augment(struct rb_node *node)
{
    struct item *item = rb_entry(node, struct item, rb);
    struct item *left = node->left ? rb_entry(node->left, struct item, rb) : NULL;
    struct item *right = node->right ? rb_entry(node->right, struct item, rb) : NULL;

    item->weight = 1 + (left ? left->weight : 0) + (right ? right->weight : 0);
    item->max = right ? right->max : item->key;
}

static void insert(struct rb_root *root, struct item *item, rb_augment_fn *fn)
{
    struct rb_node **link = &root->node, *parent = NULL;

    while (*link) {
        parent = *link;
        link = item->key < rb_entry(parent, struct item, rb)->key ? &parent->left : &parent->right;
    }
    if (fn)
        rb_insert_augmented(root, &item->rb, parent, link, fn);
    else
        rb_insert(root, &item->rb, parent, link);
}

/* Checks links, colours, black heights and values below `node`; returns the black height. */
static int check(struct rb_node *node, struct rb_node *parent, bool augmented, int *count)
{
    int left, right;
    bool black = node ? node->parent_color & 1 : true;

    if (!node)
        return 0;
    CHECK(rb_parent(node) == parent);
    if (!black)
        CHECK(parent && (parent->parent_color & 1));
    left = check(node->left, node, augmented, count);
    right = check(node->right, node, augmented, count);
    CHECK_EQ(left, right);
    if (augmented) {
        struct item *item = rb_entry(node, struct item, rb), have = *item;

        augment(node);
        CHECK(have.max == item->max && have.weight == item->weight);
    }
    ++*count;
    return left + black;
}

static struct rb_node *first(const struct rb_root *root)
{
    struct rb_node *node = root->node;

    while (node && node->left)
        node = node->left;
    return node;
}

static void check_order(struct rb_root *root, int want)
{
    struct rb_node *pos, *last = NULL;
    int count = 0;

    for (pos = first(root); pos; pos = rb_next(pos)) {
        if (last)
            CHECK(rb_entry(last, struct item, rb)->key <= rb_entry(pos, struct item, rb)->key);
        last = pos;
        count++;
    }
    CHECK_EQ(count, want);
    CHECK(rb_last(root) == last);
}

static void random_operations(bool augmented, uint64_t key_mask, int operations)
{
    struct rb_root root = {NULL};
    struct item *items = calloc(ITEMS, sizeof(*items));
    rb_augment_fn *fn = augmented ? augment : NULL;
    int live = 0;

    for (int i = 0; i < operations; i++) {
        struct item *item = &items[unit_random() % ITEMS];
        int count = 0;

        item->linked = !item->linked;
        if (item->linked) {
            item->key = unit_random() & key_mask;
            insert(&root, item, fn);
            live++;
        } else {
            rb_erase_augmented(&root, &item->rb, fn);
            live--;
        }
        check(root.node, NULL, augmented, &count);
        CHECK_EQ(count, live);
        CHECK(!root.node == (live == 0));
        if (i % 64 == 0)
            check_order(&root, live);
    }
    for (struct rb_node *node; (node = first(&root));) {
        int count = 0;

        rb_erase_augmented(&root, node, fn);
        check(root.node, NULL, augmented, &count);
        CHECK_EQ(count, --live);
    }
    CHECK(!root.node && !first(&root) && !rb_last(&root));
    free(items);
}

UNIT(rbtree_random)
{
    random_operations(false, ~0ull, 4000);
    random_operations(false, 15, 2000); /* many equal keys */
}

UNIT(rbtree_augmented)
{
    random_operations(true, ~0ull, 4000);
}

UNIT(rbtree_ascending)
{
    struct rb_root root = {NULL};
    struct item items[100];
    int count = 0, height;

    for (int i = 0; i < 100; i++) {
        items[i].key = i;
        insert(&root, &items[i], augment);
    }
    height = check(root.node, NULL, true, &count);
    CHECK(height <= 7);
    check_order(&root, 100);
}

#include "lib/list.h"
#include "unit.h"

struct item {
    int value;
    struct list node;
    struct hlist_node hash;
};

/* The values in order as a decimal number, checked in both directions. */
static int digits(struct list *head)
{
    struct item *item;
    int forward = 0, backward = 0, unit = 1;

    list_for_each_entry(item, head, node)
        forward = forward * 10 + item->value;
    for (struct list *at = head->prev; at != head; at = at->prev, unit *= 10)
        backward += list_entry(at, struct item, node)->value * unit;
    CHECK_EQ(forward, backward);
    return forward;
}

UNIT(list_order)
{
    struct list head = LIST_INIT(head), other = LIST_INIT(other);
    struct item item[6], *pos, *tmp;

    CHECK(list_empty(&head));
    CHECK(!list_first(&head, struct item, node));
    CHECK(!list_last(&head, struct item, node));
    for (int i = 0; i < 6; i++)
        item[i].value = i;
    list_add_tail(&item[2].node, &head);
    list_add_tail(&item[3].node, &head);
    list_add(&item[1].node, &head);
    CHECK_EQ(digits(&head), 123);
    CHECK(list_first(&head, struct item, node) == &item[1]);
    CHECK(list_last(&head, struct item, node) == &item[3]);

    list_add_tail(&item[4].node, &other);
    list_add_tail(&item[5].node, &other);
    list_splice_tail(&other, &head);
    CHECK(list_empty(&other));
    CHECK_EQ(digits(&head), 12345);
    list_splice_tail(&other, &head);
    CHECK_EQ(digits(&head), 12345);

    list_del(&item[3].node);
    list_del(&item[3].node);
    CHECK(list_empty(&item[3].node));
    CHECK_EQ(digits(&head), 1245);
    list_move_tail(&item[1].node, &head);
    CHECK_EQ(digits(&head), 2451);
    list_del(&item[1].node);
    list_add(&item[1].node, &head);
    CHECK_EQ(digits(&head), 1245);
    list_for_each_entry_safe(pos, tmp, &head, node)
        if (pos->value % 2 == 0)
            list_move_tail(&pos->node, &other);
    CHECK_EQ(digits(&head), 15);
    CHECK_EQ(digits(&other), 24);
}

static int chain(struct hlist_head *head)
{
    struct item *pos;
    int value = 0;

    hlist_for_each_entry_rcu(pos, head, hash)
        value = value * 10 + pos->value;
    return value;
}

UNIT(hlist_chain)
{
    struct hlist_head head = {NULL};
    struct item item[5] = {0};

    for (int i = 1; i < 5; i++) {
        item[i].value = i;
        CHECK(hlist_unhashed(&item[i].hash));
        hlist_add_head_rcu(&item[i].hash, &head);
        CHECK(!hlist_unhashed(&item[i].hash));
    }
    CHECK_EQ(chain(&head), 4321);
    hlist_del(&item[3].hash);
    CHECK(hlist_unhashed(&item[3].hash));
    CHECK(item[3].hash.next == &item[2].hash); /* a reader standing there goes on */
    hlist_del(&item[3].hash);
    CHECK_EQ(chain(&head), 421);
    hlist_del(&item[4].hash);
    hlist_del(&item[1].hash);
    CHECK_EQ(chain(&head), 2);
    hlist_del(&item[2].hash);
    CHECK(!head.first);
}

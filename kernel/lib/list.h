/*
 * Intrusive lists.
 *
 * struct list is a ring: the head is one more node, so that nothing is a special case and a node
 * can leave without knowing its list. struct hlist_head is one pointer, for hash tables; its
 * chains may be read under RCU while one writer changes them: a node is published by a release
 * store, found through an address dependency, and keeps its `next` after hlist_del(), so that a
 * reader standing on it walks on. The memory may be reused only after a grace period.
 *
 * No function allocates or locks; the caller holds the lock of the list.
 */
#pragma once

#include "lib/types.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }

static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_empty(const struct list *head)
{
    return READ_ONCE(head->next) == head;
}

static inline void list_insert_between(struct list *node, struct list *prev, struct list *next)
{
    node->prev = prev;
    node->next = next;
    next->prev = node;
    prev->next = node;
}

/* Insert right after `head`: first of the list, or behind any node. */
static inline void list_add(struct list *node, struct list *head)
{
    list_insert_between(node, head, head->next);
}

/* Insert right before `head`: last of the list, or in front of any node. */
static inline void list_add_tail(struct list *node, struct list *head)
{
    list_insert_between(node, head->prev, head);
}

/* Take out. The node points at itself after: a second list_del is harmless, list_empty is true. */
static inline void list_del(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

static inline void list_move_tail(struct list *node, struct list *head)
{
    list_del(node);
    list_add_tail(node, head);
}

/* Append all nodes of `from` to `to`, in order; `from` is empty after. */
static inline void list_splice_tail(struct list *from, struct list *to)
{
    if (from->next == from)
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#define list_entry(node, type, member) container_of(node, type, member)

/* First or last entry, or NULL when empty. */
#define list_first(head, type, member) \
    (list_empty(head) ? NULL : list_entry((head)->next, type, member))
#define list_last(head, type, member) \
    (list_empty(head) ? NULL : list_entry((head)->prev, type, member))

#define list_for_each_entry(pos, head, member)                                             \
    for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head); \
         pos = list_entry(pos->member.next, __typeof__(*pos), member))

/* As above; the body may take `pos` out, but not `tmp`, which is the entry after it. */
#define list_for_each_entry_safe(pos, tmp, head, member)              \
    for (pos = list_entry((head)->next, __typeof__(*pos), member),    \
        tmp = list_entry(pos->member.next, __typeof__(*pos), member); \
         &pos->member != (head);                                      \
         pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

struct hlist_node {
    struct hlist_node *next;
    struct hlist_node **pprev; /* what points at this node; NULL: on no chain */
};

struct hlist_head {
    struct hlist_node *first;
};

static inline bool hlist_unhashed(const struct hlist_node *node)
{
    return !READ_ONCE(node->pprev);
}

/* Push in front. The release makes all earlier stores to the object visible to RCU readers. */
static inline void hlist_add_head_rcu(struct hlist_node *node, struct hlist_head *head)
{
    struct hlist_node *first = head->first;

    node->next = first;
    node->pprev = &head->first;
    if (first)
        first->pprev = &node->next;
    __atomic_store_n(&head->first, node, __ATOMIC_RELEASE);
}

/* Take out, if it is on a chain; `next` stays for RCU readers. */
static inline void hlist_del(struct hlist_node *node)
{
    struct hlist_node *next = node->next, **pprev = node->pprev;

    if (!pprev)
        return;
    WRITE_ONCE(*pprev, next);
    if (next)
        next->pprev = pprev;
    WRITE_ONCE(node->pprev, NULL);
}

#define hlist_entry(node, type, member) container_of(node, type, member)

/* The entry of a node, or NULL for NULL. */
#define hlist_entry_or_null(node, type, member)                      \
    ({                                                               \
        __typeof__(node) hlist_node_ = (node);                       \
        hlist_node_ ? hlist_entry(hlist_node_, type, member) : NULL; \
    })

/* Under the RCU read side; the address dependency orders the loads through `pos`. */
#define hlist_for_each_entry_rcu(pos, head, member)                                          \
    for (pos = hlist_entry_or_null(READ_ONCE((head)->first), __typeof__(*pos), member); pos; \
         pos = hlist_entry_or_null(READ_ONCE(pos->member.next), __typeof__(*pos), member))

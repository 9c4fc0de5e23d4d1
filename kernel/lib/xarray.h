/*
 * Sparse array of pointers indexed by u64 (a radix tree of 64-slot nodes; theory in xarray.c).
 *
 * Values are any pointers whose bit 0 is clear; NULL means absent. Writers exclude each other by
 * the caller's lock. xa_load() and xa_find() need no lock under the RCU read side, when
 * ops->free() defers the reuse of a node by a grace period and values are freed likewise.
 */
#pragma once

#include "lib/types.h"

struct xarray_ops {
    void *(*alloc)(size_t size);           /* memory for a node, contents ignored; may be NULL */
    void (*free)(void *node, size_t size); /* deferred, if readers come without the lock */
};

struct xarray {
    void *root;                   /* NULL, the value at index 0 alone, or a node with bit 0 set */
    const struct xarray_ops *ops; /* [I] */
};

#define XARRAY_NODE_SIZE (8 + 64 * sizeof(void *)) /* the only size asked of ops->alloc */
#define XARRAY_INIT(xarray_ops) \
    {                           \
        NULL, xarray_ops        \
    }

static inline void xa_init(struct xarray *xa, const struct xarray_ops *ops)
{
    xa->root = NULL;
    xa->ops = ops;
}

static inline bool xa_empty(const struct xarray *xa)
{
    return !READ_ONCE(xa->root);
}

/* The value at `index`, or NULL. */
void *xa_load(const struct xarray *xa, u64 index);

/*
 * Put `value` at `index`, replacing what is there; NULL erases. 0, -ENOMEM (only when `index`
 * was absent; the array is as before), or -EINVAL for a value with bit 0 set.
 */
__must_check int xa_store(struct xarray *xa, u64 index, void *value);

/* Make `index` absent; returns the value that was there, or NULL. Frees nodes left empty. */
void *xa_erase(struct xarray *xa, u64 index);

/*
 * The first value at an index in [*index, max]: returns it and sets *index to its place, or
 * returns NULL and leaves *index. Entries that are there during the whole call are never missed.
 */
void *xa_find(const struct xarray *xa, u64 *index, u64 max);

/* xa_find from *index + 1. */
void *xa_find_after(const struct xarray *xa, u64 *index, u64 max);

/* Free all nodes; the values are the caller's. Nobody may use the array meanwhile. */
void xa_destroy(struct xarray *xa);

/* Ascending over [first, last]; `index` is a u64; the body may erase or store at any index. */
#define xa_for_each_range(xa, index, value, first, last)            \
    for (index = (first), value = xa_find(xa, &index, last); value; \
         value = xa_find_after(xa, &index, last))
#define xa_for_each(xa, index, value) xa_for_each_range(xa, index, value, 0, UINT64_MAX)

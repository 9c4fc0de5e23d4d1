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

/* Empty with its root NULL: {.ops = ...}. */
struct xarray {
    void *root;                   /* NULL, the value at index 0 alone, or a node with bit 0 set */
    const struct xarray_ops *ops; /* [I] */
};

#define XARRAY_NODE_SIZE (8 + 64 * sizeof(void *)) /* the only size asked of ops->alloc */

/* The value at `index`, or NULL. */
void *xa_load(const struct xarray *xa, u64 index);

/*
 * Put `value`, not NULL, at `index`, replacing what is there. 0, or -ENOMEM: only when `index` was
 * absent, and what the array holds is as before.
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

/* In ascending order; `index` is a u64; the body may erase or store at any index. */
#define xa_for_each(xa, index, value)                               \
    for (index = 0, value = xa_find(xa, &index, UINT64_MAX); value; \
         value = xa_find_after(xa, &index, UINT64_MAX))

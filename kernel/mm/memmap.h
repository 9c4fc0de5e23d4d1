/*
 * The map of physical memory: the RAM banks and what in them is reserved. Filled at boot by one
 * CPU from whatever the device tree says; ranges may overlap, touch, wrap or be empty. The arrays
 * grow out of the boot allocator.
 */
#pragma once

#include "lib/types.h"

struct memrange {
    paddr_t start, end; /* whole pages */
    const char *name;   /* of a reservation; kept, not copied */
};

/* A bank of RAM: shrunk to whole pages. */
void memmap_add(paddr_t base, u64 size);

/* Memory that is not free: widened to whole pages. May lie outside RAM. */
void memmap_reserve(paddr_t base, u64 size, const char *name);

/* The n-th bank or reservation in order of address, neither overlapping; NULL behind the last. */
const struct memrange *memmap_bank(size_t n);
const struct memrange *memmap_reserved(size_t n);

/*
 * The first free range at or after `from`, cut at `to`: RAM less reservations. False when there
 * is none. Walk on with from = range->end.
 */
bool memmap_next_free(paddr_t from, paddr_t to, struct memrange *range);

/* Does one bank hold all of [start, end)? */
bool memmap_in_bank(paddr_t start, paddr_t end);

/* Writes the map to the log. */
void memmap_log(void);

/*
 * What file_ops->mmap is asked and answers. vm fills the first part from mmap(2); the rest is set
 * to the usual answer for a regular file before the call: pages of file->mapping. Whoever has no
 * mmap entry cannot be mapped (-ENODEV). The entry may sleep; it is called with no lock of vm held.
 */
#pragma once

#include "lib/types.h"

struct mapping;

struct vm_map_request {
    u64 offset, length; /* in bytes, multiples of the page size */
    u32 prot;           /* PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 */
    u32 flags;          /* MAP_SHARED 1, MAP_PRIVATE 2, and the others of mmap(2) */
    /* ---- answers ---- */
    struct mapping *mapping; /* whose pages; file->mapping, may be NULL with `anonymous` */
    const u64 *size; /* where the file's size in bytes stands, read at each fault: pages wholly
                           behind it give SIGBUS. NULL (as before the call): no end */
    bool anonymous;  /* it is memory without a file after all: /dev/zero */
};

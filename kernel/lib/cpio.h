/*
 * Reader of cpio archives in the "newc" form (magic 070701, or 070702 whose sums are ignored),
 * as an initramfs comes: archives one after another, with zeros between them.
 *
 * Nothing is copied: names and data point into the buffer. A name may be followed by more NULs
 * inside its c_namesize, by which image makers align the data of a file.
 */
#pragma once

#include "lib/types.h"

struct cpio {
    const u8 *data;
    size_t size;
    size_t pos;        /* of the next header; after an error: of the bad one */
    size_t base;       /* where this archive began: padding counts from here */
    bool inside;       /* between the first header and TRAILER!!! */
    const char *error; /* what is wrong at `pos`, in a few words */
};

#define CPIO_FIELDS 13

struct cpio_entry {
    const char *name; /* NUL-terminated, at most CPIO_NAME_MAX bytes, as stored */
    const u8 *data;   /* contents, or the target of a symbolic link (not terminated) */
    union {
        u32 fields[CPIO_FIELDS]; /* the numbers of the header, in its order */
        struct {
            u32 ino, mode, uid, gid, nlink, mtime, size;
            u32 dev_major, dev_minor, rdev_major, rdev_minor, name_size, check;
        };
    };
};

#define CPIO_NAME_MAX 4095

enum {
    CPIO_END,    /* nothing is left */
    CPIO_ENTRY,  /* *entry is filled in */
    CPIO_FOREIGN /* at `pos`, where an archive may begin, begins something else (gzip?) */
};

void cpio_open(struct cpio *cpio, const void *data, size_t size);

/*
 * Step to the next member, over the ends of archives and the zeros between them. CPIO_*, or -EINVAL
 * with `error` set; at CPIO_FOREIGN and an error `pos` stays. An archive that ends with the buffer
 * but without a trailer is accepted.
 */
int cpio_next(struct cpio *cpio, struct cpio_entry *entry);

/*
 * Reader of cpio archives in the "newc" form (magic 070701, or 070702 whose sums are ignored),
 * as an initramfs comes: archives one after another, with zeros between them.
 *
 * Nothing is copied: names and data point into the buffer. A name may be followed by more NULs
 * inside its c_namesize, by which image makers align the data of a file.
 */
#pragma once

#include "lib/types.h"

enum cpio_error {
    CPIO_OK,
    CPIO_BAD_MAGIC,  /* no header where one must be */
    CPIO_BAD_NUMBER, /* a field is not eight hexadecimal digits */
    CPIO_BAD_NAME,   /* name empty, not terminated, or longer than a path may be */
    CPIO_TRUNCATED,  /* header, name or data reach beyond the buffer */
};

struct cpio {
    const u8 *data;
    size_t size;
    size_t pos;  /* of the next header; after an error: of the bad one */
    size_t base; /* where this archive began: padding counts from here */
    bool inside; /* between the first header and TRAILER!!! */
    enum cpio_error error;
};

struct cpio_entry {
    const char *name; /* NUL-terminated, at most CPIO_NAME_MAX bytes, as stored */
    const u8 *data;   /* contents, or the target of a symbolic link (not terminated) */
    u32 size;
    u32 ino, mode, uid, gid, nlink, mtime;
    u32 dev_major, dev_minor, rdev_major, rdev_minor;
};

#define CPIO_NAME_MAX 4095

/* What cpio_next() returns beside -EINVAL (then `error` and `pos` say what and where). */
#define CPIO_END     0 /* nothing is left */
#define CPIO_ENTRY   1 /* *entry is filled in */
#define CPIO_FOREIGN 2 /* at `pos`, where an archive may begin, begins something else (gzip?) */

void cpio_open(struct cpio *cpio, const void *data, size_t size);
int cpio_next(struct cpio *cpio, struct cpio_entry *entry);

/* A few words for a log line. */
const char *cpio_error_text(enum cpio_error error);

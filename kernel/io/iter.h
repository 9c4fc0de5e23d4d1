/*
 * Iterators: the memory of one transfer, user or kernel, in one piece or many.
 *
 * A file's read and write know nothing of where bytes come from or go to: they copy through the
 * iterator, which advances. Pages are kernel memory (the linear map), so a transfer to or from
 * pages is a list of kernel segments. A copy is short only when a user page faults; what was
 * copied before the fault counts.
 */
#pragma once

#include "arch/uaccess.h"
#include "core/uaccess.h"
#include "lib/types.h"

struct iovec {
    u64 base; /* user or kernel address, as the iterator says */
    u64 len;
};

struct iter {
    u64 at;                   /* next byte of the current segment */
    size_t seg_left;          /* bytes left in it */
    size_t left;              /* bytes left in all; seg_left <= left */
    const struct iovec *next; /* the segment after the current one; valid while left > seg_left */
    bool user;
};

#define IOV_MAX      1024         /* segments in one call: the Linux limit */
#define IO_COUNT_MAX 0x7ffff000UL /* bytes in one call: the Linux limit */

static inline void iter_user(struct iter *it, struct user_ptr ptr, size_t len)
{
    it->at = ptr.addr;
    it->seg_left = it->left = len;
    it->next = NULL;
    it->user = true;
}

static inline void iter_kernel(struct iter *it, const void *buf, size_t len)
{
    it->at = (u64)buf;
    it->seg_left = it->left = len;
    it->next = NULL;
    it->user = false;
}

/*
 * Over `count` segments at `iov` (kernel memory, which must outlive the iterator), `total` being
 * the sum of their lengths or less.
 */
void iter_iovec(struct iter *it, const struct iovec *iov, size_t count, size_t total, bool user);

static inline size_t iter_left(const struct iter *it)
{
    return it->left;
}

/* Let the iterator end after at most `max` more bytes. */
static inline void iter_truncate(struct iter *it, size_t max)
{
    if (it->left > max) {
        it->left = max;
        if (it->seg_left > max)
            it->seg_left = max;
    }
}

/* The general case of the copies below: many segments, kernel memory. */
size_t iter_copy_to_slow(struct iter *it, const void *src, size_t n);
size_t iter_copy_from_slow(struct iter *it, void *dst, size_t n);
size_t iter_clear_slow(struct iter *it, size_t n);

static inline void iter_step(struct iter *it, size_t n)
{
    it->at += n;
    it->seg_left -= n;
    it->left -= n;
}

/*
 * Copy min(n, left) bytes from kernel memory into the iterator; returns the bytes copied, fewer
 * on a fault. May sleep when the iterator is over user memory.
 */
static inline ssize_t iter_copy_to(struct iter *it, const void *src, size_t n)
{
    if (unlikely(!it->user || n > it->seg_left))
        return iter_copy_to_slow(it, src, n);
    n -= user_copy_to(it->at, src, n);
    iter_step(it, n);
    return n;
}

/* The other way: from the iterator into kernel memory. */
static inline ssize_t iter_copy_from(struct iter *it, void *dst, size_t n)
{
    if (unlikely(!it->user || n > it->seg_left))
        return iter_copy_from_slow(it, dst, n);
    n -= user_copy_from(dst, it->at, n);
    iter_step(it, n);
    return n;
}

/* Write min(n, left) zero bytes; returns how many, fewer on a fault. */
static inline ssize_t iter_clear(struct iter *it, size_t n)
{
    if (unlikely(!it->user || n > it->seg_left))
        return iter_clear_slow(it, n);
    n -= user_clear(it->at, n);
    iter_step(it, n);
    return n;
}

/* Pass over all that is left, without touching it; returns how many bytes that was. */
static inline size_t iter_skip_all(struct iter *it)
{
    size_t n = it->left;

    it->left = it->seg_left = 0;
    return n;
}

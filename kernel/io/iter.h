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
#include "lib/kasan.h"
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

static inline void iter_init(struct iter *it, u64 at, size_t len, bool user)
{
    it->at = at;
    it->seg_left = it->left = len;
    it->next = NULL;
    it->user = user;
}

static inline void iter_user(struct iter *it, struct user_ptr ptr, size_t len)
{
    iter_init(it, ptr.addr, len, true);
}

static inline void iter_kernel(struct iter *it, const void *buf, size_t len)
{
    iter_init(it, (u64)buf, len, false);
}

/*
 * Over `count` segments at `iov` (kernel memory, which must outlive the iterator), `total` being
 * the sum of their lengths or less.
 */
void iter_iovec(struct iter *it, const struct iovec *iov, size_t count, size_t total, bool user);

/* Let the iterator end after at most `max` more bytes. */
static inline void iter_truncate(struct iter *it, size_t max)
{
    if (it->left > max) {
        it->left = max;
        if (it->seg_left > max)
            it->seg_left = max;
    }
}

enum iter_way { ITER_TO, ITER_FROM, ITER_CLEAR };

/* The general case: many segments, kernel memory. */
size_t iter_move_slow(struct iter *it, void *buf, size_t n, enum iter_way way);

/* A piece of user memory; returns how many bytes were not moved. */
static __always_inline size_t iter_move_user(u64 at, void *buf, size_t n, enum iter_way way)
{
    if (KASAN && way != ITER_CLEAR)
        kasan_check((u64)buf, n, way == ITER_FROM);
    if (way == ITER_TO)
        return user_copy_to(at, buf, n);
    return way == ITER_FROM ? user_copy_from(buf, at, n) : user_clear(at, n);
}

static inline void iter_step(struct iter *it, size_t n)
{
    it->at += n;
    it->seg_left -= n;
    it->left -= n;
}

static __always_inline ssize_t iter_move(struct iter *it, void *buf, size_t n, enum iter_way way)
{
    if (unlikely(!it->user || n > it->seg_left))
        return iter_move_slow(it, buf, n, way);
    n -= iter_move_user(it->at, buf, n, way);
    iter_step(it, n);
    return n;
}

/*
 * Copy min(n, left) bytes from kernel memory into the iterator, out of it, or write as many zeros
 * into it. The bytes moved, fewer on a fault. May sleep when the iterator is over user memory.
 */
static inline ssize_t iter_copy_to(struct iter *it, const void *src, size_t n)
{
    return iter_move(it, (void *)src, n, ITER_TO);
}

static inline ssize_t iter_copy_from(struct iter *it, void *dst, size_t n)
{
    return iter_move(it, dst, n, ITER_FROM);
}

static inline ssize_t iter_clear(struct iter *it, size_t n)
{
    return iter_move(it, NULL, n, ITER_CLEAR);
}

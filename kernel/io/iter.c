/*
 * The slow half of iterators (io/iter.h): many segments, and kernel memory.
 *
 *   I1  `left` counts what the transfer may still move; seg_left <= left.
 *   I2  When left > seg_left there is a next segment; segments may be empty.
 *   I3  A user copy that comes short ends the transfer there: nothing after the faulting byte of
 *       a segment is touched in the same call.
 *
 * An iterator belongs to one thread and has no lock.
 */
#include "io/iter.h"

#include "lib/string.h"

/* Stand on a segment that has bytes; the caller knows that left > 0. I2 */
static void enter_segment(struct iter *it)
{
    while (it->seg_left == 0) {
        it->at = it->next->base;
        it->seg_left = MIN_T(size_t, it->next->len, it->left);
        it->next++;
    }
}

void iter_iovec(struct iter *it, const struct iovec *iov, size_t count, size_t total, bool user)
{
    it->at = 0;
    it->seg_left = 0;
    it->left = count ? total : 0;
    it->next = iov;
    it->user = user;
    if (it->left)
        enter_segment(it);
}

size_t iter_copy_to_slow(struct iter *it, const void *src, size_t n)
{
    size_t done = 0;

    n = MIN(n, it->left);
    while (done < n) {
        size_t part, missed = 0;

        enter_segment(it);
        part = MIN(n - done, it->seg_left);
        if (it->user)
            missed = user_copy_to(it->at, (const char *)src + done, part);
        else
            memcpy((void *)it->at, (const char *)src + done, part);
        iter_step(it, part - missed);
        done += part - missed;
        if (missed)
            break; /* I3 */
    }
    return done;
}

size_t iter_copy_from_slow(struct iter *it, void *dst, size_t n)
{
    size_t done = 0;

    n = MIN(n, it->left);
    while (done < n) {
        size_t part, missed = 0;

        enter_segment(it);
        part = MIN(n - done, it->seg_left);
        if (it->user)
            missed = user_copy_from((char *)dst + done, it->at, part);
        else
            memcpy((char *)dst + done, (const void *)it->at, part);
        iter_step(it, part - missed);
        done += part - missed;
        if (missed)
            break; /* I3 */
    }
    return done;
}

size_t iter_clear_slow(struct iter *it, size_t n)
{
    size_t done = 0;

    n = MIN(n, it->left);
    while (done < n) {
        size_t part, missed = 0;

        enter_segment(it);
        part = MIN(n - done, it->seg_left);
        if (it->user)
            missed = user_clear(it->at, part);
        else
            memset((void *)it->at, 0, part);
        iter_step(it, part - missed);
        done += part - missed;
        if (missed)
            break; /* I3 */
    }
    return done;
}

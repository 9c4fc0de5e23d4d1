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

size_t iter_move_slow(struct iter *it, void *buf, size_t n, enum iter_way way)
{
    size_t done = 0, missed = 0;

    n = MIN(n, it->left);
    while (done < n && !missed) { /* I3 */
        char *at = (char *)buf + done;
        size_t part;

        enter_segment(it);
        part = MIN(n - done, it->seg_left);
        if (it->user)
            missed = iter_move_user(it->at, at, part, way);
        else if (way == ITER_CLEAR)
            memset((void *)it->at, 0, part);
        else
            memcpy(way == ITER_TO ? (void *)it->at : at, way == ITER_TO ? at : (void *)it->at,
                   part);
        iter_step(it, part - missed);
        done += part - missed;
    }
    return done;
}

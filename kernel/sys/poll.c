/*
 * ppoll(2) and pselect6(2) over poll_files().
 *
 * Both take a signal mask for the time of the wait, give back what is left of the timeout, and
 * are restarted after a signal without a handler (ERESTARTNOHAND) with that rest.
 */
#include "core/clock.h"
#include "io/fdtable.h"
#include "io/poll.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "proc/signal.h"
#include "sched/reclaim.h"
#include "sched/timer.h"
#include "sys/abi.h"
#include "sys/calls.h"

#define POLL_FAST     32 /* entries that need no allocation */

#define SELECT_IN     (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SELECT_OUT    (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define SELECT_EXCEPT POLLPRI

/* What both calls have around the wait. */
struct waiting {
    u64 timeout;  /* user address of the timespec, or 0 */
    u64 deadline; /* monotonic ns; 0: do not wait; TIMER_NEVER */
    bool masked;
};

/* Read the timeout and put the mask in force. 0 or -errno. */
static int waiting_begin(struct waiting *w, u64 timeout, u64 mask_addr, u64 mask_size)
{
    u64 mask;
    int error = deadline_get(timeout, &w->deadline);

    w->timeout = timeout;
    w->masked = mask_addr;
    if (error || !mask_addr)
        return error;
    if (mask_size != SIGSET_SIZE)
        return -EINVAL;
    if (get_user_u64(USER_PTR(mask_addr), &mask))
        return -EFAULT;
    signal_mask_temporarily(mask);
    return 0;
}

/* Restore the mask unless delivery will, write the rest of the timeout, settle the result. */
static long waiting_end(struct waiting *w, long result)
{
    struct task *task = self_task();
    u64 left = 0;

    if (w->masked && result != -EINTR) {
        task->flags &= ~TASK_RESTORE_MASK;
        signal_set_blocked(task->saved_mask);
    }
    if (result == -EINTR)
        result = -ERESTARTNOHAND;
    if (w->deadline == TIMER_NEVER)
        return result;
    if (w->deadline) {
        u64 now = clock_monotonic_ns();

        left = w->deadline > now ? w->deadline - now : 0;
    }
    /* A timeout in read-only memory stays, and then a restart would wait too long. */
    if (timespec_put(USER_PTR(w->timeout), left) && result == -ERESTARTNOHAND)
        result = -EINTR;
    return result;
}

/* ---- poll ---- */

/*
 * Give back the revents that are new, and only them: other threads may be changing the rest. One
 * in each page is written in any case, so that memory that cannot be written is noticed.
 */
static int put_revents(u64 addr, struct pollfd *fds, u32 count)
{
    u32 probe = 0; /* the next entry that is the first of its page */

    for (u32 i = 0; i < count; i++) {
        u64 at = addr + i * sizeof(*fds) + offsetof(struct pollfd, revents);

        if (likely(!(fds[i].revents & POLL_CHANGED) && i != probe))
            continue;
        if (i == probe)
            probe += (PAGE_SIZE - (at & PAGE_MASK) + sizeof(*fds) - 1) / sizeof(*fds);
        fds[i].revents &= ~POLL_CHANGED;
        if (copy_to_user(USER_PTR(at), &fds[i].revents, sizeof(fds[i].revents)))
            return -EFAULT;
    }
    return 0;
}

static long poll_user(u64 addr, u32 count, u64 deadline)
{
    struct pollfd fast[POLL_FAST], *fds = fast, *large __scoped(kmalloc) = NULL;
    long result;

    if (count > rlimit_get(RLIMIT_NOFILE))
        return -EINVAL;
    if (count > POLL_FAST) {
        fds = large = kmalloc(count * sizeof(*fds));
        if (!fds)
            return -ENOMEM;
    }
    result = copy_from_user(fds, USER_PTR(addr), count * sizeof(*fds));
    if (!result)
        result = poll_files(fds, count, deadline);
    if (result >= 0 && put_revents(addr, fds, count))
        result = -EFAULT;
    return result;
}

static __noinline long ppoll_waiting(u64 fds, u64 count, u64 timeout, u64 mask, u64 mask_size)
{
    struct waiting waiting;
    long result = waiting_begin(&waiting, timeout, mask, mask_size);

    if (result)
        return result;
    return waiting_end(&waiting, poll_user(fds, count, waiting.deadline));
}

long sys_ppoll(u64 fds, u64 count, u64 timeout, u64 mask, u64 mask_size)
{
    long result;

    if (timeout || mask)
        return ppoll_waiting(fds, count, timeout, mask, mask_size);
    result = poll_user(fds, count, TIMER_NEVER);
    return result == -EINTR ? -ERESTARTNOHAND : result;
}

/* ---- select ---- */

/* The three sets of a call, and a pollfd for each descriptor that is in any. */
struct select_sets {
    u64 addr[3]; /* of the user's, or 0 */
    u64 *in[3];  /* [words] */
    u64 *out;    /* [words], one at a time */
    u32 bits, words;
    struct pollfd *fds;
    u32 count;
};

static const u32 select_events[3] = {SELECT_IN, SELECT_OUT, SELECT_EXCEPT};

/* memory: for four sets, zero. */
static int sets_read(struct select_sets *sets, u64 *memory)
{
    sets->out = memory + 3 * sets->words;
    for (int i = 0; i < 3; i++) {
        sets->in[i] = memory + i * sets->words;
        if (!sets->addr[i])
            continue;
        if (copy_from_user(sets->in[i], USER_PTR(sets->addr[i]), sets->words * 8))
            return -EFAULT;
        if (sets->bits % 64)
            sets->in[i][sets->words - 1] &= BIT(sets->bits % 64) - 1;
    }
    return 0;
}

/* One pollfd for each descriptor that is in any set. */
static int sets_to_fds(struct select_sets *sets)
{
    u32 count = 0;
    size_t fd;

    for (u32 w = 0; w < sets->words; w++) {
        sets->out[w] = sets->in[0][w] | sets->in[1][w] | sets->in[2][w];
        count += bits_weight(sets->out[w]);
    }
    sets->fds = kmalloc((count + 1) * sizeof(*sets->fds));
    if (!sets->fds)
        return -ENOMEM;
    bitmap_for_each(fd, sets->out, sets->bits) {
        struct pollfd *entry = &sets->fds[sets->count++];

        entry->fd = fd;
        for (int i = 0; i < 3; i++)
            if (bitmap_test(sets->in[i], fd))
                entry->events |= select_events[i];
    }
    return 0;
}

/* The answers as sets. The number of bits in them, -EBADF or -EFAULT. */
static long sets_write(struct select_sets *sets)
{
    long found = 0;

    for (u32 n = 0; n < sets->count; n++)
        if (sets->fds[n].revents & POLLNVAL)
            return -EBADF;
    for (int i = 0; i < 3; i++) {
        if (!sets->addr[i])
            continue;
        memset(sets->out, 0, sets->words * 8);
        for (u32 n = 0; n < sets->count; n++) {
            struct pollfd *entry = &sets->fds[n];

            if (bitmap_test(sets->in[i], entry->fd) && entry->revents & select_events[i]) {
                bitmap_set(sets->out, entry->fd);
                found++;
            }
        }
        if (copy_to_user(USER_PTR(sets->addr[i]), sets->out, sets->words * 8))
            return -EFAULT;
    }
    return found;
}

static long select_user(struct select_sets *sets, u64 deadline)
{
    u64 *memory __scoped(kmalloc) = kmalloc((4 * sets->words + 1) * 8);
    long result = memory ? sets_read(sets, memory) : -ENOMEM;

    if (!result)
        result = sets_to_fds(sets);
    if (!result)
        result = poll_files(sets->fds, sets->count, deadline);
    if (result >= 0)
        result = sets_write(sets);
    kfree(sets->fds);
    return result;
}

long sys_pselect6(u64 n, u64 in, u64 out, u64 except, u64 timeout, u64 mask_arg)
{
    struct select_sets sets = {.addr = {in, out, except}};
    struct waiting waiting;
    u64 mask[2] = {0, 0}; /* address and size */
    long result;

    if (mask_arg && copy_from_user(mask, USER_PTR(mask_arg), sizeof(mask)))
        return -EFAULT;
    result = waiting_begin(&waiting, timeout, mask[0], mask[1]);
    if (result)
        return result;
    sets.bits = MIN((u32)n, fdtable_size(self_task()->files));
    sets.words = BITMAP_WORDS(sets.bits);
    result = (s32)n < 0 ? -EINVAL : select_user(&sets, waiting.deadline);
    return waiting_end(&waiting, result);
}

/*
 * Futexes: futex(2).
 *
 * What it is. User code decides by the value of a word; the kernel only lets threads sleep "while
 * the word is X" and wakes them. A word is known by its key: in private memory the space and the
 * address (and whether the caller said FUTEX_PRIVATE_FLAG), in memory shared between processes the
 * mapping and the offset in it.
 *
 * Structures and invariants. Keys are hashed to buckets, each a spinlock and a list of waiters in
 * order of arrival. A waiter lives on its thread's stack.
 *   I1  A waiter is on the list of waiter->bucket exactly until `woken` is set or it takes itself
 *       off, both under that bucket's lock; waiter->bucket changes (requeue) under both locks.
 *   I2  The word is read under the bucket's lock before the waiter is queued, and a waker locks
 *       the bucket after it has changed the word: either the waiter sees the new value, or the
 *       waker sees the waiter.
 *   I3  `woken` is the last thing a waker writes to a waiter, and thread_wake() comes before it: as
 *       long as it is unset the waiter cannot leave without the bucket's lock.
 *
 * Locking. Buckets (RANK_FUTEX), two of them by address. User memory is touched under a bucket's
 * lock with preemption off, where a fault fails at once: then the lock is dropped, the page is
 * touched again where sleeping is allowed, and all starts over.
 *
 * A key holds no reference. A waiter whose mapping is unmapped and freed meanwhile can share its
 * key with a stranger's word, and be woken for it: callers of futex(2) have to bear spurious
 * wake-ups.
 *
 * Rejected: a look at the list without the lock when waking (it needs a full barrier and a counter,
 * and saves little where the lock costs ten instructions); RCU-freed waiters.
 */
#include "vm/futex.h"

#include "core/clock.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/uaccess.h"
#include "mm/vmalloc.h"
#include "sched/timer.h"
#include "task/task.h"
#include "vm/space_impl.h"

#define BUCKETS_PER_CPU 64
#define ROBUST_LIST_MAX 2048 /* entries looked at when a task exits: the list may be a ring */
#define ROBUST_PI       1UL  /* bit 0 of a list pointer: a priority-inheritance mutex */

struct futex_key {
    u64 object; /* a vm_space or a mapping */
    u64 offset; /* the address, or the byte in the mapping; KEY_NOT_PRIVATE */
};

/* Calls without FUTEX_PRIVATE_FLAG do not meet those with it, even on private memory. */
#define KEY_NOT_PRIVATE 2

struct bucket {
    struct spinlock lock;
    struct list waiters; /* [L] */
} __aligned(64);

struct waiter {
    struct list link;      /* [L] of bucket */
    struct bucket *bucket; /* [L] I1 */
    struct futex_key key;  /* [L] */
    struct thread *thread; /* [I] */
    u32 bits;              /* [I] */
    u32 woken;             /* I3 */
};

static struct bucket *buckets; /* [I] */
static u32 bucket_shift;       /* [I] 64 less the logarithm of their number */

void futex_init(void)
{
    u64 count = BUCKETS_PER_CPU;

    bucket_shift = 64 - 6;
    for (; count < BUCKETS_PER_CPU * (u64)cpu_count; count *= 2)
        bucket_shift--;
    buckets = vmalloc_nosleep(count * sizeof(*buckets));
    assert(buckets);
    for (u64 i = 0; i < count; i++) {
        spin_init(&buckets[i].lock, RANK_FUTEX);
        list_init(&buckets[i].waiters);
    }
}

static struct bucket *bucket_of(const struct futex_key *key)
{
    u64 hash = (key->object >> 6 ^ key->offset >> 2) * 0x9e3779b97f4a7c15; /* 2^64 / golden ratio */

    return &buckets[hash >> bucket_shift];
}

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
    return a->offset == b->offset && a->object == b->object;
}

/* The key of a word that may be shared: the region says. 0, -EFAULT when none is there. */
static int __noinline key_shared(struct vm_space *space, u64 addr, struct futex_key *key)
{
    struct vm_region *region;

    space_guard(space);
    region = vm_region_at_or_above(space, addr);
    if (!region || region->start > addr || !(region->prot & PROT_READ))
        return -EFAULT;
    if (region->flags & VM_SHARED && region->mapping) {
        key->object = (u64)region->mapping;
        key->offset = (region_index(region, addr) << PAGE_SHIFT) + (addr & PAGE_MASK);
    } else {
        key->offset |= KEY_NOT_PRIVATE;
    }
    return 0;
}

/* 0, -EINVAL for a misaligned address, -EFAULT. */
static int key_get(u64 addr, bool private, struct futex_key *key)
{
    struct vm_space *space = self_task()->space;

    if (addr & 3)
        return -EINVAL;
    if (addr >= VM_USER_END)
        return -EFAULT;
    key->object = (u64)space;
    key->offset = addr;
    return private ? 0 : key_shared(space, addr, key);
}

static int keys_get(u64 a, u64 b, bool private, struct futex_key *key_a, struct futex_key *key_b)
{
    int error = key_get(a, private, key_a);

    return error ? error : key_get(b, private, key_b);
}

static void lock_two(struct bucket *a, struct bucket *b)
{
    spin_lock(&MIN(a, b)->lock);
    if (a != b)
        spin_lock(&MAX(a, b)->lock);
}

static void unlock_two(struct bucket *a, struct bucket *b)
{
    if (a != b)
        spin_unlock(&MAX(a, b)->lock);
    spin_unlock(&MIN(a, b)->lock);
}

/* The new value of a word by the code of FUTEX_WAKE_OP: op, comparison, two numbers of 12 bits. */
static u32 wake_op_apply(u32 code, u32 old)
{
    s32 argument = (s32)(code << 8) >> 20;

    if (code >> 31) /* FUTEX_OP_ARG_SHIFT */
        argument = 1 << (argument & 31);
    switch (code >> 28 & 7) {
    case 0: return argument;
    case 1: return old + argument;
    case 2: return old | argument;
    case 3: return old & ~argument;
    default: return old ^ argument;
    }
}

static bool wake_op_compare(u32 code, s32 old)
{
    s32 against = (s32)(code << 20) >> 20;

    switch (code >> 24 & 15) {
    case 0: return old == against;
    case 1: return old != against;
    case 2: return old < against;
    case 3: return old <= against;
    case 4: return old > against;
    default: return old >= against;
    }
}

/* Reads the word, and changes it when there is an operation. 0 or -EFAULT. */
static __always_inline int word_access(u64 addr, const u32 *op, u32 *old)
{
    u32 seen;

    if (user_load(addr, old, 4))
        return -EFAULT;
    while (op) {
        if (user_cmpxchg32(addr, *old, wake_op_apply(*op, *old), &seen))
            return -EFAULT;
        if (seen == *old)
            break;
        *old = seen;
    }
    return 0;
}

/*
 * Locks the buckets and reads the word, or changes it as well: value before in *old. -EFAULT, with
 * nothing locked: it cannot be had, not even where sleeping is allowed.
 */
static __always_inline int word_lock(struct bucket *a, struct bucket *b, u64 addr, const u32 *op,
                                     u32 *old)
{
    u32 seen;

    for (;;) {
        lock_two(a, b);
        if (likely(!word_access(addr, op, old)))
            return 0;
        unlock_two(a, b);
        if (user_load(addr, &seen, 4) || (op && user_cmpxchg32(addr, seen, seen, &seen)))
            return -EFAULT;
    }
}

/* Wakes one waiter of a locked bucket. */
static void waiter_wake(struct waiter *waiter)
{
    list_del(&waiter->link);
    thread_wake(waiter->thread, THREAD_SLEEPING);
    __atomic_store_n(&waiter->woken, 1, __ATOMIC_RELEASE); /* I3 */
}

/* Takes a waiter off its bucket. False: it was woken before. */
static bool waiter_remove(struct waiter *waiter)
{
    struct bucket *bucket;
    bool queued;

    for (;;) {
        bucket = READ_ONCE(waiter->bucket);
        spin_lock(&bucket->lock);
        if (likely(bucket == waiter->bucket))
            break;
        spin_unlock(&bucket->lock); /* requeued in between */
    }
    queued = !waiter->woken;
    if (queued)
        list_del(&waiter->link);
    spin_unlock(&bucket->lock);
    return queued;
}

/* Queues the waiter if the word at addr is `value`. 0, -EAGAIN, -EFAULT. The state is set. */
static int waiter_queue(struct waiter *waiter, u64 addr, u32 value)
{
    struct bucket *bucket = bucket_of(&waiter->key);
    u32 seen;

    if (word_lock(bucket, bucket, addr, NULL, &seen))
        return -EFAULT;
    if (seen != value) {
        spin_unlock(&bucket->lock);
        return -EAGAIN;
    }
    waiter->bucket = bucket;
    waiter->woken = 0;
    list_add_tail(&waiter->link, &bucket->waiters);
    thread_set_state(THREAD_SLEEPING);
    spin_unlock(&bucket->lock);
    return 0;
}

/* The deadline on the monotonic clock: TIMER_NEVER, or now at the earliest. */
static u64 deadline_monotonic(u64 deadline, bool realtime)
{
    u64 now;

    if (!realtime || deadline == TIMER_NEVER)
        return deadline;
    now = clock_realtime_ns();
    return clock_monotonic_ns() + (deadline > now ? deadline - now : 0);
}

/* Sleeps until woken. 0, -ETIMEDOUT, -ERESTARTSYS, or 1: neither, look again. */
static int waiter_sleep(struct waiter *waiter, u64 deadline, bool realtime)
{
    int error = 0;

    if (!thread_signalled())
        error = schedule_until(deadline_monotonic(deadline, realtime));
    WRITE_ONCE(current_thread()->state, THREAD_RUNNING);
    if (likely(__atomic_load_n(&waiter->woken, __ATOMIC_ACQUIRE)))
        return 0;
    if (!waiter_remove(waiter))
        return 0;
    if (error && (!realtime || clock_realtime_ns() >= deadline))
        return -ETIMEDOUT;
    return thread_signalled() ? -ERESTARTSYS : 1;
}

static long wait_restart(struct restart_block *block)
{
    return futex_wait(block->user.addr, block->args[0], block->args[1], block->args[2],
                      block->deadline_ns, block->clock == 0);
}

long futex_wait(u64 addr, bool private, u32 value, u32 bits, u64 deadline, bool realtime)
{
    struct waiter waiter;
    int error;

    if (!bits)
        return -EINVAL;
    waiter.thread = current_thread();
    waiter.bits = bits;
    do {
        error = key_get(addr, private, &waiter.key);
        if (!error)
            error = waiter_queue(&waiter, addr, value);
        if (error)
            return error;
        error = waiter_sleep(&waiter, deadline, realtime);
    } while (error > 0);
    if (error == -ERESTARTSYS && deadline != TIMER_NEVER) {
        self_task()->restart = (struct restart_block){.restart = wait_restart,
                                                      .deadline_ns = deadline,
                                                      .user = USER_PTR(addr),
                                                      .args = {private, value, bits},
                                                      .clock = realtime ? 0 : 1};
        return -ERESTART_RESTARTBLOCK;
    }
    return error;
}

/* Wakes up to `count` waiters for key in a locked bucket; how many. */
static s32 bucket_wake(struct bucket *bucket, const struct futex_key *key, s32 count, u32 bits)
{
    struct waiter *waiter, *next;
    s32 woken = 0;

    list_for_each_entry_safe(waiter, next, &bucket->waiters, link) {
        if (!key_equal(&waiter->key, key) || !(waiter->bits & bits))
            continue;
        waiter_wake(waiter);
        if (++woken >= count)
            break;
    }
    return woken;
}

long futex_wake(u64 addr, bool private, s32 count, u32 bits)
{
    struct futex_key key;
    struct bucket *bucket;
    int error;

    if (!bits)
        return -EINVAL;
    error = key_get(addr, private, &key);
    if (error)
        return error;
    bucket = bucket_of(&key);
    spin_guard(&bucket->lock);
    return bucket_wake(bucket, &key, count, bits);
}

long futex_requeue(u64 from, u64 to, bool private, s32 wake, s32 move, const u32 *compare)
{
    struct futex_key key, target;
    struct bucket *bucket, *other;
    struct waiter *waiter, *next;
    s32 woken = 0, moved = 0;
    u32 seen;
    int error;

    if (wake < 0 || move < 0)
        return -EINVAL;
    error = keys_get(from, to, private, &key, &target);
    if (error)
        return error;
    bucket = bucket_of(&key);
    other = bucket_of(&target);
    if (!compare)
        lock_two(bucket, other);
    else if (word_lock(bucket, other, from, NULL, &seen))
        return -EFAULT;
    if (compare && seen != *compare) {
        unlock_two(bucket, other);
        return -EAGAIN;
    }
    list_for_each_entry_safe(waiter, next, &bucket->waiters, link) {
        if (!key_equal(&waiter->key, &key))
            continue;
        if (woken < wake) {
            waiter_wake(waiter);
            woken++;
            continue;
        }
        if (moved >= move)
            break;
        moved++;
        if (key_equal(&key, &target))
            continue;
        waiter->key = target;
        list_move_tail(&waiter->link, &other->waiters);
        WRITE_ONCE(waiter->bucket, other); /* I1 */
    }
    unlock_two(bucket, other);
    return woken + moved;
}

long futex_wake_op(u64 addr, u64 addr2, bool private, s32 wake, s32 wake2, u32 op)
{
    struct futex_key key, key2;
    struct bucket *bucket, *bucket2;
    long woken;
    u32 old;
    int error = keys_get(addr, addr2, private, &key, &key2);

    if (error)
        return error;
    if ((op >> 28 & 7) > 4 || (op >> 24 & 15) > 5)
        return -ENOSYS;
    bucket = bucket_of(&key);
    bucket2 = bucket_of(&key2);
    if (word_lock(bucket, bucket2, addr2, &op, &old))
        return -EFAULT;
    woken = bucket_wake(bucket, &key, wake, FUTEX_BITSET_ANY);
    if (wake_op_compare(op, old))
        woken += bucket_wake(bucket2, &key2, wake2, FUTEX_BITSET_ANY);
    unlock_two(bucket, bucket2);
    return woken;
}

/*
 * One mutex of a robust list: if the task owned it, its owner is dead now, and a waiter is woken to
 * see that. `pending`: the task was in the middle of an operation on it, perhaps past its own
 * store.
 */
static int robust_release(u64 addr, u32 tid, bool pending, bool pi)
{
    u32 word, seen;

    if (addr & 3 || user_load(addr, &word, sizeof(word)))
        return -EFAULT;
    if (pending && !pi && !word)
        futex_wake(addr, false, 1, FUTEX_BITSET_ANY);
    while ((word & FUTEX_TID_MASK) == tid) {
        if (user_cmpxchg32(addr, word, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &seen))
            return -EFAULT;
        if (seen == word) {
            if (!pi && word & FUTEX_WAITERS)
                futex_wake(addr, false, 1, FUTEX_BITSET_ANY);
            break;
        }
        word = seen;
    }
    return 0;
}

/* struct robust_list_head: the first entry, the offset of the futex word, a pending entry. */
static void robust_list_exit(u64 head, u32 tid)
{
    u64 entry, next, offset, pending;

    if (user_load(head, &entry, sizeof(entry)) || user_load(head + 8, &offset, sizeof(offset)) ||
        user_load(head + 16, &pending, sizeof(pending)))
        return;
    for (u32 i = 0; i < ROBUST_LIST_MAX && (entry & ~ROBUST_PI) != head; i++) {
        bool last =
            user_load(entry & ~ROBUST_PI, &next, sizeof(next)); /* before the owner may free it */

        if ((entry & ~ROBUST_PI) != (pending & ~ROBUST_PI) &&
            robust_release((entry & ~ROBUST_PI) + offset, tid, false, entry & ROBUST_PI))
            return;
        if (last)
            return;
        entry = next;
    }
    if (pending & ~ROBUST_PI)
        robust_release((pending & ~ROBUST_PI) + offset, tid, true, pending & ROBUST_PI);
}

void futex_task_exit(struct task *task)
{
    struct user_ptr clear = task->clear_tid;

    if (!user_ptr_null(task->robust_list))
        robust_list_exit(task->robust_list.addr, task->tid);
    task->robust_list = USER_PTR(0);
    task->clear_tid = USER_PTR(0);
    if (!user_ptr_null(clear) && ref_read(&task->space->refs) > 1 && !put_user_u32(clear, 0))
        futex_wake(clear.addr, false, 1, FUTEX_BITSET_ANY);
}

/*
 * Advisory locks on files: flock(2), POSIX locks of fcntl(2), and open-file-description locks.
 *
 * Structures and invariants.
 *   I1  inode->locks is made with the first lock and stays until the inode goes. Its list has all
 *       locks on the inode. flock locks cover the whole file and meet only each other.
 *   I2  The owner of a POSIX lock is a descriptor table, of the others an open file. Locks of one
 *       owner and kind do not overlap; where they touch and are alike they are one.
 *   I3  `changes` counts removals: who waits for a lock sleeps until it moves.
 *   I4  While a POSIX lock is waited for, its owner and whose lock is in the way are on `waiting`;
 *       a chain from the holder back to who wants to wait is a deadlock.
 *
 * Locking: one mutex for all; locks are rare, and a deadlock spans inodes.
 *
 * Rejected: a lock for each inode with a global graph beside it (two locks for the same race).
 */
#include "fs/fs.h"
#include "fs/seq.h"
#include "fs/vfs.h"

#include "core/uaccess.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "sched/wait.h"
#include "task/task.h"

#define F_RDLCK     0
#define F_WRLCK     1
#define F_UNLCK     2
#define LOCK_SH     1
#define LOCK_EX     2
#define LOCK_NB     4
#define LOCK_UN     8
#define LOCK_MAND   32 /* share modes of other systems, once: nothing is locked */
#define END_OF_FILE ((u64)INT64_MAX)
#define CHAIN_MAX   1000 /* longer chains are taken for a deadlock */

enum kind { KIND_FLOCK, KIND_POSIX, KIND_OFD };

struct file_lock {
    struct list link;
    const void *owner;
    enum kind kind;
    u32 type;       /* F_RDLCK, F_WRLCK; F_UNLCK in requests */
    u64 start, end; /* both inclusive */
    s32 pid;
};

struct file_locks {
    struct list list; /* struct file_lock */
    struct list all;  /* of all_locks */
    struct waitqueue wait;
    u32 changes;
    struct inode *inode;
};

struct waiting {
    struct list link;
    const void *owner, *holder;
};

/* struct flock as programs have it */
struct user_flock {
    s16 type, whence;
    u32 pad;
    s64 start, len;
    s32 pid;
    u32 pad2;
};

static struct mutex locks_lock = MUTEX_INIT(locks_lock, RANK_SLEEP_LEAF); /* [L] all below */
static struct list all_locks = LIST_INIT(all_locks);
static struct list waiting_list = LIST_INIT(waiting_list);

/* [L] */
static struct file_locks *locks_of(struct inode *inode)
{
    struct file_locks *locks = inode->locks;

    if (locks)
        return locks;
    locks = kmalloc(sizeof(*locks));
    if (!locks)
        return NULL;
    list_init(&locks->list);
    waitqueue_init(&locks->wait);
    locks->inode = inode;
    list_add_tail(&locks->all, &all_locks);
    __atomic_store_n(&inode->locks, locks, __ATOMIC_RELEASE);
    return locks;
}

void inode_locks_free(struct inode *inode)
{
    struct file_locks *locks = inode->locks;
    struct file_lock *l, *next;

    mutex_lock(&locks_lock);
    list_del(&locks->all);
    mutex_unlock(&locks_lock);
    list_for_each_entry_safe(l, next, &locks->list, link)
        kfree(l);
    kfree(locks);
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
    return a->owner == b->owner && a->kind == b->kind;
}

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
    return a->start <= b->end && b->start <= a->end;
}

static struct file_lock *find_conflict(struct file_locks *locks, const struct file_lock *want)
{
    struct file_lock *l;

    list_for_each_entry(l, &locks->list, link)
        if ((l->kind == KIND_FLOCK) == (want->kind == KIND_FLOCK) && !same_owner(l, want) &&
            (l->type == F_WRLCK || want->type == F_WRLCK) && overlap(l, want))
            return l;
    return NULL;
}

static void remove_lock(struct file_lock *l)
{
    list_del(&l->link);
    kfree(l);
}

static void changed(struct file_locks *locks)
{
    WRITE_ONCE(locks->changes, locks->changes + 1); /* I3 */
    wake_all(&locks->wait, 0);
}

/* Take the range of `want` out of a lock of the same owner; *spare serves for a second half. */
static void cut(struct file_lock *l, const struct file_lock *want, struct file_lock **spare)
{
    if (l->start < want->start && l->end > want->end) {
        struct file_lock *half = *spare;

        *spare = NULL;
        *half = *l;
        half->start = want->end + 1;
        l->end = want->start - 1;
        list_add(&half->link, &l->link);
    } else if (l->start < want->start) {
        l->end = want->start - 1;
    } else if (l->end > want->end) {
        l->start = want->end + 1;
    } else {
        remove_lock(l);
    }
}

/* Nothing is in the way: give `want` its range. I2. 0 or -ENOLCK (no memory) */
static int set_range(struct file_locks *locks, const struct file_lock *want)
{
    struct file_lock *new = kmalloc(sizeof(*new)), *spare = kmalloc(sizeof(*spare)), *l, *next;

    if (!new || !spare) {
        kfree(new);
        kfree(spare);
        return -ENOLCK;
    }
    *new = *want;
    list_for_each_entry_safe(l, next, &locks->list, link) {
        if (!same_owner(l, want))
            continue;
        if (l->type == want->type) {
            bool touch = l->start <= want->end + 1 && want->start <= l->end + 1;

            if (!touch)
                continue;
            new->start = MIN(new->start, l->start);
            new->end = MAX(new->end, l->end);
            remove_lock(l);
        } else if (overlap(l, want)) {
            cut(l, want, &spare);
        }
    }
    if (want->type == F_UNLCK)
        kfree(new);
    else
        list_add_tail(&new->link, &locks->list);
    kfree(spare);
    changed(locks);
    return 0;
}

/* Would waiting for `holder` never end? I4 */
static bool deadlock(const void *owner, const void *holder)
{
    for (u32 i = 0; i < CHAIN_MAX; i++) {
        struct waiting *w, *found = NULL;

        if (holder == owner)
            return true;
        list_for_each_entry(w, &waiting_list, link)
            if (w->owner == holder)
                found = w;
        if (!found)
            return false;
        holder = found->holder;
    }
    return true;
}

/* Sleep until a lock of the inode goes. Called and returns with the mutex held. */
static int wait_change(struct file_locks *locks, const struct file_lock *want,
                       const struct file_lock *conflict)
{
    struct waiting w = {.owner = want->owner, .holder = conflict->owner};
    bool posix = want->kind == KIND_POSIX;
    u32 changes = locks->changes;
    int err;

    if (posix && deadlock(w.owner, w.holder))
        return -EDEADLK;
    list_init(&w.link);
    if (posix)
        list_add(&w.link, &waiting_list);
    mutex_unlock(&locks_lock);
    err = wait_event_interruptible(&locks->wait, READ_ONCE(locks->changes) != changes);
    mutex_lock(&locks_lock);
    list_del(&w.link);
    return err;
}

static int set_lock(struct inode *inode, const struct file_lock *want, bool wait)
{
    struct file_locks *locks;
    struct file_lock *conflict;
    int err;

    mutex_guard(&locks_lock);
    if (want->type == F_UNLCK && !inode->locks)
        return 0;
    locks = locks_of(inode);
    err = locks ? 0 : -ENOLCK;
    while (!err && want->type != F_UNLCK && (conflict = find_conflict(locks, want)))
        err = wait ? wait_change(locks, want, conflict) : -EAGAIN;
    return err ? err : set_range(locks, want);
}

void file_locks_drop(struct file *file, struct fdtable *closed_by)
{
    struct file_locks *locks = file->inode->locks;
    const void *owner = closed_by ? (void *)closed_by : (void *)file;
    struct file_lock *l, *next;
    bool any = false;

    mutex_guard(&locks_lock);
    list_for_each_entry_safe(l, next, &locks->list, link) {
        if (l->owner != owner || (l->kind == KIND_POSIX) != !!closed_by)
            continue;
        remove_lock(l);
        any = true;
    }
    if (any)
        changed(locks);
}

int file_flock(struct file *file, u32 operation)
{
    struct file_lock want = {.owner = file, .kind = KIND_FLOCK, .end = END_OF_FILE};
    struct file_lock *l, *next;

    if (operation & LOCK_MAND)
        return 0;
    switch (operation & ~LOCK_NB) {
    case LOCK_SH: want.type = F_RDLCK; break;
    case LOCK_EX: want.type = F_WRLCK; break;
    case LOCK_UN: want.type = F_UNLCK; break;
    default: return -EINVAL;
    }
    if (!file)
        return -EBADF;
    if (!file->inode) /* a pipe: nobody else can come by it to be kept away */
        return 0;
    want.pid = current_process()->tgid;
    mutex_lock(&locks_lock); /* a lock that changes its kind is given up first (flock(2)) */
    if (file->inode->locks) {
        list_for_each_entry_safe(l, next, &file->inode->locks->list, link) {
            if (same_owner(l, &want) && l->type != want.type) {
                remove_lock(l);
                changed(file->inode->locks);
            }
        }
    }
    mutex_unlock(&locks_lock);
    return set_lock(file->inode, &want, !(operation & LOCK_NB));
}

/* ---- fcntl ---- */

static int parse_range(struct file *file, const struct user_flock *user, struct file_lock *want)
{
    s64 start = user->start, base = 0, end = INT64_MAX;

    switch (user->whence) {
    case SEEK_SET: break;
    case SEEK_CUR: base = file->pos; break;
    case SEEK_END: base = file->inode->size; break;
    default: return -EINVAL;
    }
    if (__builtin_add_overflow(start, base, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    if (user->len > 0 && __builtin_add_overflow(start, user->len - 1, &end))
        return -EOVERFLOW;
    if (user->len < 0) {
        end = start - 1;
        if (__builtin_add_overflow(start, user->len, &start) || start < 0)
            return -EINVAL;
    }
    want->start = start;
    want->end = end;
    return 0;
}

/* F_GETLK: the first lock in the way. */
static void get_lock(struct inode *inode, const struct file_lock *want, struct user_flock *user)
{
    struct file_lock *l;

    mutex_guard(&locks_lock);
    l = inode->locks ? find_conflict(inode->locks, want) : NULL;
    user->type = F_UNLCK;
    if (!l)
        return;
    user->type = l->type;
    user->whence = SEEK_SET;
    user->start = l->start;
    user->len = l->end == END_OF_FILE ? 0 : l->end - l->start + 1;
    user->pid = l->kind == KIND_OFD ? -1 : l->pid;
}

long file_lock_fcntl(struct file *file, u32 cmd, u64 arg)
{
    bool ofd = cmd >= F_OFD_GETLK, get = cmd == F_GETLK || cmd == F_OFD_GETLK;
    struct file_lock want = {.kind = ofd ? KIND_OFD : KIND_POSIX};
    struct user_flock user;
    int err;

    if (copy_from_user(&user, USER_PTR(arg), sizeof(user)))
        return -EFAULT;
    if (!file->inode)
        return -EINVAL;
    if (user.type < F_RDLCK || user.type > F_UNLCK || (get && user.type == F_UNLCK) ||
        (ofd && user.pid))
        return -EINVAL;
    err = parse_range(file, &user, &want);
    if (err)
        return err;
    want.type = user.type;
    want.owner = ofd ? (void *)file : (void *)self_task()->files;
    want.pid = current_process()->tgid;
    if (get) {
        get_lock(file->inode, &want, &user);
        return copy_to_user(USER_PTR(arg), &user, sizeof(user));
    }
    if ((want.type == F_RDLCK && !(file->mode & FMODE_READ)) ||
        (want.type == F_WRLCK && !(file->mode & FMODE_WRITE)))
        return -EBADF;
    return set_lock(file->inode, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

void file_locks_show(struct seq *s)
{
    static const char *const kinds[] = {"FLOCK ", "POSIX ", "OFDLCK"};
    struct file_locks *locks;
    struct file_lock *l;
    u32 n = 0;

    mutex_guard(&locks_lock);
    list_for_each_entry(locks, &all_locks, all) {
        dev_t dev = locks->inode->sb->dev;

        list_for_each_entry(l, &locks->list, link) {
            seq_printf(s, "%u: %s ADVISORY  %s %d %02x:%02x:%lu %lu ", ++n, kinds[l->kind],
                       l->type == F_WRLCK ? "WRITE" : "READ ", l->kind == KIND_OFD ? -1 : l->pid,
                       dev_major(dev), dev_minor(dev), locks->inode->ino, l->start);
            if (l->end == END_OF_FILE)
                seq_puts(s, "EOF\n");
            else
                seq_printf(s, "%lu\n", l->end);
        }
    }
}

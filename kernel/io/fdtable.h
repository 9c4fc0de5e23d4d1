/*
 * Descriptor tables. The theory is in fdtable.c.
 */
#pragma once

#include "core/spinlock.h"
#include "io/file.h"
#include "task/task.h"

#define FD_INLINE 64            /* descriptors that need no second allocation */
#define FD_MAX    (1024 * 1024) /* as Linux's nr_open: RLIMIT_NOFILE cannot pass it */

struct fd_array {
    u32 size;            /* [I] multiple of 64 */
    struct file **files; /* [RCU] entries; written under the table's lock */
    u64 *open;           /* [L] descriptor in use or reserved */
    u64 *cloexec;        /* [L] closed by exec */
    u64 *full;           /* [L] bit i: word i of `open` has no zero */
    struct rcu_head rcu;
};

struct fdtable {
    struct refcount refs; /* [A] tasks that share it, and passing visitors */
    struct spinlock lock;
    struct fd_array *array; /* [RCU] */
    u32 next_free;          /* [L] no descriptor below is free */
    struct fd_array first;  /* what `array` points at until it grows */
    u64 first_open, first_cloexec, first_full;
    struct file *first_files[FD_INLINE];
};

/* A file borrowed from the current task's table for the length of a call. */
struct fd_ref {
    struct file *file; /* NULL: no such descriptor */
    bool needs_put;
};

/* The shared-table half of fd_ref_get. */
struct fd_ref fd_ref_get_shared(struct fdtable *table, u32 fd);

/*
 * Look up a descriptor of the current task. While the table has one user nobody else can close
 * it, so no reference is taken. O_PATH files are found too.
 */
static inline struct fd_ref fd_ref_get_raw(u32 fd)
{
    struct fdtable *table = self_task()->files;
    struct fd_array *array;

    if (unlikely(ref_read(&table->refs) != 1))
        return fd_ref_get_shared(table, fd);
    array = table->array;
    if (unlikely(fd >= array->size))
        return (struct fd_ref){NULL, false};
    return (struct fd_ref){array->files[fd], false};
}

static inline void fd_ref_put(struct fd_ref ref)
{
    if (unlikely(ref.needs_put))
        file_put(ref.file);
}

static inline void scoped_end_fd(struct fd_ref *ref)
{
    if (ref->file)
        fd_ref_put(*ref);
}

/* The same without O_PATH files: what all calls that do I/O use. */
static inline struct fd_ref fd_ref_get(u32 fd)
{
    struct fd_ref ref = fd_ref_get_raw(fd);

    if (likely(ref.file) && unlikely(ref.file->mode & FMODE_PATH)) {
        fd_ref_put(ref);
        ref = (struct fd_ref){NULL, false};
    }
    return ref;
}

/* A file with a reference of its own, which the caller puts; NULL: no such descriptor. */
struct file *fd_get(u32 fd);

/*
 * Give `file` the lowest free descriptor >= from of the current task, and the caller's reference
 * with it, which is put on an error. flags: O_CLOEXEC. The descriptor, -EMFILE or -ENOMEM.
 */
int fd_install(struct file *file, u32 from, u32 flags);

/* The same in two steps: reserve first, then publish, which cannot fail, or give up. */
static inline int fd_reserve(u32 flags)
{
    return fd_install(NULL, 0, flags);
}

void fd_publish(int fd, struct file *file);
void fd_unreserve(int fd);

/* close(2): 0, -EBADF, or what the file's flush says. Sleeps. */
int fd_close(u32 fd);

/* dup3 without its checks of flags: make `to` stand for what `from` stands for. `to` or -errno. */
int fd_dup_to(u32 from, u32 to, u32 flags);

/* The close-on-exec bit of an open descriptor. 0/1 or -EBADF. */
int fd_cloexec_get(u32 fd);
int fd_cloexec_set(u32 fd, bool on);

/* close_range(2) with CLOSE_RANGE_UNSHARE 2 and CLOSE_RANGE_CLOEXEC 4. */
int fd_close_range(u32 first, u32 last, u32 flags);

/* An empty table with one reference, or NULL. */
struct fdtable *fdtable_create(void);

/* A copy for fork and unshare. 0 or -ENOMEM. */
int fdtable_copy(struct fdtable *from, struct fdtable **out);

DEFINE_REF_GET(fdtable)

/* Drop a reference; the last closes all descriptors. NULL is allowed. Sleeps. */
void fdtable_put(struct fdtable *table);

/* Give the current task a table of its own (exec, unshare). 0 or -ENOMEM. */
int fdtable_unshare(void);

/* Close what is marked close-on-exec; the table has one user. Sleeps. */
void fdtable_exec(void);

/* For /proc: the file behind `fd` with a reference, or NULL; and the first descriptor in use at
 * or after `from`, or -1. *cloexec may be NULL. */
struct file *fdtable_file(struct fdtable *table, u32 fd, bool *cloexec);
int fdtable_next(struct fdtable *table, u32 from);

/* Slots the table has room for (FDSize of /proc/PID/status). */
u32 fdtable_size(struct fdtable *table);

void fdtable_init(void);

/*
 * Descriptor tables.
 *
 * What it is: per process (or shared by CLONE_FILES) the map from small numbers to open files.
 *
 * Structures and invariants.
 *   I1  Bit n of `open` is set when descriptor n is reserved or in use; files[n] is NULL while
 *       it is only reserved. files[n] != NULL implies the bit.
 *   I2  Bit w of `full` is set exactly when word w of `open` has no zero. The lowest free
 *       descriptor is found by two word searches, however many are open.
 *   I3  No descriptor below next_free is free.
 *   I4  An fd_array that has been replaced is freed after a grace period; it holds the same files
 *       as the one that replaced it did at that moment.
 *   I5  files[n] holds one reference. It is dropped only after files[n] was cleared, and, seen
 *       from a reader under RCU, the memory stays for a grace period (file.c, I2).
 *   I6  A bit of `cloexec` means something only where `open` has one; opening writes both.
 *
 * Locking: changes under `lock`. Look-up: a task whose table has one user (refs == 1) borrows the
 * file without a reference: only that task could close it, and it is in a system call. Visitors
 * of /proc raise refs, but never close, and the borrower was there before them. A shared table is
 * read under RCU: take the reference unless zero, then check that the slot still holds the file.
 *
 * Rejected: a tree by number (descriptors are dense by POSIX), a lock for each look-up.
 */
#include "io/fdtable.h"

#include "core/panic.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"

#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4

static struct kmem_cache *table_cache;

static struct fdtable *my_table(void)
{
    return self_task()->files;
}

/* ---- look-up ---- */

/* The file at fd with a reference, while others may close it. May sleep. */
static struct file *get_shared(struct fdtable *table, u32 fd)
{
    for (;;) {
        struct fd_array *array;
        struct file *file;
        bool same = true;

        rcu_read_lock();
        array = rcu_dereference(table->array);
        file = fd < array->size ? rcu_dereference(array->files[fd]) : NULL;
        if (file && !file_get_unless_zero(file)) {
            rcu_read_unlock();
            continue; /* being closed: the slot is empty, or something new, by now */
        }
        if (file)
            same = READ_ONCE(rcu_dereference(table->array)->files[fd]) == file;
        rcu_read_unlock();
        if (likely(same))
            return file;
        file_put(file); /* it was closed, maybe reopened elsewhere */
    }
}

struct fd_ref fd_ref_get_shared(struct fdtable *table, u32 fd)
{
    struct file *file = get_shared(table, fd);

    return (struct fd_ref){file, file != NULL};
}

struct file *fd_get(u32 fd)
{
    return get_shared(my_table(), fd);
}

/* ---- storage ---- */

static void array_free(struct rcu_head *head)
{
    kfree(container_of(head, struct fd_array, rcu));
}

/* An empty array for at least `size` descriptors, in one piece of memory. */
static struct fd_array *array_alloc(u32 size)
{
    struct fd_array *array;
    u32 words, full_words;

    size = ALIGN_UP(size, 64);
    words = size / 64;
    full_words = BITMAP_WORDS(words);
    array = kmalloc(sizeof(*array) + size * sizeof(void *) + (2 * words + full_words) * 8);
    if (!array)
        return NULL;
    array->size = size;
    array->files = (struct file **)(array + 1);
    array->open = (u64 *)(array->files + size);
    array->cloexec = array->open + words;
    array->full = array->cloexec + words;
    return array;
}

/* Copy the first `size` descriptors, references not counted; the rest of `to` is empty. */
static void array_copy(struct fd_array *to, const struct fd_array *from, u32 size)
{
    u32 words = size / 64;

    memcpy(to->files, from->files, size * sizeof(void *));
    memcpy(to->open, from->open, words * 8);
    memcpy(to->cloexec, from->cloexec, words * 8);
    memcpy(to->full, from->full, BITMAP_WORDS(words) * 8);
}

struct fdtable *fdtable_create(void)
{
    struct fdtable *table = kmem_cache_alloc(table_cache);

    if (!table)
        return NULL;
    ref_init(&table->refs, 1);
    spin_init(&table->lock, RANK_FDTABLE);
    table->first = (struct fd_array){
        .size = FD_INLINE,
        .files = table->first_files,
        .open = &table->first_open,
        .cloexec = &table->first_cloexec,
        .full = &table->first_full,
    };
    table->array = &table->first;
    return table;
}

/* Make room for descriptor fd. Drops and retakes the lock. 0 or -ENOMEM. */
static int table_grow_locked(struct fdtable *table, u32 fd)
{
    struct fd_array *old = table->array, *bigger;
    u32 size = MAX(old->size * 2, fd + 1);

    assert_spin_held(&table->lock);
    spin_unlock(&table->lock);
    bigger = array_alloc(MIN(size, (u32)FD_MAX));
    spin_lock(&table->lock);
    if (!bigger)
        return -ENOMEM;
    old = table->array;
    if (old->size >= bigger->size) { /* another thread was faster */
        kfree(bigger);
        return 0;
    }
    array_copy(bigger, old, old->size);
    rcu_assign(table->array, bigger);
    if (old != &table->first)
        rcu_call(&old->rcu, array_free); /* I4 */
    return 0;
}

/* ---- numbers ---- */

static void mark_locked(struct fdtable *table, u32 fd, bool cloexec)
{
    struct fd_array *array = table->array;

    bitmap_set(array->open, fd);
    bitmap_assign(array->cloexec, fd, cloexec); /* I6 */
    if (array->open[fd / 64] == ~0UL)
        bitmap_set(array->full, fd / 64); /* I2 */
}

static void unmark_locked(struct fdtable *table, u32 fd)
{
    struct fd_array *array = table->array;

    if (array->open[fd / 64] == ~0UL)
        bitmap_clear(array->full, fd / 64); /* I2 */
    bitmap_clear(array->open, fd);
    if (fd < table->next_free)
        table->next_free = fd;
}

/* The lowest free number >= from; array->size when there is none. */
static u32 find_free(const struct fd_array *array, u32 from)
{
    u32 words = array->size / 64, word;

    if (from >= array->size)
        return from;
    word = from / 64;
    if (array->open[word] >> (from % 64) == ~0UL >> (from % 64)) {
        word = bitmap_find_next_zero(array->full, words, word + 1);
        if (word >= words)
            return array->size;
        from = word * 64;
    }
    return from + __builtin_ctzl(~(array->open[word] >> (from % 64)));
}

/* The lowest number >= from that is in use or reserved; UINT64_MAX when there is none. */
static u64 find_used(const struct fd_array *array, u64 from)
{
    u64 fd = from < array->size ? bitmap_find_next(array->open, array->size, from) : array->size;

    return fd < array->size ? fd : UINT64_MAX;
}

static int reserve_locked(struct fdtable *table, u32 from, bool cloexec)
{
    u64 limit = MIN_T(u64, rlimit_get(RLIMIT_NOFILE), FD_MAX);
    u32 fd;
    int err;

    for (;;) {
        fd = find_free(table->array, MAX(from, table->next_free));
        if (fd >= limit)
            return -EMFILE;
        if (likely(fd < table->array->size))
            break;
        err = table_grow_locked(table, fd);
        if (err)
            return err;
    }
    mark_locked(table, fd, cloexec);
    if (from <= table->next_free)
        table->next_free = fd + 1; /* I3 */
    return fd;
}

int fd_install(struct file *file, u32 from, u32 flags)
{
    struct fdtable *table = my_table();
    int fd;

    spin_lock(&table->lock);
    fd = reserve_locked(table, from, flags & O_CLOEXEC);
    if (fd >= 0)
        rcu_assign(table->array->files[fd], file);
    spin_unlock(&table->lock);
    if (fd < 0 && file)
        file_put(file);
    return fd;
}

void fd_publish(int fd, struct file *file)
{
    struct fdtable *table = my_table();

    if (likely(ref_read(&table->refs) == 1)) { /* nobody else can replace the array meanwhile */
        rcu_assign(table->array->files[fd], file);
        return;
    }
    spin_guard(&table->lock);
    rcu_assign(table->array->files[fd], file);
}

void fd_unreserve(int fd)
{
    struct fdtable *table = my_table();
    spin_guard(&table->lock);

    unmark_locked(table, fd);
}

/* ---- closing ---- */

/* A descriptor of `owner` has lost `file`: what every close does, the reference included. */
static int close_file(struct fdtable *owner, struct file *file)
{
    int err = 0;

    if (!(file->mode & FMODE_PATH)) {
        if (file->ops->flush)
            err = file->ops->flush(file);
        if (file->inode)
            file_hooks.closed(file, owner);
    }
    file_put(file);
    return err;
}

static struct file *take_locked(struct fdtable *table, u32 fd)
{
    struct fd_array *array = table->array;
    struct file *file;

    if (fd >= array->size)
        return NULL;
    file = array->files[fd];
    if (file) {
        rcu_assign(array->files[fd], NULL);
        unmark_locked(table, fd);
    }
    return file;
}

int fd_close(u32 fd)
{
    struct fdtable *table = my_table();
    struct file *file;

    spin_lock(&table->lock);
    file = take_locked(table, fd);
    spin_unlock(&table->lock);
    return file ? close_file(table, file) : -EBADF;
}

int fd_dup_to(u32 from, u32 to, u32 flags)
{
    struct fdtable *table = my_table();
    struct file *file, *old;
    int err = 0;

    if (to >= MIN_T(u64, rlimit_get(RLIMIT_NOFILE), FD_MAX))
        return -EBADF;
    file = fd_get(from);
    if (!file)
        return -EBADF;
    spin_lock(&table->lock);
    while (!err && to >= table->array->size)
        err = table_grow_locked(table, to);
    if (err)
        goto fail;
    old = table->array->files[to];
    if (!old && bitmap_test(table->array->open, to)) { /* reserved by an open under way */
        err = -EBUSY;
        goto fail;
    }
    rcu_assign(table->array->files[to], file);
    mark_locked(table, to, flags & O_CLOEXEC);
    spin_unlock(&table->lock);
    if (old)
        close_file(table, old);
    return to;
fail:
    spin_unlock(&table->lock);
    file_put(file);
    return err;
}

int fd_cloexec_get(u32 fd)
{
    bool cloexec;
    struct file *file = fdtable_file(my_table(), fd, &cloexec);

    if (!file)
        return -EBADF;
    file_put(file);
    return cloexec;
}

int fd_cloexec_set(u32 fd, bool on)
{
    struct fdtable *table = my_table();
    spin_guard(&table->lock);

    if (fd >= table->array->size || !table->array->files[fd])
        return -EBADF;
    mark_locked(table, fd, on);
    return 0;
}

/* The first number in [fd, last] in use, taken out (*file) or marked; last + 1: none. */
static u64 range_step(struct fdtable *table, u32 fd, u32 last, bool mark, struct file **file)
{
    u64 found;
    spin_guard(&table->lock);

    *file = NULL;
    found = find_used(table->array, fd);
    if (found > last)
        return (u64)last + 1;
    if (mark)
        mark_locked(table, found, true);
    else
        *file = take_locked(table, found);
    return found;
}

int fd_close_range(u32 first, u32 last, u32 flags)
{
    struct fdtable *table;
    struct file *file;
    u64 fd = first;

    if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
        return -EINVAL;
    if (flags & CLOSE_RANGE_UNSHARE) {
        int err = fdtable_unshare();

        if (err)
            return err;
    }
    table = my_table();
    while (fd <= last) {
        fd = range_step(table, fd, last, flags & CLOSE_RANGE_CLOEXEC, &file);
        if (file)
            close_file(table, file);
        fd++;
    }
    return 0;
}

/* ---- whole tables ---- */

/* One past the highest number in use, in whole words. */
static u32 used_size(const struct fd_array *array)
{
    u32 words = array->size / 64;

    while (words && !array->open[words - 1])
        words--;
    return words * 64;
}

/* Leave out what is only reserved, count references of the rest. */
static void adopt_copied(struct fdtable *table)
{
    struct fd_array *array = table->array;
    size_t fd;

    bitmap_for_each(fd, array->open, array->size) {
        struct file *file = array->files[fd];

        if (file)
            file_get(file);
        else
            unmark_locked(table, fd);
    }
}

int fdtable_copy(struct fdtable *from, struct fdtable **out)
{
    struct fdtable *table = fdtable_create();
    u32 size;
    int err;

    if (!table)
        return -ENOMEM;
    spin_lock(&from->lock);
    while ((size = used_size(from->array)) > table->array->size) {
        spin_unlock(&from->lock);
        spin_lock(&table->lock);
        err = table_grow_locked(table, size - 1);
        spin_unlock(&table->lock);
        if (err) {
            fdtable_put(table);
            return err;
        }
        spin_lock(&from->lock);
    }
    array_copy(table->array, from->array, size);
    table->next_free = from->next_free;
    adopt_copied(table);
    spin_unlock(&from->lock);
    *out = table;
    return 0;
}

void fdtable_put(struct fdtable *table)
{
    struct fd_array *array;
    size_t fd;

    if (!table || !ref_put(&table->refs))
        return;
    array = table->array;
    bitmap_for_each(fd, array->open, array->size) {
        if (array->files[fd])
            close_file(table, array->files[fd]);
    }
    if (array != &table->first)
        kfree(array);
    kmem_cache_free(table_cache, table);
}

int fdtable_unshare(void)
{
    struct task *task = self_task();
    struct fdtable *old = task->files, *table;
    int err;

    if (ref_read(&old->refs) == 1)
        return 0;
    err = fdtable_copy(old, &table);
    if (err)
        return err;
    task_lock(task);
    task->files = table;
    task_unlock(task);
    fdtable_put(old);
    return 0;
}

void fdtable_exec(void)
{
    struct fd_array *array = my_table()->array;
    size_t fd;

    bitmap_for_each(fd, array->cloexec, array->size)
        fd_close(fd); /* I6: -EBADF where it was closed before */
}

struct file *fdtable_file(struct fdtable *table, u32 fd, bool *cloexec)
{
    struct fd_array *array;
    spin_guard(&table->lock);

    array = table->array;
    if (fd >= array->size || !array->files[fd])
        return NULL;
    if (cloexec)
        *cloexec = bitmap_test(array->cloexec, fd);
    return file_get(array->files[fd]);
}

int fdtable_next(struct fdtable *table, u32 from)
{
    u64 fd;
    spin_guard(&table->lock);

    for (fd = find_used(table->array, from); fd < FD_MAX; fd = find_used(table->array, fd + 1))
        if (table->array->files[fd])
            return fd;
    return -1;
}

u32 fdtable_size(struct fdtable *table)
{
    rcu_guard();

    return rcu_dereference(table->array)->size;
}

void fdtable_init(void)
{
    table_cache = kmem_cache_create("fdtable", sizeof(struct fdtable), 8);
    assert(table_cache);
}

/*
 * The root of /proc: the fixed files, one directory for each process, and self.
 *
 * The tables describe what there is; the text is made by the show functions when it is read. A
 * process directory is keyed by the process's struct pid, which outlives the process: a file kept
 * open answers -ESRCH afterwards, never for a stranger with the same number.
 */
#include "procfs/procfs.h"
#include "procfs/procfs_impl.h"

#include "core/log.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "task/pid.h"

#define PROC_MAGIC  0x9fa0
#define SYSFS_MAGIC 0x62656572

void *procfs_pid_get(void *key)
{
    return pid_get(key);
}

void procfs_pid_put(void *key)
{
    pid_put(key);
}

/* A decimal number without leading zeros, else 0. */
static u32 parse_number(const char *name, u32 len)
{
    u32 number = 0;

    if (len == 0 || len > 9 || name[0] == '0')
        return 0;
    for (u32 i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9')
            return 0;
        number = number * 10 + (name[i] - '0');
    }
    return number;
}

static int root_lookup(struct inode *dir, const char *name, u32 len, struct pseudo_child *out)
{
    u32 number = parse_number(name, len);
    struct pid *pid = number ? pid_find_get(number) : NULL;

    if (!pid)
        return -ENOENT;
    if (!READ_ONCE(pid->process)) {
        pid_put(pid);
        return -ENOENT;
    }
    *out = (struct pseudo_child){.kind = &pid_directory, .key = pid};
    return 0;
}

static bool root_iterate(struct inode *dir, u64 *index, char *name, u64 *ino, u32 *dtype)
{
    u32 number = MAX_T(u64, *index, 1);

    while ((number = pid_next(number))) {
        struct process *process = process_find_get(number);

        if (process) {
            process_put(process);
            break;
        }
        number++; /* a thread's or a group's number */
    }
    if (!number)
        return false;
    *index = number;
    *ino = 0;
    *dtype = mode_to_dtype(S_IFDIR);
    format_buf(name, NAME_MAX + 1, "%u", number);
    return true;
}

static ssize_t self_readlink(struct inode *inode, char *buf, size_t size)
{
    struct task *task = current_task();
    char text[12];
    int n;

    if (!task)
        return -ENOENT;
    n = format_buf(text, sizeof text, "%u", task->process->tgid);
    memcpy(buf, text, MIN_T(size_t, n, size));
    return MIN_T(size_t, n, size);
}

static ssize_t thread_self_readlink(struct inode *inode, char *buf, size_t size)
{
    struct task *task = current_task();
    char text[40];
    int n;

    if (!task)
        return -ENOENT;
    n = format_buf(text, sizeof text, "%u/task/%u", task->process->tgid, task->tid);
    memcpy(buf, text, MIN_T(size_t, n, size));
    return MIN_T(size_t, n, size);
}

static ssize_t mounts_readlink(struct inode *inode, char *buf, size_t size)
{
    static const char text[] = "self/mounts";

    memcpy(buf, text, MIN_T(size_t, sizeof text - 1, size));
    return MIN_T(size_t, sizeof text - 1, size);
}

static int root_link_count(struct inode *inode)
{
    return 2 + (int)READ_ONCE(task_count);
}

static const struct pseudo root_links[] = {
    {.name = "self", .mode = S_IFLNK | 0777, .readlink = self_readlink},
    {.name = "thread-self", .mode = S_IFLNK | 0777, .readlink = thread_self_readlink},
    {.name = "mounts", .mode = S_IFLNK | 0777, .readlink = mounts_readlink},
    {.name = NULL},
};

/* The kit takes one table; it is put together from the parts at the start. */
#define ROOT_FILES_MAX 48
static struct pseudo root_table[ROOT_FILES_MAX];

static const struct pseudo root = {
    .mode = S_IFDIR | 0555,
    .table = root_table,
    .lookup = root_lookup,
    .iterate = root_iterate,
    .link_count = root_link_count,
};

static struct filesystem proc_type = {
    .name = "proc",
    .flags = FS_NODEV | FS_SHARED,
    .magic = PROC_MAGIC,
    .data = &root,
    .mount = pseudo_mount,
};

static struct filesystem sysfs_type = {
    .name = "sysfs",
    .flags = FS_NODEV | FS_SHARED,
    .magic = SYSFS_MAGIC,
    .data = &sysfs_root,
    .mount = pseudo_mount,
};

static u32 append(u32 n, const struct pseudo *part)
{
    for (; part->name && n < ROOT_FILES_MAX - 1; part++)
        root_table[n++] = *part;
    return n;
}

void procfs_init(void)
{
    append(append(0, root_links), global_files);
    if (filesystem_register(&proc_type) || filesystem_register(&sysfs_type))
        log_err("procfs: no memory");
}

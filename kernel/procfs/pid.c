/*
 * /proc/PID and /proc/PID/task/TID: what is known about one process or thread (proc(5)).
 */
#include "procfs/procfs_impl.h"

#include "fs/namei.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sched/reclaim.h"
#include "task/cred.h"
#include "task/pid.h"
#include "vm/space.h"

struct task *procfs_task_get(const struct inode *inode)
{
    struct pid *pid = pseudo_key(inode);
    struct process *process;
    struct task *task;

    rcu_read_lock();
    task = READ_ONCE(pid->task);
    process = READ_ONCE(pid->process);
    if (!task && process)
        task = READ_ONCE(process->leader);
    if (task && !ref_get_unless_zero(&task->refs))
        task = NULL;
    rcu_read_unlock();
    return task;
}

struct vm_space *procfs_space_get(struct task *task)
{
    struct vm_space *space;

    task_lock(task);
    space = task->space;
    if (space)
        vm_space_get(space);
    task_unlock(task);
    return space;
}

static bool pid_alive(void *key)
{
    struct pid *pid = key;

    return READ_ONCE(pid->process) || READ_ONCE(pid->task);
}

/* Files of a process belong to its effective user. */
static void pid_owner(void *key, u32 *uid, u32 *gid)
{
    struct pid *pid = key;
    struct task *task;

    *uid = *gid = 0;
    rcu_read_lock();
    task = READ_ONCE(pid->task);
    if (task) {
        const struct cred *cred = READ_ONCE(task->cred);

        *uid = cred->euid;
        *gid = cred->egid;
    }
    rcu_read_unlock();
}

/* ---- Text from the process's own memory ---- */

#define REMOTE_MAX 131072UL

/* Copies [start, end) of a process's memory into the text. */
static int show_range(struct seq *s, struct task *task, bool environment)
{
    struct vm_space *space = procfs_space_get(task);
    u64 at, end;
    char *buf;

    if (!space)
        return 0; /* a zombie, or a kernel thread: empty */
    buf = kmalloc(PAGE_SIZE);
    if (!buf) {
        vm_space_put(space);
        return -ENOMEM;
    }
    at = environment ? space->env_start : space->arg_start;
    end = environment ? space->env_end : space->arg_end;
    end = MIN(end, at + REMOTE_MAX);
    while (at < end) {
        ssize_t n = vm_read_remote(space, at, buf, MIN(end - at, PAGE_SIZE));

        if (n <= 0)
            break;
        seq_write(s, buf, n);
        at += n;
    }
    kfree(buf);
    vm_space_put(space);
    return 0;
}

static int cmdline_show(struct seq *s, struct inode *inode)
{
    struct task *task = procfs_task_get(inode);
    int err;

    if (!task)
        return -ESRCH;
    err = show_range(s, task, false);
    task_put(task);
    return err;
}

static int environ_show(struct seq *s, struct inode *inode)
{
    struct task *task = procfs_task_get(inode);
    int err;

    if (!task)
        return -ESRCH;
    err = task_may_inspect(task) ? show_range(s, task, true) : -EACCES;
    task_put(task);
    return err;
}

static int auxv_show(struct seq *s, struct inode *inode)
{
    struct task *task = procfs_task_get(inode);
    struct vm_space *space;

    if (!task)
        return -ESRCH;
    space = task_may_inspect(task) ? procfs_space_get(task) : NULL;
    if (space) {
        seq_write(s, space->auxv, sizeof space->auxv);
        vm_space_put(space);
    }
    task_put(task);
    return 0;
}

static int comm_show(struct seq *s, struct inode *inode)
{
    struct task *task = procfs_task_get(inode);

    if (!task)
        return -ESRCH;
    seq_printf(s, "%.15s\n", task->thread.name);
    task_put(task);
    return 0;
}

static int comm_store(struct inode *inode, char *text, size_t len)
{
    struct task *task = procfs_task_get(inode);
    int err = 0;

    if (!task)
        return -ESRCH;
    if (task->process == current_process())
        str_copy(task->thread.name, text, sizeof task->thread.name);
    else
        err = -EINVAL;
    task_put(task);
    return err;
}

static int score_show(struct seq *s, struct inode *inode)
{
    struct task *task = procfs_task_get(inode);

    if (!task)
        return -ESRCH;
    seq_printf(s, "%d\n", READ_ONCE(task->process->oom_score_adj));
    task_put(task);
    return 0;
}

static int score_store(struct inode *inode, char *text, size_t len)
{
    bool negative = text[0] == '-';
    struct task *task;
    u64 value;
    int err = str_to_u64(text + negative, 10, &value, NULL);

    if (err || value > 1000)
        return -EINVAL;
    task = procfs_task_get(inode);
    if (!task)
        return -ESRCH;
    if (negative && !cred_has_cap(CAP_SYS_RESOURCE))
        err = -EACCES;
    else
        WRITE_ONCE(task->process->oom_score_adj, negative ? -(s32)value : (s32)value);
    task_put(task);
    return err;
}

static int mounts_show(struct seq *s, struct inode *inode)
{
    mount_show_all(s, false);
    return 0;
}

static int mountinfo_show(struct seq *s, struct inode *inode)
{
    mount_show_all(s, true);
    return 0;
}

/* ---- Links to places ---- */

/* exe: the file that the program was loaded from. */
static int exe_follow(struct inode *inode, struct path *out)
{
    struct task *task = procfs_task_get(inode);
    struct vm_space *space = task ? procfs_space_get(task) : NULL;
    int err = -ENOENT;

    if (space && space->exe) {
        *out = space->exe->path;
        path_get(out);
        err = 0;
    }
    if (space)
        vm_space_put(space);
    if (task)
        task_put(task);
    return err;
}

static int place_follow(struct inode *inode, struct path *out, bool root)
{
    struct task *task = procfs_task_get(inode);
    struct fs_context *fs = NULL;

    if (!task)
        return -ENOENT;
    if (!task_may_inspect(task)) {
        task_put(task);
        return -EACCES;
    }
    task_lock(task);
    if (task->fs)
        fs = fs_context_get(task->fs);
    task_unlock(task);
    task_put(task);
    if (!fs)
        return -ENOENT;
    fs_context_get_path(fs, root ? &fs->root : &fs->cwd, out);
    fs_context_put(fs);
    return 0;
}

static int cwd_follow(struct inode *inode, struct path *out)
{
    return place_follow(inode, out, false);
}

static int root_follow(struct inode *inode, struct path *out)
{
    return place_follow(inode, out, true);
}

/* ---- fd: one link for each descriptor ---- */

struct fd_key {
    struct refcount refs;
    struct pid *pid;
    u32 fd;
};

static void *fd_key_get(void *key)
{
    ref_get(&((struct fd_key *)key)->refs);
    return key;
}

static void fd_key_put(void *key)
{
    struct fd_key *k = key;

    if (ref_put(&k->refs)) {
        pid_put(k->pid);
        kfree(k);
    }
}

static struct fdtable *files_get(struct task *task)
{
    struct fdtable *files;

    task_lock(task);
    files = task->files ? fdtable_get(task->files) : NULL;
    task_unlock(task);
    return files;
}

/* The file of one descriptor of a task, with a reference. */
static struct file *fd_file_get(struct pid *pid, u32 fd, bool *cloexec)
{
    struct task *task = task_find_get(pid_number(pid));
    struct fdtable *files;
    struct file *file = NULL;

    if (!task)
        return NULL;
    files = task_may_inspect(task) ? files_get(task) : NULL;
    if (files) {
        file = fdtable_file(files, fd, cloexec);
        fdtable_put(files);
    }
    task_put(task);
    return file;
}

static bool fd_alive(void *key)
{
    struct fd_key *k = key;
    struct task *task;

    /* The rcu section keeps task and table; a table in exchange is seen old or new. */
    rcu_read_lock();
    task = READ_ONCE(k->pid->task);
    rcu_read_unlock();
    return task != NULL;
}

static int fd_follow(struct inode *inode, struct path *out)
{
    struct fd_key *k = pseudo_key(inode);
    struct file *file = fd_file_get(k->pid, k->fd, NULL);
    int err;

    if (!file)
        return -ENOENT;
    err = file_place(file, out);
    file_put(file);
    return err;
}

/* The link's permissions tell how the file is open. */
static u32 fd_mode(struct inode *inode)
{
    struct fd_key *k = pseudo_key(inode);
    struct file *file = fd_file_get(k->pid, k->fd, NULL);
    u32 mode = S_IFLNK;

    if (!file)
        return mode;
    if (file->mode & FMODE_READ)
        mode |= 0500;
    if (file->mode & FMODE_WRITE)
        mode |= 0300;
    file_put(file);
    return mode;
}

static void fd_owner(void *key, u32 *uid, u32 *gid)
{
    pid_owner(((struct fd_key *)key)->pid, uid, gid);
}

static ssize_t fd_readlink(struct inode *inode, char *buf, size_t size)
{
    struct fd_key *k = pseudo_key(inode);
    struct file *file = fd_file_get(k->pid, k->fd, NULL);
    char *page, *text;
    ssize_t n;

    if (!file)
        return -ENOENT;
    page = kmalloc(PATH_MAX + 16);
    n = page ? file_text(file, page, PATH_MAX + 16, &text) : -ENOMEM;
    if (n >= 0) {
        n = MIN(strlen(text), size);
        memcpy(buf, text, n);
    }
    kfree(page);
    file_put(file);
    return n;
}

static const struct pseudo fd_link = {
    .mode = S_IFLNK | 0700,
    .keyed = true,
    .follow = fd_follow,
    .readlink = fd_readlink,
    .mode_now = fd_mode,
    .owner = fd_owner,
    .get = fd_key_get,
    .put = fd_key_put,
    .alive = fd_alive,
};

static int fdinfo_show(struct seq *s, struct inode *inode)
{
    struct fd_key *k = pseudo_key(inode);
    bool cloexec = false;
    struct file *file = fd_file_get(k->pid, k->fd, &cloexec);

    if (!file)
        return -ENOENT;
    seq_printf(s, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%u\n", (long)file->pos,
               file->flags | (cloexec ? 02000000 : 0), file->path.mount ? file->path.mount->id : 0);
    file_put(file);
    return 0;
}

static const struct pseudo fdinfo_file = {
    .mode = S_IFREG | 0400,
    .keyed = true,
    .show = fdinfo_show,
    .owner = fd_owner,
    .get = fd_key_get,
    .put = fd_key_put,
    .alive = fd_alive,
};

static int fd_lookup_kind(struct inode *dir, const char *name, struct pseudo_child *out,
                          const struct pseudo *kind)
{
    struct pid *pid = pseudo_key(dir);
    struct fd_key *key;
    const char *end;
    struct file *file;
    u64 fd;

    if (str_to_u64(name, 10, &fd, &end) || fd >= FD_MAX || (name[0] == '0' && fd))
        return -ENOENT;
    file = fd_file_get(pid, fd, NULL);
    if (!file)
        return -ENOENT;
    file_put(file);
    key = kmalloc(sizeof *key);
    if (!key)
        return -ENOMEM;
    ref_init(&key->refs, 1);
    key->pid = pid_get(pid);
    key->fd = fd;
    *out = (struct pseudo_child){.kind = kind, .key = key};
    return 0;
}

static int fd_lookup(struct inode *dir, const char *name, u32 len, struct pseudo_child *out)
{
    return fd_lookup_kind(dir, name, out, &fd_link);
}

static int fdinfo_lookup(struct inode *dir, const char *name, u32 len, struct pseudo_child *out)
{
    return fd_lookup_kind(dir, name, out, &fdinfo_file);
}

static bool fd_iterate(struct inode *dir, u64 *index, char *name, u64 *ino, u32 *dtype)
{
    struct task *task = procfs_task_get(dir);
    struct fdtable *files;
    int fd = -1;

    if (!task)
        return false;
    files = task_may_inspect(task) ? files_get(task) : NULL;
    if (files) {
        fd = fdtable_next(files, *index);
        fdtable_put(files);
    }
    task_put(task);
    if (fd < 0)
        return false;
    *index = fd;
    *ino = 0;
    *dtype = mode_to_dtype(S_IFLNK);
    format_buf(name, NAME_MAX + 1, "%d", fd);
    return true;
}

/* ---- task: one directory for each thread ---- */

static int task_lookup(struct inode *dir, const char *name, u32 len, struct pseudo_child *out)
{
    struct pid *process = pseudo_key(dir), *pid;
    struct task *task;
    u64 tid;

    if (str_to_u64(name, 10, &tid, NULL) || tid > PID_MAX_LIMIT)
        return -ENOENT;
    task = task_find_get(tid);
    if (!task)
        return -ENOENT;
    pid = task->process == READ_ONCE(process->process) ? pid_get(task->pid) : NULL;
    task_put(task);
    if (!pid)
        return -ENOENT;
    *out = (struct pseudo_child){.kind = &thread_directory, .key = pid};
    return 0;
}

/* Threads in order of their place in the process's list: index counts them. */
static bool task_iterate(struct inode *dir, u64 *index, char *name, u64 *ino, u32 *dtype)
{
    struct pid *pid = pseudo_key(dir);
    struct process *process = process_find_get(pid_number(pid));
    struct task *task;
    u64 n = 0;
    u32 tid = 0;

    if (!process)
        return false;
    spin_lock_irq(&process_tree_lock);
    list_for_each_entry(task, &process->threads, thread_link)
        if (n++ == *index) {
            tid = task->tid;
            break;
        }
    spin_unlock_irq(&process_tree_lock);
    process_put(process);
    if (!tid)
        return false;
    *ino = 0;
    *dtype = mode_to_dtype(S_IFDIR);
    format_buf(name, NAME_MAX + 1, "%u", tid);
    return true;
}

#define PID_FILE(file, bits, ...)                                                                  \
    {                                                                                              \
        .name = file, .mode = (bits), .keyed = true, .get = procfs_pid_get, .put = procfs_pid_put, \
        .alive = pid_alive, .owner = pid_owner, __VA_ARGS__                                        \
    }

#define COMMON_FILES                                                                         \
    PID_FILE("auxv", S_IFREG | 0400, .show = auxv_show),                                     \
        PID_FILE("cmdline", S_IFREG | 0444, .show = cmdline_show),                           \
        PID_FILE("comm", S_IFREG | 0644, .show = comm_show, .store = comm_store),            \
        PID_FILE("cwd", S_IFLNK | 0777, .follow = cwd_follow),                               \
        PID_FILE("environ", S_IFREG | 0400, .show = environ_show),                           \
        PID_FILE("exe", S_IFLNK | 0777, .follow = exe_follow),                               \
        PID_FILE("fd", S_IFDIR | 0500, .lookup = fd_lookup, .iterate = fd_iterate),          \
        PID_FILE("fdinfo", S_IFDIR | 0555, .lookup = fdinfo_lookup, .iterate = fd_iterate),  \
        PID_FILE("limits", S_IFREG | 0444, .show = pid_limits_show),                         \
        PID_FILE("maps", S_IFREG | 0444, .show = pid_maps_show),                             \
        PID_FILE("mountinfo", S_IFREG | 0444, .show = mountinfo_show),                       \
        PID_FILE("mounts", S_IFREG | 0444, .show = mounts_show),                             \
        PID_FILE("oom_score_adj", S_IFREG | 0644, .show = score_show, .store = score_store), \
        PID_FILE("root", S_IFLNK | 0777, .follow = root_follow),                             \
        PID_FILE("smaps", S_IFREG | 0444, .show = pid_smaps_show),                           \
        PID_FILE("statm", S_IFREG | 0444, .show = pid_statm_show),                           \
        PID_FILE("status", S_IFREG | 0444, .show = pid_status_show)

static const struct pseudo thread_table[] = {
    COMMON_FILES,
    PID_FILE("stat", S_IFREG | 0444, .show = thread_stat_show),
    {.name = NULL},
};

static const struct pseudo pid_table[] = {
    COMMON_FILES,
    PID_FILE("stat", S_IFREG | 0444, .show = pid_stat_show),
    PID_FILE("task", S_IFDIR | 0555, .lookup = task_lookup, .iterate = task_iterate),
    {.name = NULL},
};

const struct pseudo pid_directory = PID_FILE(NULL, S_IFDIR | 0555, .table = pid_table);
const struct pseudo thread_directory = PID_FILE(NULL, S_IFDIR | 0555, .table = thread_table);

/*
 * /proc/PID and /proc/PID/task/TID: what is known about one process or thread (proc(5)).
 */
#include "procfs/procfs_impl.h"

#include "fs/namei.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/reclaim.h"
#include "task/cred.h"
#include "task/pid.h"
#include "vm/space.h"

/*
 * The task that an inode of a process or thread directory is about, with a reference; for a zombie
 * its last thread. NULL: gone.
 */
static struct task *task_of(const struct inode *inode)
{
    struct pid *pid = pseudo_key(inode);
    struct process *process;
    struct task *task;

    rcu_guard();
    task = READ_ONCE(pid->task);
    process = READ_ONCE(pid->process);
    if (!task && process)
        task = READ_ONCE(process->leader);
    return task && ref_get_unless_zero(&task->refs) ? task : NULL;
}

static struct vm_space *space_get(struct task *task)
{
    struct vm_space *space;

    task_lock(task);
    space = task->space ? vm_space_get(task->space) : NULL;
    task_unlock(task);
    return space;
}

static void *pid_key_get(void *key)
{
    return pid_get(key);
}

static void pid_key_put(void *key)
{
    pid_put(key);
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
    rcu_guard();
    task = READ_ONCE(pid->task);
    if (task) {
        const struct cred *cred = READ_ONCE(task->cred);

        *uid = cred->euid;
        *gid = cred->egid;
    }
}

static const struct pseudo_keys pid_keys = {
    .get = pid_key_get,
    .put = pid_key_put,
    .alive = pid_alive,
    .owner = pid_owner,
};

/* ---- what is shown of a task, or of its address space ---- */

/* The pseudo_data() of such a file. */
struct task_file {
    void (*show)(struct seq *s, struct task *task, struct vm_space *space, bool full);
    bool memory; /* empty for a task without a space: a zombie, a kernel thread */
    bool secret; /* from whom may not inspect the task */
    bool full;   /* of two files that show() makes, the one that tells more */
};

static void task_show(struct seq *s, struct inode *inode)
{
    const struct task_file *file = pseudo_data(inode);
    struct task *task __scoped(task) = task_of(inode);
    struct vm_space *space __scoped(space) = task ? space_get(task) : NULL;

    if (!task)
        s->error = -ESRCH;
    else if (file->secret && !task_may_inspect(task))
        s->error = -EACCES;
    else if (space || !file->memory)
        file->show(s, task, space, file->full);
}

#define REMOTE_MAX 131072UL

/* Copies [at, end) of a process's memory into the text. */
static void show_range(struct seq *s, struct vm_space *space, u64 at, u64 end)
{
    char *buf __scoped(kmalloc) = kmalloc(PAGE_SIZE);

    if (!buf)
        s->error = -ENOMEM;
    end = MIN(end, at + REMOTE_MAX);
    while (buf && at < end) {
        ssize_t n = vm_read_remote(space, at, buf, MIN(end - at, PAGE_SIZE));

        if (n <= 0)
            break;
        seq_write(s, buf, n);
        at += n;
    }
}

static void cmdline_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    show_range(s, space, space->arg_start, space->arg_end);
}

static void environ_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    show_range(s, space, space->env_start, space->env_end);
}

static void auxv_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    seq_write(s, space->auxv, sizeof space->auxv);
}

static void comm_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    seq_printf(s, "%.15s\n", task->thread.name);
}

static int comm_store(struct inode *inode, char *text, size_t len)
{
    struct task *task __scoped(task) = task_of(inode);

    if (!task)
        return -ESRCH;
    if (task->process != current_process())
        return -EINVAL;
    str_copy(task->thread.name, text, sizeof task->thread.name);
    return 0;
}

static void score_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    seq_printf(s, "%d\n", READ_ONCE(task->process->oom_score_adj));
}

static int score_store(struct inode *inode, char *text, size_t len)
{
    struct task *task __scoped(task) = task_of(inode);
    bool negative = text[0] == '-';
    u64 value;

    if (str_to_u64(text + negative, 10, &value, NULL) || value > 1000)
        return -EINVAL;
    if (!task)
        return -ESRCH;
    if (negative && !cred_has_cap(CAP_SYS_RESOURCE))
        return -EACCES;
    WRITE_ONCE(task->process->oom_score_adj, negative ? -(s32)value : (s32)value);
    return 0;
}

static void mounts_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    mount_show_all(s, full);
}

/* ---- links to places ---- */

/* exe: the file that the program was loaded from. */
static int exe_follow(struct inode *inode, struct path *out)
{
    struct task *task __scoped(task) = task_of(inode);
    struct vm_space *space __scoped(space) = task ? space_get(task) : NULL;

    if (!space || !space->exe)
        return -ENOENT;
    *out = space->exe->path;
    path_get(out);
    return 0;
}

#define IS_ROOT ((void *)1) /* the pseudo_data() of the link to it */

/* The root or the working directory. */
static int place_follow(struct inode *inode, struct path *out)
{
    struct task *task __scoped(task) = task_of(inode);
    struct fs_context *fs;

    if (!task)
        return -ENOENT;
    if (!task_may_inspect(task))
        return -EACCES;
    task_lock(task);
    fs = task->fs ? fs_context_get(task->fs) : NULL;
    task_unlock(task);
    if (!fs)
        return -ENOENT;
    fs_context_get_path(fs, pseudo_data(inode) == IS_ROOT ? &fs->root : &fs->cwd, out);
    fs_context_put(fs);
    return 0;
}

/* ---- fd and fdinfo: one link, one file for each descriptor ---- */

/* The table of a task that may be inspected, with a reference, or NULL. */
static struct fdtable *files_get(struct task *task)
{
    struct fdtable *files = NULL;

    if (!task || !task_may_inspect(task))
        return NULL;
    task_lock(task);
    if (task->files)
        files = fdtable_get(task->files);
    task_unlock(task);
    return files;
}

/* The file of one descriptor of a thread, with a reference. */
static struct file *fd_file_get(struct pid *pid, u32 fd, bool *cloexec)
{
    struct task *task __scoped(task) = task_find_get(pid_number(pid));
    struct fdtable *files = files_get(task);
    struct file *file = files ? fdtable_file(files, fd, cloexec) : NULL;

    fdtable_put(files);
    return file;
}

static struct file *file_of(struct inode *inode)
{
    return fd_file_get(pseudo_key(inode), pseudo_number(inode), NULL);
}

static int fd_follow(struct inode *inode, struct path *out)
{
    struct file *file __scoped(file) = file_of(inode);

    return file ? file_place(file, out) : -ENOENT;
}

/* The link's permissions tell how the file is open. */
static u32 fd_mode(struct inode *inode)
{
    struct file *file __scoped(file) = file_of(inode);
    u32 mode = file ? file->mode : 0;

    return S_IFLNK | (mode & FMODE_READ ? 0500 : 0) | (mode & FMODE_WRITE ? 0300 : 0);
}

static ssize_t fd_readlink(struct inode *inode, char *buf, size_t size)
{
    struct file *file __scoped(file) = file_of(inode);
    char *page __scoped(kmalloc) = NULL, *text;
    ssize_t n;

    if (!file)
        return -ENOENT;
    page = kmalloc(PATH_MAX + 16);
    n = page ? file_text(file, page, PATH_MAX + 16, &text) : -ENOMEM;
    if (n < 0)
        return n;
    n = MIN(strlen(text), size);
    memcpy(buf, text, n);
    return n;
}

static void fdinfo_show(struct seq *s, struct inode *inode)
{
    bool cloexec = false;
    struct file *file __scoped(file) =
        fd_file_get(pseudo_key(inode), pseudo_number(inode), &cloexec);

    if (!file) {
        s->error = -ENOENT;
        return;
    }
    seq_printf(s, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%u\n", (long)file->pos,
               file->flags | (cloexec ? 02000000 : 0), file->path.mount ? file->path.mount->id : 0);
}

static const struct pseudo fd_link = {
    .mode = S_IFLNK | 0700,
    .keys = &pid_keys,
    .follow = fd_follow,
    .readlink = fd_readlink,
    .mode_now = fd_mode,
};

static const struct pseudo fdinfo_file = {
    .mode = S_IFREG | 0400,
    .keys = &pid_keys,
    .show = fdinfo_show,
};

static void *fd_lookup(struct inode *dir, u32 fd)
{
    struct file *file __scoped(file) = fd_file_get(pseudo_key(dir), fd, NULL);

    return file ? pid_get(pseudo_key(dir)) : NULL;
}

static int fd_next(struct inode *dir, u32 from)
{
    struct task *task __scoped(task) = task_of(dir);
    struct fdtable *files = files_get(task);
    int fd = files ? fdtable_next(files, from) : -1;

    fdtable_put(files);
    return fd;
}

/* ---- task: one directory for each thread ---- */

static void *task_lookup(struct inode *dir, u32 tid)
{
    struct pid *process = pseudo_key(dir);
    struct task *task __scoped(task) = task_find_get(tid);

    return task && task->process == READ_ONCE(process->process) ? pid_get(task->pid) : NULL;
}

/* The thread with the smallest number, from one on. */
static int task_next(struct inode *dir, u32 from)
{
    struct pid *pid = pseudo_key(dir);
    struct process *process = process_find_get(pid_number(pid));
    struct task *task;
    u32 least = UINT32_MAX;

    if (!process)
        return -1;
    spin_lock_irq(&process_tree_lock);
    list_for_each_entry(task, &process->threads, thread_link)
        if (task->tid >= from)
            least = MIN(least, task->tid);
    spin_unlock_irq(&process_tree_lock);
    process_put(process);
    return least;
}

#define PID_FILE(file, bits, ...)                                    \
    {                                                                \
        .name = file, .mode = (bits), .keys = &pid_keys, __VA_ARGS__ \
    }
#define SHOW(fn, ...)                                    \
    .show = task_show, .data = &(const struct task_file) \
    {                                                    \
        .show = fn, ##__VA_ARGS__                        \
    }

#define COMMON_FILES                                                                             \
    PID_FILE("auxv", S_IFREG | 0400, SHOW(auxv_show, .memory = true, .secret = true)),           \
        PID_FILE("cmdline", S_IFREG | 0444, SHOW(cmdline_show, .memory = true)),                 \
        PID_FILE("comm", S_IFREG | 0644, SHOW(comm_show), .store = comm_store),                  \
        PID_FILE("cwd", S_IFLNK | 0777, .follow = place_follow),                                 \
        PID_FILE("environ", S_IFREG | 0400, SHOW(environ_show, .memory = true, .secret = true)), \
        PID_FILE("exe", S_IFLNK | 0777, .follow = exe_follow),                                   \
        PID_FILE("fd", S_IFDIR | 0500, .numbered = &fd_link, .lookup = fd_lookup,                \
                 .next = fd_next),                                                               \
        PID_FILE("fdinfo", S_IFDIR | 0555, .numbered = &fdinfo_file, .lookup = fd_lookup,        \
                 .next = fd_next),                                                               \
        PID_FILE("limits", S_IFREG | 0444, SHOW(limits_show)),                                   \
        PID_FILE("maps", S_IFREG | 0444, SHOW(maps_show, .memory = true, .secret = true)),       \
        PID_FILE("mountinfo", S_IFREG | 0444, SHOW(mounts_show, .full = true)),                  \
        PID_FILE("mounts", S_IFREG | 0444, SHOW(mounts_show)),                                   \
        PID_FILE("oom_score_adj", S_IFREG | 0644, SHOW(score_show), .store = score_store),       \
        PID_FILE("root", S_IFLNK | 0777, .follow = place_follow, .data = IS_ROOT),               \
        PID_FILE("smaps", S_IFREG | 0444,                                                        \
                 SHOW(maps_show, .memory = true, .secret = true, .full = true)),                 \
        PID_FILE("statm", S_IFREG | 0444, SHOW(statm_show)),                                     \
        PID_FILE("status", S_IFREG | 0444, SHOW(status_show))

static const struct pseudo thread_table[] = {
    COMMON_FILES,
    PID_FILE("stat", S_IFREG | 0444, SHOW(stat_show)),
    {.name = NULL},
};

static const struct pseudo thread_directory = PID_FILE(NULL, S_IFDIR | 0555, .table = thread_table);

static const struct pseudo pid_table[] = {
    COMMON_FILES,
    PID_FILE("stat", S_IFREG | 0444, SHOW(stat_show, .full = true)),
    PID_FILE("task", S_IFDIR | 0555, .numbered = &thread_directory, .lookup = task_lookup,
             .next = task_next),
    {.name = NULL},
};

const struct pseudo pid_directory = PID_FILE(NULL, S_IFDIR | 0555, .table = pid_table);

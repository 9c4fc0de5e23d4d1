/* Descriptors of processes. See pidfd.h. */
#include "proc/pidfd.h"

#include "io/file.h"
#include "io/poll.h"
#include "task/pid.h"
#include "task/task.h"

static u32 pidfd_poll(struct file *file, struct poll_table *table)
{
    struct pid *pid = file->private;
    struct process *process;
    u32 events;

    poll_wait(file, &pid->exit, table);
    rcu_read_lock();
    process = rcu_dereference(pid->process);
    events = !process || READ_ONCE(process->state) != PROCESS_ALIVE ? POLLIN | POLLRDNORM : 0;
    rcu_read_unlock();
    return events;
}

static void pidfd_release(struct file *file)
{
    pid_put(file->private);
}

static const struct file_ops pidfd_ops = {
    .poll = pidfd_poll,
    .release = pidfd_release,
    .stat_mode = 0600,
    .name = "anon_inode:[pidfd]",
};

struct file *pidfd_file(struct pid *pid)
{
    struct file *file = file_alloc(&pidfd_ops, O_RDWR, pid);

    if (file)
        pid_get(pid);
    return file;
}

struct pid *pidfd_pid(const struct file *file)
{
    return file->ops == &pidfd_ops ? file->private : NULL;
}

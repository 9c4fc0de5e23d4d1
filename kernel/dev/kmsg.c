/*
 * /dev/kmsg: the log by records. Each open file is a reader with its own place; a read gives one
 * record, a write makes one.
 */
#include "dev/kmsg.h"

#include "dev/chardev.h"
#include "io/file.h"
#include "io/iter.h"
#include "io/poll.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "sched/wait.h"
#include "task/cred.h"

struct kmsg_file {
    struct mutex lock;
    struct log_reader reader; /* [L] */
    struct log_record record; /* [L] this and the next two: one read's work space */
    char text[LOG_TEXT_MAX];
    char line[LOG_LINE_MAX];
};

static struct waitqueue kmsg_wait; /* readers at the end of the log */

static void notify(void)
{
    wake_all(&kmsg_wait, POLLIN | POLLRDNORM);
}

int kmsg_wait_unread(const struct log_reader *reader)
{
    return wait_event_interruptible(&kmsg_wait, log_unread(reader));
}

static ssize_t read_locked(struct kmsg_file *kmsg, struct io_request *req)
{
    struct log_reader before = kmsg->reader;
    int err = log_read(&kmsg->reader, &kmsg->record, kmsg->text);
    size_t size;

    if (err)
        return err;
    size = log_format_kmsg(&kmsg->record, kmsg->text, kmsg->line);
    err = req->iter->left < size ? -EINVAL : 0;
    if (!err && iter_copy_to(req->iter, kmsg->line, size) != (ssize_t)size)
        err = -EFAULT;
    if (err)
        kmsg->reader = before;
    return err ? err : (ssize_t)size;
}

static ssize_t kmsg_read(struct io_request *req)
{
    struct kmsg_file *kmsg = req->file->private;
    ssize_t n;

    do {
        n = io_wait_event(req, &kmsg_wait, log_unread(&kmsg->reader));
        if (n)
            return n;
        mutex_lock(&kmsg->lock);
        n = read_locked(kmsg, req);
        mutex_unlock(&kmsg->lock);
    } while (n == -EAGAIN); /* another reader of this file was faster */
    return n;
}

/* "<N>text": N is facility * 8 + level; the default is a warning. */
static ssize_t kmsg_write(struct io_request *req)
{
    size_t size = req->iter->left, text_size;
    char line[LOG_TEXT_MAX + 1];
    const char *text = line, *end;
    u64 prefix = LOG_WARN;

    if (size > 1024 - 32)
        return -EINVAL;
    text_size = MIN_T(size_t, size, LOG_TEXT_MAX);
    if (iter_copy_from(req->iter, line, text_size) != (ssize_t)text_size)
        return -EFAULT;
    line[text_size] = 0;
    if (line[0] == '<' && str_to_u64(line + 1, 10, &prefix, &end) == 0 && *end == '>')
        text = end + 1;
    else
        prefix = LOG_WARN;
    text_size -= text - line;
    if (text_size && text[text_size - 1] == '\n')
        text_size--;
    log_user(prefix & 7, text, text_size);
    return size;
}

static loff_t kmsg_seek(struct file *file, loff_t offset, int whence)
{
    struct kmsg_file *kmsg = file->private;

    if (offset)
        return -ESPIPE;
    if (whence != SEEK_SET && whence != SEEK_END && whence != SEEK_DATA)
        return -EINVAL;
    mutex_guard(&kmsg->lock);
    if (whence == SEEK_END)
        log_seek_newest(&kmsg->reader);
    else
        log_seek_oldest(&kmsg->reader);
    return 0;
}

static u32 kmsg_poll(struct file *file, struct poll_table *table)
{
    struct kmsg_file *kmsg = file->private;
    struct log_reader look;
    int error;

    poll_wait(file, &kmsg_wait, table);
    mutex_guard(&kmsg->lock);
    look = kmsg->reader; /* a copy of it looks, so that it does not move */
    error = log_read(&look, &kmsg->record, kmsg->text);
    if (error == -EAGAIN)
        return 0;
    return POLLIN | POLLRDNORM | (error == -EPIPE ? POLLERR | POLLPRI : 0);
}

static const struct file_ops kmsg_ops = {
    .read = kmsg_read,
    .write = kmsg_write,
    .seek = kmsg_seek,
    .poll = kmsg_poll,
    .release = file_free_private,
};

static int kmsg_open(struct chardev *device, struct file *file)
{
    struct kmsg_file *kmsg;

    if (file->mode & FMODE_READ && !cred_has_cap(CAP_SYSLOG) && !cred_has_cap(CAP_SYS_ADMIN))
        return -EPERM; /* messages may hold kernel addresses */
    kmsg = kmalloc(sizeof(*kmsg));
    if (!kmsg)
        return -ENOMEM;
    mutex_init(&kmsg->lock, RANK_FILE_POS);
    file->private = kmsg;
    file->ops = &kmsg_ops;
    file->mode |= FMODE_LSEEK;
    return 0;
}

static struct chardev kmsg_device = {
    .dev = MKDEV(1, 11),
    .name = "kmsg",
    .mode = 0644,
    .open = kmsg_open,
};

void kmsg_device_init(void)
{
    waitqueue_init(&kmsg_wait);
    chardev_register(&kmsg_device);
    log_set_notify(notify);
}

/*
 * Generated files: text made when it is read.
 *
 * The whole text is made at once, by a function that writes into a buffer; when the buffer was too
 * small it is made again with a larger one. It is kept in the open file and made anew when the
 * file is read at position 0, so one pass of reads sees one state, and programs that keep the
 * file open and seek back (top) see the present. Locking: the file's pos_lock serialises reads at
 * the shared position; pread beside them takes `lock`.
 *
 * Rejected: making one record at a time (a position then means a record that may be gone).
 */
#include "fs/seq.h"

#include "fs/namei.h"
#include "io/iter.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"

#define SIZE_FIRST 4096
#define SIZE_MAX_  0x10000000UL /* a text of 256 MiB is a mistake */

struct seq_state {
    struct mutex lock;
    struct seq seq;
    int (*show)(struct seq *s, struct inode *inode);
    struct inode *inode;
    bool made;
};

void seq_write(struct seq *s, const void *data, size_t len)
{
    if (s->len < s->size)
        memcpy(s->buf + s->len, data, MIN(len, s->size - s->len));
    s->len += len;
}

void seq_puts(struct seq *s, const char *text)
{
    seq_write(s, text, strlen(text));
}

void seq_putc(struct seq *s, char c)
{
    if (s->len < s->size)
        s->buf[s->len] = c;
    s->len++;
}

struct seq_out {
    struct format_out out;
    struct seq *seq;
};

static void out_write(struct format_out *out, const char *text, size_t size)
{
    seq_write(container_of(out, struct seq_out, out)->seq, text, size);
}

void seq_printf(struct seq *s, const char *fmt, ...)
{
    struct seq_out out = {{out_write}, s};
    va_list args;

    va_start(args, fmt);
    format_v(&out.out, fmt, args);
    va_end(args);
}

void seq_escape(struct seq *s, const char *text, const char *chars)
{
    for (; *text; text++) {
        if (*text == '\\' || strchr(chars, *text))
            seq_printf(s, "\\%03o", (u8)*text);
        else
            seq_putc(s, *text);
    }
}

int seq_path(struct seq *s, const struct path *path, bool inside, const char *escape)
{
    char *buf = kmalloc(PATH_MAX), *text;
    int result = -ENOMEM;

    if (buf)
        result = (inside ? path_text_inside : path_text)(path, buf, PATH_MAX, &text);
    if (result >= 0)
        seq_escape(s, text, escape);
    kfree(buf);
    return result;
}

static int make(struct seq_state *state)
{
    struct seq *s = &state->seq;
    size_t size = s->size ? s->size : SIZE_FIRST;
    int err;

    for (;;) {
        if (size > s->size) {
            kfree(s->buf);
            s->size = 0;
            s->buf = kmalloc(size);
            if (!s->buf)
                return -ENOMEM;
            s->size = size;
        }
        s->len = 0;
        err = state->show(s, state->inode);
        if (err || s->len <= s->size)
            break;
        while (size < s->len)
            size *= 2;
        if (size > SIZE_MAX_)
            return -ENOMEM;
    }
    state->made = !err;
    return err;
}

ssize_t seq_file_read(struct io_request *req)
{
    struct seq_state *state = req->file->private;
    ssize_t n = 0;

    mutex_guard(&state->lock);
    if (!state->made || req->pos == 0)
        n = make(state);
    if (n || (u64)req->pos >= state->seq.len)
        return n;
    n = iter_copy_to(req->iter, state->seq.buf + req->pos,
                     MIN(req->iter->left, state->seq.len - req->pos));
    if (!n && req->iter->left)
        return -EFAULT;
    req->pos += n;
    return n;
}

/* The end is where the text that was made last ends. */
loff_t seq_file_seek(struct file *file, loff_t offset, int whence)
{
    struct seq_state *state = file->private;

    return file_seek_size(file, offset, whence, state ? state->seq.len : 0, INT64_MAX);
}

void seq_file_release(struct file *file)
{
    struct seq_state *state = file->private;

    if (!state)
        return;
    kfree(state->seq.buf);
    kfree(state);
}

int seq_open(struct file *file, int (*show)(struct seq *s, struct inode *inode))
{
    struct seq_state *state = kmalloc(sizeof(*state));

    if (!state)
        return -ENOMEM;
    mutex_init(&state->lock, RANK_SEQ);
    state->show = show;
    state->inode = file->inode;
    file->private = state;
    return 0;
}

/*
 * Generated files: text made when it is read. The theory is in seq.c.
 */
#pragma once

#include <stdarg.h>
#include "io/file.h"

struct seq {
    char *buf;
    size_t size, len; /* len > size: it did not fit, and is made again with more room */
};

__printf(2, 3) void seq_printf(struct seq *s, const char *fmt, ...);
void seq_write(struct seq *s, const void *data, size_t len);
void seq_puts(struct seq *s, const char *text);
void seq_putc(struct seq *s, char c);

/* A string with those of `chars` (and backslash) written as \ooo, as /proc/mounts has it. */
void seq_escape(struct seq *s, const char *text, const char *chars);

/* Does a path as the current task sees it, escaped; "(unreachable)..." when it cannot. */
struct path;
void seq_path(struct seq *s, const struct path *path, const char *escape);

/*
 * Make `file` a generated one: show(seq, arg) writes all of its text, whenever it is read at
 * position 0 (again), and may be called more than once to find room. file->ops may be seq_file_ops
 * or ops of your own that begin with its entries. 0 or -ENOMEM. `show` returns 0 or -errno.
 */
int seq_open(struct file *file, int (*show)(struct seq *s, void *arg), void *arg);

extern const struct file_ops seq_file_ops;
ssize_t seq_file_read(struct io_request *req);
loff_t seq_file_seek(struct file *file, loff_t offset, int whence);
void seq_file_release(struct file *file);

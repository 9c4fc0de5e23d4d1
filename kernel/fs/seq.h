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

/*
 * A path as the current task sees it, or inside its file system (path_text() and its like, whose
 * result is returned), with those of `escape` escaped.
 */
struct path;
int seq_path(struct seq *s, const struct path *path, bool inside, const char *escape);

/*
 * Make `file` a generated one: show(seq, file->inode) writes all of its text, whenever it is read
 * at position 0 (again), and may be called more than once to find room; it returns 0 or -errno. The
 * file's operations are those below; without seq_open() it is empty. 0 or -ENOMEM.
 */
int seq_open(struct file *file, int (*show)(struct seq *s, struct inode *inode));
ssize_t seq_file_read(struct io_request *req);
loff_t seq_file_seek(struct file *file, loff_t offset, int whence);
void seq_file_release(struct file *file);

/*
 * Text for generated files (pseudo.c).
 */
#pragma once

#include <stdarg.h>
#include "lib/types.h"

struct seq {
    char *buf;
    size_t size, len; /* len > size: it did not fit, and is made again with more room */
    int error;        /* 0, or the -errno that a reader gets in place of the text */
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

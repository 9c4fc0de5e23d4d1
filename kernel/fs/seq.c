/*
 * Text into a buffer that may be too small: then it is counted, and made again.
 */
#include "fs/seq.h"

#include "fs/namei.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sched/reclaim.h"

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
    char *buf __scoped(kmalloc) = kmalloc(PATH_MAX), *text;
    int result = -ENOMEM;

    if (buf)
        result = (inside ? path_text_inside : path_text)(path, buf, PATH_MAX, &text);
    if (result >= 0)
        seq_escape(s, text, escape);
    return result;
}

/*
 * printf-style formatting into a sink.
 *
 * A conversion is parsed into a struct spec, turned into prefix and body, and written with its
 * padding. Nothing is buffered beyond the digits of one number, so that it needs little stack
 * and works in a panic.
 */
#include "lib/format.h"
#include "lib/string.h"

#define DIGITS_MAX 22 /* 64 bits in octal */

struct spec {
    bool left, alt, zero;
    bool is_long; /* the integer argument */
    int width;
    int precision; /* of a string; -1: none given */
};

struct writer {
    struct format_out *out;
    int total;
};

static void put(struct writer *w, const char *text, size_t size)
{
    if (!size)
        return;
    w->out->write(w->out, text, size);
    w->total += (int)size;
}

static void pad(struct writer *w, char c, int count)
{
    char run[16];

    if (count <= 0)
        return;
    memset(run, c, sizeof(run));
    for (; count > (int)sizeof(run); count -= sizeof(run))
        put(w, run, sizeof(run));
    put(w, run, count);
}

static const char *parse_count(const char *fmt, int *count)
{
    for (*count = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
        *count = *count * 10 + (*fmt - '0');
    return fmt;
}

/* All that stands between '%' and the conversion, which is returned. */
static const char *parse_spec(const char *fmt, struct spec *spec)
{
    for (;; fmt++) {
        if (*fmt == '-')
            spec->left = true;
        else if (*fmt == '#')
            spec->alt = true;
        else if (*fmt == '0')
            spec->zero = true;
        else
            break;
    }
    fmt = parse_count(fmt, &spec->width);
    if (*fmt == '.')
        fmt = parse_count(fmt + 1, &spec->precision);
    spec->is_long = *fmt == 'l' || *fmt == 'z';
    return fmt + spec->is_long;
}

static void put_field(struct writer *w, const struct spec *spec, const char *prefix,
                      const char *body, int len)
{
    int prefix_len = (int)strlen(prefix), blanks = spec->width - prefix_len - len;

    if (!spec->left && !spec->zero)
        pad(w, ' ', blanks);
    put(w, prefix, prefix_len);
    if (!spec->left && spec->zero)
        pad(w, '0', blanks);
    put(w, body, len);
    if (spec->left)
        pad(w, ' ', blanks);
}

static void put_number(struct writer *w, const struct spec *spec, const char *prefix, u64 value,
                       char conversion)
{
    const char *set = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    u32 base = (conversion | 0x20) == 'x' ? 16 : conversion == 'o' ? 8 : 10;
    char digits[DIGITS_MAX];
    int at = DIGITS_MAX;

    do {
        digits[--at] = set[value % base];
        value /= base;
    } while (value);
    put_field(w, spec, prefix, digits + at, DIGITS_MAX - at);
}

/* va_list may be an array type, of which a pointer cannot be passed on: hence the struct. */
struct arguments {
    va_list list;
};

/* One conversion, behind its '%'. Returns what follows it, or NULL when it is none of ours. */
static const char *convert(struct writer *w, const char *fmt, struct arguments *args)
{
    struct spec spec = {.precision = -1};
    const char *text;
    s64 value;
    char c;

    fmt = parse_spec(fmt, &spec);
    switch (*fmt) {
    case 'd':
        value = spec.is_long ? va_arg(args->list, s64) : va_arg(args->list, int);
        put_number(w, &spec, value < 0 ? "-" : "", value < 0 ? -(u64)value : (u64)value, *fmt);
        break;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        value = spec.is_long ? va_arg(args->list, s64) : (s64)va_arg(args->list, u32);
        put_number(w, &spec, spec.alt && value ? "0x" : "", value, *fmt);
        break;
    case 'c':
        c = (char)va_arg(args->list, int);
        put_field(w, &spec, "", &c, 1);
        break;
    case 's':
        text = va_arg(args->list, const char *);
        if (!text)
            text = "(null)";
        put_field(w, &spec, "", text, (int)strnlen(text, (size_t)(s64)spec.precision));
        break;
    case 'p': put_number(w, &spec, "0x", va_arg(args->list, u64), 'x'); break;
    case '%': put(w, "%", 1); break;
    default: return NULL;
    }
    return fmt + 1;
}

int format_v(struct format_out *out, const char *fmt, va_list list)
{
    struct writer w = {.out = out};
    struct arguments args;

    va_copy(args.list, list);
    while (*fmt) {
        const char *text = fmt, *next;

        while (*fmt && *fmt != '%')
            fmt++;
        put(&w, text, fmt - text);
        if (!*fmt)
            break;
        next = convert(&w, fmt + 1, &args);
        if (!next) { /* not ours: the arguments behind it are lost too, so print the rest as is */
            put(&w, fmt, strlen(fmt));
            break;
        }
        fmt = next;
    }
    va_end(args.list);
    return w.total;
}

struct buf_out {
    struct format_out out;
    char *at;
    size_t room; /* without the NUL */
};

static void buf_write(struct format_out *out, const char *text, size_t size)
{
    struct buf_out *buf = container_of(out, struct buf_out, out);

    size = MIN(size, buf->room);
    memcpy(buf->at, text, size);
    buf->at += size;
    buf->room -= size;
}

int format_buf_v(char *buf, size_t size, const char *fmt, va_list args)
{
    struct buf_out out = {{buf_write}, buf, size ? size - 1 : 0};
    int len = format_v(&out.out, fmt, args);

    if (size)
        *out.at = '\0';
    return len;
}

int format_buf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = format_buf_v(buf, size, fmt, args);
    va_end(args);
    return len;
}

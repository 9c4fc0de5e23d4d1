/*
 * printf-style formatting into a sink.
 *
 * A conversion is parsed into a struct spec, turned into prefix, zeros and body, and written with
 * its padding. Nothing is buffered beyond the digits of one number, so that it needs little stack
 * and works in a panic.
 */
#include "lib/format.h"
#include "lib/string.h"

#define WIDTH_MAX  65535 /* larger widths and precisions are taken as this */
#define DIGITS_MAX 22    /* 64 bits in octal */

struct spec {
    bool left, plus, space, alt, zero;
    int width;
    int precision; /* -1: none given */
    int length;    /* bytes of the integer argument */
    char conv;
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

static const char *parse_flags(const char *fmt, struct spec *spec)
{
    for (;; fmt++) {
        switch (*fmt) {
        case '-': spec->left = true; break;
        case '+': spec->plus = true; break;
        case ' ': spec->space = true; break;
        case '#': spec->alt = true; break;
        case '0': spec->zero = true; break;
        default: return fmt;
        }
    }
}

static const char *parse_count(const char *fmt, int *count)
{
    int value = 0;

    for (; *fmt >= '0' && *fmt <= '9'; fmt++)
        value = MIN(value * 10 + (*fmt - '0'), WIDTH_MAX);
    *count = value;
    return fmt;
}

static const char *parse_length(const char *fmt, struct spec *spec)
{
    spec->length = sizeof(int);
    switch (*fmt) {
    case 'h': spec->length = fmt[1] == 'h' ? 1 : 2; return fmt + (fmt[1] == 'h' ? 2 : 1);
    case 'l': spec->length = 8; return fmt + (fmt[1] == 'l' ? 2 : 1);
    case 'z':
    case 't':
    case 'j': spec->length = 8; return fmt + 1;
    }
    return fmt;
}

/* A * argument: a negative width means left-adjusted, a negative precision none. */
static int star_width(struct spec *spec, int value)
{
    if (value >= 0)
        return MIN(value, WIDTH_MAX);
    spec->left = true;
    return value < -WIDTH_MAX ? WIDTH_MAX : -value;
}

static void put_string(struct writer *w, const struct spec *spec, const char *str)
{
    int len;

    if (!str)
        str = "(null)";
    len = spec->precision < 0 ? (int)strlen(str) : (int)strnlen(str, spec->precision);
    if (!spec->left)
        pad(w, ' ', spec->width - len);
    put(w, str, len);
    if (spec->left)
        pad(w, ' ', spec->width - len);
}

/* Digits of `value`, right-adjusted in digits[]; returns how many (none for 0). */
static int make_digits(char digits[DIGITS_MAX], u64 value, unsigned base, bool upper)
{
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    int at = DIGITS_MAX;

    for (; value; value /= base)
        digits[--at] = set[value % base];
    return DIGITS_MAX - at;
}

static void put_number(struct writer *w, const struct spec *spec, u64 value, const char *prefix)
{
    char digits[DIGITS_MAX];
    unsigned base = spec->conv == 'x' || spec->conv == 'X' ? 16 : spec->conv == 'o' ? 8 : 10;
    int count = make_digits(digits, value, base, spec->conv == 'X');
    int least = spec->precision < 0 ? 1 : spec->precision;
    int prefix_len = (int)strlen(prefix), zeros, blanks;

    if (spec->conv == 'o' && spec->alt)
        least = MAX(least, count + 1); /* a leading zero */
    if (spec->zero && !spec->left && spec->precision < 0)
        least = MAX(least, spec->width - prefix_len);
    zeros = MAX(least - count, 0);
    blanks = spec->width - prefix_len - zeros - count;

    if (!spec->left)
        pad(w, ' ', blanks);
    put(w, prefix, prefix_len);
    pad(w, '0', zeros);
    put(w, digits + DIGITS_MAX - count, count);
    if (spec->left)
        pad(w, ' ', blanks);
}

static void put_signed(struct writer *w, const struct spec *spec, s64 value)
{
    switch (spec->length) {
    case 1: value = (s8)value; break;
    case 2: value = (s16)value; break;
    case 4: value = (s32)value; break;
    }
    if (value < 0)
        put_number(w, spec, -(u64)value, "-");
    else
        put_number(w, spec, value, spec->plus ? "+" : spec->space ? " " : "");
}

static void put_unsigned(struct writer *w, const struct spec *spec, u64 value)
{
    const char *prefix = "";

    if (spec->length < 8)
        value &= (1UL << (8 * spec->length)) - 1;
    if (spec->alt && value && spec->conv == 'x')
        prefix = "0x";
    if (spec->alt && value && spec->conv == 'X')
        prefix = "0X";
    put_number(w, spec, value, prefix);
}

static void put_pointer(struct writer *w, struct spec *spec, const void *ptr)
{
    spec->conv = 'x';
    put_number(w, spec, (uintptr_t)ptr, "0x");
}

/* va_list may be an array type, of which a pointer cannot be passed on: hence the struct. */
struct arguments {
    va_list list;
};

static u64 next_integer(struct arguments *args, int length)
{
    return length == 8 ? va_arg(args->list, u64) : (u64)va_arg(args->list, int);
}

/* One conversion, behind its '%'. Returns what follows it, or NULL when it is none of ours. */
static const char *convert(struct writer *w, const char *fmt, struct arguments *args)
{
    struct spec spec = {.precision = -1};
    char c;

    fmt = parse_flags(fmt, &spec);
    if (*fmt == '*') {
        spec.width = star_width(&spec, va_arg(args->list, int));
        fmt++;
    } else {
        fmt = parse_count(fmt, &spec.width);
    }
    if (fmt[0] == '.' && fmt[1] == '*') {
        spec.precision = MAX(MIN(va_arg(args->list, int), WIDTH_MAX), -1);
        fmt += 2;
    } else if (fmt[0] == '.') {
        fmt = parse_count(fmt + 1, &spec.precision);
    }
    fmt = parse_length(fmt, &spec);

    spec.conv = *fmt;
    switch (*fmt) {
    case 'd':
    case 'i': put_signed(w, &spec, next_integer(args, spec.length)); break;
    case 'u':
    case 'x':
    case 'X':
    case 'o': put_unsigned(w, &spec, next_integer(args, spec.length)); break;
    case 'c':
        c = (char)va_arg(args->list, int);
        pad(w, ' ', spec.left ? 0 : spec.width - 1);
        put(w, &c, 1);
        pad(w, ' ', spec.left ? spec.width - 1 : 0);
        break;
    case 's': put_string(w, &spec, va_arg(args->list, const char *)); break;
    case 'p': put_pointer(w, &spec, va_arg(args->list, const void *)); break;
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

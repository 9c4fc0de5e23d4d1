/*
 * What the compiler calls when a check of undefined behaviour fails (make UBSAN=1): each panics
 * with the check, the place in the source and the values. gcc and clang describe places and types
 * alike; names and arguments are theirs. Of 128 bits, which come by address, the low half is shown.
 */
#include "core/panic.h"
#include "lib/format.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

struct type {
    u16 kind; /* 0: an integer */
    u16 info; /* bit 0: signed; above, log2 of its bits */
    char name[];
};

/* How every description begins; not all have types. */
struct check {
    const char *file;
    u32 line, column;
    const struct type *type, *other;
};

struct shown {
    char text[80];
};

/* A value with its type. */
static struct shown show(const struct type *type, u64 value)
{
    u32 bits = 1U << (type->info >> 1);
    struct shown s;

    if (bits > 64)
        value = *(const u64 *)value;
    else if (type->info & 1)
        value = (s64)(value << (64 - bits)) >> (64 - bits);
    format_buf(s.text, sizeof s.text, type->info & 1 ? "%ld (%s)" : "%lu (%s)", value, type->name);
    return s;
}

static __noreturn __printf(3, 4) void fail(const struct check *c, const char *what, const char *fmt,
                                           ...)
{
    char values[256];
    va_list args;

    va_start(args, fmt);
    format_buf_v(values, sizeof values, fmt, args);
    va_end(args);
    panic("UBSAN: %s at %s:%u:%u%s", what, c->file, c->line, c->column, values);
}

#define OF_TWO(name, what, sign, right)                                                \
    void __ubsan_handle_##name(const struct check *c, u64 a, u64 b)                    \
    {                                                                                  \
        fail(c, what, ": %s " sign " %s", show(c->type, a).text, show(right, b).text); \
    }
OF_TWO(add_overflow_abort, "signed overflow", "+", c->type)
OF_TWO(sub_overflow_abort, "signed overflow", "-", c->type)
OF_TWO(mul_overflow_abort, "signed overflow", "*", c->type)
OF_TWO(divrem_overflow_abort, "division by zero or overflow", "/", c->type)
OF_TWO(shift_out_of_bounds_abort, "shift out of bounds", "by", c->other)

#define OF_ONE(name, what)                                       \
    void __ubsan_handle_##name(const struct check *c, u64 value) \
    {                                                            \
        fail(c, what, ": %s", show(c->type, value).text);        \
    }
OF_ONE(negate_overflow_abort, "signed overflow by negation")
OF_ONE(load_invalid_value_abort, "value that its type does not have")
OF_ONE(vla_bound_not_positive_abort, "length of an array not positive")

#define OF_NONE(name, what)                           \
    void __ubsan_handle_##name(const struct check *c) \
    {                                                 \
        fail(c, what, "%s", "");                      \
    }
OF_NONE(builtin_unreachable, "unreachable code reached")
OF_NONE(missing_return, "end of a function that returns a value")
OF_NONE(nonnull_arg_abort, "NULL for an argument that must not be")
OF_NONE(invalid_builtin_abort, "zero for a builtin that does not take it")

void __ubsan_handle_out_of_bounds_abort(const struct check *c, u64 index)
{
    fail(c, "index out of bounds", ": %s of %s", show(c->other, index).text, c->type->name);
}

void __ubsan_handle_type_mismatch_v1_abort(const struct check *c, u64 address)
{
    fail(c, address ? "misaligned pointer, or too small an object" : "NULL pointer",
         ": 0x%lx to %s", address, c->type->name);
}

void __ubsan_handle_pointer_overflow_abort(const struct check *c, u64 base, u64 result)
{
    fail(c, "pointer overflow", ": 0x%lx became 0x%lx", base, result);
}

/* The place of the return statement comes apart. */
void __ubsan_handle_nonnull_return_v1_abort(const void *attribute, const struct check *c)
{
    fail(c, "NULL returned where it must not be", "%s", "");
}

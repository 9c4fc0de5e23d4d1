/*
 * The integer types, attributes and small macros that every file of the kernel may rely on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef u64 paddr_t;  /* physical address */
typedef long ssize_t; /* a byte count, or -errno */
typedef s64 loff_t;   /* position in a file, in bytes */

#define MIB(n)        ((n)*1024UL * 1024UL)
#define GIB(n)        ((n)*1024UL * 1024UL * 1024UL)

#define BIT(n)        (1UL << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* For a power of two `a`; the result has the type of x, promoted. */
#define ALIGN_DOWN(x, a)   ((x) & ~((__typeof__(x))(a)-1))
#define ALIGN_UP(x, a)     (((x) + ((__typeof__(x))(a)-1)) & ~((__typeof__(x))(a)-1))
#define IS_ALIGNED(x, a)   (((x) & ((__typeof__(x))(a)-1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))

/*
 * MIN and MAX evaluate each argument once. Arguments of different types do not compile, since
 * a silent conversion of signed to unsigned is the usual bug; MIN_T and MAX_T name the type.
 */
#define MIN(a, b)                          \
    ({                                     \
        __typeof__(a) min_a_ = (a);        \
        __typeof__(b) min_b_ = (b);        \
        (void)(&min_a_ == &min_b_);        \
        min_a_ < min_b_ ? min_a_ : min_b_; \
    })
#define MAX(a, b)                          \
    ({                                     \
        __typeof__(a) max_a_ = (a);        \
        __typeof__(b) max_b_ = (b);        \
        (void)(&max_a_ == &max_b_);        \
        max_a_ > max_b_ ? max_a_ : max_b_; \
    })
#define MIN_T(type, a, b) MIN((type)(a), (type)(b))
#define MAX_T(type, a, b) MAX((type)(a), (type)(b))

/* The struct of which *ptr is the member; the sizeof only checks the pointer's type. */
#define container_of(ptr, type, member) \
    ((type *)((char *)(ptr)-offsetof(type, member) + 0 * sizeof((ptr) == &((type *)0)->member)))

#define CONCAT_(a, b) a##b
#define CONCAT(a, b)  CONCAT_(a, b)

/* A struct `type` made by name_begin(arg), which every way out of its block ends by name_end(). */
#define SCOPE_GUARD(type, name, ...)                                                  \
    const struct type CONCAT(guard_, __LINE__) __cleanup(name##_end) __maybe_unused = \
        name##_begin(__VA_ARGS__)

/*
 * A local variable that owns something until its scope ends, on whatever way out:
 * scoped_end_WHAT(&variable) then lets it go. `struct task *task __scoped(task) = task_get(...)`.
 */
#define __scoped(what) __cleanup(scoped_end_##what)

/* What __scoped(what) of a pointer to `type` calls: put(), unless the pointer is NULL. */
#define DEFINE_SCOPED_PUT(what, type, put)          \
    static inline void scoped_end_##what(type **at) \
    {                                               \
        if (*at)                                    \
            put(*at);                               \
    }

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* One access of the full width that the compiler neither repeats, tears nor drops. No order. */
#define READ_ONCE(x)                 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)             (*(volatile __typeof__(x) *)&(x) = (v))

#define __aligned(n)                 __attribute__((aligned(n)))
#define __section(s)                 __attribute__((section(s)))
#define __used                       __attribute__((used))
#define __maybe_unused               __attribute__((unused))
#define __noreturn                   __attribute__((noreturn))
#define __noinline                   __attribute__((noinline))
#define __cold                       __attribute__((cold))
#define __cleanup(fn)                __attribute__((cleanup(fn)))
#define __must_check                 __attribute__((warn_unused_result))
#define __printf(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#ifndef __always_inline /* a host's libc has it too */
#define __always_inline inline __attribute__((always_inline))
#endif

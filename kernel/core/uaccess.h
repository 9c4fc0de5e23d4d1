/*
 * User memory, by typed pointers: a plain dereference does not compile. All of it may fault and
 * sleep; with preemption off it fails with -EFAULT where it would have had to sleep. A failed
 * copy has changed a part of its target at most.
 */
#pragma once

#include "arch/uaccess.h"
#include "lib/errno.h"
#include "lib/kasan.h"

struct user_ptr {
    u64 addr;
};

#define USER_PTR(x) ((struct user_ptr){(u64)(x)})

static inline struct user_ptr user_ptr_add(struct user_ptr p, s64 bytes)
{
    return USER_PTR(p.addr + bytes);
}

static inline bool user_ptr_null(struct user_ptr p)
{
    return p.addr == 0;
}

/* Does [p, p+n) lie in the user's half? Says nothing about what is mapped. */
static inline bool user_range_ok(struct user_ptr p, size_t n)
{
    return n <= USER_TOP && p.addr <= USER_TOP - n;
}

/* 0 or -EFAULT. */
static inline int copy_from_user(void *to, struct user_ptr from, size_t n)
{
    kasan_check((u64)to, n, true);
    return user_copy_from(to, from.addr, n) ? -EFAULT : 0;
}

static inline int copy_to_user(struct user_ptr to, const void *from, size_t n)
{
    kasan_check((u64)from, n, false);
    return user_copy_to(to.addr, from, n) ? -EFAULT : 0;
}

static inline int clear_user(struct user_ptr to, size_t n)
{
    return user_clear(to.addr, n) ? -EFAULT : 0;
}

static inline int get_user_u8(struct user_ptr from, u8 *out)
{
    return user_load(from.addr, out, sizeof *out);
}

static inline int get_user_u32(struct user_ptr from, u32 *out)
{
    return user_load(from.addr, out, sizeof *out);
}

static inline int get_user_u64(struct user_ptr from, u64 *out)
{
    return user_load(from.addr, out, sizeof *out);
}

static inline int put_user_u32(struct user_ptr to, u32 value)
{
    return user_store(to.addr, value, sizeof value);
}

static inline int put_user_u64(struct user_ptr to, u64 value)
{
    return user_store(to.addr, value, sizeof value);
}

/* Length without the NUL; max when there is none within max bytes; -EFAULT. */
ssize_t strncpy_from_user(char *to, struct user_ptr from, size_t max);

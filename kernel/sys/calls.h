/*
 * Prototypes of all system calls, made from the table: sys_NAME takes its arguments as the
 * registers held them and returns 0 or more, or -errno.
 */
#pragma once

#include "lib/types.h"

#define SYSCALL_ARGS_0                    void
#define SYSCALL_ARGS_1                    u64
#define SYSCALL_ARGS_2                    u64, u64
#define SYSCALL_ARGS_3                    u64, u64, u64
#define SYSCALL_ARGS_4                    u64, u64, u64, u64
#define SYSCALL_ARGS_5                    u64, u64, u64, u64, u64
#define SYSCALL_ARGS_6                    u64, u64, u64, u64, u64, u64

#define SYSCALL(number, name, count, ...) long sys_##name(SYSCALL_ARGS_##count);
#define SYSCALL_AS(number, name, function, ...)
#include "sys/table.h"

long sys_xattr(u64 file, u64 name, u64 value, u64 size, u64 flags);

/* A call that is no more than a value of its arguments: a face of something general. */
#define CALL(name, args, value) \
    long sys_##name args        \
    {                           \
        return value;           \
    }

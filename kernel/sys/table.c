/* The dispatch table, and what becomes of calls that nobody implements. */
#include "arch/trap.h"
#include "core/log.h"
#include "lib/errno.h"
#include "sys/calls.h"
#include "task/task.h"

u64 syscall_unknown_count;

/*
 * Logged once for each program and number, as far as 32 bits can tell numbers apart; for dmesg,
 * not for the console.
 */
static long unknown(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
    struct task *self = self_task();
    s64 number = user_frame(self)->syscall;
    u32 bit = 1u << (number % 32 & 31);

    __atomic_add_fetch(&syscall_unknown_count, 1, __ATOMIC_RELAXED);
    if (!(self->unknown_logged & bit)) {
        self->unknown_logged |= bit;
        log_print(LOG_DEBUG, "%s[%u]: system call %ld is not implemented", self->thread.name,
                  self->process->tgid, (long)number);
    }
    return -ENOSYS;
}

/* Each call ignores the registers behind its own arguments (AAPCS64 6.4). */
#define SYSCALL(number, name, ...)              [number] = (syscall_fn)(void (*)(void))sys_##name,
#define SYSCALL_AS(number, name, function, ...) SYSCALL(number, function)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
const syscall_fn syscall_table[SYSCALL_LIMIT] = {
    [0 ... SYSCALL_LIMIT - 1] = unknown,
#include "sys/table.h"
};
#pragma GCC diagnostic pop

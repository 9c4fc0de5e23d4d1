/* New tasks and processes: clone(2), clone3(2), and the first process. */
#pragma once

#include "core/uaccess.h"

#define CSIGNAL              0xffUL
#define CLONE_VM             0x100UL
#define CLONE_FS             0x200UL
#define CLONE_FILES          0x400UL
#define CLONE_SIGHAND        0x800UL
#define CLONE_PIDFD          0x1000UL
#define CLONE_VFORK          0x4000UL
#define CLONE_PARENT         0x8000UL
#define CLONE_THREAD         0x10000UL
#define CLONE_NEWNS          0x20000UL
#define CLONE_SYSVSEM        0x40000UL
#define CLONE_SETTLS         0x80000UL
#define CLONE_PARENT_SETTID  0x100000UL
#define CLONE_CHILD_CLEARTID 0x200000UL
#define CLONE_DETACHED       0x400000UL
#define CLONE_CHILD_SETTID   0x1000000UL
#define CLONE_NEWCGROUP      0x2000000UL
#define CLONE_NEWUTS         0x4000000UL
#define CLONE_NEWIPC         0x8000000UL
#define CLONE_NEWUSER        0x10000000UL
#define CLONE_NEWPID         0x20000000UL
#define CLONE_NEWNET         0x40000000UL
#define CLONE_CLEAR_SIGHAND  0x100000000UL
#define CLONE_NEWTIME        0x80UL /* only clone3 and unshare: CSIGNAL overlaps */

#define CLONE_NEW_ANY                                                                             \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
     CLONE_NEWNET)

struct clone_request {
    u64 flags; /* without CSIGNAL */
    int exit_signal;
    u64 stack; /* top; 0: the caller's */
    u64 tls;
    struct user_ptr parent_tid, child_tid, pidfd;
};

/*
 * Makes a task or a process like the caller. The child's number, or -EINVAL (flags that do not
 * go together), -EAGAIN (limits), -ENOMEM, -ERESTARTNOINTR (a signal came first), what pidfd gives.
 * With CLONE_VFORK it sleeps until the child execs or exits, or the caller is killed.
 */
long process_clone(const struct clone_request *request);

/*
 * Creates process 1, which runs entry in the kernel without memory or open files; entry calls
 * exec_kernel() and returns. Panics without memory.
 */
void process_start_init(void (*entry)(void *task));

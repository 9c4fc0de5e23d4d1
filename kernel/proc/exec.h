/* Running another program in the calling process: execve(2). */
#pragma once

#include "core/uaccess.h"

/*
 * execveat(2); at_flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW. 0: the frame of the caller is that of
 * the new program. -errno: nothing has changed. Sleeps.
 */
int exec_user(int at_fd, struct user_ptr path, struct user_ptr argv, struct user_ptr envp,
              u32 at_flags);

/* The same for process 1 with strings of the kernel's; both arrays end with NULL. */
int exec_kernel(const char *path, const char *const *argv, const char *const *envp);

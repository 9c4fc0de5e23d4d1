/* Single values of user memory for unit tests on the host. Bodies of arch/uaccess.h. */
#pragma once

#include "lib/errno.h"

/* Not watched by the sanitizer: a string is read by words, past its end. */
int host_user_load(u64 from, void *out, size_t size);

static inline int user_load(u64 from, void *out, size_t size)
{
    return host_user_load(from, out, size);
}

static inline int user_store(u64 to, u64 value, size_t size)
{
    return user_copy_to(to, &value, size) ? -EFAULT : 0;
}

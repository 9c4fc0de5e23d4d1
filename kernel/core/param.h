/*
 * The kernel's arguments (/chosen/bootargs), read as Linux reads them: words between spaces,
 * double quotes keep spaces, name=value, - and _ alike in names. Words that the kernel does not
 * know go to init: name=value to its environment, others to its arguments; those behind "--" all
 * become arguments.
 */
#pragma once

#include "lib/types.h"

#define PARAM_MAX 2048 /* bytes of arguments, as on Linux for arm64; what is beyond is cut */

/* Takes a copy. Once, first of all. NULL: none. */
void param_init(const char *bootargs);

/* The whole text, for /proc/cmdline. */
const char *param_text(void);

/* The value of the last name=value; "" for a bare name; NULL when absent. */
const char *param_get(const char *name);

/* Was it given at all? */
bool param_flag(const char *name);

/* Its value as a number (decimal, 0x, 0), or the fallback when absent or malformed. */
u64 param_u64(const char *name, u64 fallback);

/* The n-th argument or environment string for init, from 0; NULL behind the last. */
const char *param_init_arg(u32 n);
const char *param_init_env(u32 n);

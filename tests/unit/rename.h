/*
 * Gives the kernel's own mem* and str* functions other names, so that they can be linked beside
 * the host's. Forced into kernel/lib/string.c by build.sh; test_string.c includes it too. All
 * other files call the host's functions, which AddressSanitizer watches.
 */
#pragma once

#define memcpy  kernel_memcpy
#define memmove kernel_memmove
#define memset  kernel_memset
#define memcmp  kernel_memcmp
#define memchr  kernel_memchr
#define strlen  kernel_strlen
#define strnlen kernel_strnlen
#define strcmp  kernel_strcmp
#define strncmp kernel_strncmp
#define strchr  kernel_strchr
#define strrchr kernel_strrchr

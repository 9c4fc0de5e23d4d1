/* Strings of user memory. */
#include "core/uaccess.h"

#define ONES  0x0101010101010101UL
#define HIGHS 0x8080808080808080UL

/* By eight bytes where they lie in one page: so no page is touched that the string is not in. */
ssize_t strncpy_from_user(char *to, struct user_ptr from, size_t max)
{
    u64 at = from.addr, word, nuls;
    size_t left = max;

    while (left) {
        if (unlikely(left < 8 || at % 4096 > 4096 - 8)) {
            if (user_load(at, to, 1))
                return -EFAULT;
            if (!*to)
                return max - left;
            at++, to++, left--;
            continue;
        }
        if (user_load(at, &word, 8))
            return -EFAULT;
        nuls = (word - ONES) & ~word & HIGHS; /* the lowest is exact: bit 7 of the first NUL */
        if (nuls)
            word &= ((nuls & -nuls) >> 7) - 1;
        __builtin_memcpy(to, &word, 8);
        if (nuls)
            return max - left + __builtin_ctzl(nuls) / 8;
        at += 8, to += 8, left -= 8;
    }
    return max;
}

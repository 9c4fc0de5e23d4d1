/* Strings of user memory. */
#include "core/uaccess.h"

#define ONES  0x0101010101010101UL
#define HIGHS 0x8080808080808080UL

/* By eight bytes where they lie in one page: so no page is touched that the string is not in. */
ssize_t strncpy_from_user(char *to, struct user_ptr from, size_t max)
{
    u64 at = from.addr, end = at + max, word, nuls;

    for (;;) {
        u64 stop = MIN(end, (at | 4095) + 1);

        for (; at + 8 <= stop; at += 8, to += 8) {
            if (user_load(at, &word, 8))
                return -EFAULT;
            nuls = (word - ONES) & ~word & HIGHS; /* the lowest is exact: bit 7 of the first NUL */
            if (nuls)
                word &= ((nuls & -nuls) >> 7) - 1;
            __builtin_memcpy(to, &word, 8);
            if (nuls)
                return at - from.addr + __builtin_ctzl(nuls) / 8;
        }
        if (at == end)
            return max;
        if (user_load(at, to, 1))
            return -EFAULT;
        if (!*to)
            return at - from.addr;
        at++, to++;
    }
}

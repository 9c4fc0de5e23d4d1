/*
 * Table: u32 count; u32 offset[count] from _image_start, rising; u32 name[count], offsets into
 * the strings that follow.
 */
#include "core/symbols.h"

const char *symbol_name(u64 pc, u64 *offset)
{
    const u32 *table = __ksyms_start;
    u32 count = __ksyms_end - __ksyms_start > 0 ? table[0] : 0;
    const u32 *offsets = table + 1, *names = offsets + count;
    const char *strings = (const char *)(names + count);
    u64 at = pc - (u64)_image_start;
    u32 low = 0, high = count;

    if (count == 0 || at < offsets[0] || at > offsets[count - 1] + 0x10000UL)
        return NULL;
    while (high - low > 1) { /* offsets[low] <= at, and at < offsets[high] if there is one */
        u32 middle = (low + high) / 2;

        if (offsets[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    *offset = at - offsets[low];
    return strings + names[low];
}

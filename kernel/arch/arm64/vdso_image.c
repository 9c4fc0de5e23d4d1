/*
 * What the kernel needs to know of the vDSO's code.
 */
#include "arch/vdso.h"

#include "lib/string.h"

bool vdso_image_ok(void)
{
    static const u32 trampoline[2] = {0xd2801168, 0xd4000001}; /* mov x8, #139; svc #0 */

    return !memcmp(vdso_image + VDSO_SIGRETURN, trampoline, sizeof(trampoline));
}

/*
 * The vDSO in a space: [vvar], the time page, and right behind it [vdso], both straight out of
 * the kernel's image, never writable.
 */
#include "arch/vdso.h"
#include "core/clock.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "vm/space_impl.h"

static paddr_t time_pa, image_pa; /* [I] */
static u64 image_size;            /* [I] in bytes, whole pages */

void vdso_init(void)
{
    image_size = vdso_image_end - vdso_image;
    icache_sync(vdso_image, image_size);
    time_pa = kernel_translate((u64)clock_page());
    image_pa = kernel_translate((u64)vdso_image);
}

static int map_part(struct vm_space *space, u64 start, u64 size, paddr_t pa, u32 prot,
                    const char *name)
{
    struct vm_region region = {
        .start = start,
        .end = start + size,
        .prot = prot,
        .flags = VM_PHYSICAL | VM_NEVER_WRITE | VM_NO_DUMP,
        .first_page = pa >> PAGE_SHIFT,
        .name = name,
    };

    return region_add(space, &region);
}

int vm_vdso_map(struct vm_space *space)
{
    u64 start;
    int error;

    space_guard(space);
    start = address_choose(space, 0, PAGE_SIZE + image_size);
    if (!start)
        return -ENOMEM;
    error = map_part(space, start, PAGE_SIZE, time_pa, PROT_READ, "[vvar]");
    if (!error)
        error = map_part(space, start + PAGE_SIZE, image_size, image_pa, PROT_READ | PROT_EXEC,
                         "[vdso]");
    if (!error)
        space->vdso = start + PAGE_SIZE;
    return error;
}

u64 vm_sigreturn_address(const struct vm_space *space)
{
    return space->vdso ? space->vdso + VDSO_SIGRETURN : 0;
}

/* The image as the rest of the kernel asks about it. */
#include "arch/arm64/image.h"
#include "arch/boot.h"
#include "arch/pagetable.h"

paddr_t image_start(void)
{
    return boot_info.image;
}

paddr_t image_end(void)
{
    return boot_info.image + (_heap_start - _image_start);
}

const void *builtin_initramfs(size_t *size)
{
    *size = __initramfs_end - __initramfs_start;
    return __initramfs_start;
}

void kernel_seal(void)
{
    u64 size = _ro_init_end - _ro_init_start;
    paddr_t pa = boot_info.image + (_ro_init_start - _image_start);

    if (!size)
        return;
    kernel_protect((u64)_ro_init_start, size, PROT_R);
    kernel_protect(LINEAR_BASE + pa, size, PROT_R);
}

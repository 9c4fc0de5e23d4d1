/*
 * The vDSO: a shared object of a few pages that the kernel carries and maps into each process. It
 * is built from arch/arm64/vdso and expects the time page (lib/time_page.h) in the page before.
 */
#pragma once

#include "lib/types.h"

/* The image in the kernel's read-only data, page-aligned and padded to whole pages. */
extern const u8 vdso_image[], vdso_image_end[];

/* Where __kernel_rt_sigreturn stands in it: vdso.lds puts it there and holds it to that. */
#define VDSO_SIGRETURN 0x800

/*
 * Kernel virtual memory: areas of pages with a guard page behind them, kernel stacks, devices.
 * Theory in mm/vmalloc.c. Nothing here sleeps; any context.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/thread.h"
#include "lib/types.h"

#if __STDC_HOSTED__
#define VMALLOC_BASE HOST_VMALLOC_BASE
#else
#define VMALLOC_BASE 0xffff800000000000UL
#endif
#define VMALLOC_END (VMALLOC_BASE + GIB(4))
#define DEVICE_BASE 0xffff900000000000UL
#define DEVICE_END  0xffffa00000000000UL

/* Zeroed pages, mapped side by side; readable and writable. NULL: no memory. */
void *vmalloc_nosleep(size_t size);
void vfree(void *area);

/*
 * A kernel stack: returns its lowest byte; THREAD_STACK_SIZE bytes are mapped, in the upper half
 * of twice that size, aligned; the lower half is never mapped. Not zeroed. NULL: no memory.
 */
void *stack_alloc_nosleep(void);
void stack_free(void *stack);

/* Gives back the spare stacks. */
void stack_drain(void);

/*
 * Maps registers (Device-nGnRE) for ever; the same address for the same registers each time.
 * Any alignment. NULL: no memory, or beyond what a device address can be.
 */
void *device_map(paddr_t pa, size_t size);

/* Bytes in vmalloc areas, for /proc/meminfo. */
u64 vmalloc_used(void);

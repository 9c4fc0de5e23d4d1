/*
 * Device registers. Accesses to one device stay in order (Device memory); order against ordinary
 * memory is the caller's.
 */
#pragma once

#include "lib/types.h"

static inline u32 mmio_read32(const void *base, size_t offset)
{
    return *(const volatile u32 *)((const char *)base + offset);
}

static inline void mmio_write32(void *base, size_t offset, u32 value)
{
    *(volatile u32 *)((char *)base + offset) = value;
}

static inline u64 mmio_read64(const void *base, size_t offset)
{
    return *(const volatile u64 *)((const char *)base + offset);
}

static inline void mmio_write64(void *base, size_t offset, u64 value)
{
    *(volatile u64 *)((char *)base + offset) = value;
}

static inline void mmio_write8(void *base, size_t offset, u8 value)
{
    *(volatile u8 *)((char *)base + offset) = value;
}

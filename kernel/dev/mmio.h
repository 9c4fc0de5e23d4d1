/*
 * Device registers. Accesses to one device stay in order (Device memory); order against ordinary
 * memory is the caller's.
 */
#pragma once

#include "arch/boot.h"
#include "arch/firmware.h"

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

/*
 * A register that only the secure side reaches, by its physical address. Without effect when the
 * kernel did not enter at EL3: firmware has then set it up.
 */
static inline void secure_write32(paddr_t address, u32 value)
{
    if (boot_info.entry_level == 3)
        firmware_call(CONDUIT_SMC, MONITOR_STORE, address, value, 0);
}

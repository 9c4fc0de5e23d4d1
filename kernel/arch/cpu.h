/*
 * The processor: interrupt masking, memory order, the current thread, pages, features.
 * The bodies of what must be inline come from the architecture's own inline.h.
 */
#pragma once

#include "lib/types.h"

struct thread_head;

typedef u64 irqflags_t;

/* What the boot CPU is and can do. [I] before kernel_main */
struct cpu_features {
    u64 hwcap;  /* Linux's AT_HWCAP bits, only what is context-switched or stateless */
    u64 hwcap2; /* Linux's AT_HWCAP2 bits */
    u64 mpidr;  /* affinity fields of MPIDR_EL1, as a cpu node of a device tree has them in reg */
    u64 midr;   /* MIDR_EL1: the implementer, part and revision, for /proc/cpuinfo */
    u64 counter_hz; /* of counter_read(), never 0 */
    u32 asid_bits;  /* 8 or 16 */
    bool pan;       /* FEAT_PAN: privileged access never */
    bool pan_sw;    /* no FEAT_PAN, but pan=sw: the user's table is taken away instead */
    bool rng;       /* FEAT_RNG: RNDR */
    bool bti;       /* FEAT_BTI */
    bool pauth;     /* FEAT_PAuth: pointer authentication */
};

extern struct cpu_features cpu_features;

/* Signs the kernel's return addresses; random, set before cpu_protect_branches(). [I] */
extern u64 kernel_key[2];

/* A number from RNDR into *out; false when the CPU has none or it failed. */
bool random_hw(u64 *out);

/*
 * Starts the CPU whose affinity is mpidr with `idle` as its current thread: by CPU_ON of PSCI
 * (DEN0022), or it is called out of the loader's spin table (`release`, or NULL, is the device
 * mapping of the word where it looks for an address to go to), or out of the pen where those wait
 * that entered with us. The CPU enters cpu_main(idle) with its MMU on and IRQs masked. 0 or -errno,
 * -ENODEV when there is no way to reach it. The caller waits for the CPU's own sign of life, and
 * calls one at a time.
 */
int arch_cpu_start(u64 mpidr, u64 *release, struct thread_head *idle);

/* Stops this CPU for good, interrupts masked. */
void cpu_halt(void) __noreturn;

/* Zeroes or copies one page of 4096 bytes, both aligned to 4096. */
void page_zero(void *page);
void page_copy(void *to, const void *from);

/*
 * Makes instructions written to [va, va+len) of kernel space visible to instruction fetch on
 * all CPUs (Arm ARM B2.4.4).
 */
void icache_sync(const void *va, size_t len);

#include "arch/inline.h"

/*
 * The per-CPU areas and the set of CPUs that run.
 */
#include "core/percpu.h"
#include "core/panic.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"

static u64 boot_offset; /* the boot CPU's: 0 */

u64 *percpu_offsets = &boot_offset;
u32 cpu_count = 1;
u64 cpu_online_mask[CPU_MAX / 64] = {1};

DEFINE_PERCPU(u32, cpu_number);

int percpu_init(u32 count, void *(*alloc)(size_t size, size_t align))
{
    size_t size = __percpu_end - __percpu_start;
    u64 place = (u64)__percpu_start % PERCPU_ALIGN;
    u64 *offsets = alloc(count * sizeof(u64), sizeof(u64));

    assert(count >= 1 && count <= CPU_MAX);
    if (!offsets)
        return -ENOMEM;
    offsets[0] = 0;
    for (u32 cpu = 1; cpu < count; cpu++) {
        char *area = alloc(ALIGN_UP(place + size, PERCPU_ALIGN), PERCPU_ALIGN);

        if (!area)
            return -ENOMEM;
        offsets[cpu] = (u64)(area + place) - (u64)__percpu_start;
    }
    percpu_offsets = offsets;
    cpu_count = count;
    for (u32 cpu = 1; cpu < count; cpu++)
        per_cpu(cpu_number, cpu) = cpu;
    return 0;
}

void cpu_set_online(u32 cpu, bool online)
{
    u64 bit = BIT(cpu % 64);

    if (online)
        __atomic_or_fetch(&cpu_online_mask[cpu / 64], bit, __ATOMIC_RELEASE);
    else
        __atomic_and_fetch(&cpu_online_mask[cpu / 64], ~bit, __ATOMIC_RELEASE);
}

u32 cpu_online_count(void)
{
    return bitmap_weight(cpu_online_mask, cpu_count);
}

u32 cpu_next_online(u32 cpu)
{
    return cpu >= cpu_count ? cpu_count : bitmap_find_next(cpu_online_mask, cpu_count, cpu);
}

#if DEBUG
void percpu_check(void)
{
    if (!in_atomic() && !panicking())
        panic("per-CPU data used while the thread may move");
}
#endif

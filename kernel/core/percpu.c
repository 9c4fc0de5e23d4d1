/*
 * The per-CPU areas and the set of CPUs that run.
 */
#include "core/percpu.h"
#include "core/panic.h"
#include "lib/errno.h"

static u64 boot_offset; /* the boot CPU's: 0 */

u64 *percpu_offsets = &boot_offset;
u32 cpu_count = 1;
struct cpumask cpu_online_mask = {{1}};
const struct cpumask cpumask_all = {{[0 ... CPU_MAX / 64 - 1] = ~0UL}};

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

u32 cpu_online_count(void)
{
    return bitmap_weight(cpu_online_mask.words, cpu_count);
}

u32 cpu_next_online(u32 cpu)
{
    return cpu >= cpu_count ? cpu_count : bitmap_find_next(cpu_online_mask.words, cpu_count, cpu);
}

u32 cpumask_find_both(const struct cpumask *a, const struct cpumask *b, u32 from, u32 limit)
{
    u32 words = (limit + 63) / 64, first = from / 64;

    for (u32 i = 0; i <= words; i++) {
        u32 w = (first + i) % words;
        u64 both = READ_ONCE(a->words[w]) & READ_ONCE(b->words[w]);

        if (i == 0)
            both &= ~0UL << from % 64;
        if (both) {
            u32 cpu = w * 64 + __builtin_ctzl(both);

            if (cpu < limit)
                return cpu;
        }
    }
    return limit;
}

#if DEBUG
void percpu_check(void)
{
    if (!in_atomic() && !panicking())
        panic("per-CPU data used while the thread may move");
}
#endif

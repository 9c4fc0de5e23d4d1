/*
 * The other CPUs.
 *
 * The tree's cpu nodes give the CPUs and their affinity numbers; the boot CPU, found by its own
 * MPIDR, becomes number 0. A secondary comes to cpu_main() on its idle thread with its per-CPU
 * area in place, runs what drivers registered (interrupt controller, timer), says that it is
 * online, and idles. They come one at a time, so what they run at start need not be fit for two at
 * once.
 */
#include "sched/smp.h"

#include "arch/upcall.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/param.h"
#include "lib/errno.h"
#include "lib/fdt.h"
#include "lib/string.h"
#include "mm/vmalloc.h"
#include "sched/sched_impl.h"
#include "sched/timer.h"

#define START_HOOKS_MAX  16
#define START_TIMEOUT_NS (2 * NS_PER_SEC)

static u64 mpidrs[CPU_MAX];                        /* [I] */
static paddr_t releases[CPU_MAX];                  /* the loader's spin table; 0: none [I] */
static void (*start_hooks[START_HOOKS_MAX])(void); /* [I] before smp_boot_secondaries */
static u32 start_hook_count;

static u32 cpu_limit(void)
{
    u64 limit = param_u64("maxcpus", CPU_MAX);

    if (param_flag("nosmp") || limit == 0)
        return 1;
    return limit < CPU_MAX ? limit : CPU_MAX;
}

u32 smp_find_cpus(const struct fdt *fdt)
{
    u32 limit = cpu_limit(), count = 1;
    int node;

    mpidrs[0] = cpu_features.mpidr;
    fdt_for_each_child(node, fdt, fdt_path(fdt, "/cpus")) {
        const char *type = fdt_string(fdt, node, "device_type"), *method;
        u64 mpidr;

        if (!type || strcmp(type, "cpu") != 0 || !fdt_enabled(fdt, node))
            continue;
        if (fdt_reg_raw(fdt, node, 0, &mpidr, NULL) < 0) {
            log_err("%s has no number (reg) and is left out", fdt_name(fdt, node));
            continue;
        }
        if (mpidr == mpidrs[0])
            continue;
        if (count == limit)
            break;
        method = fdt_string(fdt, node, "enable-method");
        if (method && strcmp(method, "spin-table") == 0)
            fdt_u64(fdt, node, "cpu-release-addr", &releases[count]);
        mpidrs[count++] = mpidr;
    }
    return count;
}

u64 smp_cpu_mpidr(u32 cpu)
{
    return mpidrs[cpu];
}

void smp_add_cpu_start(void (*fn)(void))
{
    assert(start_hook_count < START_HOOKS_MAX);
    start_hooks[start_hook_count++] = fn;
    fn();
}

void cpu_main(struct thread_head *idle)
{
    cpu_protect_branches();
    debug_assert(idle == current_head() && irqs_disabled());
    for (u32 i = 0; i < start_hook_count; i++)
        start_hooks[i]();
    lockup_start();
    cpumask_set_atomic(&cpu_online_mask, cpu_id());
    idle_loop();
}

static int start_cpu(u32 cpu)
{
    struct thread *idle = idle_thread_create(cpu);
    u64 *release = NULL, deadline;
    int error;

    if (!idle)
        return -ENOMEM;
    if (releases[cpu] % sizeof *release)
        return -EINVAL;
    if (releases[cpu] && !(release = device_map(releases[cpu], sizeof *release)))
        return -ENOMEM;
    rq_init(cpu, idle);
    error = arch_cpu_start(mpidrs[cpu], release, &idle->head);
    if (error < 0)
        return error; /* its idle thread stays: the CPU might come yet */
    deadline = clock_monotonic_ns() + START_TIMEOUT_NS;
    while (!cpu_online(cpu)) {
        if (clock_monotonic_ns() > deadline)
            return -ETIMEDOUT;
        cpu_relax();
    }
    return 0;
}

void smp_boot_secondaries(void)
{
    for (u32 cpu = 1; cpu < cpu_count; cpu++) {
        int error = start_cpu(cpu);

        if (error < 0)
            log_err("cpu %u (mpidr %lx) does not start: error %d", cpu, mpidrs[cpu], -error);
    }
    log_info("smp: %u of %u CPUs online", cpu_online_count(), cpu_count);
}

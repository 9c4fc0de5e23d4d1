/*
 * The tick, the idle loop, and the statistics that they keep.
 *
 * A CPU that is not idle is interrupted every 4 ms (sched.c, I5) to end slices, to sample whether
 * it was in user mode, and to look after the balance. An idle CPU is not: it sleeps until a device,
 * a timer or another CPU wants it, but with nohz=off, for who wants regular timers (a recording).
 * CPU time itself is exact, from the counter at switches; the samples only split it.
 *
 * Load averages are sampled every 5 seconds by a timer of the boot CPU, as sums over all run
 * queues.
 */
#include "sched/sched_impl.h"

#include "arch/counter.h"
#include "arch/trap.h"
#include "core/clock.h"
#include "core/irq.h"
#include "core/panic.h"
#include "core/param.h"
#include "lib/string.h"
#include "sched/timer.h"

#define TICK_NS        4000000UL
#define FAIR_SLICE_NS  3000000UL
#define WAKE_CREDIT_NS 2000000UL
#define WAKE_GRAIN_NS  1000000UL
#define HANDOVER_NS    50000UL

#define LOAD_PERIOD_NS (5 * NS_PER_SEC)
#define LOAD_ONE       2048

static u64 load_average[3]; /* [A] */
static struct timer load_timer;
static struct thread boot_idle;
static bool idle_ticks; /* [I] nohz=off */

/* Is the running thread's slice over, with somebody to run instead? Locked. */
static bool slice_over_locked(struct runqueue *rq, struct thread *t)
{
    if (t->rt_priority)
        return rr_ticks_left(t) == 0;
    return t->run_ticks - t->slice_start >= fair_slice && rq->leftmost &&
           (s64)(rb_entry(rq->leftmost, struct thread, fair)->vruntime - t->vruntime) < 0;
}

/* Splits the time by what the tick came upon. */
static void sample(struct runqueue *rq, struct thread *t)
{
    const struct trap_frame *frame = irq_frame();
    bool user = frame && !(frame->pstate & PSTATE_KERNEL);

    t->all_samples++;
    rq->all_samples++;
    if (user) {
        t->user_samples++;
        rq->user_samples++;
    }
    if (frame)
        rq->sampled_pc = frame->pc;
}

u64 sched_tick(u64 now)
{
    struct runqueue *rq = this_rq();
    struct thread *t = rq->current;
    u64 left;

    if (t == rq->idle)
        return idle_ticks ? now + tick_period : TIMER_NEVER;
    if (t->policy != SCHED_RR && (s64)(rq->tick_at - now) > 0)
        return rq->tick_at;
    spin_acquire(&rq->lock);
    rq_account_locked(rq);
    if (slice_over_locked(rq, t))
        rq_resched_locked(rq);
    left = rr_ticks_left(t);
    spin_release(&rq->lock);
    if ((s64)(rq->tick_at - now) <= 0) {
        rq->tick_at = now + tick_period;
        sample(rq, t);
        if (cpu_count > 1)
            balance_tick(rq);
    }
    return left && left < rq->tick_at - now ? now + left : rq->tick_at;
}

void idle_loop(void)
{
    struct thread *idle = current_thread();
    struct runqueue *rq = cpu_rq(cpu_id());

    debug_assert(idle == rq->idle);
    irq_disable();
    for (;;) {
        if ((READ_ONCE(idle->head.work) & WORK_RESCHED) || balance_possible()) {
            switch_thread(SWITCH_PREEMPT);
            if (READ_ONCE(idle->head.work) & WORK_RESCHED)
                continue;
        }
        if (cpu_count > 1 && !cpumask_test(&idle_cpus, rq->cpu))
            cpumask_set_atomic(&idle_cpus, rq->cpu);
        __atomic_store_n(&rq->asleep, true, __ATOMIC_RELEASE);
        cpu_idle();
        rq->asleep = false;
        smp_mb(); /* rcu.c: before any read section of the handler */
        irq_enable();
        irq_disable();
    }
}

static void sample_load(struct timer *timer)
{
    static const u64 decay[3] = {1884, 2014, 2037}; /* LOAD_ONE * e^(-5 s / 1, 5, 15 min) */
    struct sched_counts counts;
    u64 n;

    sched_counts_get(&counts);
    n = (u64)(counts.running + counts.blocked) * LOAD_ONE;
    for (int i = 0; i < 3; i++) {
        u64 load = load_average[i];

        load = (load * decay[i] + n * (LOAD_ONE - decay[i]) + (n > load ? LOAD_ONE - 1 : 0)) /
               LOAD_ONE;
        WRITE_ONCE(load_average[i], load);
    }
    timer_start(timer, timer->deadline_ns + LOAD_PERIOD_NS);
}

void load_averages(u64 load[3])
{
    for (int i = 0; i < 3; i++)
        load[i] = READ_ONCE(load_average[i]);
}

void cpu_times_get(u32 cpu, struct cpu_times *times)
{
    struct runqueue *rq = cpu_rq(cpu);
    u64 idle, all, busy, user = READ_ONCE(rq->user_samples), samples = READ_ONCE(rq->all_samples);

    *times = (struct cpu_times){0, 0, 0};
    if (!rq->idle)
        return;
    idle = thread_cpu_ns(rq->idle);
    all = ticks_to_ns(counter_read() - rq->started);
    busy = all > idle ? all - idle : 0;
    times->idle_ns = idle;
    times->user_ns = share_of(busy, user, samples);
    times->system_ns = busy - times->user_ns;
}

void sched_counts_get(struct sched_counts *counts)
{
    s32 blocked = 0;
    u32 cpu;

    *counts = (struct sched_counts){0};
    for_each_online_cpu(cpu) {
        counts->switches += READ_ONCE(cpu_rq(cpu)->switches);
        counts->running += READ_ONCE(cpu_rq(cpu)->running);
        blocked += READ_ONCE(cpu_rq(cpu)->blocked);
    }
    counts->blocked = MAX(blocked, 0);
}

void rq_init(u32 cpu, struct thread *idle)
{
    struct runqueue *rq = cpu_rq(cpu);

    spin_init(&rq->lock, RANK_RUNQUEUE);
    rq->cpu = cpu;
    rq->current = idle;
    rq->idle = idle;
    rq->started = counter_read();
    idle->exec_start = rq->started;
    for (u32 i = 0; i <= RT_PRIORITY_MAX; i++)
        list_init(&rq->rt[i]);
}

static const char *name_of(const struct thread_head *head)
{
    return ((const struct thread *)head)->name;
}

void sched_init(void)
{
    const char *nohz = param_get("nohz");

    idle_ticks = nohz && strcmp(nohz, "off") == 0;
    timers_init();
    tick_period = ns_to_ticks(TICK_NS);
    fair_slice = ns_to_ticks(FAIR_SLICE_NS);
    wake_credit = ns_to_ticks(WAKE_CREDIT_NS);
    wake_granularity = ns_to_ticks(WAKE_GRAIN_NS);
    handover_ticks = ns_to_ticks(HANDOVER_NS);

    boot_idle.head = *current_head();
    boot_idle.head.preempt_count++; /* the idle loop chooses when it gives the CPU away */
    boot_idle.weight = 1024;
    memcpy(boot_idle.name, "idle/0", 7);
    boot_idle.affinity = cpumask_of(0);
    list_init(&boot_idle.all);
    set_current_head(&boot_idle.head);
    rq_init(0, &boot_idle);
    panic_set_thread_name(name_of);

    timer_init(&load_timer, sample_load);
    timer_start(&load_timer, LOAD_PERIOD_NS);
    lockup_start();
}

/* Threads, policies, affinity, and the seed's tasks (S5, S6). */
#include "core/clock.h"
#include "core/ktest.h"
#include "core/percpu.h"
#include "lib/errno.h"
#include "sched/sched_impl.h"
#include "sched/timer.h"
#include "sched/wait.h"

#define HANG_NS (20 * NS_PER_SEC) /* what takes longer does not happen at all */

struct run {
    struct completion done;
    u32 count;
    u32 cpu;
    u32 *order, *next;
    u32 id;
    bool failed;
};

static void bind(struct thread *t, u32 cpu)
{
    struct cpumask mask = cpumask_of(cpu);

    thread_set_affinity(t, &mask);
}

/* The calling thread on CPU 0 ahead of all fair threads, and back. */
static void own_cpu(bool on)
{
    if (on)
        bind(current_thread(), 0);
    else
        thread_set_affinity(current_thread(), &cpumask_all);
    thread_set_policy(current_thread(), on ? SCHED_FIFO : SCHED_OTHER, on ? 50 : 0);
}

/* Six values that the compiler has to keep in callee-saved registers across two switches. */
static u64 callee_saved_survive(u64 seed)
{
    volatile u64 from[6] = {seed, seed * 3, seed * 5, seed * 7, seed * 11, seed * 13};
    u64 a = from[0], b = from[1], c = from[2], d = from[3], e = from[4], f = from[5];

    yield();
    yield();
    return a + b + c + d + e + f;
}

static u32 s5_alive, s5_wrong;

static void s5_task(void)
{
    u64 seed = __atomic_add_fetch(&s5_alive, 1, __ATOMIC_RELAXED);

    for (u32 i = 0; i < 100; i++)
        if (callee_saved_survive(seed) != seed * 40)
            s5_wrong++;
}

KTEST(S5_context_switch_keeps_registers)
{
    s5_alive = s5_wrong = 0;
    for (u32 i = 0; i < 8; i++)
        ktest_check(task_create(s5_task) == 0);
    sched_start();
    ktest_check(s5_alive == 8);
    ktest_check(s5_wrong == 0);
}

static char s6_order[64];
static u32 s6_at, s6_next;

static void s6_task(void)
{
    char self = 'a' + s6_next++;

    for (u32 i = 0; i < 3; i++) {
        if (s6_at < sizeof s6_order)
            s6_order[s6_at++] = self;
        yield();
    }
}

KTEST(S6_tasks_take_turns)
{
    s6_at = s6_next = 0;
    for (u32 i = 0; i < 12; i++) /* more than the tutorial's eight */
        ktest_check(task_create(s6_task) == 0);
    sched_start();
    ktest_check(s6_at == 36);
    for (u32 i = 0; i < s6_at; i++)
        ktest_check(s6_order[i] == (char)('a' + i % 12));
}

KTEST(S6_yield_and_start_without_tasks)
{
    yield();
    sched_start();
    yield();
}

static void count_up(void *arg)
{
    struct run *run = arg;

    __atomic_add_fetch(&run->count, 1, __ATOMIC_RELAXED);
    completion_done(&run->done);
}

KTEST(threads_start_and_end)
{
    struct run run = {.count = 0};

    completion_init(&run.done);
    for (u32 i = 0; i < 200; i++)
        ktest_check(thread_run("test", count_up, &run) == 0);
    for (u32 i = 0; i < 200; i++)
        completion_wait(&run.done);
    ktest_check(run.count == 200);
}

static void note_order(void *arg)
{
    struct run *run = arg;

    run->order[__atomic_fetch_add(run->next, 1, __ATOMIC_RELAXED)] = run->id;
    completion_done(&run->done);
}

/* Starts threads of the given priorities on CPU 0 while this one holds it; notes their order. */
static void run_by_priority(int policy, const int *priorities, u32 n, u32 *order)
{
    struct run runs[8];
    u32 next = 0;

    own_cpu(true);
    for (u32 i = 0; i < n; i++) {
        struct thread *t;

        runs[i] = (struct run){.order = order, .next = &next, .id = i};
        completion_init(&runs[i].done);
        t = thread_create("prio", note_order, &runs[i]);
        ktest_check(t &&
                    thread_set_policy(t, priorities[i] ? policy : SCHED_OTHER, priorities[i]) == 0);
        bind(t, 0);
        thread_start(t);
    }
    for (u32 i = 0; i < n; i++)
        completion_wait(&runs[i].done);
    own_cpu(false);
}

KTEST(fifo_runs_highest_first)
{
    static const int priorities[6] = {0, 3, 49, 1, 7, 3};
    static const u32 expected[6] = {2, 4, 1, 5, 3, 0};
    u32 order[6] = {9, 9, 9, 9, 9, 9};

    run_by_priority(SCHED_FIFO, priorities, 6, order);
    for (u32 i = 0; i < 6; i++)
        ktest_check(order[i] == expected[i]);
}

struct spin {
    struct completion done;
    u64 until;
    u32 *last, *changes;
    u32 id, enough;
};

static void spin_and_note(void *arg)
{
    struct spin *spin = arg;

    while (clock_monotonic_ns() < spin->until && READ_ONCE(*spin->changes) < spin->enough)
        if (__atomic_exchange_n(spin->last, spin->id, __ATOMIC_RELAXED) != spin->id)
            __atomic_add_fetch(spin->changes, 1, __ATOMIC_RELAXED);
    completion_done(&spin->done);
}

/*
 * Two threads on CPU 0 that never sleep, for so long or until there were enough changes: how often
 * the CPU went from one to the other.
 */
static u32 alternations(int policy, int priority, u64 ns, u32 enough)
{
    struct spin spins[2];
    u32 last = 9, changes = 0;
    u64 until;

    own_cpu(true); /* so that neither begins before both are there */
    until = clock_monotonic_ns() + ns;
    for (u32 i = 0; i < 2; i++) {
        struct thread *t;

        spins[i] = (struct spin){
            .until = until, .last = &last, .changes = &changes, .id = i, .enough = enough};
        completion_init(&spins[i].done);
        t = thread_create("spin", spin_and_note, &spins[i]);
        ktest_check(t && thread_set_policy(t, policy, priority) == 0);
        bind(t, 0);
        thread_start(t);
    }
    for (u32 i = 0; i < 2; i++)
        completion_wait(&spins[i].done);
    own_cpu(false);
    return changes;
}

KTEST(fair_threads_share_a_cpu)
{
    ktest_check(alternations(SCHED_OTHER, 0, HANG_NS, 9) >= 9);
}

KTEST(rr_threads_share_a_cpu)
{
    ktest_check(alternations(SCHED_RR, 5, HANG_NS, 3) >= 3);
}

KTEST(fifo_threads_do_not_share)
{
    ktest_check(alternations(SCHED_FIFO, 5, 50 * NS_PER_MS, 9) <= 2);
}

KTEST(policy_and_priority_are_checked)
{
    struct thread *t = current_thread();

    ktest_check(thread_set_policy(t, SCHED_FIFO, 0) == -EINVAL);
    ktest_check(thread_set_policy(t, SCHED_RR, 100) == -EINVAL);
    ktest_check(thread_set_policy(t, SCHED_OTHER, 1) == -EINVAL);
    ktest_check(thread_set_policy(t, 4, 0) == -EINVAL);
    ktest_check(thread_set_policy(t, SCHED_BATCH, 0) == 0);
    ktest_check(thread_set_policy(t, SCHED_OTHER, 0) == 0);
}

KTEST(affinity_moves_a_running_thread)
{
    struct cpumask none = {{0}};
    u32 cpu;

    for (u32 round = 0; round < 20; round++) {
        for_each_online_cpu(cpu) {
            bind(current_thread(), cpu);
            ktest_check(cpu_id() == cpu);
        }
    }
    ktest_check(thread_set_affinity(current_thread(), &none) == -EINVAL);
    ktest_check(thread_set_affinity(current_thread(), &cpumask_all) == 0);
}

static void spin_until(void *arg)
{
    struct run *run = arg;

    while (!READ_ONCE(run->count))
        run->cpu = cpu_id();
    completion_done(&run->done);
}

KTEST(affinity_moves_other_threads)
{
    struct run run = {.count = 0};
    struct thread *t = thread_create("move", spin_until, &run);
    u32 cpu;

    completion_init(&run.done);
    thread_start(t);
    for_each_online_cpu(cpu) {
        u64 limit = clock_monotonic_ns() + HANG_NS;

        bind(t, cpu);
        while (READ_ONCE(run.cpu) != cpu && clock_monotonic_ns() < limit)
            sleep_until(clock_monotonic_ns() + NS_PER_MS, false);
        ktest_check(READ_ONCE(run.cpu) == cpu);
    }
    WRITE_ONCE(run.count, 1);
    completion_wait(&run.done);
}

/* CPUs that run something other than their idle thread. */
static u32 busy_cpus(void)
{
    u32 busy = 0, cpu;

    for_each_online_cpu(cpu)
        busy += READ_ONCE(cpu_rq(cpu)->current) != cpu_rq(cpu)->idle;
    return busy;
}

KTEST(idle_cpus_take_waiting_threads)
{
    u64 limit = clock_monotonic_ns() + HANG_NS;
    u32 n = cpu_online_count(), busy;
    struct run run = {.count = 0};

    completion_init(&run.done);
    for (u32 i = 0; i < n; i++)
        ktest_check(thread_run("busy", spin_until, &run) == 0);
    while ((busy = busy_cpus()) != n && clock_monotonic_ns() < limit)
        sleep_until(clock_monotonic_ns() + NS_PER_MS, false);
    ktest_check(busy == n);
    WRITE_ONCE(run.count, 1);
    for (u32 i = 0; i < n; i++)
        completion_wait(&run.done);
}

static struct thread *start_fifo(void (*fn)(void *), struct run *run, int priority)
{
    struct thread *t = thread_create("fifo", fn, run);

    *run = (struct run){.cpu = ~0u};
    completion_init(&run->done);
    ktest_check(t && thread_set_policy(t, SCHED_FIFO, priority) == 0);
    bind(t, 0);
    thread_start(t);
    return t;
}

static void spin_until_moved(void *arg)
{
    struct run *run = arg;

    do
        WRITE_ONCE(run->cpu, cpu_id());
    while (run->cpu == 0 && !READ_ONCE(run->count));
    completion_done(&run->done);
}

static bool comes_to(struct run *run, u32 cpu)
{
    u64 limit = clock_monotonic_ns() + HANG_NS;

    while (READ_ONCE(run->cpu) != cpu && clock_monotonic_ns() < limit)
        cpu_relax();
    return READ_ONCE(run->cpu) == cpu;
}

/* This thread keeps CPU 1 from idling, where only a push brings the lower one. */
KTEST(preempted_fifo_threads_go_to_another_cpu)
{
    struct cpumask both = {{3}};
    struct run low, high;
    struct thread *t;

    if (cpu_online_count() < 2)
        return;
    bind(current_thread(), 1);
    t = start_fifo(spin_until_moved, &low, 10);
    ktest_check(comes_to(&low, 0));
    thread_set_affinity(t, &both);
    start_fifo(spin_until, &high, 20);
    ktest_check(comes_to(&high, 0));
    ktest_check(comes_to(&low, 1));
    WRITE_ONCE(low.count, 1);
    WRITE_ONCE(high.count, 1);
    completion_wait(&low.done);
    completion_wait(&high.done);
    thread_set_affinity(current_thread(), &cpumask_all);
}

static void wait_for_end(void *arg)
{
    struct run *run = arg;

    completion_wait(&run->done);
    run->count = 1;
}

/* A sleeper goes before this thread on CPU 0: it sleeps, or has ended, whenever yield() returns. */
KTEST(cpu_time_is_what_was_used)
{
    u64 start, before, used, limit;
    struct run run;
    struct thread *t;

    own_cpu(true);
    t = start_fifo(wait_for_end, &run, 60);
    yield();
    before = thread_cpu_ns(t);
    sleep_until(clock_monotonic_ns() + 30 * NS_PER_MS, false);
    ktest_check(before > 0 && thread_cpu_ns(t) == before);
    completion_done(&run.done);
    yield();
    ktest_check(run.count == 1);
    own_cpu(false);

    start = clock_monotonic_ns();
    limit = start + HANG_NS;
    before = thread_cpu_ns(current_thread());
    do
        used = thread_cpu_ns(current_thread()) - before;
    while (used < 5 * NS_PER_MS && clock_monotonic_ns() < limit);
    ktest_check(used >= 5 * NS_PER_MS);
    ktest_check(used <= clock_monotonic_ns() - start + NS_PER_US); /* rounding */
}

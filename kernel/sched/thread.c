/*
 * Threads: making, ending, their attributes, and the seed's cooperative tasks.
 *
 * A thread owns its kernel stack. It cannot free what it stands on: thread_exit() switches away for
 * the last time, and the next thread on that CPU frees the stack and hands the structure to
 * ops->free().
 */
#include "sched/sched_impl.h"

#include "arch/counter.h"
#include "arch/upcall.h"
#include "core/clock.h"
#include "core/ipi.h"
#include "core/panic.h"
#include "core/random.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/vmalloc.h"
#include "sched/reclaim.h"
#include "sched/timer.h"
#include "sched/wait.h"

struct list thread_list = LIST_INIT(thread_list);
struct spinlock thread_list_lock = SPINLOCK_INIT(RANK_LEAF);
static u32 thread_count; /* in the list [thread_list_lock] */

static u32 last_id; /* [A] */

/* 1024 / 1.25^nice: each step is a tenth of the CPU between two threads. */
static const u32 nice_weight[40] = {
    88817, 71054, 56843, 45474, 36379, 29103, 23283, 18626, 14901, 11920, 9536, 7629, 6103, 4882,
    3906,  3125,  2500,  2000,  1600,  1280,  1024,  819,   655,   524,   419,  335,  268,  214,
    171,   137,   109,   87,    70,    56,    45,    36,    28,    23,    18,   14,
};
#define IDLE_POLICY_WEIGHT 3

static void set_weight(struct thread *t)
{
    t->weight = t->policy == SCHED_IDLE ? IDLE_POLICY_WEIGHT : nice_weight[t->nice + 20];
    t->inverse_weight = (1UL << 32) / t->weight;
}

/* For the child of a thread with reset_on_fork: neither real-time nor of a better nice value. */
static void reset_policy(struct thread *t)
{
    bool rt = t->rt_priority;

    if (rt)
        t->policy = SCHED_OTHER;
    t->rt_priority = 0;
    if (rt || t->nice < 0)
        t->nice = 0;
    set_weight(t);
}

void thread_init(struct thread *t, const char *name, void (*entry)(void *), void *arg, void *stack,
                 size_t reserve)
{
    struct thread *parent = current_thread();

    t->head.canary = random_u64() & ~0xffUL; /* a zero byte stops string functions */
    t->head.stack_low = stack;
    t->head.stack_high = (char *)stack + THREAD_STACK_SIZE;
    t->head.fp_cpu = ~0u;
    t->head.spare = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    context_init(&t->head.context, t->head.stack_high - reserve, entry, arg);
    t->state = THREAD_NEW;
    t->policy = parent->policy;
    t->rt_priority = parent->rt_priority;
    t->slice_ticks = parent->slice_ticks;
    t->nice = parent->nice;
    t->weight = parent->weight;
    t->inverse_weight = parent->inverse_weight;
    if (unlikely(parent->reset_on_fork))
        reset_policy(t);
    t->affinity = parent->affinity;
    list_init(&t->rt);
    str_copy(t->name, name, sizeof t->name);
    spin_guard_irqsave(&thread_list_lock);
    list_add_tail(&t->all, &thread_list);
    WRITE_ONCE(thread_count, thread_count + 1);
}

static void unlist(struct thread *t)
{
    spin_guard_irqsave(&thread_list_lock);
    list_del(&t->all);
    WRITE_ONCE(thread_count, thread_count - 1);
}

u32 threads_total(void)
{
    return READ_ONCE(thread_count);
}

void thread_discard(struct thread *t)
{
    unlist(t);
    stack_free(t->head.stack_low);
}

struct thread *thread_create(const char *name, void (*entry)(void *), void *arg)
{
    struct thread *t = kmalloc(sizeof *t);
    void *stack = stack_alloc();

    if (!t || !stack) {
        kfree(t);
        if (stack)
            stack_free(stack);
        return NULL;
    }
    thread_init(t, name, entry, arg, stack, 0);
    t->policy = SCHED_OTHER; /* a kernel thread is what it is, whoever made it */
    t->rt_priority = 0;
    t->nice = 0;
    set_weight(t);
    t->affinity = cpumask_all;
    return t;
}

int thread_run(const char *name, void (*entry)(void *), void *arg)
{
    struct thread *t = thread_create(name, entry, arg);

    if (!t)
        return -ENOMEM;
    thread_start(t);
    return 0;
}

void thread_exit(void)
{
    debug_assert(!in_atomic());
    irq_disable();
    current_thread()->state = THREAD_DEAD;
    switch_thread(SWITCH_SLEEP);
    BUG();
}

void thread_entry_returned(void)
{
    if (!current_head()->fp)
        thread_exit();
}

void thread_reap(struct thread *t)
{
    thread_discard(t);
    if (t->ops && t->ops->free)
        t->ops->free(t);
    else
        kfree(t);
}

struct thread *idle_thread_create(u32 cpu)
{
    char name[] = "idle/000";
    struct thread *t;

    name[5] = '0' + cpu / 100;
    name[6] = '0' + cpu / 10 % 10;
    name[7] = '0' + cpu % 10;
    t = thread_create(name, NULL, NULL);
    if (!t)
        return NULL;
    unlist(t);
    t->state = THREAD_RUNNING;
    t->cpu = cpu;
    t->head.percpu = percpu_offsets[cpu];
    t->head.preempt_count = 1;
    t->affinity = cpumask_of(cpu);
    return t;
}

/* ---- Attributes ---- */

int thread_set_affinity(struct thread *t, const struct cpumask *mask)
{
    struct runqueue *rq;
    irqflags_t flags;

    if (cpumask_find_both(mask, &cpu_online_mask, 0, cpu_count) == cpu_count)
        return -EINVAL;
    flags = irq_save();
    rq = thread_rq_lock(t);
    t->affinity = *mask;
    if (!cpumask_test(mask, rq->cpu) && t->on_rq == RQ_ON) {
        if (t == rq->current) {
            rq_resched_locked(rq);
        } else {
            rq_take_locked(rq, t);
            rq = rq_place_locked(t, rq, false);
        }
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    return 0;
}

void thread_get_affinity(struct thread *t, struct cpumask *mask)
{
    struct runqueue *rq;

    irq_guard();
    rq = thread_rq_lock(t);
    *mask = t->affinity;
    spin_release(&rq->lock);
}

/* Changes what decides a thread's place in the queue: takes it out, changes, puts it back. */
static void change(struct thread *t, int policy, int priority, int nice)
{
    irqflags_t flags = irq_save();
    struct runqueue *rq = thread_rq_lock(t);
    bool waits = t->on_rq == RQ_ON && t != rq->current;

    rq_account_locked(rq);
    if (waits)
        queue_remove(rq, t);
    if (t->rt_priority && !priority)
        t->vruntime = rq->min_vruntime;
    t->policy = policy;
    t->rt_priority = priority;
    t->nice = nice;
    t->slice_ticks = ns_to_ticks(RR_SLICE_NS);
    t->slice_start = t->run_ticks;
    set_weight(t);
    if (waits) {
        queue_insert(rq, t, false);
        rq_check_preempt_locked(rq, t);
    } else if (t == rq->current && t != rq->idle) {
        rq_resched_locked(rq);
    }
    spin_unlock_irqrestore(&rq->lock, flags);
}

int thread_set_policy(struct thread *t, int policy, int priority)
{
    bool rt = policy == SCHED_FIFO || policy == SCHED_RR;

    if (!rt && policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE)
        return -EINVAL;
    if (rt ? priority < 1 || priority > RT_PRIORITY_MAX : priority != 0)
        return -EINVAL;
    change(t, policy, priority, t->nice);
    return 0;
}

void thread_set_nice(struct thread *t, int nice)
{
    nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
    change(t, t->policy, t->rt_priority, nice);
}

u64 thread_cpu_ns(struct thread *t)
{
    struct runqueue *rq;
    u64 ticks;

    irq_guard();
    rq = thread_rq_lock(t);
    ticks = t->run_ticks + (t == rq->current ? counter_read() - t->exec_start : 0);
    spin_release(&rq->lock);
    return ticks_to_ns(ticks);
}

void thread_cpu_times(struct thread *t, u64 *user_ns, u64 *system_ns)
{
    u64 total = thread_cpu_ns(t);

    *user_ns = share_of(total, READ_ONCE(t->user_samples), READ_ONCE(t->all_samples));
    *system_ns = total - *user_ns;
}

/* ---- The seed's tasks: round robin on the boot CPU, by yield() or by the timer ---- */

static struct list seed_tasks = LIST_INIT(seed_tasks); /* made, not started; threads by rt */
static struct spinlock seed_lock = SPINLOCK_INIT(RANK_SPIN_FIRST);
static struct waitqueue seed_ended = WAITQUEUE_INIT(seed_ended);
static u32 seed_alive;    /* [A] */
static u64 seed_slice_ns; /* [A] */

static void seed_entry(void *entry)
{
    ((void (*)(void))entry)();
    if (__atomic_sub_fetch(&seed_alive, 1, __ATOMIC_SEQ_CST) == 0)
        wake_all(&seed_ended, 0);
}

void task_slice(u64 ns)
{
    WRITE_ONCE(seed_slice_ns, ns);
}

int task_create(void (*entry)(void))
{
    struct thread *t = thread_create("seed", seed_entry, (void *)entry);
    u64 slice_ns = READ_ONCE(seed_slice_ns);
    irqflags_t flags;

    if (!t)
        return -ENOMEM;
    t->affinity = cpumask_of(0);
    t->policy = slice_ns ? SCHED_RR : SCHED_FIFO;
    t->rt_priority = 1;
    t->slice_ticks = ns_to_ticks(slice_ns);
    __atomic_add_fetch(&seed_alive, 1, __ATOMIC_SEQ_CST);
    flags = spin_lock_irqsave(&seed_lock);
    list_add_tail(&t->rt, &seed_tasks);
    spin_unlock_irqrestore(&seed_lock, flags);
    wake_all(&seed_ended, 0); /* made by a task: sched_start() is waiting */
    return 0;
}

/* On CPU 0 with IRQs masked: the tasks made so far begin together, in the order of their making. */
static void seed_start(void *unused)
{
    struct thread *t;

    spin_guard_irqsave(&seed_lock);
    while ((t = list_first(&seed_tasks, struct thread, rt))) {
        list_del(&t->rt);
        thread_start(t);
    }
}

void sched_start(void)
{
    while (READ_ONCE(seed_alive)) {
        smp_call(0, seed_start, NULL, true);
        wait_event(&seed_ended, READ_ONCE(seed_alive) == 0 || !list_empty(&seed_tasks));
    }
}

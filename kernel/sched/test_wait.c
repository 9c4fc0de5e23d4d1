/* Wait queues, mutexes, timers, work and RCU. */
#include "core/clock.h"
#include "core/ktest.h"
#include "core/percpu.h"
#include "core/rcu.h"
#include "lib/errno.h"
#include "sched/mutex.h"
#include "sched/reclaim.h"
#include "sched/sched_impl.h"
#include "sched/wait.h"
#include "sched/work.h"

#define THREADS_MAX 32
#define HANG_NS     (20 * NS_PER_SEC) /* what takes longer does not happen at all */

struct shared {
    struct waitqueue wq;
    struct mutex mutex;
    struct completion done;
    u32 threads;
    u32 go;
    u64 counter; /* not atomic: the mutex guards it */
    u32 inside;
    u32 wrong;
    u32 rounds;
};

static void shared_init(struct shared *s, u32 rounds)
{
    *s = (struct shared){.rounds = rounds};
    waitqueue_init(&s->wq);
    mutex_init(&s->mutex, RANK_SLEEP_LEAF);
    completion_init(&s->done);
}

/* Two threads for each CPU run fn(s); returns when all are done. */
static void on_all_cpus(struct shared *s, void (*fn)(void *))
{
    u32 n = MIN(cpu_online_count() * 2, (u32)THREADS_MAX);

    s->threads = n;
    for (u32 i = 0; i < n; i++)
        ktest_check(thread_run("shared", fn, s) == 0);
    for (u32 i = 0; i < n; i++)
        completion_wait(&s->done);
}

static void contend(void *arg)
{
    struct shared *s = arg;

    for (u32 i = 0; i < s->rounds; i++) {
        mutex_lock(&s->mutex);
        if (s->inside++)
            s->wrong++;
        s->counter++;
        if (i % 64 == 0)
            yield();
        s->inside--;
        mutex_unlock(&s->mutex);
    }
    completion_done(&s->done);
}

KTEST(mutex_excludes_on_all_cpus)
{
    struct shared s;

    shared_init(&s, 2000);
    on_all_cpus(&s, contend);
    ktest_check(s.wrong == 0);
    ktest_check(s.counter == (u64)s.threads * s.rounds);
    ktest_check(!mutex_locked(&s.mutex));
    ktest_check(s.mutex.owner == 0);
}

KTEST(mutex_trylock)
{
    struct mutex m;

    mutex_init(&m, RANK_SLEEP_LEAF);
    ktest_check(mutex_trylock(&m));
    ktest_check(mutex_held(&m));
    mutex_unlock(&m);
    ktest_check(mutex_lock_interruptible(&m) == 0);
    mutex_unlock(&m);
}

static void ping(void *arg)
{
    struct shared *s = arg;

    for (u32 i = 0; i < s->rounds; i++) {
        wait_event(&s->wq, smp_load_acquire(&s->go) == 1);
        smp_store_release(&s->go, 2);
        wake_up(&s->wq, 0);
    }
    completion_done(&s->done);
}

KTEST(waiting_threads_talk)
{
    struct shared s;

    shared_init(&s, 1000);
    ktest_check(thread_run("ping", ping, &s) == 0);
    for (u32 i = 0; i < s.rounds; i++) {
        smp_store_release(&s.go, 1);
        wake_up(&s.wq, 0);
        wait_event(&s.wq, smp_load_acquire(&s.go) == 2);
    }
    completion_wait(&s.done);
    ktest_check(list_empty(&s.wq.entries));
}

static void wait_exclusive(void *arg)
{
    struct shared *s = arg;

    wait_event_general(&s->wq, READ_ONCE(s->go) == 1, THREAD_BLOCKED, TIMER_NEVER, WAIT_EXCLUSIVE);
    __atomic_add_fetch(&s->counter, 1, __ATOMIC_RELAXED);
    completion_done(&s->done);
}

/* Waits until t has looked at its condition for the last time, and sleeps. */
static void await_blocked(struct thread *t)
{
    u64 limit = clock_monotonic_ns() + HANG_NS;
    bool blocked = false;

    while (!blocked && clock_monotonic_ns() < limit) {
        sleep_until(clock_monotonic_ns() + NS_PER_MS, false);
        irq_guard();
        struct runqueue *rq = thread_rq_lock(t);
        blocked = t->state == THREAD_BLOCKED && t->on_rq == RQ_NONE;
        spin_release(&rq->lock);
    }
    ktest_check(blocked);
}

KTEST(exclusive_waiters_wake_one_by_one)
{
    struct thread *waiters[4];
    struct shared s;

    shared_init(&s, 0);
    for (u32 i = 0; i < 4; i++) {
        waiters[i] = thread_create("exclusive", wait_exclusive, &s);
        thread_start(waiters[i]);
    }
    for (u32 i = 0; i < 4; i++)
        await_blocked(waiters[i]);
    WRITE_ONCE(s.go, 1);
    for (u64 i = 1; i <= 4; i++) {
        wake_up(&s.wq, 0);
        completion_wait(&s.done);
        ktest_check(READ_ONCE(s.counter) == i);
    }
}

KTEST(wait_times_out)
{
    struct waitqueue wq;
    u64 before = clock_monotonic_ns(), after;

    waitqueue_init(&wq);
    ktest_check(wait_event_timeout(&wq, false, before + 5 * NS_PER_MS) == -ETIMEDOUT);
    after = clock_monotonic_ns();
    ktest_check(after >= before + 5 * NS_PER_MS);
    ktest_check(wait_event_timeout(&wq, true, 0) == 0);
    ktest_check(wait_event_interruptible(&wq, true) == 0);
    ktest_check(list_empty(&wq.entries));
}

KTEST(interruptible_wait_ends_by_signal)
{
    struct waitqueue wq;

    waitqueue_init(&wq);
    __atomic_or_fetch(&current_head()->work, WORK_SIGNAL, __ATOMIC_RELAXED);
    ktest_check(wait_event_interruptible(&wq, false) == -ERESTARTSYS);
    ktest_check(sleep_until(TIMER_NEVER, true) == -ERESTARTSYS);
    __atomic_and_fetch(&current_head()->work, ~(u32)WORK_SIGNAL, __ATOMIC_RELAXED);
}

/* ---- Timers ---- */

#define TIMERS 32

static u32 fired[TIMERS], fired_count;
static u64 fired_early;
static struct timer timers[TIMERS];
static struct completion timer_fired;

static void note_fired(struct timer *timer)
{
    if (clock_monotonic_ns() < timer->deadline_ns)
        fired_early++;
    fired[__atomic_fetch_add(&fired_count, 1, __ATOMIC_RELAXED)] = timer - timers;
    completion_done(&timer_fired);
}

KTEST(timers_fire_in_order_and_not_early)
{
    u64 base;

    fired_count = fired_early = 0;
    completion_init(&timer_fired);
    irq_disable(); /* all on one CPU, and none fires before all are there */
    base = clock_monotonic_ns() + 5 * NS_PER_MS;
    for (u32 i = 0; i < TIMERS; i++) {
        u32 place = i * 7 % TIMERS;

        timer_init(&timers[place], note_fired);
        timer_start(&timers[place], base + place * 200 * NS_PER_US);
    }
    ktest_check(timer_cancel(&timers[5]));
    ktest_check(!timer_cancel(&timers[5]));
    timer_start(&timers[6], base + 20 * NS_PER_MS); /* moved behind all */
    irq_enable();
    for (u32 i = 0; i < TIMERS - 1; i++)
        completion_wait(&timer_fired);
    ktest_check(fired_count == TIMERS - 1);
    ktest_check(fired_early == 0);
    ktest_check(fired[TIMERS - 2] == 6);
    for (u32 i = 1; i + 1 < fired_count; i++)
        ktest_check(fired[i] > fired[i - 1]);
}

KTEST(conversions_round_trip)
{
    for (u64 ns = 1; ns < 1UL << 60; ns = ns * 3 + 1) {
        u64 back = ticks_to_ns(ns_to_ticks(ns));

        ktest_check(back + 1 >= ns);
        ktest_check(back - ns < 2000 + ns / 1000000);
    }
}

/* ---- Work ---- */

static u32 work_runs;
static struct completion work_done;

static void count_work(struct work *work)
{
    __atomic_add_fetch(&work_runs, 1, __ATOMIC_RELAXED);
    completion_done(&work_done);
}

KTEST(work_runs_once_for_each_queueing)
{
    struct work work;

    completion_init(&work_done);
    work_runs = 0;
    work_init_item(&work, count_work);
    for (u32 n = 1; n <= 100; n++) {
        work_queue(&work);
        work_flush(&work);
        ktest_check(work_runs == n);
        completion_wait(&work_done);
    }
}

/* ---- RCU ---- */

struct version {
    struct rcu_head rcu;
    u64 value, check;
};

static struct version *published;
static u32 freed;

static void version_free(struct rcu_head *head)
{
    struct version *v = container_of(head, struct version, rcu);

    v->value = 0;
    v->check = 1;
    __atomic_add_fetch(&freed, 1, __ATOMIC_RELAXED);
    kfree(v);
}

static void rcu_reader(void *arg)
{
    struct shared *s = arg;

    while (!READ_ONCE(s->go)) {
        struct version *v;

        rcu_read_lock();
        v = rcu_dereference(published);
        for (u32 i = 0; i < 50; i++)
            if (v->value != ~v->check)
                __atomic_add_fetch(&s->wrong, 1, __ATOMIC_RELAXED);
        rcu_read_unlock();
    }
    completion_done(&s->done);
}

KTEST(rcu_readers_never_see_freed_objects)
{
    u32 n = MIN(cpu_online_count(), (u32)THREADS_MAX), versions = 300;
    struct shared s;

    shared_init(&s, 0);
    freed = 0;
    published = kmalloc(sizeof *published);
    published->check = ~published->value;
    for (u32 i = 0; i < n; i++)
        ktest_check(thread_run("reader", rcu_reader, &s) == 0);
    for (u32 i = 1; i <= versions; i++) {
        struct version *v = kmalloc(sizeof *v), *old = published;

        v->value = i;
        v->check = ~v->value;
        rcu_assign(published, v);
        rcu_call(&old->rcu, version_free);
        if (i % 100 == 0)
            rcu_synchronize();
    }
    rcu_synchronize(); /* after their callbacks too */
    ktest_check(freed == versions);
    WRITE_ONCE(s.go, 1);
    for (u32 i = 0; i < n; i++)
        completion_wait(&s.done);
    ktest_check(s.wrong == 0);
    kfree(published);
}

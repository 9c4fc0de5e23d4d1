/*
 * Timers that send signals.
 *
 * What it is
 *   ITIMER_REAL is a timer of the monotonic clock. CPU time is not watched at each tick: a timer
 *   is set for when the limit could be reached at the earliest, looks then, and sets itself
 *   again; while the process does not run, it waits twice as long each time. ITIMER_VIRTUAL,
 *   ITIMER_PROF and RLIMIT_CPU share one such timer of each process.
 *
 *   A POSIX timer sends a signal when its clock reaches its deadline. One with an interval goes on
 *   only when that signal is taken, counting the intervals missed, so that a fast timer cannot
 *   keep a CPU in interrupts.
 *
 * Invariants
 *   I1. deadline 0 means disarmed; fn changes a timer only under the process lock and when armed,
 *       so that disarming under the lock and then timer_cancel() is final.
 *
 * Locking: the process lock. The callbacks run in interrupts and take it, so timer_cancel() is
 * called without it.
 */
#include "proc/timers.h"

#include "core/clock.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "task/pid.h"
#include "task/task.h"

#define REAL_INTERVAL_MIN 50000UL /* ns: a shorter one only costs interrupts */
#define CPU_LOOK_MIN      (1 * NS_PER_MS)
#define CPU_LOOK_MAX      (64 * NS_PER_MS)
#define MAX_OVERRUN       0x7fffffffUL

/* ---- Clocks ---- */

static u64 thread_ns(struct task *task)
{
    return thread_cpu_ns(&task->thread);
}

/* The CPU clock of any process or thread: clock_getcpuclockid(3). */
static int cpu_clock_of(int clock, u64 *ns)
{
    u32 number = ~(clock >> 3);
    bool thread = clock & 4;

    if ((clock & 3) == 3)
        return -EINVAL;
    if (!number) {
        *ns = thread ? thread_ns(self_task()) : process_cpu_ns(current_process());
        return 0;
    }
    if (thread) {
        struct task *task = task_find_get(number);

        if (!task)
            return -EINVAL;
        *ns = thread_ns(task);
        task_put(task);
    } else {
        struct process *process = process_find_get(number);

        if (!process)
            return -EINVAL;
        *ns = process_cpu_ns(process);
        process_put(process);
    }
    return 0;
}

int clock_read(int clock, u64 *ns)
{
    switch (clock) {
    case 0: /* CLOCK_REALTIME */
    case 5: /* CLOCK_REALTIME_COARSE */
    case 8: /* CLOCK_REALTIME_ALARM */
    case 11: /* CLOCK_TAI */ *ns = clock_realtime_ns(); return 0;
    case 1: /* CLOCK_MONOTONIC */
    case 4: /* CLOCK_MONOTONIC_RAW */
    case 6: /* CLOCK_MONOTONIC_COARSE */ *ns = clock_monotonic_ns(); return 0;
    case 7: /* CLOCK_BOOTTIME */
    case 9: /* CLOCK_BOOTTIME_ALARM */ *ns = clock_boottime_ns(); return 0;
    case 2: /* CLOCK_PROCESS_CPUTIME_ID */ *ns = process_cpu_ns(current_process()); return 0;
    case 3: /* CLOCK_THREAD_CPUTIME_ID */ *ns = thread_ns(self_task()); return 0;
    }
    return clock < 0 ? cpu_clock_of(clock, ns) : -EINVAL;
}

/* ---- Interval timers ---- */

static void real_timer_fn(struct timer *timer)
{
    struct process *process = container_of(timer, struct process, real_timer);
    struct itimer *it = &process->itimers[ITIMER_REAL];
    irqflags_t flags = spin_lock_irqsave(&process->lock);
    bool armed = it->deadline;

    if (armed && it->interval) {
        u64 now = clock_monotonic_ns();
        u64 step = MAX(it->interval, REAL_INTERVAL_MIN);

        it->deadline += step;
        if (it->deadline < now)
            it->deadline += (now - it->deadline + step - 1) / step * step;
        timer_start(timer, it->deadline);
    } else {
        it->deadline = 0;
    }
    spin_unlock_irqrestore(&process->lock, flags);
    if (armed)
        signal_send_process(process, SIGALRM, NULL);
}

/* One CPU-time timer against its clock; ns until it is due, 0 when it has just fired. */
static u64 cpu_itimer_check(struct itimer *it, u64 now, bool *fired)
{
    if (!it->deadline)
        return TIMER_NEVER;
    if (now < it->deadline)
        return it->deadline - now;
    *fired = true;
    if (!it->interval) {
        it->deadline = 0;
        return TIMER_NEVER;
    }
    it->deadline += ((now - it->deadline) / it->interval + 1) * it->interval;
    return it->deadline - now;
}

/* RLIMIT_CPU: SIGXCPU at the soft limit and each second after, SIGKILL at the hard one. */
static u64 cpu_limit_check(struct process *process, u64 now, int *signal)
{
    struct rlimit *limit = &process->rlimits[RLIMIT_CPU];
    u64 seconds = now / NS_PER_SEC;

    if (limit->soft == RLIM_INFINITY)
        return TIMER_NEVER;
    if (limit->hard != RLIM_INFINITY && seconds >= limit->hard) {
        *signal = SIGKILL;
        return TIMER_NEVER;
    }
    if (seconds >= limit->soft) {
        *signal = SIGXCPU;
        limit->soft = seconds + 1;
    }
    return limit->soft > UINT64_MAX / NS_PER_SEC ? TIMER_NEVER : limit->soft * NS_PER_SEC - now;
}

/* Looks at all limits on CPU time, sends what is due, and sets the timer for the next look. */
static void cpu_look(struct process *process)
{
    bool virtual_fired = false, prof_fired = false;
    struct process_usage usage;
    int limit_signal = 0;
    irqflags_t flags;
    u64 next, cpu;

    process_usage_get(process, &usage);
    cpu = usage.utime + usage.stime;
    flags = spin_lock_irqsave(&process->lock);
    next = cpu_itimer_check(&process->itimers[ITIMER_VIRTUAL], usage.utime, &virtual_fired);
    next = MIN(next, cpu_itimer_check(&process->itimers[ITIMER_PROF], cpu, &prof_fired));
    next = MIN(next, cpu_limit_check(process, cpu, &limit_signal));
    if (next != TIMER_NEVER && process->thread_count) {
        bool idle = cpu == process->cpu_seen;

        process->cpu_delay = idle ? MIN(process->cpu_delay * 2, CPU_LOOK_MAX) : CPU_LOOK_MIN;
        process->cpu_seen = cpu;
        next = MAX(next / process->thread_count, MAX(process->cpu_delay, CPU_LOOK_MIN));
        timer_start(&process->cpu_timer, clock_monotonic_ns() + next);
    }
    spin_unlock_irqrestore(&process->lock, flags);
    if (virtual_fired)
        signal_send_process(process, SIGVTALRM, NULL);
    if (prof_fired)
        signal_send_process(process, SIGPROF, NULL);
    if (limit_signal)
        signal_send_process(process, limit_signal, NULL);
}

static void cpu_timer_fn(struct timer *timer)
{
    cpu_look(container_of(timer, struct process, cpu_timer));
}

void timers_cpu_limit_changed(struct process *process)
{
    cpu_look(process);
}

void timers_init_process(struct process *process)
{
    timer_init(&process->real_timer, real_timer_fn);
    timer_init(&process->cpu_timer, cpu_timer_fn);
    if (process->rlimits[RLIMIT_CPU].soft != RLIM_INFINITY)
        timer_start(&process->cpu_timer, clock_monotonic_ns() + CPU_LOOK_MAX);
}

/* What the clock of an interval timer shows. */
static u64 itimer_now(int which)
{
    struct process_usage usage;

    if (which == ITIMER_REAL)
        return clock_monotonic_ns();
    process_usage_get(current_process(), &usage);
    return which == ITIMER_VIRTUAL ? usage.utime : usage.utime + usage.stime;
}

static void value_of(u64 deadline, u64 interval, u64 now, struct timer_value *value)
{
    value->interval = interval;
    value->left = !deadline ? 0 : deadline > now ? deadline - now : 1;
}

void itimer_get(int which, struct timer_value *value)
{
    struct process *process = current_process();
    u64 now = itimer_now(which);
    irqflags_t flags = spin_lock_irqsave(&process->lock);
    struct itimer *it = &process->itimers[which];

    value_of(it->deadline, it->interval, now, value);
    spin_unlock_irqrestore(&process->lock, flags);
}

void itimer_set(int which, const struct timer_value *value, struct timer_value *old)
{
    struct process *process = current_process();
    u64 now = itimer_now(which), deadline = 0;
    struct itimer *it = &process->itimers[which];
    irqflags_t flags;

    if (value->left && __builtin_add_overflow(now, value->left, &deadline))
        deadline = TIMER_NEVER;
    flags = spin_lock_irqsave(&process->lock);
    value_of(it->deadline, it->interval, now, old);
    it->deadline = deadline;
    it->interval = value->interval;
    if (which == ITIMER_REAL && deadline)
        timer_start(&process->real_timer, deadline);
    spin_unlock_irqrestore(&process->lock, flags);
    if (which != ITIMER_REAL)
        cpu_look(process);
    else if (!deadline)
        timer_cancel(&process->real_timer); /* I1 */
}

/* ---- POSIX timers ---- */

struct posix_timer {
    struct list link;        /* [P] process->posix_timers */
    s32 id;                  /* [I] */
    int clock;               /* [I] */
    int notify;              /* [I] SIGEV_* */
    int signal;              /* [I] */
    u64 value;               /* [I] */
    struct process *process; /* [I] lives longer */
    struct task *target;     /* [I] counted; NULL: the process */
    struct task *clock_task; /* [I] counted; of a thread's CPU clock */
    u64 deadline, interval;  /* [P] on its clock */
    bool queued;             /* [P] its signal has not been taken */
    u32 overrun;             /* [P] of the last signal taken */
    struct timer timer;
};

static struct posix_timer *find_locked(struct process *process, s32 id)
{
    struct posix_timer *pt;

    list_for_each_entry(pt, &process->posix_timers, link) {
        if (pt->id == id)
            return pt;
    }
    return NULL;
}

static bool cpu_clock(const struct posix_timer *pt)
{
    return pt->clock == 2 || pt->clock == 3;
}

/* Its clock; not under the process lock, which the process's CPU time wants. */
static u64 timer_clock_now(struct posix_timer *pt)
{
    u64 now = 0;

    if (pt->clock == 3)
        return thread_ns(pt->clock_task);
    if (pt->clock == 2)
        return process_cpu_ns(pt->process);
    clock_read(pt->clock, &now);
    return now;
}

/* Sets the timer of an armed pt for its deadline, or for its next look at a CPU clock. */
static void arm_locked(struct posix_timer *pt, u64 now)
{
    u64 left = pt->deadline > now ? pt->deadline - now : 0;
    u64 monotonic = clock_monotonic_ns();

    if (cpu_clock(pt))
        left = MAX(left, CPU_LOOK_MIN);
    timer_start(&pt->timer, left >= TIMER_NEVER - monotonic ? TIMER_NEVER : monotonic + left);
}

static void posix_timer_fn(struct timer *timer)
{
    struct posix_timer *pt = container_of(timer, struct posix_timer, timer);
    struct process *process = pt->process;
    struct siginfo info = {.signo = pt->signal, .code = SI_TIMER};
    u64 now = timer_clock_now(pt);
    bool due = false;
    irqflags_t flags = spin_lock_irqsave(&process->lock);

    if (pt->deadline && now < pt->deadline) {
        arm_locked(pt, now); /* CPU time, or the clock was set back */
    } else if (pt->deadline) {
        due = pt->notify != SIGEV_NONE;
        pt->queued = due;
        if (!pt->interval)
            pt->deadline = 0;
    }
    spin_unlock_irqrestore(&process->lock, flags);
    if (!due)
        return;
    info.timer_id = pt->id;
    info.timer_value = pt->value;
    if (signal_send_raw(process, pt->target, pt->signal, &info) == 0)
        return;
    /* Ignored: nobody will take it, so the timer goes on here, not too fast. */
    flags = spin_lock_irqsave(&process->lock);
    pt->queued = false;
    if (pt->deadline) {
        pt->deadline = now + MAX(pt->interval, NS_PER_MS);
        arm_locked(pt, now);
    }
    spin_unlock_irqrestore(&process->lock, flags);
}

void posix_timer_taken(struct siginfo *info)
{
    struct process *process = current_process();
    struct posix_timer *pt;
    irqflags_t flags;
    u64 now, missed;

    flags = spin_lock_irqsave(&process->lock);
    pt = find_locked(process, info->timer_id);
    spin_unlock_irqrestore(&process->lock, flags);
    if (!pt)
        return;
    now = timer_clock_now(pt); /* only the process itself deletes its timers */
    flags = spin_lock_irqsave(&process->lock);
    pt = find_locked(process, info->timer_id);
    if (pt && pt->queued) {
        pt->queued = false;
        pt->overrun = 0;
        if (pt->deadline && pt->interval) {
            missed = now > pt->deadline ? (now - pt->deadline) / pt->interval : 0;
            pt->overrun = MIN(missed, MAX_OVERRUN);
            pt->deadline += (missed + 1) * pt->interval;
            arm_locked(pt, now);
        }
        info->overrun = pt->overrun;
    }
    spin_unlock_irqrestore(&process->lock, flags);
}

static void posix_timer_free(struct posix_timer *pt)
{
    timer_cancel(&pt->timer);
    if (pt->target)
        task_put(pt->target);
    if (pt->clock_task)
        task_put(pt->clock_task);
    kfree(pt);
}

static struct task *own_thread_get(u32 tid)
{
    struct task *task = task_find_get(tid);

    if (task && task->process != current_process()) {
        task_put(task);
        task = NULL;
    }
    return task;
}

int posix_timer_create(const struct timer_request *r)
{
    struct process *process = current_process();
    bool known = r->clock == 0 || r->clock == 1 || r->clock == 2 || r->clock == 3 ||
                 r->clock == 7 || r->clock == 11;
    struct posix_timer *pt;
    irqflags_t flags;

    if (!known || (r->notify != SIGEV_NONE && (r->signal < 1 || r->signal > SIGNAL_MAX)))
        return -EINVAL;
    if (r->notify != SIGEV_SIGNAL && r->notify != SIGEV_NONE && r->notify != SIGEV_THREAD_ID)
        return -EINVAL;
    pt = kmalloc(sizeof(*pt));
    if (!pt)
        return -EAGAIN;
    if (r->notify == SIGEV_THREAD_ID) {
        pt->target = own_thread_get(r->tid);
        if (!pt->target) {
            kfree(pt);
            return -EINVAL;
        }
    }
    pt->clock = r->clock;
    pt->clock_task = r->clock == 3 ? task_get(self_task()) : NULL;
    pt->notify = r->notify;
    pt->signal = r->signal;
    pt->process = process;
    timer_init(&pt->timer, posix_timer_fn);
    flags = spin_lock_irqsave(&process->lock);
    do {
        pt->id = process->next_timer_id++ & 0x7fffffff;
    } while (find_locked(process, pt->id));
    pt->value = r->has_value ? r->value : (u64)pt->id;
    list_add_tail(&pt->link, &process->posix_timers);
    spin_unlock_irqrestore(&process->lock, flags);
    return pt->id;
}

/* The timer, which only another thread of this process could delete meanwhile, and its clock. */
static struct posix_timer *timer_and_now(s32 id, u64 *now)
{
    struct process *process = current_process();
    irqflags_t flags = spin_lock_irqsave(&process->lock);
    struct posix_timer *pt = find_locked(process, id);
    int clock = pt ? pt->clock : 0;
    struct task *clock_task = pt && pt->clock_task ? task_get(pt->clock_task) : NULL;

    spin_unlock_irqrestore(&process->lock, flags);
    if (!pt)
        return NULL;
    if (clock_task) {
        *now = thread_ns(clock_task);
        task_put(clock_task);
    } else {
        clock_read(clock, now);
    }
    return pt;
}

static void posix_value(struct posix_timer *pt, u64 now, struct timer_value *value)
{
    u64 deadline = pt->deadline;

    if (deadline && pt->interval && deadline <= now)
        deadline += ((now - deadline) / pt->interval + 1) * pt->interval;
    value_of(deadline, pt->interval, now, value);
    if (pt->notify == SIGEV_NONE && !pt->interval && deadline <= now)
        value->left = 0;
}

int posix_timer_set(s32 id, bool absolute, const struct timer_value *value, struct timer_value *old)
{
    struct process *process = current_process();
    struct posix_timer *pt;
    irqflags_t flags;
    u64 now;

    if (!timer_and_now(id, &now))
        return -EINVAL;
    flags = spin_lock_irqsave(&process->lock);
    pt = find_locked(process, id);
    if (!pt) {
        spin_unlock_irqrestore(&process->lock, flags);
        return -EINVAL;
    }
    posix_value(pt, now, old);
    pt->queued = false;
    pt->interval = value->interval;
    pt->deadline = !value->left ? 0 : absolute ? value->left : now + value->left;
    if (pt->deadline)
        arm_locked(pt, now);
    else
        timer_cancel_nosync(&pt->timer); /* I1: fn finds it disarmed */
    spin_unlock_irqrestore(&process->lock, flags);
    return 0;
}

int posix_timer_get(s32 id, struct timer_value *value)
{
    struct process *process = current_process();
    struct posix_timer *pt;
    irqflags_t flags;
    u64 now;

    if (!timer_and_now(id, &now))
        return -EINVAL;
    flags = spin_lock_irqsave(&process->lock);
    pt = find_locked(process, id);
    if (pt)
        posix_value(pt, now, value);
    spin_unlock_irqrestore(&process->lock, flags);
    return pt ? 0 : -EINVAL;
}

int posix_timer_overrun(s32 id)
{
    struct process *process = current_process();
    irqflags_t flags = spin_lock_irqsave(&process->lock);
    struct posix_timer *pt = find_locked(process, id);
    int overrun = pt ? (int)pt->overrun : -EINVAL;

    spin_unlock_irqrestore(&process->lock, flags);
    return overrun;
}

int posix_timer_delete(s32 id)
{
    struct process *process = current_process();
    irqflags_t flags = spin_lock_irqsave(&process->lock);
    struct posix_timer *pt = find_locked(process, id);

    if (pt) {
        pt->deadline = 0;
        list_del(&pt->link);
    }
    spin_unlock_irqrestore(&process->lock, flags);
    if (!pt)
        return -EINVAL;
    posix_timer_free(pt);
    return 0;
}

void posix_timers_delete_all(struct process *process)
{
    for (;;) {
        irqflags_t flags = spin_lock_irqsave(&process->lock);
        struct posix_timer *pt = list_first(&process->posix_timers, struct posix_timer, link);

        if (pt) {
            pt->deadline = 0;
            list_del(&pt->link);
        }
        spin_unlock_irqrestore(&process->lock, flags);
        if (!pt)
            return;
        posix_timer_free(pt);
    }
}

void timers_exit(struct process *process)
{
    irqflags_t flags = spin_lock_irqsave(&process->lock);

    for (int i = 0; i < 3; i++)
        process->itimers[i].deadline = 0;
    process->rlimits[RLIMIT_CPU].soft = RLIM_INFINITY;
    spin_unlock_irqrestore(&process->lock, flags);
    if (timer_queued(&process->real_timer))
        timer_cancel(&process->real_timer);
    if (timer_queued(&process->cpu_timer))
        timer_cancel(&process->cpu_timer);
    posix_timers_delete_all(process);
}

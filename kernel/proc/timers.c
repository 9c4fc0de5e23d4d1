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
 *   I1. deadline 0 means disarmed; fn changes a timer only under the process lock, when armed and
 *       when its time has come, so that disarming or setting it again under the lock is final.
 *
 * Locking: the process lock, once for each call and callback; the callbacks run in interrupts, and
 * send under it. Only before a timer's memory goes is its callback waited for, without the lock.
 */
#include "proc/timers.h"

#include "core/clock.h"
#include "lib/errno.h"
#include "sched/reclaim.h"
#include "task/pid.h"
#include "task/task.h"

#define INTERVAL_MIN 50000UL /* ns: a shorter one only costs interrupts */
#define CPU_LOOK_MIN (1 * NS_PER_MS)
#define CPU_LOOK_MAX (64 * NS_PER_MS)
#define MAX_OVERRUN  0x7fffffffUL
#define RETRY_NS     (50 * NS_PER_MS) /* of a signal that could not be queued */

/* ---- Clocks ---- */

/* The CPU clock of any process or thread: clock_getcpuclockid(3). Number 0 is the caller's. */
static int cpu_clock_of(int clock, u64 *ns)
{
    u32 number = ~(clock >> 3);
    struct process *process;

    if ((clock & 3) == 3)
        return -EINVAL;
    if (clock & 4) {
        struct task *task __scoped(task) = number ? task_find_get(number) : task_get(self_task());

        if (task)
            *ns = thread_cpu_ns(&task->thread);
        return task ? 0 : -EINVAL;
    }
    process = number ? process_find_get(number) : process_get(current_process());
    if (!process)
        return -EINVAL;
    *ns = process_cpu_ns(process);
    process_put(process);
    return 0;
}

int clock_read(int clock, u64 *ns)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI: *ns = clock_realtime_ns(); return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE: *ns = clock_monotonic_ns(); return 0;
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM: *ns = clock_boottime_ns(); return 0;
    case CLOCK_PROCESS_CPUTIME_ID: *ns = process_cpu_ns(current_process()); return 0;
    case CLOCK_THREAD_CPUTIME_ID: *ns = thread_cpu_ns(&self_task()->thread); return 0;
    }
    return clock < 0 ? cpu_clock_of(clock, ns) : -EINVAL;
}

/* The first time after `now` that is a whole number of intervals after `deadline`. */
static u64 next_deadline(u64 deadline, u64 interval, u64 now)
{
    return deadline + ((now - deadline) / interval + 1) * interval;
}

static void value_of(u64 deadline, u64 interval, u64 now, struct timer_value *value)
{
    value->interval = interval;
    value->left = !deadline ? 0 : deadline > now ? deadline - now : 1;
}

/* ---- Interval timers ---- */

/* An interval timer against its clock: sends when it is due; ns until it is again. */
static u64 itimer_check_locked(struct process *process, int which, u64 now)
{
    static const u8 signals[] = {SIGALRM, SIGVTALRM, SIGPROF};
    struct itimer *it = &process->itimers[which];

    if (it->deadline && now >= it->deadline) {
        signal_send_locked(process, NULL, signals[which], NULL);
        if (it->interval)
            it->deadline = next_deadline(it->deadline, MAX(it->interval, INTERVAL_MIN), now);
        else
            it->deadline = 0;
    }
    return it->deadline ? it->deadline - now : TIMER_NEVER;
}

static void real_timer_fn(struct timer *timer)
{
    struct process *process = container_of(timer, struct process, real_timer);
    spin_guard_irqsave(&process->lock);
    u64 now = clock_monotonic_ns();
    u64 left = itimer_check_locked(process, ITIMER_REAL, now);

    if (left != TIMER_NEVER)
        timer_start(timer, now + left);
}

/* RLIMIT_CPU: SIGXCPU at the soft limit and each second after, SIGKILL at the hard one. */
static u64 cpu_limit_check_locked(struct process *process, u64 now)
{
    struct rlimit *limit = &process->rlimits[RLIMIT_CPU];
    u64 seconds = now / NS_PER_SEC;

    if (limit->soft == RLIM_INFINITY)
        return TIMER_NEVER;
    if (limit->hard != RLIM_INFINITY && seconds >= limit->hard) {
        signal_send_locked(process, NULL, SIGKILL, NULL);
        return TIMER_NEVER;
    }
    if (seconds >= limit->soft) {
        signal_send_locked(process, NULL, SIGXCPU, NULL);
        limit->soft = seconds + 1;
    }
    return limit->soft > UINT64_MAX / NS_PER_SEC ? TIMER_NEVER : limit->soft * NS_PER_SEC - now;
}

/* Looks at all limits on CPU time, sends what is due, and sets the timer for the next look. */
static void cpu_look_locked(struct process *process)
{
    struct process_usage usage;
    u64 next, cpu;
    bool idle;

    process_usage_get_locked(process, &usage);
    cpu = usage.utime + usage.stime;
    next = itimer_check_locked(process, ITIMER_VIRTUAL, usage.utime);
    next = MIN(next, itimer_check_locked(process, ITIMER_PROF, cpu));
    next = MIN(next, cpu_limit_check_locked(process, cpu));
    if (next == TIMER_NEVER || !process->thread_count)
        return;
    idle = cpu == process->cpu_seen;
    process->cpu_delay = idle ? MIN(process->cpu_delay * 2, CPU_LOOK_MAX) : CPU_LOOK_MIN;
    process->cpu_seen = cpu;
    next = MAX(next / process->thread_count, MAX(process->cpu_delay, CPU_LOOK_MIN));
    timer_start(&process->cpu_timer, clock_monotonic_ns() + next);
}

/*
 * A limit that is reached already takes effect soon, as at the next tick of Linux, not in the call.
 * A look that comes sooner stays; one that has just begun waits for the lock.
 */
void timers_cpu_limit_changed(struct process *process)
{
    struct timer *timer = &process->cpu_timer;
    u64 soon = clock_monotonic_ns() + CPU_LOOK_MIN;
    spin_guard_irqsave(&process->lock);

    if (!READ_ONCE(timer->queued) || READ_ONCE(timer->deadline_ns) > soon)
        timer_start(timer, soon);
}

static void cpu_timer_fn(struct timer *timer)
{
    struct process *process = container_of(timer, struct process, cpu_timer);
    spin_guard_irqsave(&process->lock);

    cpu_look_locked(process);
}

void timers_init_process(struct process *process)
{
    timer_init(&process->real_timer, real_timer_fn);
    timer_init(&process->cpu_timer, cpu_timer_fn);
    if (process->rlimits[RLIMIT_CPU].soft != RLIM_INFINITY)
        timer_start(&process->cpu_timer, clock_monotonic_ns() + CPU_LOOK_MAX);
}

/* What the clock of an interval timer shows. */
static u64 itimer_now_locked(struct process *process, int which)
{
    struct process_usage usage;

    if (which == ITIMER_REAL)
        return clock_monotonic_ns();
    process_usage_get_locked(process, &usage);
    return which == ITIMER_VIRTUAL ? usage.utime : usage.utime + usage.stime;
}

void itimer_get(int which, struct timer_value *value)
{
    struct process *process = current_process();
    const struct itimer *it = &process->itimers[which];
    spin_guard_irqsave(&process->lock);

    value_of(it->deadline, it->interval, itimer_now_locked(process, which), value);
}

void itimer_set(int which, const struct timer_value *value, struct timer_value *old)
{
    struct process *process = current_process();
    struct itimer *it = &process->itimers[which];
    spin_guard_irqsave(&process->lock);
    u64 now = itimer_now_locked(process, which), deadline = 0;

    if (value->left && __builtin_add_overflow(now, value->left, &deadline))
        deadline = TIMER_NEVER;
    value_of(it->deadline, it->interval, now, old);
    it->deadline = deadline;
    it->interval = value->interval;
    if (which != ITIMER_REAL)
        cpu_look_locked(process);
    else if (deadline)
        timer_start(&process->real_timer, deadline);
    else
        timer_cancel_nosync(&process->real_timer); /* I1: fn finds it disarmed */
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

/* What its clock shows. */
static u64 now_locked(const struct posix_timer *pt)
{
    struct process_usage usage;
    u64 now = 0;

    if (pt->clock_task)
        return thread_cpu_ns(&pt->clock_task->thread);
    if (pt->clock != CLOCK_PROCESS_CPUTIME_ID) {
        clock_read(pt->clock, &now);
        return now;
    }
    process_usage_get_locked(pt->process, &usage);
    return usage.utime + usage.stime;
}

/* Sets the timer of an armed pt for its deadline, or for its next look at a CPU clock. */
static void arm_locked(struct posix_timer *pt, u64 now)
{
    u64 left = pt->deadline > now ? pt->deadline - now : 0;
    u64 monotonic = clock_monotonic_ns();

    if (pt->clock_task || pt->clock == CLOCK_PROCESS_CPUTIME_ID)
        left = MAX(left, CPU_LOOK_MIN);
    timer_start(&pt->timer, left >= TIMER_NEVER - monotonic ? TIMER_NEVER : monotonic + left);
}

static void posix_timer_fn(struct timer *timer)
{
    struct posix_timer *pt = container_of(timer, struct posix_timer, timer);
    struct siginfo info = {.code = SI_TIMER, .timer_id = pt->id, .timer_value = pt->value};
    spin_guard_irqsave(&pt->process->lock);
    u64 now = now_locked(pt);
    int sent;

    if (!pt->deadline)
        return;
    if (now < pt->deadline) { /* CPU time, or the clock was set back */
        arm_locked(pt, now);
        return;
    }
    if (!pt->interval)
        pt->deadline = 0;
    if (pt->notify == SIGEV_NONE)
        return;
    sent = signal_send_locked(pt->process, pt->target, pt->signal, &info);
    pt->queued = sent == 0;
    if (pt->queued || (!pt->deadline && sent != -EAGAIN))
        return;
    /*
     * Ignored: nobody will take it, so the timer goes on here, not too fast. No memory, or as many
     * signals queued as the user may have: again when that may have changed.
     */
    pt->deadline = now + MAX(pt->interval, sent == -EAGAIN ? RETRY_NS : NS_PER_MS);
    arm_locked(pt, now);
}

void posix_timer_taken(struct siginfo *info)
{
    struct process *process = current_process();
    spin_guard_irqsave(&process->lock);
    struct posix_timer *pt = find_locked(process, info->timer_id);
    u64 now;

    if (!pt || !pt->queued)
        return;
    pt->queued = false;
    pt->overrun = 0;
    if (pt->deadline && pt->interval) {
        now = now_locked(pt);
        if (now > pt->deadline)
            pt->overrun = MIN((now - pt->deadline) / pt->interval, MAX_OVERRUN);
        pt->deadline = next_deadline(pt->deadline, pt->interval, MAX(now, pt->deadline));
        arm_locked(pt, now);
    }
    info->overrun = pt->overrun;
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

int clock_may_wait(int clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI: return 0;
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM: return cred_has_cap(CAP_WAKE_ALARM) ? 0 : -EPERM;
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE: return -EOPNOTSUPP;
    }
    return -EINVAL;
}

/* A timer as asked for, not yet among the process's. 0, -errno of the clock, -EINVAL, -EAGAIN. */
static int posix_timer_make(const struct timer_request *r, struct posix_timer **out)
{
    struct task *target = NULL;
    struct posix_timer *pt;
    int error = clock_may_wait(r->clock);

    if (error)
        return error;
    if (r->notify != SIGEV_NONE && (r->signal < 1 || r->signal > SIGNAL_MAX))
        return -EINVAL;
    if (r->notify == SIGEV_THREAD_ID)
        target = own_thread_get(r->tid);
    if (!target && r->notify != SIGEV_SIGNAL && r->notify != SIGEV_NONE)
        return -EINVAL;
    pt = *out = kmalloc(sizeof(*pt));
    if (!pt) {
        if (target)
            task_put(target);
        return -EAGAIN;
    }
    pt->target = target;
    pt->clock = r->clock;
    pt->clock_task = r->clock == CLOCK_THREAD_CPUTIME_ID ? task_get(self_task()) : NULL;
    pt->notify = r->notify;
    pt->signal = r->signal;
    pt->process = current_process();
    timer_init(&pt->timer, posix_timer_fn);
    return 0;
}

int posix_timer_create(const struct timer_request *r)
{
    struct process *process = current_process();
    struct posix_timer *pt;
    int error = posix_timer_make(r, &pt);

    if (error)
        return error;
    spin_guard_irqsave(&process->lock);
    do {
        pt->id = process->next_timer_id++ & 0x7fffffff;
    } while (find_locked(process, pt->id));
    pt->value = r->has_value ? r->value : (u64)pt->id;
    list_add_tail(&pt->link, &process->posix_timers);
    return pt->id;
}

static void posix_value(struct posix_timer *pt, u64 now, struct timer_value *value)
{
    u64 deadline = pt->deadline;

    if (deadline && pt->interval && deadline <= now)
        deadline = next_deadline(deadline, pt->interval, now);
    value_of(deadline, pt->interval, now, value);
    if (pt->notify == SIGEV_NONE && !pt->interval && deadline <= now)
        value->left = 0;
}

int posix_timer_set(s32 id, bool absolute, const struct timer_value *value, struct timer_value *old)
{
    struct process *process = current_process();
    spin_guard_irqsave(&process->lock);
    struct posix_timer *pt = find_locked(process, id);
    u64 now;

    if (!pt)
        return -EINVAL;
    now = now_locked(pt);
    posix_value(pt, now, old);
    pt->queued = false;
    pt->interval = value->interval;
    pt->deadline = !value->left ? 0 : absolute ? value->left : now + value->left;
    if (pt->deadline)
        arm_locked(pt, now);
    else
        timer_cancel_nosync(&pt->timer); /* I1: fn finds it disarmed */
    return 0;
}

int posix_timer_get(s32 id, struct timer_value *value)
{
    struct process *process = current_process();
    spin_guard_irqsave(&process->lock);
    struct posix_timer *pt = find_locked(process, id);

    if (!pt)
        return -EINVAL;
    posix_value(pt, now_locked(pt), value);
    return 0;
}

int posix_timer_overrun(s32 id)
{
    struct process *process = current_process();
    spin_guard_irqsave(&process->lock);
    struct posix_timer *pt = find_locked(process, id);

    return pt ? (int)pt->overrun : -EINVAL;
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
    timer_cancel(&pt->timer);
    if (pt->target)
        task_put(pt->target);
    if (pt->clock_task)
        task_put(pt->clock_task);
    kfree(pt);
    return 0;
}

void posix_timers_delete_all(void)
{
    struct list *timers = &current_process()->posix_timers;

    while (!list_empty(timers))
        posix_timer_delete(list_first(timers, struct posix_timer, link)->id);
}

void timers_exit(void)
{
    struct process *process = current_process();
    irqflags_t flags = spin_lock_irqsave(&process->lock);

    for (int i = 0; i < 3; i++)
        process->itimers[i].deadline = 0;
    process->rlimits[RLIMIT_CPU].soft = RLIM_INFINITY;
    spin_unlock_irqrestore(&process->lock, flags);
    if (timer_queued(&process->real_timer))
        timer_cancel(&process->real_timer);
    if (timer_queued(&process->cpu_timer))
        timer_cancel(&process->cpu_timer);
    posix_timers_delete_all();
}

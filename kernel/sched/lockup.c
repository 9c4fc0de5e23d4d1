/*
 * Lock-ups that the kernel finds by itself. Each CPU has a timer every 5 seconds in which it counts
 * a beat, looks whether it has threads that wait but has not switched, and whether the next CPU's
 * beats go on. Four looks without progress are 20 seconds. (A spinlock waited on for 20 s reports
 * itself.) A report is a log line each 20 seconds; the thread it names is what to look at.
 */
#include "sched/sched_impl.h"

#include "core/clock.h"
#include "core/log.h"
#include "sched/timer.h"

#define BEAT_NS   (5 * NS_PER_SEC)
#define BEATS_MAX 4

static DEFINE_PERCPU(struct timer, beat_timer);

static void look_at_self(struct runqueue *rq)
{
    u64 switches = READ_ONCE(rq->switches);

    if (switches != rq->switches_seen || rq->running < 2) {
        rq->switches_seen = switches;
        rq->stuck_self = 0;
    } else if (++rq->stuck_self % BEATS_MAX == 0) {
        struct thread *t = rq->current;

        if (!t->rt_priority)
            log_emerg("lock-up: cpu %u has not switched from thread %s for %lu s", rq->cpu, t->name,
                      rq->stuck_self * (BEAT_NS / NS_PER_SEC));
    }
}

static void look_at_neighbour(struct runqueue *rq)
{
    u32 cpu = cpu_next_online(rq->cpu + 1);
    struct runqueue *next = cpu_rq(cpu < cpu_count ? cpu : cpu_next_online(0));
    u64 beats = READ_ONCE(next->beats);

    if (next == rq)
        return;
    if (beats != rq->beats_seen) {
        rq->beats_seen = beats;
        rq->stuck_neighbour = 0;
    } else if (++rq->stuck_neighbour % (BEATS_MAX + 1) == 0) {
        log_emerg("lock-up: cpu %u takes no timer interrupts; thread %s, last seen at %lx",
                  next->cpu, next->current->name, next->sampled_pc);
    }
}

static void beat(struct timer *timer)
{
    struct runqueue *rq = this_rq();

    WRITE_ONCE(rq->beats, rq->beats + 1);
    look_at_self(rq);
    look_at_neighbour(rq);
    timer_start(timer, timer->deadline_ns + BEAT_NS);
}

void lockup_start(void)
{
    struct timer *timer = &this_cpu(beat_timer);

    timer_init(timer, beat);
    timer->cpu = cpu_id();
    timer_start(timer, clock_monotonic_ns() + BEAT_NS);
}

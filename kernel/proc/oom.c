/*
 * Out of memory: the process with the most resident pages dies. See design: never init, one log
 * line, and nobody else while a victim is still on its way out.
 */
#include "core/log.h"
#include "proc/proc.h"
#include "proc/timers.h"
#include "sched/reclaim.h"
#include "core/clock.h"
#include "mm/page.h"
#include "task/task.h"
#include "vm/space.h"

#define VICTIM_TIME_NS (10 * NS_PER_MS) /* how long a caller waits for the victim's pages */
#define SCORE_SCALE    1000

/* Resident pages of a process, and whether one is dying that has some. */
static u64 resident(struct process *process, bool *dying)
{
    struct task *task;
    u64 pages = 0;

    spin_acquire(&process->lock);
    list_for_each_entry(task, &process->threads, thread_link) {
        spin_acquire(&task->files_lock);
        if (task->space)
            pages = vm_rss_pages(task->space);
        spin_release(&task->files_lock);
        if (pages)
            break;
    }
    *dying = pages && process->flags & PROCESS_GROUP_EXIT;
    spin_release(&process->lock);
    return pages;
}

/* The victim with a reference, or NULL; *dying: one is on its way already. */
static struct process *choose(bool *dying, u64 *pages)
{
    spin_guard_irqsave(&process_tree_lock);
    struct process *process, *victim = NULL;
    s64 best = 0;

    list_for_each_entry(process, &process_list, all) {
        u64 rss = resident(process, dying);
        s64 adjust = process->oom_score_adj;
        s64 score = (s64)rss + adjust * (s64)(pages_total() / SCORE_SCALE);

        if (*dying)
            return NULL;
        if (process->flags & PROCESS_UNKILLABLE || !rss || adjust == -SCORE_SCALE)
            continue;
        if (score > best || !victim) {
            best = score;
            victim = process;
            *pages = rss;
        }
    }
    return victim ? process_get(victim) : NULL;
}

/* Chooses and kills a process; whether memory will come. */
static bool oom_kill(void)
{
    struct task *self = current_task();
    bool dying = false;
    u64 pages = 0;
    struct process *victim = choose(&dying, &pages);

    if (victim) {
        log_err("out of memory: killed process %u (%s), %lu KiB resident", victim->tgid,
                victim->leader->thread.name, (unsigned long)(pages * 4));
        signal_send_process(victim, SIGKILL, NULL);
        process_put(victim);
    } else if (!dying) {
        return false;
    }
    /* The victim itself must not wait: it gives its memory back by failing. */
    if (self && signal_fatal_pending())
        return false;
    sleep_until(clock_monotonic_ns() + VICTIM_TIME_NS, false);
    return true;
}

void proc_init(void)
{
    reclaim_set_oom_hook(oom_kill);
}

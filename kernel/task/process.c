/* Processes: the object, its parts and its sums. See process.h; kinship is changed in proc/. */
#include "task/process.h"

#include "core/panic.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "task/pid.h"
#include "task/task.h"

struct spinlock process_tree_lock = SPINLOCK_INIT(RANK_TASK_LIST);
struct list process_list = LIST_INIT(process_list);
struct process *init_process;
u64 process_forks;
u32 task_count;

static struct kmem_cache *process_cache, *sighand_cache;

void process_init(void)
{
    process_cache = kmem_cache_create("process", sizeof(struct process), 0);
    sighand_cache = kmem_cache_create("sighand", sizeof(struct sighand), 0);
    assert(process_cache && sighand_cache);
}

struct sighand *sighand_alloc(void)
{
    struct sighand *sighand = kmem_cache_alloc(sighand_cache);

    if (!sighand)
        return NULL;
    ref_init(&sighand->refs, 1);
    spin_init(&sighand->lock, RANK_TASK);
    return sighand;
}

void sighand_put(struct sighand *sighand)
{
    if (ref_put(&sighand->refs))
        kmem_cache_free(sighand_cache, sighand);
}

struct process *process_alloc(void)
{
    struct process *process = kmem_cache_alloc(process_cache);

    if (!process)
        return NULL;
    ref_init(&process->refs, 1);
    spin_init(&process->lock, RANK_PROCESS);
    waitqueue_init(&process->child_wait);
    list_init(&process->threads);
    list_init(&process->children);
    list_init(&process->sibling);
    list_init(&process->all);
    list_init(&process->pgrp_link);
    list_init(&process->pending.queue);
    list_init(&process->posix_timers);
    process->dumpable = 1;
    return process;
}

static void process_free_rcu(struct rcu_head *head)
{
    struct process *process = container_of(head, struct process, rcu);

    if (process->sighand)
        sighand_put(process->sighand);
    if (process->pid)
        pid_put(process->pid);
    signal_spare_free(process);
    kmem_cache_free(process_cache, process);
}

void process_put(struct process *process)
{
    if (ref_put(&process->refs))
        rcu_call(&process->rcu, process_free_rcu);
}

void task_usage_add(struct task *task, struct process_usage *usage)
{
    u64 user, system;

    thread_cpu_times(&task->thread, &user, &system);
    usage->utime += user;
    usage->stime += system;
    usage->minor_faults += task->minor_faults;
    usage->major_faults += task->major_faults;
    usage->voluntary += task->thread.voluntary;
    usage->involuntary += task->thread.involuntary;
}

void process_usage_get(struct process *process, struct process_usage *usage)
{
    irqflags_t flags = spin_lock_irqsave(&process->lock);
    struct task *task;

    *usage = process->usage;
    list_for_each_entry(task, &process->threads, thread_link)
        task_usage_add(task, usage);
    spin_unlock_irqrestore(&process->lock, flags);
}

u64 process_cpu_ns(struct process *process)
{
    struct process_usage usage;

    process_usage_get(process, &usage);
    return usage.utime + usage.stime;
}

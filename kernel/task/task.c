/*
 * Tasks and processes: making and freeing the objects, their sums, and what happens when the
 * scheduler switches to a task. See task.h and process.h; kinship is changed in proc/.
 *
 * Life cycle
 *   task_alloc() makes it, fork links it to its process and starts it, proc/exit.c unlinks it,
 *   thread_exit() takes it off the CPU for ever, and then task_thread_free() drops the thread's
 *   reference. The object goes a grace period after the last one, since look-ups by number are
 *   under RCU. The process keeps a reference to its leader until it is reaped.
 *   process_alloc() makes a process, fork links it, the tree's reference goes when it is reaped
 *   (proc/exit.c), and the object a grace period after its last task.
 */
#include "task/task.h"

#include "arch/trap.h"
#include "core/percpu.h"
#include "core/random.h"
#include "lib/string.h"
#include "sched/reclaim.h"
#include "task/cred.h"
#include "task/pid.h"

struct spinlock process_tree_lock = SPINLOCK_INIT(RANK_TASK_LIST);
struct list process_list = LIST_INIT(process_list);
struct process *init_process;
u64 process_forks;
u32 task_count;
void (*session_leader_exit)(struct pid *session);

static struct kmem_cache *task_cache, *process_cache, *sighand_cache;

struct uts_namespace init_uts_ns = {
    .lock = SPINLOCK_INIT(RANK_LEAF),
    .names =
        {
            .sysname = "Linux",
            .nodename = "(none)",
            .release = "6.1.0-ashlar",
            .version = "#1 SMP PREEMPT",
            .machine = "aarch64",
            .domainname = "(none)",
        },
};

struct namespaces init_namespaces = {&init_pid_ns, &init_uts_ns};

/*
 * A thread that lost its CPU in user mode, or comes back on another one, must have its rseq area
 * looked at: its frame has no call number then, or the CPU differs from the one written there.
 */
static void switch_in(struct thread *thread)
{
    struct task *task = container_of(thread, struct task, thread);

    if (user_ptr_null(task->rseq.area))
        return;
    if (task->rseq_cpu != thread->cpu || user_frame(task)->syscall < 0)
        __atomic_or_fetch(&thread->head.work, WORK_NOTIFY, __ATOMIC_RELAXED);
}

void task_keys_reset(u32 keys)
{
    struct thread_head *head = current_head();

    if (!cpu_features.pauth)
        return;
    for (u32 i = 0; i < KEY_WORDS / 2; i++)
        if (keys >> i & 1)
            random_bytes(&head->keys[2 * i], 2 * sizeof(head->keys[0]));
    user_keys_load(head->keys);
}

static void thread_free(struct thread *thread)
{
    task_put(container_of(thread, struct task, thread));
}

static const struct thread_ops task_thread_ops = {
    .switch_in = switch_in,
    .free = thread_free,
};

void task_init(void)
{
    task_cache = kmem_cache_create("task", sizeof(struct task), 16);
    process_cache = kmem_cache_create("process", sizeof(struct process), 0);
    sighand_cache = kmem_cache_create("sighand", sizeof(struct sighand), 0);
}

struct task *task_alloc(struct process *process, void (*entry)(void *))
{
    struct task *task = kmem_cache_alloc(task_cache);
    void *stack;

    if (!task)
        return NULL;
    stack = stack_alloc();
    if (!stack) {
        kmem_cache_free(task_cache, task);
        return NULL;
    }
    thread_init(&task->thread, current_thread()->name, entry, task, stack,
                sizeof(struct trap_frame));
    task->thread.ops = &task_thread_ops;
    task->thread.head.fp = &task->fp_state;
    task->process = process_get(process);
    task->namespaces = &init_namespaces;
    ref_init(&task->refs, 1);
    list_init(&task->pending.queue);
    list_init(&task->thread_link);
    spin_init(&task->files_lock, RANK_TASK);
    task->rseq_cpu = CPU_MAX;
    task->timer_slack_ns = 50000;
    return task;
}

static void task_free_rcu(struct rcu_head *head)
{
    struct task *task = container_of(head, struct task, rcu);

    if (task->cred)
        cred_put(task->cred);
    if (task->pid)
        pid_put(task->pid);
    process_put(task->process);
    kmem_cache_free(task_cache, task);
}

DEFINE_REF_PUT_RCU(task, task_free_rcu)

void task_discard(struct task *task)
{
    thread_discard(&task->thread);
    task_free_rcu(&task->rcu);
}

void task_vfork_done(struct task *task)
{
    struct task *parent;

    if (!READ_ONCE(task->vfork_parent))
        return;
    parent = __atomic_exchange_n(&task->vfork_parent, NULL, __ATOMIC_ACQ_REL);
    if (!parent)
        return;
    thread_wake(&parent->thread, THREAD_STOPPED);
    task_put(parent);
}

/* ---- Processes ---- */

struct sighand *sighand_alloc(struct sighand *from)
{
    struct sighand *sighand = kmem_cache_alloc(sighand_cache);

    if (!sighand)
        return NULL;
    ref_init(&sighand->refs, 1);
    spin_init(&sighand->lock, RANK_TASK);
    if (from) {
        spin_guard_irqsave(&from->lock);
        memcpy(sighand->actions, from->actions, sizeof(sighand->actions));
    }
    return sighand;
}

void sighand_reset(struct sighand *sighand)
{
    spin_guard_irqsave(&sighand->lock);

    for (struct sigaction *a = sighand->actions; a < sighand->actions + SIGNAL_MAX; a++)
        *a = (struct sigaction){.handler = a->handler == SIG_IGN ? SIG_IGN : SIG_DFL};
}

void sighand_put(struct sighand *sighand)
{
    if (sighand && ref_put(&sighand->refs))
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

    timer_cancel(&process->real_timer); /* set since the exit, running, or of a fork that failed */
    timer_cancel(&process->cpu_timer);
    sighand_put(process->sighand);
    if (process->pid)
        pid_put(process->pid);
    kfree(process->spare_entry);
    kmem_cache_free(process_cache, process);
}

DEFINE_REF_PUT_RCU(process, process_free_rcu)

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

void process_usage_get_locked(struct process *process, struct process_usage *usage)
{
    struct task *task;

    assert_spin_held(&process->lock);
    *usage = process->usage;
    list_for_each_entry(task, &process->threads, thread_link)
        task_usage_add(task, usage);
}

void process_usage_get(struct process *process, struct process_usage *usage)
{
    spin_guard_irqsave(&process->lock);

    process_usage_get_locked(process, usage);
}

u64 process_cpu_ns(struct process *process)
{
    struct process_usage usage;

    process_usage_get(process, &usage);
    return usage.utime + usage.stime;
}

/* ---- Groups and sessions ---- */

void process_set_pgrp_locked(struct process *process, struct pid *pgrp, struct pid *session)
{
    struct pid *old_pgrp = process->pgrp, *old_session = process->session;

    assert_spin_held(&process_tree_lock);
    list_del(&process->pgrp_link);
    process->pgrp = pgrp;
    process->session = session;
    if (pgrp) {
        list_add_tail(&process->pgrp_link, &pgrp->members);
        pid_use(pgrp);
        pid_use(session);
    }
    if (old_pgrp) {
        pid_unuse(old_pgrp);
        pid_unuse(old_session);
    }
}

struct pid *pgrp_session_locked(const struct pid *pgrp)
{
    struct process *first = list_first(&pgrp->members, struct process, pgrp_link);

    return first ? first->session : NULL;
}

struct pid *current_pgrp_get(void)
{
    spin_guard_irqsave(&process_tree_lock);

    return pid_get(current_process()->pgrp);
}

struct pid *current_session_get(void)
{
    spin_guard_irqsave(&process_tree_lock);

    return pid_get(current_process()->session);
}

bool pgrp_orphaned_locked(const struct pid *pgrp, const struct process *except)
{
    struct process *p;

    list_for_each_entry(p, &pgrp->members, pgrp_link) {
        struct process *parent = p->parent;

        if (p == except || p->state != PROCESS_ALIVE || !parent || parent == init_process)
            continue;
        if (parent->pgrp != pgrp && parent->session == p->session)
            return false;
    }
    return true;
}

/* ---- Resource limits ---- */

u64 rlimit_get(enum rlimit_which which)
{
    struct task *task = current_task();

    return task ? READ_ONCE(task->process->rlimits[which].soft) : RLIM_INFINITY;
}

/* Linux's: processes and pending signals grow with memory. */
void rlimit_defaults(struct rlimit limits[RLIMIT_COUNT])
{
    u64 threads = MAX_T(u64, pages_total() / 32, 64);

    for (int i = 0; i < RLIMIT_COUNT; i++)
        limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    limits[RLIMIT_STACK].soft = MIB(8);
    limits[RLIMIT_CORE].soft = 0;
    limits[RLIMIT_NPROC] = (struct rlimit){threads, threads};
    limits[RLIMIT_NOFILE] = (struct rlimit){1024, 4096};
    limits[RLIMIT_MEMLOCK] = (struct rlimit){MIB(8), MIB(8)};
    limits[RLIMIT_SIGPENDING] = (struct rlimit){threads, threads};
    limits[RLIMIT_MSGQUEUE] = (struct rlimit){819200, 819200};
    limits[RLIMIT_NICE] = (struct rlimit){0, 0};
    limits[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}

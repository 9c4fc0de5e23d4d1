/*
 * Tasks: making and freeing them, and what happens when the scheduler switches one out or in.
 * See task.h.
 *
 * Life cycle
 *   task_alloc() makes it, fork links it to its process and starts it, proc/exit.c unlinks it,
 *   thread_exit() takes it off the CPU for ever, and then task_thread_free() drops the thread's
 *   reference. The object goes a grace period after the last one, since look-ups by number are
 *   under RCU. The process keeps a reference to its leader until it is reaped.
 */
#include "task/task.h"

#include "core/panic.h"
#include "arch/trap.h"
#include "core/percpu.h"
#include "lib/errno.h"
#include "mm/kmalloc.h"
#include "mm/vmalloc.h"
#include "sched/reclaim.h"
#include "task/cred.h"
#include "task/namespaces.h"
#include "task/pid.h"

static struct kmem_cache *task_cache;

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

static void switch_out(struct thread *thread)
{
    container_of(thread, struct task, thread)->tls = user_tls_get();
}

/*
 * A thread that lost its CPU in user mode, or comes back on another one, must have its rseq area
 * looked at: its frame has no call number then, or the CPU differs from the one written there.
 */
static void switch_in(struct thread *thread)
{
    struct task *task = container_of(thread, struct task, thread);

    user_tls_set(task->tls);
    if (user_ptr_null(task->rseq.area))
        return;
    if (task->rseq_cpu != thread->cpu || user_frame(&thread->head)->syscall < 0)
        __atomic_or_fetch(&thread->head.work, WORK_NOTIFY, __ATOMIC_RELAXED);
}

static void thread_free(struct thread *thread)
{
    task_put(container_of(thread, struct task, thread));
}

static const struct thread_ops task_thread_ops = {
    .switch_out = switch_out,
    .switch_in = switch_in,
    .free = thread_free,
};

void task_init(void)
{
    task_cache = kmem_cache_create("task", sizeof(struct task), 16);
    assert(task_cache);
    pid_init();
    cred_init();
    signal_init();
    process_init();
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

void task_put(struct task *task)
{
    if (ref_put(&task->refs))
        rcu_call(&task->rcu, task_free_rcu);
}

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

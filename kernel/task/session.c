/* Process groups and sessions. See session.h. */
#include "task/session.h"

#include "task/pid.h"
#include "task/task.h"
#include "sched/reclaim.h"

void (*session_leader_exit)(struct session *session);

void session_put(struct session *session)
{
    if (!ref_put(&session->refs))
        return;
    pid_unuse(session->pid);
    kfree(session);
}

void pgrp_put(struct pgrp *pgrp)
{
    irqflags_t flags;

    if (!ref_put(&pgrp->refs))
        return;
    flags = spin_lock_irqsave(&process_tree_lock);
    if (pgrp->pid->pgrp == pgrp)
        pgrp->pid->pgrp = NULL;
    spin_unlock_irqrestore(&process_tree_lock, flags);
    session_put(pgrp->session);
    pid_unuse(pgrp->pid);
    kfree(pgrp);
}

static struct session *session_alloc(struct pid *pid)
{
    struct session *session = kmalloc(sizeof(*session));

    if (!session)
        return NULL;
    ref_init(&session->refs, 1);
    pid_use(pid);
    session->pid = pid;
    return session;
}

struct pgrp *pgrp_alloc(struct pid *pid, struct session *session)
{
    struct pgrp *pgrp = kmalloc(sizeof(*pgrp));

    if (!pgrp)
        return NULL;
    pgrp->session = session ? session_get(session) : session_alloc(pid);
    if (!pgrp->session) {
        kfree(pgrp);
        return NULL;
    }
    ref_init(&pgrp->refs, 1);
    list_init(&pgrp->members);
    pid_use(pid);
    pgrp->pid = pid;
    return pgrp;
}

struct pgrp *process_set_pgrp_locked(struct process *process, struct pgrp *pgrp)
{
    struct pgrp *old = process->pgrp;

    list_del(&process->pgrp_link);
    process->pgrp = pgrp_get(pgrp);
    list_add_tail(&process->pgrp_link, &pgrp->members);
    return old;
}

struct pgrp *pgrp_find_get(u32 number)
{
    spin_guard_irqsave(&process_tree_lock);
    struct pid *pid = pid_find(number);

    return pid && pid->pgrp && ref_get_unless_zero(&pid->pgrp->refs) ? pid->pgrp : NULL;
}

struct pgrp *current_pgrp_get(void)
{
    spin_guard_irqsave(&process_tree_lock);

    return pgrp_get(current_process()->pgrp);
}

struct session *current_session_get(void)
{
    spin_guard_irqsave(&process_tree_lock);

    return session_get(current_process()->pgrp->session);
}

/* A leader never leaves its session, and only it can become one: its own look needs no lock. */
bool session_is_leader(void)
{
    struct process *process = current_process();

    return READ_ONCE(process->pgrp)->session->leader == process;
}

bool pgrp_orphaned_locked(struct pgrp *pgrp, struct process *except)
{
    struct process *p;

    list_for_each_entry(p, &pgrp->members, pgrp_link) {
        struct process *parent = p->parent;

        if (p == except || p->state != PROCESS_ALIVE || !parent || parent == init_process)
            continue;
        if (parent->pgrp && parent->pgrp != pgrp && parent->pgrp->session == pgrp->session)
            return false;
    }
    return true;
}

bool pgrp_orphaned(struct pgrp *pgrp)
{
    spin_guard_irqsave(&process_tree_lock);

    return pgrp_orphaned_locked(pgrp, NULL);
}

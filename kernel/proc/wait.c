/*
 * Waiting for children: a look at all children under the tree lock, repeated at each wake-up of
 * the process's child_wait. See wait.h; who makes the zombies is exit.c.
 */
#include "proc/wait.h"

#include "lib/errno.h"
#include "proc/exit.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"

static bool eligible(const struct process *child, const struct wait_request *request)
{
    bool clone_child = child->exit_signal != SIGCHLD;

    if (request->which == WAIT_PID && child->tgid != request->number)
        return false;
    if (request->which == WAIT_PGRP && pid_number(child->pgrp->pid) != request->number)
        return false;
    if (request->options & WALL)
        return true;
    return clone_child == !!(request->options & WCLONE);
}

static void fill(struct wait_request *request, struct process *child, int code, int status)
{
    request->pid = child->tgid;
    request->uid = rcu_dereference(child->leader->cred)->uid;
    request->code = code;
    request->status = status;
    request->usage = child->usage;
    usage_add(&request->usage, &child->children_usage);
}

/* A stop or continue to report; the flag is taken unless WNOWAIT. */
static bool take_job_change(struct process *child, struct wait_request *request)
{
    bool found = false;

    spin_acquire(&child->lock);
    if (request->options & WUNTRACED && child->flags & PROCESS_STOPPED_WAIT) {
        fill(request, child, CLD_STOPPED, child->stop_signal << 8 | 0x7f);
        if (!(request->options & WNOWAIT))
            child->flags &= ~PROCESS_STOPPED_WAIT;
        found = true;
    } else if (request->options & WCONTINUED && child->flags & PROCESS_CONTINUED) {
        fill(request, child, CLD_CONTINUED, 0xffff);
        if (!(request->options & WNOWAIT))
            child->flags &= ~PROCESS_CONTINUED;
        found = true;
    }
    spin_release(&child->lock);
    return found;
}

/* 1: found, *reaped is the zombie to release or NULL; 0: nothing yet; -ECHILD: no such child. */
static int look(struct wait_request *request, struct process **reaped)
{
    struct process *self = current_process(), *child;
    irqflags_t flags = spin_lock_irqsave(&process_tree_lock);
    int result = -ECHILD;

    list_for_each_entry(child, &self->children, sibling) {
        if (!eligible(child, request))
            continue;
        result = 0;
        if (child->state == PROCESS_ZOMBIE) {
            if (!(request->options & WEXITED))
                continue;
            fill(request, child, child->exit_code & 0x7f ? CLD_KILLED : CLD_EXITED,
                 child->exit_code);
            if (!(request->options & WNOWAIT)) {
                process_unlink_locked(child);
                *reaped = child;
            }
            result = 1;
            break;
        }
        if (take_job_change(child, request)) {
            result = 1;
            break;
        }
    }
    spin_unlock_irqrestore(&process_tree_lock, flags);
    return result;
}

static void collect_usage(struct process *self, struct process *child)
{
    irqflags_t flags = spin_lock_irqsave(&self->lock);

    usage_add(&self->children_usage, &child->usage);
    usage_add(&self->children_usage, &child->children_usage);
    spin_unlock_irqrestore(&self->lock, flags);
    process_release(child);
}

int process_wait(struct wait_request *request)
{
    struct process *self = current_process(), *reaped = NULL;
    int found, error = 0;

    request->pid = 0;
    found = look(request, &reaped);
    if (!found && !(request->options & WNOHANG))
        error = wait_event_interruptible(&self->child_wait, (found = look(request, &reaped)) != 0);
    if (found < 0)
        return found;
    if (reaped)
        collect_usage(self, reaped);
    return found ? 0 : error;
}

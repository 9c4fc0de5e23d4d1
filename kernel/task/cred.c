/* Credentials: copies, changes, capabilities. See cred.h and capabilities(7). */
#include "task/cred.h"

#include "sched/reclaim.h"
#include "task/task.h"

static struct user_namespace {
} init_user_ns;

struct cred init_cred = {
    .refs = REFCOUNT_INIT(1),
    .cap_effective = CAP_ALL,
    .cap_permitted = CAP_ALL,
    .cap_bounding = CAP_ALL,
    .user_ns = &init_user_ns,
};

bool cred_has_cap(enum capability cap)
{
    return cred_can(current_cred(), cap);
}

/* The groups are sorted by setgroups(2). */
bool cred_groups_have(const struct cred *cred, u32 gid)
{
    const struct group_set *set = cred->groups;
    u32 low = 0, high = set ? set->count : 0;

    while (low < high) {
        u32 middle = (low + high) / 2;

        if (set->gids[middle] == gid)
            return true;
        if (set->gids[middle] < gid)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void group_set_put(struct group_set *set)
{
    if (set && ref_put(&set->refs))
        kfree(set);
}

struct group_set *group_set_alloc(u32 count)
{
    struct group_set *set = kmalloc(sizeof(*set) + count * sizeof(u32));

    if (!set)
        return NULL;
    ref_init(&set->refs, 1);
    set->count = count;
    return set;
}

static void cred_free_rcu(struct rcu_head *head)
{
    struct cred *cred = container_of(head, struct cred, rcu);

    group_set_put(cred->groups);
    kfree(cred);
}

DEFINE_REF_PUT_RCU(cred, cred_free_rcu)

struct cred *cred_copy_of(const struct cred *from)
{
    struct cred *cred = kmalloc(sizeof(*cred));

    if (!cred)
        return NULL;
    *cred = *from;
    ref_init(&cred->refs, 1);
    if (cred->groups)
        ref_get(&cred->groups->refs);
    return cred;
}

/* Others may be reading the old object under RCU: cred_put defers its end. */
void cred_install(struct cred *cred)
{
    struct task *task = self_task();
    struct cred *old = task->cred;

    if (cred->euid != old->euid || cred->egid != old->egid || cred->fsuid != old->fsuid ||
        cred->fsgid != old->fsgid || (cred->cap_permitted & ~old->cap_permitted)) {
        WRITE_ONCE(task->process->dumpable, 0);
        task->parent_death_signal = 0;
    }
    rcu_assign(task->cred, cred);
    cred_put(old);
}

void cred_set_groups(struct cred *cred, struct group_set *set)
{
    group_set_put(cred->groups);
    cred->groups = set;
}

/* capabilities(7), "Effect of user ID changes on capabilities". */
void cred_fix_caps(struct cred *cred, const struct cred *old)
{
    const u64 file_caps = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) |
                          BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_LINUX_IMMUTABLE) |
                          BIT(CAP_MKNOD) | BIT(CAP_MAC_OVERRIDE);
    bool was_root = !old->uid || !old->euid || !old->suid;
    bool is_root = !cred->uid || !cred->euid || !cred->suid;

    if (cred->securebits & SECBIT_NO_SETUID_FIXUP)
        return;
    if (was_root && !is_root) {
        if (!(cred->securebits & SECBIT_KEEP_CAPS))
            cred->cap_permitted = cred->cap_effective = 0;
        cred->cap_ambient = 0;
    }
    if (!old->euid && cred->euid)
        cred->cap_effective = 0;
    if (old->euid && !cred->euid)
        cred->cap_effective = cred->cap_permitted;
    if (!old->fsuid && cred->fsuid)
        cred->cap_effective &= ~file_caps;
    if (old->fsuid && !cred->fsuid)
        cred->cap_effective |= cred->cap_permitted & file_caps;
}

struct cred *task_cred_get(struct task *task)
{
    rcu_guard();
    struct cred *cred;

    do {
        cred = rcu_dereference(task->cred);
    } while (!ref_get_unless_zero(&cred->refs));
    return cred;
}

/* kill(2): the sender's real or effective id is the target's real or saved one. */
bool task_may_signal_locked(struct process *target, int sig)
{
    const struct cred *me = current_cred(), *other;
    struct process *self = current_process();

    assert_spin_held(&process_tree_lock);
    if (target == self)
        return true;
    if (!target->leader)
        return false;
    if (sig == SIGCONT && target->session == self->session)
        return true;
    other = rcu_dereference(target->leader->cred);
    return me->euid == other->suid || me->euid == other->uid || me->uid == other->suid ||
           me->uid == other->uid || cred_can(me, CAP_KILL);
}

bool task_may_signal(struct process *target, int sig)
{
    if (target == current_process())
        return true;
    spin_guard_irqsave(&process_tree_lock);
    return target->state != PROCESS_REAPED && task_may_signal_locked(target, sig);
}

/* ptrace(2), "Ptrace access mode checking", with the real ids. */
bool task_may_inspect(struct task *target)
{
    const struct cred *me = current_cred();
    struct task *self = current_task();
    struct cred *other;
    bool may;

    if (!self || target->process == self->process)
        return true;
    other = task_cred_get(target);
    may = me->fsuid == other->euid && me->fsuid == other->suid && me->fsuid == other->uid &&
          me->fsgid == other->egid && me->fsgid == other->sgid && me->fsgid == other->gid &&
          READ_ONCE(target->process->dumpable) == 1 && !(other->cap_permitted & ~me->cap_permitted);
    may |= cred_can(me, CAP_SYS_PTRACE);
    cred_put(other);
    return may;
}

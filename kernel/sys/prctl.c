/* prctl(2): one small function for each family of options. */
#include "lib/errno.h"
#include "lib/string.h"
#include "sys/calls.h"
#include "task/cred.h"
#include "task/task.h"

enum prctl_option {
    PR_SET_PDEATHSIG = 1,
    PR_GET_PDEATHSIG = 2,
    PR_GET_DUMPABLE = 3,
    PR_SET_DUMPABLE = 4,
    PR_GET_KEEPCAPS = 7,
    PR_SET_KEEPCAPS = 8,
    PR_GET_TIMING = 13,
    PR_SET_TIMING = 14,
    PR_SET_NAME = 15,
    PR_GET_NAME = 16,
    PR_GET_SECCOMP = 21,
    PR_CAPBSET_READ = 23,
    PR_CAPBSET_DROP = 24,
    PR_GET_SECUREBITS = 27,
    PR_SET_SECUREBITS = 28,
    PR_SET_TIMERSLACK = 29,
    PR_GET_TIMERSLACK = 30,
    PR_SET_CHILD_SUBREAPER = 36,
    PR_GET_CHILD_SUBREAPER = 37,
    PR_SET_NO_NEW_PRIVS = 38,
    PR_GET_NO_NEW_PRIVS = 39,
    PR_GET_TID_ADDRESS = 40,
    PR_GET_THP_DISABLE = 42,
    PR_CAP_AMBIENT = 47,
    PR_PAC_RESET_KEYS = 54,
    PR_PAC_SET_ENABLED_KEYS = 60,
    PR_PAC_GET_ENABLED_KEYS = 61,
};

#define DEFAULT_TIMER_SLACK_NS 50000
#define NAME_SIZE              16

static long set_name(u64 text)
{
    char name[NAME_SIZE] = {0};
    ssize_t length = strncpy_from_user(name, USER_PTR(text), NAME_SIZE - 1);

    if (length < 0)
        return length;
    name[NAME_SIZE - 1] = 0;
    memcpy(current_thread()->name, name, NAME_SIZE);
    return 0;
}

static long get_name(u64 out)
{
    char name[NAME_SIZE] = {0};

    str_copy(name, current_thread()->name, NAME_SIZE);
    return copy_to_user(USER_PTR(out), name, NAME_SIZE);
}

/* Marks the children that are there, and from fork on those to come, as having a subreaper. */
static void mark_subreaper(struct process *process)
{
    struct process *p, *up;

    spin_guard_irqsave(&process_tree_lock);
    __atomic_or_fetch(&process->flags, PROCESS_SUBREAPER, __ATOMIC_RELAXED);
    list_for_each_entry(p, &process_list, all) {
        for (up = p->parent; up && up != process; up = up->parent)
            ;
        if (up)
            __atomic_or_fetch(&p->flags, PROCESS_HAS_SUBREAPER, __ATOMIC_RELAXED);
    }
}

static long subreaper(struct process *process, bool on)
{
    if (on)
        mark_subreaper(process);
    else
        __atomic_and_fetch(&process->flags, ~(u32)PROCESS_SUBREAPER, __ATOMIC_RELAXED);
    return 0;
}

static long set_death_signal(u64 signal)
{
    if (signal > SIGNAL_MAX)
        return -EINVAL;
    self_task()->parent_death_signal = signal;
    return 0;
}

static long set_dumpable(struct process *process, u64 dumpable)
{
    if (dumpable > 1)
        return -EINVAL;
    WRITE_ONCE(process->dumpable, dumpable);
    return 0;
}

static long set_no_new_privs(struct task *self)
{
    self->flags |= TASK_NO_NEW_PRIVS;
    return 0;
}

static long set_securebits(u32 bits, bool only_keep)
{
    const struct cred *old = current_cred();
    u32 locked = old->securebits >> 1 & 0x55;
    struct cred *new;

    if (bits & ~(u32)SECBIT_ALL)
        return -EINVAL;
    if ((bits ^ old->securebits) & locked || (old->securebits & 0xaa & ~bits))
        return -EPERM;
    if (!only_keep && !cred_can(old, CAP_SETPCAP))
        return -EPERM;
    new = cred_copy();
    if (!new)
        return -ENOMEM;
    new->securebits = bits;
    cred_install(new);
    return 0;
}

static long keep_caps(u64 on)
{
    u32 bits = current_cred()->securebits;

    if (on > 1)
        return -EINVAL;
    return set_securebits(on ? bits | SECBIT_KEEP_CAPS : bits & ~(u32)SECBIT_KEEP_CAPS, true);
}

static long bounding_drop(u64 cap)
{
    struct cred *new;

    if (!cred_has_cap(CAP_SETPCAP))
        return -EPERM;
    if (cap >= CAP_COUNT)
        return -EINVAL;
    new = cred_copy();
    if (!new)
        return -ENOMEM;
    new->cap_bounding &= ~BIT(cap);
    cred_install(new);
    return 0;
}

#define AMBIENT_IS_SET    1
#define AMBIENT_RAISE     2
#define AMBIENT_LOWER     3
#define AMBIENT_CLEAR_ALL 4

static long ambient(u64 what, u64 cap)
{
    const struct cred *old = current_cred();
    struct cred *new;

    if (what == AMBIENT_CLEAR_ALL ? cap != 0 : cap >= CAP_COUNT)
        return -EINVAL;
    if (what == AMBIENT_IS_SET)
        return old->cap_ambient >> cap & 1;
    if (what < AMBIENT_IS_SET || what > AMBIENT_CLEAR_ALL)
        return -EINVAL;
    if (what == AMBIENT_RAISE && (!(old->cap_permitted & old->cap_inheritable & BIT(cap)) ||
                                  old->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
        return -EPERM;
    new = cred_copy();
    if (!new)
        return -ENOMEM;
    if (what == AMBIENT_RAISE)
        new->cap_ambient |= BIT(cap);
    else
        new->cap_ambient &= what == AMBIENT_LOWER ? ~BIT(cap) : 0;
    cred_install(new);
    return 0;
}

static long reset_keys(u64 keys)
{
    if (!cpu_features.pauth || keys & ~(u64)KEYS_ALL)
        return -EINVAL;
    task_keys_reset(keys ? keys : KEYS_ALL);
    return 0;
}

/* Of the keys in `which`, those in `on` are in use from the return to user mode on. */
static long enable_keys(u64 which, u64 on)
{
    struct thread_head *head = current_head();

    if (!cpu_features.pauth || which & ~(u64)KEYS_ADDRESS || on & ~which)
        return -EINVAL;
    head->keys_off = (head->keys_off & ~user_keys_off(which)) | user_keys_off(which & ~on);
    return 0;
}

static long enabled_keys(void)
{
    u64 off = current_head()->keys_off;
    long keys = 0;

    if (!cpu_features.pauth)
        return -EINVAL;
    for (u32 key = 1; key & KEYS_ADDRESS; key <<= 1)
        keys |= off & user_keys_off(key) ? 0 : key;
    return keys;
}

long sys_prctl(u64 option, u64 a, u64 b, u64 c, u64 d)
{
    const struct cred *cred = current_cred();
    struct task *self = self_task();
    struct process *process = self->process;

    switch ((u32)option) {
    case PR_SET_PDEATHSIG: return set_death_signal(a);
    case PR_GET_PDEATHSIG: return put_user_u32(USER_PTR(a), self->parent_death_signal);
    case PR_GET_DUMPABLE: return process->dumpable;
    case PR_SET_DUMPABLE: return set_dumpable(process, a);
    case PR_GET_KEEPCAPS: return !!(cred->securebits & SECBIT_KEEP_CAPS);
    case PR_SET_KEEPCAPS: return keep_caps(a);
    case PR_GET_TIMING: return 0; /* statistical */
    case PR_SET_TIMING: return a ? -EINVAL : 0;
    case PR_SET_NAME: return set_name(a);
    case PR_GET_NAME: return get_name(a);
    case PR_GET_SECCOMP: return 0;
    case PR_CAPBSET_READ: return a < CAP_COUNT ? (long)(cred->cap_bounding >> a & 1) : -EINVAL;
    case PR_CAPBSET_DROP: return bounding_drop(a);
    case PR_GET_SECUREBITS: return cred->securebits;
    case PR_SET_SECUREBITS: return set_securebits((u32)a, false);
    case PR_SET_TIMERSLACK:
        self->timer_slack_ns = (s64)a > 0 ? a : DEFAULT_TIMER_SLACK_NS;
        return 0;
    case PR_GET_TIMERSLACK: return self->timer_slack_ns;
    case PR_SET_CHILD_SUBREAPER: return subreaper(process, a);
    case PR_GET_CHILD_SUBREAPER:
        return put_user_u32(USER_PTR(a), !!(process->flags & PROCESS_SUBREAPER));
    case PR_SET_NO_NEW_PRIVS: return a != 1 || b || c || d ? -EINVAL : set_no_new_privs(self);
    case PR_GET_NO_NEW_PRIVS:
        return a || b || c || d ? -EINVAL : !!(self->flags & TASK_NO_NEW_PRIVS);
    case PR_GET_TID_ADDRESS: return put_user_u64(USER_PTR(a), self->clear_tid.addr);
    case PR_GET_THP_DISABLE: return 0;
    case PR_CAP_AMBIENT: return c || d ? -EINVAL : ambient(a, b);
    case PR_PAC_RESET_KEYS: return b || c || d ? -EINVAL : reset_keys(a);
    case PR_PAC_SET_ENABLED_KEYS: return c || d ? -EINVAL : enable_keys(a, b);
    case PR_PAC_GET_ENABLED_KEYS: return a || b || c || d ? -EINVAL : enabled_keys();
    }
    return -EINVAL;
}

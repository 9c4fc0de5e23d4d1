/* Users, groups and capabilities (credentials(7), capabilities(7)). */
#include "lib/errno.h"
#include "mm/kmalloc.h"
#include "sys/calls.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"

#define UNCHANGED  (~0u)
#define GROUPS_MAX 65536

CALL(getuid, (void), current_cred()->uid)
CALL(geteuid, (void), current_cred()->euid)
CALL(getgid, (void), current_cred()->gid)
CALL(getegid, (void), current_cred()->egid)

/* ---- user ids and group ids, which change by the same rules ---- */

enum id_kind { USERS, GROUPS };

static const struct cred_ids *own_ids(enum id_kind kind)
{
    return kind == USERS ? &current_cred()->user : &current_cred()->group;
}

static bool may_set(enum id_kind kind)
{
    return cred_has_cap(kind == USERS ? CAP_SETUID : CAP_SETGID);
}

static long get_three(enum id_kind kind, u64 real, u64 effective, u64 saved)
{
    const struct cred_ids *ids = own_ids(kind);

    if (put_user_u32(USER_PTR(real), ids->real) ||
        put_user_u32(USER_PTR(effective), ids->effective) ||
        put_user_u32(USER_PTR(saved), ids->saved))
        return -EFAULT;
    return 0;
}

/* New ids of one kind, UNCHANGED where they stay; the checks are made. */
static long install(enum id_kind kind, struct cred_ids to)
{
    struct cred *new = cred_copy();
    struct cred_ids *ids;

    if (!new)
        return -ENOMEM;
    ids = kind == USERS ? &new->user : &new->group;
    if (to.real != UNCHANGED)
        ids->real = to.real;
    if (to.effective != UNCHANGED)
        ids->effective = to.effective;
    if (to.saved != UNCHANGED)
        ids->saved = to.saved;
    ids->fs = to.fs != UNCHANGED ? to.fs : ids->effective;
    cred_fix_caps(new, current_cred());
    cred_install(new);
    return 0;
}

static bool one_of(u32 id, const struct cred_ids *ids)
{
    return id == UNCHANGED || id == ids->real || id == ids->effective || id == ids->saved;
}

static long set_one(enum id_kind kind, u32 id)
{
    const struct cred_ids *ids = own_ids(kind);

    if (id == UNCHANGED)
        return -EINVAL;
    if (may_set(kind))
        return install(kind, (struct cred_ids){id, id, id, UNCHANGED});
    if (id != ids->real && id != ids->saved)
        return -EPERM;
    return install(kind, (struct cred_ids){UNCHANGED, id, UNCHANGED, UNCHANGED});
}

static long set_two(enum id_kind kind, u32 real, u32 effective)
{
    const struct cred_ids *ids = own_ids(kind);
    u32 saved = UNCHANGED;

    if (!may_set(kind) && ((real != UNCHANGED && real != ids->real && real != ids->effective) ||
                           !one_of(effective, ids)))
        return -EPERM;
    if (real != UNCHANGED || (effective != UNCHANGED && effective != ids->real))
        saved = effective != UNCHANGED ? effective : ids->effective;
    return install(kind, (struct cred_ids){real, effective, saved, UNCHANGED});
}

static long set_three(enum id_kind kind, u32 real, u32 effective, u32 saved)
{
    const struct cred_ids *ids = own_ids(kind);

    if (!may_set(kind) && (!one_of(real, ids) || !one_of(effective, ids) || !one_of(saved, ids)))
        return -EPERM;
    return install(kind, (struct cred_ids){real, effective, saved, UNCHANGED});
}

/* The old id, whether it was changed or not. */
static long set_fs(enum id_kind kind, u32 id)
{
    const struct cred_ids *ids = own_ids(kind);
    u32 old = ids->fs;

    if (id != UNCHANGED && id != old && (one_of(id, ids) || may_set(kind)))
        install(kind, (struct cred_ids){UNCHANGED, UNCHANGED, UNCHANGED, id});
    return old;
}

CALL(getresuid, (u64 real, u64 effective, u64 saved), get_three(USERS, real, effective, saved))
CALL(getresgid, (u64 real, u64 effective, u64 saved), get_three(GROUPS, real, effective, saved))
CALL(setuid, (u64 id), set_one(USERS, id))
CALL(setgid, (u64 id), set_one(GROUPS, id))
CALL(setreuid, (u64 real, u64 effective), set_two(USERS, real, effective))
CALL(setregid, (u64 real, u64 effective), set_two(GROUPS, real, effective))
CALL(setresuid, (u64 real, u64 effective, u64 saved), set_three(USERS, real, effective, saved))
CALL(setresgid, (u64 real, u64 effective, u64 saved), set_three(GROUPS, real, effective, saved))
CALL(setfsuid, (u64 id), set_fs(USERS, id))
CALL(setfsgid, (u64 id), set_fs(GROUPS, id))

/* ---- supplementary groups ---- */

long sys_getgroups(u64 size, u64 list)
{
    const struct group_set *set = current_cred()->groups;
    u32 count = set ? set->count : 0;

    if ((s32)size < 0)
        return -EINVAL;
    if ((s32)size == 0 || !count)
        return count;
    if ((u32)size < count)
        return -EINVAL;
    return copy_to_user(USER_PTR(list), set->gids, count * sizeof(u32)) ? -EFAULT : (long)count;
}

/* Heap sort: the look-up is by halves. */
static void sift(u32 *a, u32 root, u32 n)
{
    u32 value = a[root], child;

    for (; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && a[child + 1] > a[child])
            child++;
        if (a[child] <= value)
            break;
        a[root] = a[child];
    }
    a[root] = value;
}

static void sort(u32 *a, u32 n)
{
    for (u32 i = n / 2; i-- > 0;)
        sift(a, i, n);
    for (u32 end = n; end-- > 1;) {
        u32 top = a[0];

        a[0] = a[end];
        a[end] = top;
        sift(a, 0, end);
    }
}

long sys_setgroups(u64 size, u64 list)
{
    struct group_set *set __scoped(kmalloc) = NULL;
    struct cred *new;

    if (!may_set(GROUPS))
        return -EPERM;
    if ((u32)size > GROUPS_MAX)
        return -EINVAL;
    if ((u32)size) {
        set = group_set_alloc((u32)size);
        if (!set)
            return -ENOMEM;
        if (copy_from_user(set->gids, USER_PTR(list), (u32)size * sizeof(u32)))
            return -EFAULT;
        sort(set->gids, set->count);
    }
    new = cred_copy();
    if (!new)
        return -ENOMEM;
    cred_set_groups(new, set);
    set = NULL;
    cred_install(new);
    return 0;
}

/* ---- capabilities ---- */

#define CAP_VERSION_1 0x19980330
#define CAP_VERSION_2 0x20071026
#define CAP_VERSION_3 0x20080522

struct cap_header {
    u32 version;
    s32 pid;
};

struct cap_data {
    u32 effective, permitted, inheritable;
};

/* The words a version has; a version not known is answered with the newest and -EINVAL. */
static int cap_words(struct user_ptr header, struct cap_header *h)
{
    int words;

    if (get_user_u32(header, &h->version))
        return -EFAULT;
    switch (h->version) {
    case CAP_VERSION_1: words = 1; break;
    case CAP_VERSION_2:
    case CAP_VERSION_3: words = 2; break;
    default: return put_user_u32(header, CAP_VERSION_3) ? -EFAULT : -EINVAL;
    }
    return get_user_u32(user_ptr_add(header, 4), (u32 *)&h->pid) ? -EFAULT : words;
}

long sys_capget(u64 header, u64 data)
{
    struct cap_header h;
    struct cap_data out[2];
    struct task *task;
    struct cred *cred;
    int words = cap_words(USER_PTR(header), &h);

    if (words < 0)
        return words == -EINVAL && !data ? 0 : words;
    if (h.pid < 0)
        return -EINVAL;
    task = h.pid ? task_find_get(h.pid) : task_get(self_task());
    if (!task)
        return -ESRCH;
    cred = task_cred_get(task);
    task_put(task);
    for (int i = 0; i < 2; i++)
        out[i] = (struct cap_data){cred->cap_effective >> 32 * i, cred->cap_permitted >> 32 * i,
                                   cred->cap_inheritable >> 32 * i};
    cred_put(cred);
    if (data && copy_to_user(USER_PTR(data), out, words * sizeof(out[0])))
        return -EFAULT;
    return 0;
}

static u64 both(u32 low, u32 high)
{
    return ((u64)high << 32 | low) & CAP_ALL;
}

long sys_capset(u64 header, u64 data)
{
    const struct cred *old = current_cred();
    u64 effective, permitted, inheritable;
    struct cap_data in[2] = {0};
    struct cap_header h;
    struct cred *new;
    int words = cap_words(USER_PTR(header), &h);

    if (words < 0)
        return words;
    if (h.pid && (u32)h.pid != self_task()->tid)
        return -EPERM;
    if (copy_from_user(in, USER_PTR(data), words * sizeof(in[0])))
        return -EFAULT;
    effective = both(in[0].effective, in[1].effective);
    permitted = both(in[0].permitted, in[1].permitted);
    inheritable = both(in[0].inheritable, in[1].inheritable);
    if (permitted & ~old->cap_permitted || effective & ~permitted)
        return -EPERM;
    if (inheritable & ~(old->cap_inheritable | old->cap_permitted) && !cred_can(old, CAP_SETPCAP))
        return -EPERM;
    if (inheritable & ~(old->cap_inheritable | old->cap_bounding))
        return -EPERM;
    new = cred_copy();
    if (!new)
        return -ENOMEM;
    new->cap_effective = effective;
    new->cap_permitted = permitted;
    new->cap_inheritable = inheritable;
    new->cap_ambient &= permitted &inheritable;
    cred_install(new);
    return 0;
}

/* Users, groups and capabilities (credentials(7), capabilities(7)). */
#include "lib/errno.h"
#include "sched/reclaim.h"
#include "mm/kmalloc.h"
#include "sys/abi.h"
#include "sys/calls.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"

#define UNCHANGED  (~0u)
#define GROUPS_MAX 65536

long sys_getuid(void)
{
    return current_cred()->uid;
}

long sys_geteuid(void)
{
    return current_cred()->euid;
}

long sys_getgid(void)
{
    return current_cred()->gid;
}

long sys_getegid(void)
{
    return current_cred()->egid;
}

static int put_three(u64 a, u64 b, u64 c, u32 x, u32 y, u32 z)
{
    if (put_user_u32(USER_PTR(a), x) || put_user_u32(USER_PTR(b), y) ||
        put_user_u32(USER_PTR(c), z))
        return -EFAULT;
    return 0;
}

long sys_getresuid(u64 real, u64 effective, u64 saved)
{
    const struct cred *c = current_cred();

    return put_three(real, effective, saved, c->uid, c->euid, c->suid);
}

long sys_getresgid(u64 real, u64 effective, u64 saved)
{
    const struct cred *c = current_cred();

    return put_three(real, effective, saved, c->gid, c->egid, c->sgid);
}

/* ---- user ids ---- */

/* New user ids, UNCHANGED where they stay; the checks are made. */
static long install_uids(u32 uid, u32 euid, u32 suid)
{
    const struct cred *old = current_cred();
    struct cred *new = cred_copy();

    if (!new)
        return -ENOMEM;
    if (uid != UNCHANGED)
        new->uid = uid;
    if (euid != UNCHANGED)
        new->euid = euid;
    if (suid != UNCHANGED)
        new->suid = suid;
    new->fsuid = new->euid;
    cred_fix_caps(new, old);
    cred_install(new);
    return 0;
}

static bool one_of_uids(u32 id, const struct cred *c)
{
    return id == UNCHANGED || id == c->uid || id == c->euid || id == c->suid;
}

long sys_setuid(u64 id)
{
    const struct cred *c = current_cred();
    u32 uid = (u32)id;

    if (uid == UNCHANGED)
        return -EINVAL;
    if (cred_can(c, CAP_SETUID))
        return install_uids(uid, uid, uid);
    if (uid != c->uid && uid != c->suid)
        return -EPERM;
    return install_uids(UNCHANGED, uid, UNCHANGED);
}

long sys_setreuid(u64 real, u64 effective)
{
    const struct cred *c = current_cred();
    u32 uid = (u32)real, euid = (u32)effective, suid = UNCHANGED;

    if (!cred_can(c, CAP_SETUID) &&
        ((uid != UNCHANGED && uid != c->uid && uid != c->euid) || !one_of_uids(euid, c)))
        return -EPERM;
    if (uid != UNCHANGED || (euid != UNCHANGED && euid != c->uid))
        suid = euid != UNCHANGED ? euid : c->euid;
    return install_uids(uid, euid, suid);
}

long sys_setresuid(u64 real, u64 effective, u64 saved)
{
    const struct cred *c = current_cred();
    u32 uid = (u32)real, euid = (u32)effective, suid = (u32)saved;

    if (!cred_can(c, CAP_SETUID) &&
        (!one_of_uids(uid, c) || !one_of_uids(euid, c) || !one_of_uids(suid, c)))
        return -EPERM;
    return install_uids(uid, euid, suid);
}

long sys_setfsuid(u64 id)
{
    const struct cred *c = current_cred();
    u32 old = c->fsuid, uid = (u32)id;
    struct cred *new;

    if (uid == UNCHANGED || uid == old ||
        (!one_of_uids(uid, c) && uid != c->fsuid && !cred_can(c, CAP_SETUID)))
        return old;
    new = cred_copy();
    if (!new)
        return old;
    new->fsuid = uid;
    cred_fix_caps(new, c);
    cred_install(new);
    return old;
}

/* ---- group ids ---- */

static long install_gids(u32 gid, u32 egid, u32 sgid)
{
    struct cred *new = cred_copy();

    if (!new)
        return -ENOMEM;
    if (gid != UNCHANGED)
        new->gid = gid;
    if (egid != UNCHANGED)
        new->egid = egid;
    if (sgid != UNCHANGED)
        new->sgid = sgid;
    new->fsgid = new->egid;
    cred_install(new);
    return 0;
}

static bool one_of_gids(u32 id, const struct cred *c)
{
    return id == UNCHANGED || id == c->gid || id == c->egid || id == c->sgid;
}

long sys_setgid(u64 id)
{
    const struct cred *c = current_cred();
    u32 gid = (u32)id;

    if (gid == UNCHANGED)
        return -EINVAL;
    if (cred_can(c, CAP_SETGID))
        return install_gids(gid, gid, gid);
    if (gid != c->gid && gid != c->sgid)
        return -EPERM;
    return install_gids(UNCHANGED, gid, UNCHANGED);
}

long sys_setregid(u64 real, u64 effective)
{
    const struct cred *c = current_cred();
    u32 gid = (u32)real, egid = (u32)effective, sgid = UNCHANGED;

    if (!cred_can(c, CAP_SETGID) &&
        ((gid != UNCHANGED && gid != c->gid && gid != c->egid) || !one_of_gids(egid, c)))
        return -EPERM;
    if (gid != UNCHANGED || (egid != UNCHANGED && egid != c->gid))
        sgid = egid != UNCHANGED ? egid : c->egid;
    return install_gids(gid, egid, sgid);
}

long sys_setresgid(u64 real, u64 effective, u64 saved)
{
    const struct cred *c = current_cred();
    u32 gid = (u32)real, egid = (u32)effective, sgid = (u32)saved;

    if (!cred_can(c, CAP_SETGID) &&
        (!one_of_gids(gid, c) || !one_of_gids(egid, c) || !one_of_gids(sgid, c)))
        return -EPERM;
    return install_gids(gid, egid, sgid);
}

long sys_setfsgid(u64 id)
{
    const struct cred *c = current_cred();
    u32 old = c->fsgid, gid = (u32)id;
    struct cred *new;

    if (gid == UNCHANGED || gid == old ||
        (!one_of_gids(gid, c) && gid != c->fsgid && !cred_can(c, CAP_SETGID)))
        return old;
    new = cred_copy();
    if (!new)
        return old;
    new->fsgid = gid;
    cred_install(new);
    return old;
}

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
    struct group_set *set = NULL;
    struct cred *new;

    if (!cred_has_cap(CAP_SETGID))
        return -EPERM;
    if ((u32)size > GROUPS_MAX)
        return -EINVAL;
    if ((u32)size) {
        set = group_set_alloc((u32)size);
        if (!set)
            return -ENOMEM;
        if (copy_from_user(set->gids, USER_PTR(list), (u32)size * sizeof(u32))) {
            kfree(set);
            return -EFAULT;
        }
        sort(set->gids, set->count);
    }
    new = cred_copy();
    if (!new) {
        kfree(set);
        return -ENOMEM;
    }
    cred_set_groups(new, set);
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

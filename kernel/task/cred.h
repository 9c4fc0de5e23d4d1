/*
 * Credentials: who a task is. An object is immutable once a task points at it: a change builds a
 * copy and replaces the pointer, so that a reader sees all of the old or all of the new.
 *
 * A task's own pointer is read by itself without a lock, by others under RCU (see task.h).
 */
#pragma once

#include "core/rcu.h"
#include "core/refcount.h"

/* capabilities(7): those that the kernel asks for. */
enum capability {
    CAP_CHOWN = 0,
    CAP_DAC_OVERRIDE = 1,
    CAP_DAC_READ_SEARCH = 2,
    CAP_FOWNER = 3,
    CAP_FSETID = 4,
    CAP_KILL = 5,
    CAP_SETGID = 6,
    CAP_SETUID = 7,
    CAP_SETPCAP = 8,
    CAP_LINUX_IMMUTABLE = 9,
    CAP_IPC_LOCK = 14,
    CAP_SYS_RAWIO = 17,
    CAP_SYS_CHROOT = 18,
    CAP_SYS_PTRACE = 19,
    CAP_SYS_ADMIN = 21,
    CAP_SYS_BOOT = 22,
    CAP_SYS_NICE = 23,
    CAP_SYS_RESOURCE = 24,
    CAP_SYS_TIME = 25,
    CAP_MKNOD = 27,
    CAP_MAC_OVERRIDE = 32,
    CAP_SYSLOG = 34,
    CAP_WAKE_ALARM = 35,
    CAP_COUNT = 41, /* of all that there are */
};

#define CAP_ALL ((1UL << CAP_COUNT) - 1)

/* securebits of prctl(2) */
#define SECBIT_NOROOT               1
#define SECBIT_NO_SETUID_FIXUP      4
#define SECBIT_KEEP_CAPS            16
#define SECBIT_NO_CAP_AMBIENT_RAISE 64
#define SECBIT_ALL                  0xff

/* Supplementary groups, sorted; counted, immutable. */
struct group_set {
    struct refcount refs;
    u32 count;
    u32 gids[];
};

/* What a task has of user ids, and the same of group ids. */
struct cred_ids {
    u32 real, effective, saved;
    u32 fs; /* for files */
};

/* All fields [I] once a task uses it. */
struct cred {
    struct refcount refs;
    union {
        struct {
            u32 uid, euid, suid, fsuid;
        };
        struct cred_ids user;
    };
    union {
        struct {
            u32 gid, egid, sgid, fsgid;
        };
        struct cred_ids group;
    };
    u32 securebits;
    u64 cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
    struct group_set *groups;       /* NULL: none */
    struct user_namespace *user_ns; /* there is one so far */
    struct rcu_head rcu;
};

extern struct cred init_cred; /* root with all capabilities; also what kernel threads are */

static inline bool cred_can(const struct cred *cred, enum capability cap)
{
    return cred->cap_effective >> cap & 1;
}

/* Has the current task this capability? */
bool cred_has_cap(enum capability cap);

/* Is gid the file group or a supplementary group of the current task? */
bool cred_groups_have(const struct cred *cred, u32 gid);

DEFINE_REF_GET(cred)

void cred_put(struct cred *cred);

/* A private copy to change, of `from` or the current task's; NULL: no memory. May sleep. */
struct cred *cred_copy_of(const struct cred *from);

/* Makes `cred`, with the caller's reference, the current task's. */
void cred_install(struct cred *cred);

/* Replaces the groups of an uninstalled cred by `set` (its reference goes over; NULL: none). */
void cred_set_groups(struct cred *cred, struct group_set *set);
struct group_set *group_set_alloc(u32 count);

/* Capability changes that follow a change of user ids from *old (capabilities(7)). */
void cred_fix_caps(struct cred *cred, const struct cred *old);

/*
 * Credentials: who a task is. An object is immutable once a task points at it: a change builds a
 * copy and replaces the pointer, so that a reader sees all of the old or all of the new.
 *
 * A task's own pointer is read by itself without a lock, by others under RCU (see task.h).
 */
#pragma once

#include "core/rcu.h"
#include "core/refcount.h"

/* capabilities(7) */
enum capability {
    CAP_CHOWN,
    CAP_DAC_OVERRIDE,
    CAP_DAC_READ_SEARCH,
    CAP_FOWNER,
    CAP_FSETID,
    CAP_KILL,
    CAP_SETGID,
    CAP_SETUID,
    CAP_SETPCAP,
    CAP_LINUX_IMMUTABLE,
    CAP_NET_BIND_SERVICE,
    CAP_NET_BROADCAST,
    CAP_NET_ADMIN,
    CAP_NET_RAW,
    CAP_IPC_LOCK,
    CAP_IPC_OWNER,
    CAP_SYS_MODULE,
    CAP_SYS_RAWIO,
    CAP_SYS_CHROOT,
    CAP_SYS_PTRACE,
    CAP_SYS_PACCT,
    CAP_SYS_ADMIN,
    CAP_SYS_BOOT,
    CAP_SYS_NICE,
    CAP_SYS_RESOURCE,
    CAP_SYS_TIME,
    CAP_SYS_TTY_CONFIG,
    CAP_MKNOD,
    CAP_LEASE,
    CAP_AUDIT_WRITE,
    CAP_AUDIT_CONTROL,
    CAP_SETFCAP,
    CAP_MAC_OVERRIDE,
    CAP_MAC_ADMIN,
    CAP_SYSLOG,
    CAP_WAKE_ALARM,
    CAP_BLOCK_SUSPEND,
    CAP_AUDIT_READ,
    CAP_PERFMON,
    CAP_BPF,
    CAP_CHECKPOINT_RESTORE,
    CAP_COUNT,
};

#define CAP_ALL ((1UL << CAP_COUNT) - 1)

/* securebits of prctl(2) */
#define SECBIT_NOROOT               1
#define SECBIT_NO_SETUID_FIXUP      4
#define SECBIT_KEEP_CAPS            16
#define SECBIT_NO_CAP_AMBIENT_RAISE 64
#define SECBIT_ALL                  0xff

/* A user namespace; there is one so far. [I] */
struct user_namespace {
    struct user_namespace *parent;
    u32 owner;
};

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
    struct group_set *groups; /* NULL: none */
    struct user_namespace *user_ns;
    struct rcu_head rcu;
};

extern struct user_namespace init_user_ns;
extern struct cred init_cred; /* root with all capabilities; also what kernel threads are */

void cred_init(void);

/* The current task's, or init_cred in a kernel thread; valid until the caller changes it. */
const struct cred *current_cred(void);

static inline bool cred_can(const struct cred *cred, enum capability cap)
{
    return cred->cap_effective >> cap & 1;
}

/* Has the current task this capability? */
bool cred_has_cap(enum capability cap);

/* Is gid the file group or a supplementary group of the current task? */
bool cred_groups_have(const struct cred *cred, u32 gid);

static inline struct cred *cred_get(struct cred *cred)
{
    ref_get(&cred->refs);
    return cred;
}

void cred_put(struct cred *cred);

/* A private copy of the current task's credentials to change; NULL: no memory. May sleep. */
struct cred *cred_copy(void);

/* Makes `cred`, with the caller's reference, the current task's. */
void cred_install(struct cred *cred);

/* Replaces the groups of an uninstalled cred by `set` (its reference goes over; NULL: none). */
void cred_set_groups(struct cred *cred, struct group_set *set);
struct group_set *group_set_alloc(u32 count);

/* Capability changes that follow a change of user ids from *old (capabilities(7)). */
void cred_fix_caps(struct cred *cred, const struct cred *old);

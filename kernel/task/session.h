/*
 * Process groups and sessions (credentials(7)). Both are counted objects; membership, the pid's
 * pointers to them and the session's leader change under the process-tree lock.
 */
#pragma once

#include "core/refcount.h"
#include "lib/list.h"

struct pid;
struct process;
struct tty;

struct session {
    struct refcount refs;
    struct pid *pid;        /* [I] its number; a user of it */
    struct process *leader; /* tree lock: NULL once the leader has exited */
    struct tty *tty;        /* [A] controlling terminal; dev/tty sets it under its lock */
};

struct pgrp {
    struct refcount refs;
    struct pid *pid;         /* [I] its number; a user of it */
    struct session *session; /* [I] counted */
    struct list members;     /* tree lock: struct process by pgrp_link */
};

static inline struct pgrp *pgrp_get(struct pgrp *pgrp)
{
    ref_get(&pgrp->refs);
    return pgrp;
}

static inline struct session *session_get(struct session *session)
{
    ref_get(&session->refs);
    return session;
}

/* Drop a reference; the last frees. Any context. */
void pgrp_put(struct pgrp *pgrp);
void session_put(struct session *session);

static inline void scoped_end_pgrp(struct pgrp **pgrp)
{
    if (*pgrp)
        pgrp_put(*pgrp);
}

static inline void scoped_end_session(struct session **session)
{
    if (*session)
        session_put(*session);
}

/*
 * A group without members, of this session or (NULL) of a new one of the same number; whoever
 * makes it known sets pid->pgrp under the tree lock. One reference; NULL: no memory. May sleep.
 */
struct pgrp *pgrp_alloc(struct pid *pid, struct session *session);

/* Moves a process to another group. The old group, or NULL, whose reference the caller puts after
 * it has left the tree lock. */
struct pgrp *process_set_pgrp_locked(struct process *process, struct pgrp *pgrp);

/* The group with this number, with a reference, or NULL. Takes the tree lock. */
struct pgrp *pgrp_find_get(u32 number);

/* The current process's group and session, with a reference. */
struct pgrp *current_pgrp_get(void);
struct session *current_session_get(void);

/* Is the current process a session leader? */
bool session_is_leader(void);

/*
 * An orphaned group has no member whose parent is in another group of the same session. Such a
 * group is never stopped by the terminal. Takes the tree lock.
 */
bool pgrp_orphaned(struct pgrp *pgrp);

/* The same under the tree lock, as if `except` (or NULL) were no member. */
bool pgrp_orphaned_locked(struct pgrp *pgrp, struct process *except);

/*
 * Called by proc, without locks, when a session leader exits, with the session: dev/tty sets it
 * to disassociate the controlling terminal (SIGHUP, SIGCONT to its foreground group). NULL: none.
 */
extern void (*session_leader_exit)(struct session *session);

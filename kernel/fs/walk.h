/*
 * The walk along a path; private to fs. The theory is in namei.c.
 */
#pragma once

#include "fs/namei.h"
#include "io/fdtable.h"

#define WALK_LINKS_MAX 40

struct link_text;

#define WALK_AGAIN (-ECHILD) /* internal: do it in reference mode */

enum last_type { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

struct walk {
    struct path at;   /* where we stand; counted unless rcu */
    struct path root; /* where "/" is and ".." ends; counted unless rcu; NULL: not known */
    const char *name; /* what is left of the path */
    const struct cred *cred;
    u32 flags; /* LOOKUP_* */
    u32 seq;   /* of tree_seq, when rcu */
    bool rcu;
    bool want_dir; /* a slash at the end */
    u8 last_type;  /* with LOOKUP_PARENT: what the last component is */
    u8 depth;      /* links with something left behind them */
    u8 links;
    struct name last;        /* with LOOKUP_PARENT and LAST_NAME */
    struct link_text *texts; /* copies of links, freed at the end */
    struct fd_ref start;
    struct cred *real_cred;
    struct kstat *st; /* with LOOKUP_STAT: where the answer goes */
    const char *rest[WALK_LINKS_MAX];
};

/* Internal: only *w->st is wanted; when w->at.dentry is NULL after success, it has been filled. */
#define LOOKUP_STAT BIT(10)

/*
 * Walk `name` up to its last component; w->at is counted then, w->last says what is left. `w` is
 * __scoped(walk).
 */
int walk_parent(struct walk *w, int at_fd, const char *name, u32 flags);

/* The whole of it; w->at is counted. Who takes that reference sets w->at.dentry to NULL. */
int walk_path(struct walk *w, int at_fd, const char *name, u32 flags);

/* From walk_parent: the last component is the symbolic link *link (references go over): walk to
 * its parent, or (magic links) place: then w->last_type is LAST_DOT. */
int walk_follow_last(struct walk *w, struct path *link);

/* Stand at `to`, whose references go over. */
static inline void walk_move(struct walk *w, const struct path *to)
{
    if (unlikely(!w->rcu))
        path_put(&w->at);
    w->at = *to;
}

/* Go into the link at `link` (references go over); `rest` is what the path has behind it. */
int walk_follow(struct walk *w, const struct path *link, const char *rest);
void walk_free_texts(struct walk *w);

/* Give everything back. */
void walk_release(struct walk *w);

static inline void scoped_end_walk(struct walk *w)
{
    if (unlikely(w->at.dentry || w->root.dentry || w->start.needs_put || w->real_cred || w->texts))
        walk_release(w);
}

/* The entry of that name in a locked directory: *out counted, negative when it may be made. */
int walk_lookup_locked(struct dentry *dir, const struct name *name, bool make, struct dentry **out);

/* Step from an entry over what is mounted on it; references go along. */
void walk_cross(struct path *path);

/* What a name is to stand for: the file at `from`, or a new one of `mode`. */
struct making {
    u32 mode;
    dev_t dev;
    const char *text; /* of a symbolic link */
    const struct path *from;
};

/*
 * Make a name in a directory. slash: the path went on behind it, which only a directory's may.
 * *out: the entry, counted, that is there now, also with -EEXIST; or NULL.
 */
int make_in(const struct path *parent, const struct name *name, bool slash, const struct making *m,
            struct dentry **out);

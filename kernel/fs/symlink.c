/*
 * Symbolic links on the way of a walk (namei.c, I5): text that is walked in place of the link, or,
 * for those of procfs, a place to jump to.
 */
#include "fs/walk.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"

struct link_text {
    struct link_text *next;
    char text[];
};

void walk_free_texts(struct walk *w)
{
    while (w->texts) {
        struct link_text *text = w->texts;

        w->texts = text->next;
        kfree(text);
    }
}

static int text_copy(struct walk *w, const char *text, size_t len, const char **out)
{
    struct link_text *copy = kmalloc(sizeof(*copy) + len + 1 + 8);

    if (!copy)
        return -ENOMEM;
    memcpy(copy->text, text, len);
    copy->next = w->texts;
    w->texts = copy;
    *out = copy->text;
    return 0;
}

/* Text of a link that its file system makes up. */
static int text_made(struct walk *w, struct dentry *d, const char **out)
{
    char *buf __scoped(kmalloc) = kmalloc(PATH_MAX);
    ssize_t n = buf ? d->inode->ops->readlink(d, buf, PATH_MAX - 1) : -ENOMEM;

    return n < 0 ? (int)n : text_copy(w, buf, n, out);
}

/* The text of `link`, or, for a link that is a place, NULL in *text: then w->at is there. */
static int link_read(struct walk *w, const struct path *link, const char **text)
{
    struct inode *inode = link->dentry->inode;
    struct path to;
    int err;

    *text = NULL;
    if (inode->link && w->rcu) {
        *text = inode->link; /* I5 */
        return 0;
    }
    if (w->rcu)
        return WALK_AGAIN;
    if (inode->link)
        return text_copy(w, inode->link, strlen(inode->link), text);
    err = inode->ops->follow ? inode->ops->follow(link->dentry, &to) : -ENOSYS;
    if (err == -ENOSYS)
        return inode->ops->readlink ? text_made(w, link->dentry, text) : -EINVAL;
    if (err)
        return err;
    if (w->flags & (LOOKUP_NO_MAGIC | LOOKUP_BENEATH | LOOKUP_IN_ROOT)) {
        path_put(&to);
        return -ELOOP;
    }
    walk_move(w, &to);
    return 0;
}

int walk_follow(struct walk *w, const struct path *link, const char *rest)
{
    const char *text;
    int err;

    if (w->links++ >= WALK_LINKS_MAX || w->flags & LOOKUP_NO_SYMLINKS ||
        link->mount->flags & MS_NOSYMFOLLOW)
        err = -ELOOP;
    else
        err = link_read(w, link, &text);
    if (!w->rcu)
        path_put(link);
    if (err)
        return err;
    if (*rest)
        w->rest[w->depth++] = rest; /* I6 */
    w->name = "";
    if (!text)
        return 0;
    if (!*text)
        return -ENOENT;
    w->name = text;
    if (*text == '/') {
        if (w->flags & LOOKUP_BENEATH)
            return -EXDEV;
        if (!w->rcu)
            path_get(&w->root);
        walk_move(w, &w->root);
    }
    return 0;
}

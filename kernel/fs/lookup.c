/*
 * Paths from user memory, and the flags of calls that take one.
 */
#include "fs/walk.h"

#include "lib/errno.h"
#include "mm/page.h"
#include "sched/reclaim.h"

int path_lookup_user(int at_fd, struct user_ptr name, u32 flags, struct path *out)
{
    struct user_path path;
    int err = user_path_get(&path, name);

    if (err)
        return err;
    err = path_lookup(at_fd, path.text, flags, out);
    user_path_put(&path);
    return err;
}

int user_path_get(struct user_path *path, struct user_ptr from)
{
    ssize_t n = strncpy_from_user(path->small, from, USER_PATH_INLINE);

    path->text = path->small;
    path->page = NULL;
    if (likely(n >= 0 && n < USER_PATH_INLINE))
        return 0;
    if (n < 0)
        return n;
    path->page = page_alloc(1, 0); /* the second page is slack for hash_name() */
    if (!path->page)
        return -ENOMEM;
    path->text = page_to_virt(path->page);
    n = strncpy_from_user(page_to_virt(path->page), from, PATH_MAX);
    if (n >= 0 && n < PATH_MAX)
        return 0;
    user_path_put(path);
    return n < 0 ? (int)n : -ENAMETOOLONG;
}

void user_path_put(struct user_path *path)
{
    if (unlikely(path->page))
        page_put(path->page);
}

int lookup_flags_at(u32 at_flags, u32 allowed, u32 *lookup)
{
    if (at_flags & ~allowed)
        return -EINVAL;
    *lookup = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
    if (at_flags & AT_EMPTY_PATH)
        *lookup |= LOOKUP_EMPTY;
    return 0;
}

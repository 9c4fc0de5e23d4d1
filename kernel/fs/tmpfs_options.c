/*
 * The mount options of tmpfs: size= nr_blocks= nr_inodes= mode= uid= gid= (tmpfs(5)).
 */
#include "fs/tmpfs_impl.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"

/* A number with k, m, g, or (allowed) percent of memory, in bytes. */
static int parse_size(const char *text, bool percent, u64 *out)
{
    static const char units[] = "kmgt";
    const char *end, *unit;
    u64 value;

    if (str_to_u64(text, 0, &value, &end))
        return -EINVAL;
    if (*end == '%' && percent) {
        value = pages_total() * value / 100 * PAGE_SIZE;
        end++;
    } else if (*end && (unit = strchr(units, *end | 0x20))) {
        u32 shift = 10 * (unit - units + 1);

        if (value > UINT64_MAX >> shift)
            return -EINVAL;
        value <<= shift;
        end++;
    }
    *out = value;
    return *end ? -EINVAL : 0;
}

static int parse_u32(const char *text, u32 base, u32 *out)
{
    u64 value;

    if (str_to_u64(text, base, &value, NULL) || value > UINT32_MAX)
        return -EINVAL;
    *out = value;
    return 0;
}

static int parse_option(struct tmpfs *t, const char *option)
{
    const char *value;
    u64 n;

    if ((value = str_skip_prefix(option, "size="))) {
        if (parse_size(value, true, &n))
            return -EINVAL;
        t->max_pages = DIV_ROUND_UP(n, PAGE_SIZE);
    } else if ((value = str_skip_prefix(option, "nr_blocks="))) {
        if (parse_size(value, false, &t->max_pages))
            return -EINVAL;
    } else if ((value = str_skip_prefix(option, "nr_inodes="))) {
        if (parse_size(value, false, &t->max_inodes))
            return -EINVAL;
    } else if ((value = str_skip_prefix(option, "mode="))) {
        if (parse_u32(value, 8, &t->mode))
            return -EINVAL;
        t->mode &= S_IALLUGO;
        return 0;
    } else if ((value = str_skip_prefix(option, "uid="))) {
        return parse_u32(value, 10, &t->uid);
    } else if ((value = str_skip_prefix(option, "gid="))) {
        return parse_u32(value, 10, &t->gid);
    } else {
        return -EINVAL;
    }
    t->shown = true;
    return 0;
}

/* Comma-separated, in a buffer of our own; NULL and empty ones are none. */
int tmpfs_parse_options(struct tmpfs *t, char *options)
{
    while (options && *options) {
        char *next = strchr(options, ',');
        int err;

        if (next)
            *next++ = '\0';
        err = *options ? parse_option(t, options) : 0;
        if (err)
            return err;
        options = next;
    }
    return 0;
}

int tmpfs_remount(struct super_block *sb, u32 *flags, char *options)
{
    struct tmpfs *t = tmpfs_of(sb), changed = *t;
    int err = tmpfs_parse_options(&changed, options);

    (void)flags;
    if (err)
        return err;
    if ((changed.max_pages && changed.max_pages < t->pages) ||
        (changed.max_inodes && changed.max_inodes < t->inodes))
        return -EINVAL;
    WRITE_ONCE(t->max_pages, changed.max_pages);
    WRITE_ONCE(t->max_inodes, changed.max_inodes);
    t->shown = changed.shown;
    return 0;
}

/*
 * /sys: the few files that libc and tools look for.
 */
#include "procfs/procfs_impl.h"

#include "core/percpu.h"

/* Ranges of the CPUs that are online, or of all that there may be. */
static void show_cpus(struct seq *s, bool online)
{
    bool first = true;

    for (u32 cpu = 0, end; cpu < cpu_count; cpu = end + 1) {
        for (end = cpu; end < cpu_count && (!online || cpu_online(end)); end++)
            ;
        if (end == cpu)
            continue;
        seq_printf(s, end - 1 > cpu ? "%s%u-%u" : "%s%u", first ? "" : ",", cpu, end - 1);
        first = false;
    }
    seq_putc(s, '\n');
}

static int online_show(struct seq *s, struct inode *inode)
{
    show_cpus(s, true);
    return 0;
}

static int possible_show(struct seq *s, struct inode *inode)
{
    show_cpus(s, false);
    return 0;
}

static const struct pseudo cpu_files[] = {
    {.name = "online", .mode = S_IFREG | 0444, .show = online_show},
    {.name = "possible", .mode = S_IFREG | 0444, .show = possible_show},
    {.name = "present", .mode = S_IFREG | 0444, .show = possible_show},
    {.name = NULL},
};

static const struct pseudo system_files[] = {
    {.name = "cpu", .mode = S_IFDIR | 0555, .table = cpu_files},
    {.name = NULL},
};

static const struct pseudo devices_files[] = {
    {.name = "system", .mode = S_IFDIR | 0555, .table = system_files},
    {.name = NULL},
};

static const struct pseudo top_files[] = {
    {.name = "devices", .mode = S_IFDIR | 0555, .table = devices_files},
    {.name = NULL},
};

const struct pseudo sysfs_root = {.mode = S_IFDIR | 0555, .table = top_files};

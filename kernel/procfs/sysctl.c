/*
 * The trees of settings: /proc/sys, what programs and libc read and what can be changed; and /sys,
 * as little of it as libc and tools look for.
 */
#include "procfs/procfs_impl.h"

#include "core/fail.h"
#include "core/log.h"
#include "core/percpu.h"
#include "core/random.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "core/machine.h"
#include "sched/reclaim.h"
#include "task/cred.h"
#include "task/task.h"
#include "task/pid.h"
#include "vm/space.h"

static void number_show(struct seq *s, struct inode *inode)
{
    seq_printf(s, "%lu\n", (u64)pseudo_data(inode));
}

/* A number that can be changed within bounds. */
struct setting {
    u32 *value;
    u32 low, high;
};

static void setting_show(struct seq *s, struct inode *inode)
{
    const struct setting *setting = pseudo_data(inode);

    seq_printf(s, "%u\n", READ_ONCE(*setting->value));
}

static int setting_store(struct inode *inode, char *text, size_t len)
{
    const struct setting *setting = pseudo_data(inode);
    const char *end;
    u64 value;

    if (str_to_u64(text, 10, &value, &end) || (*end && *end != '\n') || value < setting->low ||
        value > setting->high)
        return -EINVAL;
    WRITE_ONCE(*setting->value, value);
    return 0;
}

static int fail_store(struct inode *inode, char *text, size_t len)
{
    return fail_alloc_wanted() ? setting_store(inode, text, len) : -EOPNOTSUPP;
}

/* Any of Linux's values drops what can be read again; pages in use need a second look. */
static int drop_caches_store(struct inode *inode, char *text, size_t len)
{
    u64 value;

    if (str_to_u64(text, 10, &value, NULL) || value < 1 || value > 4)
        return -EINVAL;
    reclaim_pages(SIZE_MAX);
    reclaim_pages(SIZE_MAX);
    return 0;
}

/* pseudo_data() is the name's place in init_uts_ns. */
static int uts_store(struct inode *inode, char *text, size_t len)
{
    if (len && text[len - 1] == '\n')
        text[--len] = 0;
    if (len >= UTS_LENGTH)
        return -EINVAL;
    spin_guard(&init_uts_ns.lock);
    str_copy((char *)pseudo_data(inode), text, UTS_LENGTH);
    return 0;
}

static void printk_show(struct seq *s, struct inode *inode)
{
    seq_printf(s, "%u\t4\t1\t7\n", log_console_level());
}

static int printk_store(struct inode *inode, char *text, size_t len)
{
    u64 value;

    if (str_to_u64(text, 10, &value, NULL) || value > 8)
        return -EINVAL;
    log_set_console_level(value);
    return 0;
}

static void entropy_show(struct seq *s, struct inode *inode)
{
    seq_printf(s, "%d\n", random_ready() ? 256 : 0);
}

/* Sixteen random bytes in the form of RFC 4122, version 4. */
static void show_uuid(struct seq *s, const u8 *b)
{
    for (int i = 0; i < 16; i++)
        seq_printf(s, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                   i == 6   ? (b[6] & 15) | 0x40
                   : i == 8 ? (b[8] & 63) | 0x80
                            : b[i]);
    seq_putc(s, '\n');
}

static void uuid_show(struct seq *s, struct inode *inode)
{
    u8 bytes[16];

    random_bytes(bytes, sizeof bytes);
    show_uuid(s, bytes);
}

static void boot_id_show(struct seq *s, struct inode *inode)
{
    static u8 bytes[16];
    static u32 made;

    if (!__atomic_exchange_n(&made, 1, __ATOMIC_ACQ_REL))
        random_bytes(bytes, sizeof bytes);
    show_uuid(s, bytes);
}

#define NUMBER(file, value)                                                                \
    {                                                                                      \
        .name = file, .mode = S_IFREG | 0444, .show = number_show, .data = (void *)(value) \
    }
#define SETTING(file, variable, least, most)                                                \
    {                                                                                       \
        .name = file, .mode = S_IFREG | 0644, .show = setting_show, .store = setting_store, \
        .data = &(const struct setting){&variable, least, most},                            \
    }
#define FAIL_COUNT(file, variable)                                                       \
    {                                                                                    \
        .name = file, .mode = S_IFREG | 0600, .show = setting_show, .store = fail_store, \
        .data = &(const struct setting){&variable, 0, UINT32_MAX},                       \
    }
#define UTS_NAME(file, field)                                                        \
    {                                                                                \
        .name = file, .mode = S_IFREG | 0644, .show = text_show, .store = uts_store, \
        .data = init_uts_ns.names.field                                              \
    }

static const struct pseudo random_files[] = {
    {.name = "boot_id", .mode = S_IFREG | 0444, .show = boot_id_show},
    {.name = "entropy_avail", .mode = S_IFREG | 0444, .show = entropy_show},
    NUMBER("poolsize", 256),
    {.name = "uuid", .mode = S_IFREG | 0444, .show = uuid_show},
    {.name = NULL},
};

static const struct pseudo kernel_files[] = {
    NUMBER("cap_last_cap", CAP_COUNT - 1),
    PROCFS_TEXT("core_pattern", "core"),
    UTS_NAME("domainname", domainname),
    SETTING("exit_status", machine_exit_status, 0, 255),
    FAIL_COUNT("fail_alloc", fail_alloc_left),
    FAIL_COUNT("fail_alloc_next", fail_alloc_next),
    UTS_NAME("hostname", nodename),
    NUMBER("ngroups_max", 65536),
    PROCFS_TEXT("osrelease", init_uts_ns.names.release),
    PROCFS_TEXT("ostype", init_uts_ns.names.sysname),
    NUMBER("overflowgid", 65534),
    NUMBER("overflowuid", 65534),
    SETTING("pid_max", pid_max, 301, PID_MAX_LIMIT),
    {.name = "printk", .mode = S_IFREG | 0644, .show = printk_show, .store = printk_store},
    PROCFS_DIRECTORY("random", random_files),
    NUMBER("randomize_va_space", 2),
    NUMBER("threads-max", PID_MAX_LIMIT),
    PROCFS_TEXT("version", init_uts_ns.names.version),
    {.name = NULL},
};

static const struct pseudo fs_files[] = {
    NUMBER("file-max", ~0UL >> 1),
    NUMBER("nr_open", FD_MAX),
    NUMBER("pipe-max-size", 1048576),
    {.name = NULL},
};

static const struct pseudo vm_files[] = {
    {.name = "drop_caches", .mode = S_IFREG | 0200, .store = drop_caches_store},
    NUMBER("max_map_count", VM_MAX_REGIONS),
    NUMBER("mmap_min_addr", VM_MIN_ADDRESS),
    NUMBER("overcommit_memory", 0),
    {.name = NULL},
};

const struct pseudo sysctl_files[] = {
    PROCFS_DIRECTORY("fs", fs_files),
    PROCFS_DIRECTORY("kernel", kernel_files),
    PROCFS_DIRECTORY("vm", vm_files),
    {.name = NULL},
};

/* ---- /sys ---- */

void cpu_ranges_show(struct seq *s, const struct cpumask *mask)
{
    const char *comma = "";

    for (u32 cpu = 0, end; cpu < cpu_count; cpu = end + 1) {
        for (end = cpu; end < cpu_count && cpumask_test(mask, end); end++)
            ;
        if (end == cpu)
            continue;
        seq_printf(s, end - 1 > cpu ? "%s%u-%u" : "%s%u", comma, cpu, end - 1);
        comma = ",";
    }
    seq_putc(s, '\n');
}

static void online_show(struct seq *s, struct inode *inode)
{
    cpu_ranges_show(s, &cpu_online_mask);
}

static void possible_show(struct seq *s, struct inode *inode)
{
    cpu_ranges_show(s, &cpumask_all);
}

static const struct pseudo cpu_files[] = {
    {.name = "online", .mode = S_IFREG | 0444, .show = online_show},
    {.name = "possible", .mode = S_IFREG | 0444, .show = possible_show},
    {.name = "present", .mode = S_IFREG | 0444, .show = possible_show},
    {.name = NULL},
};

static const struct pseudo system_files[] = {PROCFS_DIRECTORY("cpu", cpu_files), {.name = NULL}};
static const struct pseudo devices_files[] = {PROCFS_DIRECTORY("system", system_files),
                                              {.name = NULL}};
static const struct pseudo top_files[] = {PROCFS_DIRECTORY("devices", devices_files),
                                          {.name = NULL}};

const struct pseudo sysfs_root = {.mode = S_IFDIR | 0555, .table = top_files};

/*
 * /proc/sys: the settings that programs and libc read, and those that can be changed.
 */
#include "procfs/procfs_impl.h"

#include "core/log.h"
#include "core/random.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "core/machine.h"
#include "task/cred.h"
#include "task/namespaces.h"
#include "task/pid.h"
#include "vm/space.h"

/* A number within bounds, from the text of one write. */
static int parse(const char *text, u64 low, u64 high, u64 *value)
{
    const char *end;

    if (str_to_u64(text, 10, value, &end) || (*end && *end != '\n'))
        return -EINVAL;
    return *value < low || *value > high ? -EINVAL : 0;
}

#define UTS_SHOW(field)                                         \
    static int field##_show(struct seq *s, struct inode *inode) \
    {                                                           \
        seq_printf(s, "%s\n", init_uts_ns.names.field);         \
        return 0;                                               \
    }
UTS_SHOW(sysname)
UTS_SHOW(release)
UTS_SHOW(version)
UTS_SHOW(nodename)
UTS_SHOW(domainname)

static int uts_store(char *field, char *text, size_t len)
{
    if (len && text[len - 1] == '\n')
        text[--len] = 0;
    if (len >= UTS_LENGTH)
        return -EINVAL;
    spin_lock(&init_uts_ns.lock);
    str_copy(field, text, UTS_LENGTH);
    spin_unlock(&init_uts_ns.lock);
    return 0;
}

static int nodename_store(struct inode *inode, char *text, size_t len)
{
    return uts_store(init_uts_ns.names.nodename, text, len);
}

static int domainname_store(struct inode *inode, char *text, size_t len)
{
    return uts_store(init_uts_ns.names.domainname, text, len);
}

static int exit_status_show(struct seq *s, struct inode *inode)
{
    seq_printf(s, "%u\n", READ_ONCE(machine_exit_status));
    return 0;
}

static int exit_status_store(struct inode *inode, char *text, size_t len)
{
    u64 value;
    int err = parse(text, 0, 255, &value);

    if (!err)
        WRITE_ONCE(machine_exit_status, value);
    return err;
}

static int pid_max_show(struct seq *s, struct inode *inode)
{
    seq_printf(s, "%u\n", READ_ONCE(pid_max));
    return 0;
}

static int pid_max_store(struct inode *inode, char *text, size_t len)
{
    u64 value;
    int err = parse(text, 301, PID_MAX_LIMIT, &value);

    if (!err)
        WRITE_ONCE(pid_max, value);
    return err;
}

static int printk_show(struct seq *s, struct inode *inode)
{
    seq_printf(s, "%u\t4\t1\t7\n", log_console_level());
    return 0;
}

static int printk_store(struct inode *inode, char *text, size_t len)
{
    u64 value;

    if (str_to_u64(text, 10, &value, NULL) || value > 8)
        return -EINVAL;
    log_set_console_level(value);
    return 0;
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

static int uuid_show(struct seq *s, struct inode *inode)
{
    u8 bytes[16];

    random_bytes(bytes, sizeof bytes);
    show_uuid(s, bytes);
    return 0;
}

static int boot_id_show(struct seq *s, struct inode *inode)
{
    static u8 bytes[16];
    static u32 made;

    if (!__atomic_exchange_n(&made, 1, __ATOMIC_ACQ_REL))
        random_bytes(bytes, sizeof bytes);
    show_uuid(s, bytes);
    return 0;
}

#define CONSTANT(name, format, value)                          \
    static int name##_show(struct seq *s, struct inode *inode) \
    {                                                          \
        seq_printf(s, format "\n", value);                     \
        return 0;                                              \
    }
CONSTANT(entropy_avail, "%d", random_ready() ? 256 : 0)
CONSTANT(poolsize, "%d", 256)
CONSTANT(cap_last_cap, "%d", CAP_COUNT - 1)
CONSTANT(ngroups_max, "%d", 65536)
CONSTANT(threads_max, "%u", PID_MAX_LIMIT)
CONSTANT(randomize, "%d", 2)
CONSTANT(core_pattern, "%s", "core")
CONSTANT(overflowuid, "%d", 65534)
CONSTANT(file_max, "%lu", ~0UL >> 1)
CONSTANT(nr_open, "%u", (unsigned)FD_MAX)
CONSTANT(pipe_max_size, "%d", 1048576)
CONSTANT(overcommit, "%d", 0)
CONSTANT(max_map_count, "%d", VM_MAX_REGIONS)
CONSTANT(mmap_min_addr, "%lu", VM_MIN_ADDRESS)

#define READ_ONLY(file, fn)                                     \
    {                                                           \
        .name = file, .mode = S_IFREG | 0444, .show = fn##_show \
    }
#define WRITABLE(file, fn)                                                           \
    {                                                                                \
        .name = file, .mode = S_IFREG | 0644, .show = fn##_show, .store = fn##_store \
    }
#define DIRECTORY(file, files)                               \
    {                                                        \
        .name = file, .mode = S_IFDIR | 0555, .table = files \
    }

static const struct pseudo random_files[] = {
    READ_ONLY("boot_id", boot_id),
    READ_ONLY("entropy_avail", entropy_avail),
    READ_ONLY("poolsize", poolsize),
    READ_ONLY("uuid", uuid),
    {.name = NULL},
};

static const struct pseudo kernel_files[] = {
    READ_ONLY("cap_last_cap", cap_last_cap),
    READ_ONLY("core_pattern", core_pattern),
    WRITABLE("domainname", domainname),
    WRITABLE("exit_status", exit_status),
    WRITABLE("hostname", nodename),
    READ_ONLY("ngroups_max", ngroups_max),
    READ_ONLY("osrelease", release),
    READ_ONLY("ostype", sysname),
    READ_ONLY("overflowgid", overflowuid),
    READ_ONLY("overflowuid", overflowuid),
    WRITABLE("pid_max", pid_max),
    WRITABLE("printk", printk),
    DIRECTORY("random", random_files),
    READ_ONLY("randomize_va_space", randomize),
    READ_ONLY("threads-max", threads_max),
    READ_ONLY("version", version),
    {.name = NULL},
};

static const struct pseudo fs_files[] = {
    READ_ONLY("file-max", file_max),
    READ_ONLY("nr_open", nr_open),
    READ_ONLY("pipe-max-size", pipe_max_size),
    {.name = NULL},
};

static const struct pseudo vm_files[] = {
    READ_ONLY("max_map_count", max_map_count),
    READ_ONLY("mmap_min_addr", mmap_min_addr),
    READ_ONLY("overcommit_memory", overcommit),
    {.name = NULL},
};

const struct pseudo sysctl_files[] = {
    DIRECTORY("fs", fs_files),
    DIRECTORY("kernel", kernel_files),
    DIRECTORY("vm", vm_files),
    {.name = NULL},
};

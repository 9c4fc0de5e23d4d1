/*
 * The root of /proc: the fixed files about the machine and the kernel as a whole (proc(5)), one
 * directory for each process, and self. The mounting of /proc and /sys.
 *
 * The tables describe what there is; the text is made by the show functions when it is read. A
 * process directory is keyed by the process's struct pid, which outlives the process: a file kept
 * open answers -ESRCH afterwards, never for a stranger with the same number.
 */
#include "procfs/procfs.h"
#include "procfs/procfs_impl.h"

#include "arch/counter.h"
#include "core/clock.h"
#include "core/ipi.h"
#include "core/irq.h"
#include "core/param.h"
#include "core/percpu.h"
#include "fs/fs.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/kasan.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "mm/vmalloc.h"
#include "task/task.h"
#include "task/pid.h"

#define PROC_MAGIC  0x9fa0
#define SYSFS_MAGIC 0x62656572

/* ---- one directory for each process, and links to the reader's own ---- */

static void *root_lookup(struct inode *dir, u32 number)
{
    struct pid *pid = pid_find_get(number);

    if (pid && READ_ONCE(pid->process))
        return pid;
    if (pid)
        pid_put(pid);
    return NULL;
}

static int root_next(struct inode *dir, u32 from)
{
    struct process *process = NULL;
    u32 number = MAX(from, 1u);

    for (; (number = pid_next(number)); number++) { /* a thread's or a group's number else */
        process = process_find_get(number);
        if (process)
            break;
    }
    if (!process)
        return -1;
    process_put(process);
    return number;
}

/* The text is pseudo_data(): a format for the numbers of process and thread. */
static ssize_t self_readlink(struct inode *inode, char *buf, size_t size)
{
    struct task *task = current_task();
    char text[40];
    size_t n;

    if (!task)
        return -ENOENT;
    n = format_buf(text, sizeof text, pseudo_data(inode), task->process->tgid, task->tid);
    memcpy(buf, text, MIN(n, size));
    return MIN(n, size);
}

static int root_link_count(struct inode *inode)
{
    return 2 + (int)READ_ONCE(task_count);
}

/* ---- the kernel as a whole ---- */

void text_show(struct seq *s, struct inode *inode)
{
    seq_printf(s, "%s\n", (const char *)pseudo_data(inode));
}

static void cmdline_show(struct seq *s, struct inode *inode)
{
    seq_printf(s, "%s\n", param_text());
}

static void version_show(struct seq *s, struct inode *inode)
{
    const struct uts_names *u = &init_uts_ns.names;

    seq_printf(s, "%s version %s (%s) %s\n", u->sysname, u->release, "ashlar", u->version);
}

static void uptime_show(struct seq *s, struct inode *inode)
{
    u64 up = clock_boottime_ns(), idle = 0;
    struct cpu_times t;
    u32 cpu;

    for_each_online_cpu(cpu) {
        cpu_times_get(cpu, &t);
        idle += t.idle_ns;
    }
    seq_printf(s, "%lu.%02lu %lu.%02lu\n", up / NS_PER_SEC, up % NS_PER_SEC / NS_PER_TICK,
               idle / NS_PER_SEC, idle % NS_PER_SEC / NS_PER_TICK);
}

static void loadavg_show(struct seq *s, struct inode *inode)
{
    struct sched_counts counts;
    u64 load[3];

    sched_counts_get(&counts);
    load_averages(load);
    for (int i = 0; i < 3; i++) {
        u64 hundredths = (load[i] * 100 + 1024) >> 11;

        seq_printf(s, "%lu.%02lu ", hundredths / 100, hundredths % 100);
    }
    seq_printf(s, "%u/%u %u\n", counts.running, threads_total(), pid_last());
}

/* Pages in slabs of all caches. */
static u64 slab_pages(void)
{
    struct kmem_info info;
    u64 pages = 0;

    for (u32 n = 0; kmem_cache_info(n, &info); n++)
        pages += info.pages;
    return pages;
}

static void meminfo_show(struct seq *s, struct inode *inode)
{
    const u64 kib = PAGE_SIZE / 1024;
    u64 free = pages_free() * kib, cached = mapping_pages() * kib;
    const struct {
        const char *name;
        u64 value;
    } rows[] = {
        {"MemTotal:", pages_total() * kib},
        {"MemFree:", free},
        {"MemAvailable:", free},
        {"Buffers:", 0},
        {"Cached:", cached},
        {"SwapCached:", 0},
        {"SwapTotal:", 0},
        {"SwapFree:", 0},
        {"Shmem:", cached},
        {"Slab:", slab_pages() * kib},
        {"VmallocTotal:", (VMALLOC_END - VMALLOC_BASE) / 1024},
        {"VmallocUsed:", vmalloc_used() / 1024},
#if KASAN
        {"KasanShadow:", kasan_area_pages() * kib},
#endif
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        seq_printf(s, "%-15s %8lu kB\n", rows[i].name, rows[i].value);
}

static void machine_stat_show(struct seq *s, struct inode *inode)
{
    struct cpu_times t, sum = {0};
    struct sched_counts counts;
    u32 cpu;

    sched_counts_get(&counts);
    for_each_online_cpu(cpu) {
        cpu_times_get(cpu, &t);
        sum.user_ns += t.user_ns;
        sum.system_ns += t.system_ns;
        sum.idle_ns += t.idle_ns;
    }
    seq_printf(s, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", sum.user_ns / NS_PER_TICK,
               sum.system_ns / NS_PER_TICK, sum.idle_ns / NS_PER_TICK);
    for_each_online_cpu(cpu) {
        cpu_times_get(cpu, &t);
        seq_printf(s, "cpu%u %lu 0 %lu %lu 0 0 0 0 0 0\n", cpu, t.user_ns / NS_PER_TICK,
                   t.system_ns / NS_PER_TICK, t.idle_ns / NS_PER_TICK);
    }
    seq_printf(s,
               "intr %lu\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\n"
               "procs_blocked %u\n",
               irq_total(), counts.switches,
               (clock_realtime_ns() - clock_boottime_ns()) / NS_PER_SEC, process_forks,
               counts.running, counts.blocked);
}

/* The features of AT_HWCAP, by bit. */
static const char *const hwcap_names[] = {
    [0] = "fp",        [1] = "asimd",  [3] = "aes",     [4] = "pmull",    [5] = "sha1",
    [6] = "sha2",      [7] = "crc32",  [8] = "atomics", [9] = "fphp",     [10] = "asimdhp",
    [12] = "asimdrdm", [13] = "jscvt", [14] = "fcma",   [15] = "lrcpc",   [16] = "dcpop",
    [17] = "sha3",     [18] = "sm3",   [19] = "sm4",    [20] = "asimddp", [21] = "sha512",
    [23] = "asimdfhm", [25] = "uscat", [26] = "ilrcpc", [27] = "flagm",   [29] = "sb",
    [30] = "paca",     [31] = "pacg",
};

static const char *const hwcap2_names[] = {
    [0] = "dcpodp", [7] = "flagm2", [8] = "frint", [13] = "i8mm",
    [14] = "bf16",  [16] = "rng",   [17] = "bti",
};

static void show_features(struct seq *s, u64 features, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (names[i] && features >> i & 1)
            seq_printf(s, " %s", names[i]);
}

static void cpuinfo_show(struct seq *s, struct inode *inode)
{
    u64 midr = cpu_features.midr;
    u32 cpu;

    for_each_online_cpu(cpu) {
        seq_printf(s, "processor\t: %u\nBogoMIPS\t: %lu.%02lu\nFeatures\t:", cpu,
                   cpu_features.counter_hz / 500000, cpu_features.counter_hz / 5000 % 100);
        show_features(s, cpu_features.hwcap, hwcap_names, ARRAY_SIZE(hwcap_names));
        show_features(s, cpu_features.hwcap2, hwcap2_names, ARRAY_SIZE(hwcap2_names));
        seq_printf(s,
                   "\nCPU implementer\t: 0x%02lx\nCPU architecture: 8\n"
                   "CPU variant\t: 0x%lx\nCPU part\t: 0x%03lx\nCPU revision\t: %lu\n\n",
                   midr >> 24 & 0xff, midr >> 20 & 15, midr >> 4 & 0xfff, midr & 15);
    }
}

static void interrupts_show(struct seq *s, struct inode *inode)
{
    struct irq_info info;
    u32 cpu;

    seq_puts(s, "     ");
    for_each_online_cpu(cpu)
        seq_printf(s, "       CPU%-4u", cpu);
    seq_putc(s, '\n');
    for (int irq = irq_next(0, &info); irq >= 0; irq = irq_next(irq + 1, &info)) {
        seq_printf(s, "%3d: ", irq);
        for_each_online_cpu(cpu)
            seq_printf(s, "%10u    ", info.counts ? info.counts[cpu] : 0);
        seq_printf(s, "%8s %3u %s\n", info.domain, info.hwirq, info.name);
    }
    for (u32 ipi = 0; ipi < IPI_COUNT; ipi++) {
        seq_printf(s, "IPI%u:", ipi);
        for_each_online_cpu(cpu)
            seq_printf(s, "%10u    ", ipi_received(cpu, ipi));
        seq_printf(s, "  %s\n", ipi_name(ipi));
    }
}

static void filesystems_show(struct seq *s, struct inode *inode)
{
    struct filesystem *type;

    list_for_each_entry(type, &filesystems, link)
        seq_printf(s, "%s\t%s\n", type->flags & FS_NODEV ? "nodev" : "", type->name);
}

static void devices_show(struct seq *s, struct inode *inode)
{
    const struct chardev *device;
    u32 last = ~0u;

    seq_puts(s, "Character devices:\n");
    for (dev_t dev = 0; (device = chardev_next(dev)); dev = device->dev + 1)
        if (dev_major(device->dev) != last) {
            last = dev_major(device->dev);
            seq_printf(s, "%3u %s\n", last, device->name);
        }
    seq_puts(s, "\nBlock devices:\n");
}

static void slabinfo_show(struct seq *s, struct inode *inode)
{
    struct kmem_info info;

    seq_puts(s, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize>"
                " <objperslab> <pagesperslab>\n");
    for (u32 n = 0; kmem_cache_info(n, &info); n++)
        seq_printf(s, "%-17s %6lu %6lu %6u %4lu %4u\n", info.name, info.active, info.total,
                   info.size, PAGE_SIZE / info.size, 1);
}

static void buddyinfo_show(struct seq *s, struct inode *inode)
{
    u64 counts[PAGE_ORDER_MAX + 1];

    page_counts(counts);
    seq_puts(s, "Node 0, zone   Normal ");
    for (int i = 0; i <= PAGE_ORDER_MAX; i++)
        seq_printf(s, "%6lu ", counts[i]);
    seq_putc(s, '\n');
}

static void locks_show(struct seq *s, struct inode *inode)
{
    file_locks_show(s);
}

#define GLOBAL(file, fn)                                 \
    {                                                    \
        .name = file, .mode = S_IFREG | 0444, .show = fn \
    }
#define LINK(file, text)                                                              \
    {                                                                                 \
        .name = file, .mode = S_IFLNK | 0777, .readlink = self_readlink, .data = text \
    }

static const struct pseudo root_table[] = {
    LINK("self", "%u"),
    LINK("thread-self", "%u/task/%u"),
    LINK("mounts", "self/mounts"),
    GLOBAL("buddyinfo", buddyinfo_show),
    GLOBAL("cmdline", cmdline_show),
    GLOBAL("cpuinfo", cpuinfo_show),
    GLOBAL("devices", devices_show),
    GLOBAL("filesystems", filesystems_show),
    GLOBAL("interrupts", interrupts_show),
    GLOBAL("loadavg", loadavg_show),
    GLOBAL("locks", locks_show),
    GLOBAL("meminfo", meminfo_show),
    PROCFS_TEXT("partitions", "major minor  #blocks  name\n"),
    {.name = "slabinfo", .mode = S_IFREG | 0400, .show = slabinfo_show},
    GLOBAL("stat", machine_stat_show),
    PROCFS_TEXT("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"),
    PROCFS_DIRECTORY("sys", sysctl_files),
    GLOBAL("uptime", uptime_show),
    GLOBAL("version", version_show),
    {.name = NULL},
};

static const struct pseudo root = {
    .mode = S_IFDIR | 0555,
    .table = root_table,
    .numbered = &pid_directory,
    .lookup = root_lookup,
    .next = root_next,
    .link_count = root_link_count,
};

static struct filesystem types[] = {
    {
        .name = "proc",
        .flags = FS_NODEV | FS_SHARED,
        .magic = PROC_MAGIC,
        .data = &root,
        .mount = pseudo_mount,
    },
    {
        .name = "sysfs",
        .flags = FS_NODEV | FS_SHARED,
        .magic = SYSFS_MAGIC,
        .data = &sysfs_root,
        .mount = pseudo_mount,
    },
};

void procfs_init(void)
{
    filesystem_register(&types[0]);
    filesystem_register(&types[1]);
}

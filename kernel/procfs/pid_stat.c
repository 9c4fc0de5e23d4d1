/*
 * /proc/PID/stat, status, statm, limits, maps, smaps: the layouts of proc(5).
 */
#include "procfs/procfs_impl.h"

#include "core/percpu.h"
#include "dev/tty/tty.h"
#include "fs/namei.h"
#include "io/fdtable.h"
#include "mm/page.h"
#include "task/cred.h"
#include "task/pid.h"
#include "vm/space.h"

/* The letter of stat, and what status says. */
static const char *state_of(const struct task *task)
{
    if (READ_ONCE(task->process->state) != PROCESS_ALIVE)
        return "Z (zombie)";
    switch (READ_ONCE(task->thread.state)) {
    case THREAD_RUNNING: return "R (running)";
    case THREAD_BLOCKED: return "D (disk sleep)";
    case THREAD_STOPPED: return "T (stopped)";
    case THREAD_DEAD: return "Z (zombie)";
    default: return "S (sleeping)";
    }
}

/* What several files show of a process, taken under its locks at once. */
struct facts {
    u32 parent, pgrp, session, threads;
    u64 pending, shared_pending, blocked, ignored, caught;
    u32 queued;
    struct process_usage usage, children;
};

static void facts_get(struct task *task, struct facts *f)
{
    struct process *process = task->process;

    *f = (struct facts){0};
    {
        spin_guard_irqsave(&process_tree_lock);
        f->parent = process->parent ? process->parent->tgid : 0;
        f->pgrp = pid_number(process->pgrp);
        f->session = pid_number(process->session);
    }
    process_usage_get(process, &f->usage);

    spin_guard_irqsave(&process->lock);
    f->threads = process->thread_count;
    f->pending = task->pending.set;
    f->shared_pending = process->pending.set;
    f->blocked = task->blocked;
    f->queued = process->queued;
    f->children = process->children_usage;
    for (int i = 0; process->sighand && i < SIGNAL_MAX; i++) {
        u64 handler = process->sighand->actions[i].handler;

        if (handler == (u64)SIG_IGN)
            f->ignored |= 1UL << i;
        else if (handler != (u64)SIG_DFL)
            f->caught |= 1UL << i;
    }
}

void stat_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    bool inspect = task_may_inspect(task);
    struct facts f;
    u64 utime, stime, tty;
    s32 foreground = -1;

    facts_get(task, &f);
    tty = tty_of_process(task->process, &foreground);
    if (full)
        utime = f.usage.utime, stime = f.usage.stime;
    else
        thread_cpu_times(&task->thread, &utime, &stime);
    seq_printf(s, "%u (%.15s) %c %u %u %u %lu %d 0 ", full ? task->process->tgid : task->tid,
               task->thread.name, state_of(task)[0], f.parent, f.pgrp, f.session,
               (unsigned long)tty, foreground);
    seq_printf(s, "%lu %lu %lu %lu %lu %lu %lu %lu ", f.usage.minor_faults, f.children.minor_faults,
               f.usage.major_faults, f.children.major_faults, utime / NS_PER_TICK,
               stime / NS_PER_TICK, f.children.utime / NS_PER_TICK, f.children.stime / NS_PER_TICK);
    seq_printf(s, "%d %d %u 0 %lu %lu %lu %lu ",
               task->thread.rt_priority ? -1 - task->thread.rt_priority : 20 + task->thread.nice,
               task->thread.nice, f.threads,
               (full ? task->process->start_ns : task->start_ns) / NS_PER_TICK,
               space ? space->total_pages * PAGE_SIZE : 0, space ? vm_rss_pages(space) : 0,
               task->process->rlimits[RLIMIT_RSS].soft);
    seq_printf(s, "%lu %lu %lu 0 0 %lu %lu %lu %lu 0 0 0 %d %u %u %u 0 0 0 ",
               space && inspect ? space->code_start : 0, space && inspect ? space->code_end : 0,
               space && inspect ? space->stack_start : 0, f.pending & 0x7fffffff,
               f.blocked & 0x7fffffff, f.ignored & 0x7fffffff, f.caught & 0x7fffffff,
               full ? task->process->exit_signal : -1, task->thread.cpu, task->thread.rt_priority,
               task->thread.policy);
    if (space && inspect)
        seq_printf(s, "%lu %lu %lu %lu %lu %lu %lu %d\n", space->data_start, space->data_end,
                   space->brk_start, space->arg_start, space->arg_end, space->env_start,
                   space->env_end, task->process->exit_code);
    else
        seq_puts(s, "0 0 0 0 0 0 0 0\n");
}

void statm_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    if (space)
        seq_printf(s, "%lu %lu %lu %lu 0 %lu 0\n", space->total_pages, vm_rss_pages(space),
                   space->rss[RSS_FILE] + space->rss[RSS_SHMEM], space->exec_pages,
                   space->data_pages + space->stack_pages);
    else
        seq_puts(s, "0 0 0 0 0 0 0\n");
}

static void show_ids(struct seq *s, struct task *task)
{
    struct cred *cred = task_cred_get(task);

    seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", cred->uid, cred->euid, cred->suid,
               cred->fsuid, cred->gid, cred->egid, cred->sgid, cred->fsgid);
    task_lock(task);
    seq_printf(s, "FDSize:\t%u\n", task->files ? fdtable_size(task->files) : 0);
    task_unlock(task);
    seq_puts(s, "Groups:\t");
    for (u32 i = 0; cred->groups && i < cred->groups->count; i++)
        seq_printf(s, "%u ", cred->groups->gids[i]);
    seq_putc(s, '\n');
    cred_put(cred);
}

static void show_memory(struct seq *s, struct vm_space *space)
{
    const u64 kib = PAGE_SIZE / 1024;

    seq_printf(s, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t       0 kB\n",
               space->peak_total * kib, space->total_pages * kib, space->locked_pages * kib);
    seq_printf(s, "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\nRssAnon:\t%8lu kB\nRssFile:\t%8lu kB\n",
               MAX(space->peak_rss, vm_rss_pages(space)) * kib, vm_rss_pages(space) * kib,
               space->rss[RSS_ANON] * kib, space->rss[RSS_FILE] * kib);
    seq_printf(s, "RssShmem:\t%8lu kB\nVmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\n",
               space->rss[RSS_SHMEM] * kib, space->data_pages * kib, space->stack_pages * kib,
               (space->code_end - space->code_start + 1023) / 1024);
    seq_puts(s, "VmLib:\t       0 kB\nVmSwap:\t       0 kB\n");
}

static void show_caps(struct seq *s, struct task *task)
{
    struct cred *cred = task_cred_get(task);

    seq_printf(s, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n", cred->cap_inheritable,
               cred->cap_permitted, cred->cap_effective);
    seq_printf(s, "CapBnd:\t%016lx\nCapAmb:\t%016lx\n", cred->cap_bounding, cred->cap_ambient);
    seq_printf(s, "NoNewPrivs:\t%d\nSeccomp:\t0\n", !!(task->flags & TASK_NO_NEW_PRIVS));
    cred_put(cred);
}

/* A set of CPUs as comma-separated words of 32 bits, and as ranges. */
static void show_affinity(struct seq *s, struct task *task)
{
    struct cpumask mask;

    thread_get_affinity(&task->thread, &mask);
    seq_puts(s, "Cpus_allowed:\t");
    for (int word = (cpu_count - 1) / 32; word >= 0; word--)
        seq_printf(s, word ? "%08x," : "%x",
                   (u32)(mask.words[word / 2] >> (word % 2 * 32)) &
                       (word == (int)(cpu_count - 1) / 32 && cpu_count % 32
                            ? (1u << cpu_count % 32) - 1
                            : ~0u));
    seq_puts(s, "\nCpus_allowed_list:\t");
    cpu_ranges_show(s, &mask);
}

void status_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    struct facts f;

    facts_get(task, &f);
    seq_printf(s, "Name:\t%.15s\n", task->thread.name);
    if (task->fs)
        seq_printf(s, "Umask:\t%04o\n", READ_ONCE(task->fs->umask));
    seq_printf(s, "State:\t%s\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n",
               state_of(task), task->process->tgid, task->tid, f.parent);
    show_ids(s, task);
    seq_printf(s, "NStgid:\t%u\nNSpid:\t%u\nNSpgid:\t%u\nNSsid:\t%u\n", task->process->tgid,
               task->tid, f.pgrp, f.session);
    if (space)
        show_memory(s, space);
    seq_printf(s, "Threads:\t%u\nSigQ:\t%u/%lu\n", f.threads, f.queued,
               task->process->rlimits[RLIMIT_SIGPENDING].soft);
    seq_printf(s,
               "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\n"
               "SigCgt:\t%016lx\n",
               f.pending, f.shared_pending, f.blocked, f.ignored, f.caught);
    show_caps(s, task);
    show_affinity(s, task);
    seq_printf(s, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
               task->thread.voluntary, task->thread.involuntary);
}

void limits_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    static const struct {
        const char *name, *unit;
    } rows[RLIMIT_COUNT] = {
        {"Max cpu time", "seconds"},     {"Max file size", "bytes"},
        {"Max data size", "bytes"},      {"Max stack size", "bytes"},
        {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
        {"Max processes", "processes"},  {"Max open files", "files"},
        {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
        {"Max file locks", "locks"},     {"Max pending signals", "signals"},
        {"Max msgqueue size", "bytes"},  {"Max nice priority", ""},
        {"Max realtime priority", ""},   {"Max realtime timeout", "us"},
    };

    seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (int i = 0; i < RLIMIT_COUNT; i++) {
        u64 values[2] = {task->process->rlimits[i].soft, task->process->rlimits[i].hard};

        seq_printf(s, "%-25s ", rows[i].name);
        for (int j = 0; j < 2; j++)
            if (values[j] == RLIM_INFINITY)
                seq_printf(s, "%-20s ", "unlimited");
            else
                seq_printf(s, "%-20lu ", values[j]);
        seq_printf(s, rows[i].unit[0] ? "%-10s\n" : "%s\n", rows[i].unit);
    }
}

static void show_region(struct seq *s, struct vm_region *r)
{
    struct kstat st = {0};
    size_t start = s->len;
    const char *name = vm_region_name(r);

    if (r->file)
        file_getattr(r->file, &st);
    seq_printf(s, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", r->start, r->end,
               r->prot & PROT_READ ? 'r' : '-', r->prot & PROT_WRITE ? 'w' : '-',
               r->prot & PROT_EXEC ? 'x' : '-', r->flags & VM_SHARED ? 's' : 'p',
               r->file ? r->first_page * PAGE_SIZE : 0, dev_major(st.dev), dev_minor(st.dev),
               st.ino);
    if (!r->file && !name[0]) {
        seq_putc(s, '\n');
        return;
    }
    while (s->len - start < 73)
        seq_putc(s, ' ');
    if (r->file && r->file->path.dentry)
        seq_path(s, &r->file->path, false, "\n");
    else
        seq_puts(s, name);
    seq_putc(s, '\n');
}

void maps_show(struct seq *s, struct task *task, struct vm_space *space, bool full)
{
    mutex_guard(&space->lock);
    for (struct vm_region *r = vm_region_at_or_above(space, 0); r; r = vm_region_next(r)) {
        show_region(s, r);
        if (full)
            seq_printf(s,
                       "Size:           %8lu kB\nKernelPageSize:        4 kB\n"
                       "MMUPageSize:           4 kB\n",
                       (r->end - r->start) / 1024);
    }
}

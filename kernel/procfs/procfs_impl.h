/* What the files of this folder share. */
#pragma once

#include "core/clock.h"
#include "core/percpu.h"
#include "fs/pseudo.h"
#include "task/task.h"

/* The children of /proc/sys, and /sys (sysctl.c). */
extern const struct pseudo sysctl_files[];
extern const struct pseudo sysfs_root;

/* The directory of a process (pid.c). Keyed by struct pid. */
extern const struct pseudo pid_directory;

/* A file of one line that is always the same. */
void text_show(struct seq *s, struct inode *inode);

#define PROCFS_TEXT(file, text)                                               \
    {                                                                         \
        .name = file, .mode = S_IFREG | 0444, .show = text_show, .data = text \
    }
#define PROCFS_DIRECTORY(file, files)                        \
    {                                                        \
        .name = file, .mode = S_IFDIR | 0555, .table = files \
    }

/* "0-3,8": the CPUs of a set, and a newline (sysctl.c). */
void cpu_ranges_show(struct seq *s, const struct cpumask *mask);

/*
 * /proc/PID/stat, status, statm, limits, maps and smaps (pid_stat.c). space may be NULL. `full`:
 * stat of the process, not of a thread; smaps, not maps.
 */
void stat_show(struct seq *s, struct task *task, struct vm_space *space, bool full);
void statm_show(struct seq *s, struct task *task, struct vm_space *space, bool full);
void status_show(struct seq *s, struct task *task, struct vm_space *space, bool full);
void limits_show(struct seq *s, struct task *task, struct vm_space *space, bool full);
void maps_show(struct seq *s, struct task *task, struct vm_space *space, bool full);

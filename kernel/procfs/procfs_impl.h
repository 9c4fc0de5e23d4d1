/* What the files of this folder share. */
#pragma once

#include "fs/pseudo.h"
#include "task/task.h"

/* Fixed children of /proc (global.c), of /proc/sys (sysctl.c) and of /sys (sysfs.c). */
extern const struct pseudo global_files[];
extern const struct pseudo sysctl_files[];
extern const struct pseudo sysfs_root;

/* The directory of a process, and of one of its threads (pid.c). Keyed by struct pid. */
extern const struct pseudo pid_directory;
extern const struct pseudo thread_directory;

void *procfs_pid_get(void *key);
void procfs_pid_put(void *key);

/* /proc/PID/stat, status, statm (pid_stat.c), and maps and fd (pid_maps.c, pid_fd.c). */
int pid_stat_show(struct seq *s, struct inode *inode);
int thread_stat_show(struct seq *s, struct inode *inode);
int pid_statm_show(struct seq *s, struct inode *inode);
int pid_status_show(struct seq *s, struct inode *inode);
int pid_limits_show(struct seq *s, struct inode *inode);
int pid_maps_show(struct seq *s, struct inode *inode);
int pid_smaps_show(struct seq *s, struct inode *inode);

/*
 * The task that an inode of a process or thread directory is about, with a reference; for a zombie
 * its last thread. NULL: gone.
 */
struct task *procfs_task_get(const struct inode *inode);

/* Its address space with a reference, or NULL: gone, or exiting. */
struct vm_space *procfs_space_get(struct task *task);

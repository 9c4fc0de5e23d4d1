/* /proc and /sys: files that tell about the kernel. */
#pragma once

/* Registers the types proc and sysfs. After vfs_init() and task_init(). */
void procfs_init(void);

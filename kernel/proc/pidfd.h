/* Descriptors of processes: pidfd_open(2). */
#pragma once

struct file;
struct pid;

/* A file that stands for a process; poll says when it has ended. NULL: no memory. */
struct file *pidfd_file(struct pid *pid);

/* The pid behind a pidfd, borrowed from the file, or NULL when it is another kind of file. */
struct pid *pidfd_pid(const struct file *file);

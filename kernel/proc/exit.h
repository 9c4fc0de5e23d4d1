/* The end of tasks and processes, and what their parents and others get to know. */
#pragma once

#include "task/process.h"

struct file;
struct vm_space;

/* Ends the calling task; code is a wait status, which counts if it is the leader. */
void task_exit(int code) __noreturn;

/* Ends all tasks of the calling process. The first status wins. */
void process_exit_group(int code) __noreturn;

/*
 * Tells the parent of a process that it stopped or went on (CLD_STOPPED with the signal, or
 * CLD_CONTINUED): SIGCHLD unless SA_NOCLDSTOP, and its waiters. Takes the tree lock.
 */
void process_notify_stop(struct process *process, int code, int signal);

/* The current task leaves its space, if it has one, for another or NULL; takes the reference. */
void task_set_space(struct task *self, struct vm_space *space);

/* ---- Waiting for children: wait4(2), waitid(2) ---- */

#define WNOHANG    1u
#define WUNTRACED  2u /* also WSTOPPED */
#define WEXITED    4u
#define WCONTINUED 8u
#define WNOWAIT    0x01000000u
#define WNOTHREAD  0x20000000u /* __WNOTHREAD */
#define WALL       0x40000000u /* __WALL */
#define WCLONE     0x80000000u /* __WCLONE */

enum wait_which { WAIT_ALL, WAIT_PID, WAIT_PGRP };

struct wait_request {
    enum wait_which which;
    u32 number; /* of the process or group */
    u32 options;
    /* Results, valid when pid is not 0. */
    u32 pid, uid;
    int code;                   /* CLD_* */
    int status;                 /* as wait4's: exit code << 8, signal, or stop */
    struct process_usage usage; /* with that of its own children */
};

/*
 * Waits for what `options` ask for. 0 with the results (pid 0: WNOHANG and nothing yet), -ECHILD,
 * -ERESTARTSYS. Sleeps.
 */
int process_wait(struct wait_request *request);

/* ---- Descriptors of processes: pidfd_open(2) ---- */

/* A file that stands for a process; poll says when it has ended. NULL: no memory. */
struct file *pidfd_file(struct pid *pid);

/* The pid behind a pidfd, borrowed from the file, or NULL when it is another kind of file. */
struct pid *pidfd_pid(const struct file *file);

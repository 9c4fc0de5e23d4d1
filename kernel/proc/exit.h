/* The end of tasks and processes, and what their parents get to know. */
#pragma once

#include "task/process.h"

/* Ends the calling task; code is a wait status, which counts if it is the leader. */
void task_exit(int code) __noreturn;

/* Ends all tasks of the calling process. The first status wins. */
void process_exit_group(int code) __noreturn;

/*
 * Tells the parent of a process that it stopped or went on (CLD_STOPPED with the signal, or
 * CLD_CONTINUED): SIGCHLD unless SA_NOCLDSTOP, and its waiters. Takes the tree lock.
 */
void process_notify_stop(struct process *process, int code, int signal);

/* A zombie, taken out of the tree and its lists by the caller with the tree lock held. */
void process_unlink_locked(struct process *process);

/* What follows process_unlink_locked() once the lock is dropped. */
void process_release(struct process *process);

/* Adds *more to *sum. */
void usage_add(struct process_usage *sum, const struct process_usage *more);

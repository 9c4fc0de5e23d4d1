/* Waiting for children: wait4(2), waitid(2). */
#pragma once

#include "task/process.h"

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

/*
 * The namespaces of a task. One set exists so far; the pointer is there so that a task can be
 * given others without touching those who read it. [I]
 */
#pragma once

struct pid_namespace;
struct user_namespace;

#include "core/spinlock.h"

#define UTS_LENGTH 65

/* uname(2): the order and the sizes of struct utsname. */
struct uts_names {
    char sysname[UTS_LENGTH];
    char nodename[UTS_LENGTH];
    char release[UTS_LENGTH];
    char version[UTS_LENGTH];
    char machine[UTS_LENGTH];
    char domainname[UTS_LENGTH];
};

struct uts_namespace {
    struct spinlock lock; /* node and domain name */
    struct uts_names names;
};

struct namespaces {
    struct pid_namespace *pid;
    struct uts_namespace *uts;
};

extern struct namespaces init_namespaces;
extern struct uts_namespace init_uts_ns;

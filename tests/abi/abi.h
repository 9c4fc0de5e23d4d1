/*
 * The ABI tests' common ground. A case is a function that makes system calls and prints what they
 * answered, one line a check. Nothing here knows what is right: the lines are compared with those
 * that Linux printed (expected/), so a line must hold nothing that depends on the machine, the
 * time, or the load: no addresses, pids, inode numbers, clock readings.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct abi_case {
    const char *name;
    void (*run)(void);
};

/* CASE(name) { body }: the linker gathers the cases of all files, in the order of build.sh. */
#define CASE(id)                                                                               \
    static void run_##id(void);                                                                \
    static const struct abi_case case_##id = {#id, run_##id};                                  \
    static const struct abi_case *const ref_##id __attribute__((used, section("abi_cases"))) = \
        &case_##id;                                                                            \
    static void run_##id(void)

/*
 * The checks. Each prints its own text, a colon, and the outcome, and returns the value, so that
 * `int fd = ok(open("f", O_RDONLY));` is both a step and a check. A result of -1 prints errno.
 *   ok    "ok" or the error: for results that carry no meaning of their own (descriptors, maps)
 *   val   the number, decimal          oct, hex   the number in that base
 *   yes   "yes" or "no"                str        a string, escaped
 *   err   the error that a function returns rather than stores (pthread, posix_*)
 */
#define ok(e)  report_ok(#e, (errno = 0, (long)(e)))
#define val(e) report_val(#e, (errno = 0, (long)(e)))
#define oct(e) report_base(#e, (errno = 0, (long)(e)), "%#lo")
#define hex(e) report_base(#e, (errno = 0, (long)(e)), "%#lx")
#define yes(e) report_yes(#e, (e) ? 1 : 0)
#define str(e) report_str(#e, (e))
#define err(e) report_err(#e, (e))

/* Runs statements in a child; the value is its wait status. RUN prints that status. */
#define CHILD(...)                 \
    ({                             \
        pid_t child_pid_ = fork(); \
        if (child_pid_ == 0) {     \
            alarm(15);             \
            __VA_ARGS__;           \
            _exit(0);              \
        }                          \
        wait_child(child_pid_);    \
    })
#define RUN(label, ...) report_status(label, CHILD(__VA_ARGS__))

#define COUNT(a)        (sizeof(a) / sizeof((a)[0]))
#define PAGE            4096L

extern const char *self_path; /* this binary, for cases that exec it */
extern pid_t harness_pid;     /* who inherits orphans */

/* report.c: one line each, written at once */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
long report_ok(const char *what, long r);
long report_val(const char *what, long r);
long report_base(const char *what, long r, const char *fmt);
int report_yes(const char *what, int r);
void report_str(const char *what, const char *s);
int report_err(const char *what, int e);
int report_status(const char *what, int status);
void report_siginfo(const char *what, const siginfo_t *si);
const char *error_name(int e);
const char *signal_name(int sig);

/* util.c: steps that several families share */
int wait_child(pid_t pid);
void make_file(const char *path, const char *text);
long file_size(const char *path);
const char *file_text(const char *path);
void become(uid_t uid);
void msleep(long ms);
long now_ms(void);
void on_signal(int sig, void (*fn)(int, siginfo_t *, void *), int flags);
void touch(const char *what, void *at, int write);
void *map_anon(size_t len, int prot);
void wait_stopped_thread(pid_t tid);

/* exec.c: what this binary does when a case executes it with a first argument "@..." */
int main(int argc, char **argv, char **envp);
void branch_helper(const char *signature); /* branch.c */
int helper_main(int argc, char **argv, char **envp);

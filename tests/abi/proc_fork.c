/* Making processes: fork, vfork, clone, clone3; ending them; wait4 and waitid; orphans. */
#include "abi.h"

#include <linux/sched.h>

/* The raw call: the C library's fork does more. Returns as fork does. */
static long raw_clone(unsigned long flags, void *stack, int *ptid, unsigned long tls, int *ctid)
{
    return syscall(SYS_clone, flags, stack, ptid, tls, ctid);
}

CASE(proc_fork)
{
    int p[2];
    pid_t ids[2];

    ok(pipe(p));
    pid_t self = getpid(), pid = fork();
    if (pid == 0) {
        ids[0] = getpid(), ids[1] = getppid();
        write(p[1], ids, sizeof(ids));
        _exit(300);
    }
    val(read(p[0], ids, sizeof(ids)));
    yes(ids[0] == pid && ids[1] == self && pid != self);
    report_status("exit 300", wait_child(pid));
    RUN("pending signals and alarms stay behind", sigset_t set; sigemptyset(&set);
        sigaddset(&set, SIGUSR1); sigprocmask(SIG_BLOCK, &set, NULL); kill(getpid(), SIGUSR1);
        RUN("child", alarm(0); sigpending(&set); val(sigismember(&set, SIGUSR1));
            sigprocmask(SIG_BLOCK, NULL, &set); val(sigismember(&set, SIGUSR1)));
        sigpending(&set); val(sigismember(&set, SIGUSR1)));
    RUN(
        "alarm is not inherited", alarm(50); pid = fork(); if (pid == 0) {
            val(alarm(0));
            _exit(0);
        } wait_child(pid);
        val(alarm(0) > 0));
    RUN("return falls off", exit(7));
    RUN("killed", kill(getpid(), SIGKILL));
    RUN("terminated", kill(getpid(), SIGTERM));
    RUN("aborted", signal(SIGABRT, SIG_DFL); abort());
    RUN("exit", syscall(SYS_exit, 5));
    RUN("exit_group", syscall(SYS_exit_group, -1));
    /* a hundred children, each with its own number */
    int sum = 0, status;
    for (int i = 0; i < 100; i++)
        if (fork() == 0)
            _exit(i);
    for (int i = 0; i < 100; i++)
        if (wait(&status) > 0 && WIFEXITED(status))
            sum += WEXITSTATUS(status);
    val(sum);
    val(wait(&status));
}

CASE(proc_vfork)
{
    volatile int shared = 1;

    pid_t pid = vfork();
    if (pid == 0) {
        shared = 2;
        _exit(4);
    }
    val(shared);
    report_status("child", wait_child(pid));
    shared = 1;
    pid = vfork();
    if (pid == 0) {
        msleep(30);
        shared = 3;
        execl("/missing", "x", NULL);
        _exit(errno == ENOENT ? 5 : 6);
    }
    val(shared);
    report_status("child", wait_child(pid));
    pid = vfork();
    if (pid == 0) {
        kill(getpid(), SIGKILL);
        _exit(0);
    }
    report_status("killed", wait_child(pid));
}

static int in_clone(void *arg)
{
    *(int *)arg += 1;
    chdir("/");
    umask(077);
    close(100);
    return 9;
}

CASE(proc_clone)
{
    char *stack = map_anon(65536, PROT_READ | PROT_WRITE), *top = stack + 65536;
    int n = 0, ptid = 0, ctid = 0, status = 0;
    char cwd[256];

    dup2(1, 100);
    pid_t pid = clone(in_clone, top, SIGCHLD, &n);
    report_status("no sharing", wait_child(pid));
    say("n %d, cwd %s, descriptor %d", n, strcmp(getcwd(cwd, 256), "/") ? "kept" : "moved",
        fcntl(100, F_GETFD));
    pid = clone(in_clone, top, CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, &n);
    report_status("sharing", wait_child(pid));
    say("n %d, cwd %s, descriptor %d, umask %03o", n,
        strcmp(getcwd(cwd, 256), "/") ? "kept" : "moved", fcntl(100, F_GETFD), umask(022));
    pid = clone(in_clone, top, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, &n, &ptid, NULL,
                &ctid);
    yes(ptid == pid && ctid == 0);
    wait_child(pid);
    pid = clone(in_clone, top, CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, &n,
                NULL, NULL, &ctid);
    report_status("child tid cleared", wait_child(pid));
    val(ctid);
    pid = clone(in_clone, top, 0, &n);
    val(waitpid(pid, &status, 0));
    yes(waitpid(pid, &status, __WCLONE) == pid);
    report_status("no exit signal, __WCLONE", status);
    signal(SIGUSR1, SIG_IGN);
    pid = clone(in_clone, top, SIGUSR1, &n);
    yes(waitpid(pid, &status, __WALL) == pid);
    report_status("exit signal USR1, __WALL", status);
    RUN("CLONE_PARENT", pid = clone(in_clone, top, CLONE_PARENT | SIGCHLD, &n);
        val(waitpid(pid, &status, 0)));
    yes(wait(&status) > 0);
    report_status("the grandchild is ours", status);
    val(raw_clone(CLONE_THREAD, NULL, NULL, 0, NULL));
    val(raw_clone(CLONE_SIGHAND, NULL, NULL, 0, NULL));
    val(raw_clone(CLONE_THREAD | CLONE_SIGHAND, NULL, NULL, 0, NULL));
    val(raw_clone(CLONE_FS | CLONE_NEWNS, NULL, NULL, 0, NULL));
    val(raw_clone(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &ptid, 0, NULL));
    pid = raw_clone(SIGCHLD | CLONE_PARENT_SETTID, NULL, (int *)8, 0, NULL);
    if (pid == 0)
        _exit(0);
    report_status("unwritable parent tid", wait_child(pid));
    RUN("as uid 1000", become(1000); val(raw_clone(CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0)));
}

CASE(proc_clone3)
{
    struct clone_args a = {.exit_signal = SIGCHLD};
    int ptid = 0;
    char big[256] = "";

    long pid = syscall(SYS_clone3, &a, sizeof(a));
    if (pid == 0)
        _exit(11);
    report_status("plain", wait_child(pid));
    pid = syscall(SYS_clone3, &a, CLONE_ARGS_SIZE_VER0);
    if (pid == 0)
        _exit(12);
    report_status("first size", wait_child(pid));
    a.flags = CLONE_PARENT_SETTID;
    a.parent_tid = (uint64_t)&ptid;
    pid = syscall(SYS_clone3, &a, sizeof(a));
    if (pid == 0)
        _exit(13);
    yes(ptid == pid);
    wait_child(pid);
    a = (struct clone_args){.exit_signal = SIGCHLD};
    memcpy(big, &a, sizeof(a));
    pid = syscall(SYS_clone3, big, sizeof(big));
    if (pid == 0)
        _exit(14);
    report_status("larger, zeroed", wait_child(pid));
    big[200] = 1;
    val(syscall(SYS_clone3, big, sizeof(big)));
    val(syscall(SYS_clone3, &a, 63));
    val(syscall(SYS_clone3, &a, 0));
    val(syscall(SYS_clone3, &a, 8192));
    val(syscall(SYS_clone3, NULL, sizeof(a)));
    val(syscall(SYS_clone3, (void *)8, sizeof(a)));
    a.exit_signal = 65;
    val(syscall(SYS_clone3, &a, sizeof(a)));
    a.exit_signal = 0x100;
    val(syscall(SYS_clone3, &a, sizeof(a)));
    a = (struct clone_args){.exit_signal = SIGCHLD, .stack = (uint64_t)big};
    val(syscall(SYS_clone3, &a, sizeof(a)));
    a = (struct clone_args){.exit_signal = SIGCHLD, .stack_size = 4096};
    val(syscall(SYS_clone3, &a, sizeof(a)));
    a = (struct clone_args){.flags = CLONE_DETACHED, .exit_signal = SIGCHLD};
    val(syscall(SYS_clone3, &a, sizeof(a)));
    a = (struct clone_args){.flags = CLONE_THREAD};
    val(syscall(SYS_clone3, &a, sizeof(a)));
    a = (struct clone_args){.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM,
                            .exit_signal = SIGCHLD};
    val(syscall(SYS_clone3, &a, sizeof(a)));
    a = (struct clone_args){.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND};
    val(syscall(SYS_clone3, &a, sizeof(a)));
    a = (struct clone_args){.flags = 1UL << 60};
    val(syscall(SYS_clone3, &a, sizeof(a)));
    signal(SIGUSR1, (void (*)(int))_exit);
    signal(SIGUSR2, SIG_IGN);
    a = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    pid = syscall(SYS_clone3, &a, sizeof(a));
    if (pid == 0) {
        struct sigaction one, two;
        sigaction(SIGUSR1, NULL, &one);
        sigaction(SIGUSR2, NULL, &two);
        _exit((one.sa_handler == SIG_DFL) + 2 * (two.sa_handler == SIG_IGN));
    }
    report_status("CLONE_CLEAR_SIGHAND", wait_child(pid));
}

CASE(proc_wait4)
{
    int status = 0, p[2];
    struct rusage ru;

    pipe(p);
    val(waitpid(-1, &status, 0));
    val(waitpid(1, &status, 0));
    val(waitpid(999999, &status, 0));
    val(waitpid(-999999, &status, 0));
    val(waitpid(-1, &status, WNOHANG));
    val(waitpid(-1, &status, 0x100));
    val(waitpid(INT_MIN, &status, 0));
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        read(p[0], &status, 1);
        raise(SIGSTOP);
        _exit(3);
    }
    yes(waitpid(pid, &status, WUNTRACED) == pid);
    report_status("WUNTRACED", status);
    val(waitpid(pid, &status, WUNTRACED | WNOHANG));
    val(waitpid(pid, &status, WNOHANG));
    kill(pid, SIGCONT);
    yes(waitpid(pid, &status, WCONTINUED) == pid);
    report_status("WCONTINUED", status);
    write(p[1], "x", 1);
    yes(waitpid(-1, &status, WUNTRACED) == pid);
    report_status("any, stopped again", status);
    kill(pid, SIGCONT);
    yes(wait4(pid, &status, 0, &ru) == pid);
    report_status("ended", status);
    yes(ru.ru_maxrss > 0);
    val(waitpid(pid, &status, 0));
    pid = fork();
    if (pid == 0)
        _exit(1);
    val(wait4(pid, (int *)8, 0, NULL));
    val(waitpid(pid, &status, 0));
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        raise(SIGSTOP);
        _exit(8);
    }
    waitpid(pid, NULL, WUNTRACED);
    val(waitpid(0, &status, WNOHANG));
    kill(pid, SIGCONT);
    yes(waitpid(-pid, &status, 0) == pid);
    report_status("by group", status);
    signal(SIGCHLD, SIG_IGN);
    pid = fork();
    if (pid == 0)
        _exit(1);
    val(waitpid(pid, &status, 0));
    signal(SIGCHLD, SIG_DFL);
    pid = fork();
    if (pid == 0)
        pause();
    kill(pid, SIGKILL);
    yes(waitpid(pid, NULL, 0) == pid);
    val(kill(pid, 0));
    RUN("another's child", pid = getppid(); val(waitpid(pid, NULL, 0)));
}

static void show_waitid(const char *what, int r, const siginfo_t *si, pid_t pid)
{
    if (r < 0)
        say("%s: %s", what, error_name(errno));
    else if (si->si_pid == 0)
        say("%s: nothing, signo %d", what, si->si_signo);
    else
        say("%s: %s code %d status %d uid %d%s", what, signal_name(si->si_signo), si->si_code,
            si->si_status, si->si_uid, si->si_pid == pid ? "" : " of another");
}

#define WAITID(type, id, options)                                                                 \
    ({                                                                                            \
        memset(&si, 0xff, sizeof(si));                                                            \
        errno = 0;                                                                                \
        show_waitid("waitid " #type " " #options, syscall(SYS_waitid, type, id, &si, options, 0), \
                    &si, pid);                                                                    \
    })

CASE(proc_waitid)
{
    siginfo_t si;
    pid_t pid = 0;
    int p[2];

    pipe(p);
    WAITID(P_ALL, 0, WEXITED);
    WAITID(P_ALL, 0, 0);
    WAITID(P_ALL, 0, WNOHANG);
    WAITID(P_ALL, 0, WEXITED | 0x1000);
    WAITID(99, 0, WEXITED);
    WAITID(P_PID, 0, WEXITED);
    WAITID(P_PID, -1, WEXITED);
    WAITID(P_PGID, -1, WEXITED);
    WAITID(P_PIDFD, 1, WEXITED);
    WAITID(P_PIDFD, 99, WEXITED);
    pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        read(p[0], &si, 1);
        _exit(17);
    }
    WAITID(P_PID, pid, WSTOPPED);
    WAITID(P_PID, pid, WSTOPPED | WNOHANG);
    WAITID(P_PID, pid, WEXITED | WNOHANG);
    kill(pid, SIGCONT);
    WAITID(P_PID, pid, WCONTINUED);
    write(p[1], "x", 1);
    WAITID(P_PID, pid, WEXITED | WNOWAIT);
    WAITID(P_ALL, 0, WEXITED | WNOWAIT);
    WAITID(P_PGID, 0, WEXITED | WNOWAIT);
    WAITID(P_PGID, getpgrp(), WEXITED);
    WAITID(P_PID, pid, WEXITED);
    pid = fork();
    if (pid == 0)
        pause();
    WAITID(P_PID, pid, WEXITED | WSTOPPED | WCONTINUED | WNOHANG);
    kill(pid, SIGUSR1);
    WAITID(P_ALL, 0, WEXITED | WSTOPPED);
    pid = fork();
    if (pid == 0)
        _exit(2);
    val(syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, NULL));
    pid = fork();
    if (pid == 0)
        _exit(2);
    val(syscall(SYS_waitid, P_PID, pid, 8, WEXITED, NULL));
}

CASE(proc_orphans)
{
    int p[2], q[2];
    char word[16];

    pipe(p);
    RUN(
        "parent ends first", pid_t was = getpid(); if (fork() == 0) {
            while (getppid() == was)
                msleep(5);
            write(p[1], getppid() == harness_pid ? "harness" : "someone", 8);
            _exit(0);
        });
    val(read(p[0], word, 8));
    str(word);
    RUN(
        "subreaper", val(prctl(PR_SET_CHILD_SUBREAPER, 1)); int on = 0;
        val(prctl(PR_GET_CHILD_SUBREAPER, &on)); val(on); pid_t reaper = getpid();
        pid_t mid = fork(); if (mid == 0) {
            int not_inherited = 7;
            prctl(PR_GET_CHILD_SUBREAPER, &not_inherited);
            val(not_inherited);
            if (fork() == 0) {
                while (getppid() != reaper)
                    msleep(5);
                _exit(44);
            }
            _exit(0);
        } report_status("middle", wait_child(mid));
        int st; wait(&st); report_status("adopted", st); val(wait(&st)));
    val(prctl(PR_SET_PDEATHSIG, 100));
    RUN(
        "parent death signal", int sig = 0; pipe(p); pipe(q); pid_t mid = fork(); if (mid == 0) {
            if (fork() == 0) {
                sigset_t set;
                sigemptyset(&set);
                sigaddset(&set, SIGUSR1);
                sigprocmask(SIG_BLOCK, &set, NULL);
                prctl(PR_SET_PDEATHSIG, SIGUSR1);
                write(q[1], "r", 1);
                sigwait(&set, &sig);
                write(p[1], sig == SIGUSR1 ? "U" : "?", 1);
                _exit(0);
            }
            read(q[0], word, 1);
            _exit(0);
        } wait_child(mid);
        val(read(p[0], word, 1)); word[1] = 0; str(word));
    int sig = 5;
    val(prctl(PR_GET_PDEATHSIG, &sig));
    val(sig);
}

/* An orphaned process group with a stopped member gets SIGHUP and SIGCONT. */
CASE(proc_orphan_group)
{
    int p[2];
    char c;

    pipe(p);
    RUN(
        "session", setsid(); pid_t mid = fork(); if (mid == 0) {
            setpgid(0, 0);
            if (fork() == 0) {
                signal(SIGHUP, SIG_DFL);
                raise(SIGSTOP);
                write(p[1], "?", 1);
                _exit(0);
            }
            waitpid(-1, NULL, WUNTRACED);
            _exit(0);
        } wait_child(mid);
        close(p[1]));
    close(p[1]);
    val(read(p[0], &c, 1));
}

static int caught;

static void catch (int sig)
{
    caught = sig;
}

/* Signals that a child may be given for its end: any number, but only a signal is sent. */
CASE(proc_exit_signal)
{
    static const int signals[] = {0, SIGUSR1, SIGCHLD, 34, 64, 65, 128, 200, 255};

    for (int i = 1; i <= 64; i++)
        signal(i, catch);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        caught = 0;
        pid_t pid = raw_clone(signals[i], NULL, NULL, 0, NULL);
        if (pid == 0)
            _exit(3);
        int status = -1;
        pid_t got = waitpid(pid, &status, __WALL);
        say("clone(%d): %d, wait %d, status %d, caught %d", signals[i], pid > 0, got == pid,
            WEXITSTATUS(status), caught);
    }
    struct clone_args_v0 {
        unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } args = {.exit_signal = 65};
    ok(syscall(SYS_clone3, &args, sizeof args));
}

/* A fork that a signal breaks off, under a limit on CPU time, leaves no timer behind. */
CASE(proc_fork_broken_off)
{
    struct rlimit cpu = {1000, 2000};
    int forked = 0;

    signal(SIGUSR1, catch);
    pid_t self = getpid(), spammer = fork();
    while (spammer == 0)
        kill(self, SIGUSR1);
    ok(setrlimit(RLIMIT_CPU, &cpu));
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        forked += pid > 0;
        waitpid(pid, NULL, 0);
    }
    kill(spammer, SIGKILL);
    waitpid(spammer, NULL, 0);
    val(forked);
    usleep(200000); /* time for such a timer */
}

/* Signals: dispositions, masks, pending, order, kill's targets and errors, waiting, restart. */
#include "abi.h"

#include <pthread.h>
#include <sys/syscall.h>

/* The kernel's own structure: the C library's differs, and hides signals 32 and 33. */
struct kernel_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
};

static volatile int count, last;
static char order[128];

static void note(int sig)
{
    count++;
    last = sig;
    snprintf(order + strlen(order), sizeof(order) - strlen(order), " %s", signal_name(sig));
}

static void handle(int sig, int flags)
{
    struct sigaction sa = {.sa_handler = note, .sa_flags = flags};

    sigaction(sig, &sa, NULL);
}

static void block(int how, int sig)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(how, &set, NULL);
}

static void show_order(const char *what)
{
    say("%s:%s", what, order);
    order[0] = 0;
}

CASE(sig_defaults)
{
    static const int all[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGILL,    SIGTRAP, SIGABRT,
                              SIGBUS,  SIGFPE,  SIGKILL, SIGUSR1,   SIGSEGV, SIGUSR2,
                              SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT,
                              SIGURG,  SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH,
                              SIGIO,   SIGPWR,  SIGSYS,  34,        64};
    static const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    int status;

    for (unsigned i = 0; i < COUNT(all); i++)
        RUN(signal_name(all[i]), syscall(SYS_kill, getpid(), all[i]));
    for (unsigned i = 0; i < COUNT(stops); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            setpgid(0, 0); /* or its group would be an orphan, which ignores terminal stops */
            kill(getpid(), stops[i]);
            _exit(0);
        }
        yes(waitpid(pid, &status, WUNTRACED) == pid);
        report_status(signal_name(stops[i]), status);
        kill(pid, SIGCONT);
        if (WIFSTOPPED(status))
            report_status("continued, then", wait_child(pid));
    }
    RUN("orphaned group and SIGTSTP", setsid(); kill(getpid(), SIGTSTP));
}

CASE(sig_action)
{
    struct kernel_sigaction sa = {.handler = note}, old;
    struct sigaction lib;

    val(syscall(SYS_rt_sigaction, 0, &sa, NULL, 8));
    val(syscall(SYS_rt_sigaction, 65, &sa, NULL, 8));
    val(syscall(SYS_rt_sigaction, -1, &sa, NULL, 8));
    val(syscall(SYS_rt_sigaction, SIGKILL, &sa, NULL, 8));
    val(syscall(SYS_rt_sigaction, SIGSTOP, &sa, NULL, 8));
    val(syscall(SYS_rt_sigaction, SIGKILL, NULL, &old, 8));
    val(syscall(SYS_rt_sigaction, SIGUSR1, &sa, NULL, 4));
    val(syscall(SYS_rt_sigaction, SIGUSR1, &sa, NULL, 16));
    val(syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8));
    val(syscall(SYS_rt_sigaction, SIGUSR1, &sa, 8, 8));
    val(syscall(SYS_rt_sigaction, 33, &sa, &old, 8));
    yes(old.handler == SIG_DFL && old.flags == 0 && old.mask == 0);
    sa.flags = SA_RESTART | SA_NODEFER | 0x100;
    sa.mask = -1UL;
    val(syscall(SYS_rt_sigaction, SIGUSR1, &sa, NULL, 8));
    val(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 8));
    hex(old.flags);
    hex(old.mask);
    yes(old.handler == note);
    /* one delivery, then the default */
    handle(SIGUSR1, SA_RESETHAND);
    RUN("SA_RESETHAND", kill(getpid(), SIGUSR1); val(count); sigaction(SIGUSR1, NULL, &lib);
        yes(lib.sa_handler == SIG_DFL); hex(lib.sa_flags); kill(getpid(), SIGUSR1));
    signal(SIGCHLD, SIG_DFL);
    yes(signal(SIGUSR2, SIG_IGN) == SIG_DFL);
    yes(signal(SIGUSR2, note) == SIG_IGN);
    yes(signal(SIGUSR2, SIG_DFL) == note);
    /* ignoring throws away what is pending */
    block(SIG_BLOCK, SIGUSR2);
    kill(getpid(), SIGUSR2);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGUSR2, note);
    block(SIG_UNBLOCK, SIGUSR2);
    show_order("ignored while pending");
    block(SIG_BLOCK, SIGCHLD);
    kill(getpid(), SIGCHLD);
    sigset_t set;
    sigpending(&set);
    say("SIGCHLD by default, blocked: pending %d", sigismember(&set, SIGCHLD));
}

static volatile int depth, deepest, nested;

static void nest(int sig)
{
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (++nested < 3)
        kill(getpid(), sig);
    depth--;
}

CASE(sig_mask)
{
    struct sigaction sa = {.sa_handler = nest};
    unsigned long m = 0, old = 0;

    sigaction(SIGUSR1, &sa, NULL);
    kill(getpid(), SIGUSR1);
    say("deepest without SA_NODEFER %d", deepest);
    deepest = nested = 0;
    sa.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &sa, NULL);
    kill(getpid(), SIGUSR1);
    say("deepest with SA_NODEFER %d", deepest);
    val(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &old, 8));
    hex(old);
    m = -1UL;
    val(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &m, NULL, 8));
    val(syscall(SYS_rt_sigprocmask, 99, NULL, &old, 8));
    hex(old); /* KILL and STOP cannot be blocked */
    val(syscall(SYS_rt_sigprocmask, 99, &m, &old, 8));
    m = 1UL << (SIGUSR1 - 1);
    val(syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &m, &old, 8));
    val(syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, NULL, &old, 8));
    hex(old);
    val(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &m, NULL, 4));
    val(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8));
    val(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, 8, 8));
    m = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &m, NULL, 8);
    /* the handler runs with its own mask added */
    sa = (struct sigaction){.sa_handler = note};
    sigaddset(&sa.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &sa, NULL);
    handle(SIGUSR2, 0);
    RUN("blocked, KILL still kills", m = -1UL;
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &m, NULL, 8); kill(getpid(), SIGTERM);
        say("TERM waits"); kill(getpid(), SIGKILL));
}

CASE(sig_pending)
{
    static const int sigs[] = {SIGTERM, 40, SIGUSR2, 35, SIGUSR1, SIGHUP, 40, SIGUSR1};
    unsigned long set;
    sigset_t all, none;

    sigfillset(&all);
    sigemptyset(&none);
    for (unsigned i = 0; i < COUNT(sigs); i++)
        handle(sigs[i], 0);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (unsigned i = 0; i < COUNT(sigs); i++)
        kill(getpid(), sigs[i]);
    val(syscall(SYS_rt_sigpending, &set, 8));
    hex(set);
    val(syscall(SYS_rt_sigpending, &set, 9));
    val(syscall(SYS_rt_sigpending, NULL, 8));
    RUN("a child starts with none", syscall(SYS_rt_sigpending, &set, 8); hex(set));
    sigprocmask(SIG_SETMASK, &none, NULL);
    show_order("unblocked at once");
    /* with handlers that block all, they run one after the other, lowest first */
    struct sigaction sa = {.sa_handler = note};
    sigfillset(&sa.sa_mask);
    for (unsigned i = 0; i < COUNT(sigs); i++)
        sigaction(sigs[i], &sa, NULL);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (unsigned i = 0; i < COUNT(sigs); i++)
        kill(getpid(), sigs[i]);
    sigprocmask(SIG_SETMASK, &none, NULL);
    show_order("one after the other");
    /* a pending signal for the thread goes before one for the process */
    sigprocmask(SIG_SETMASK, &all, NULL);
    kill(getpid(), SIGHUP);
    syscall(SYS_tkill, gettid(), SIGTERM);
    sigprocmask(SIG_SETMASK, &none, NULL);
    show_order("thread's and process's");
}

CASE(sig_kill)
{
    pid_t pid, other;
    int status, p[2];
    char c;

    pipe(p);

    val(kill(999999, SIGTERM));
    val(kill(999999, 0));
    val(kill(getpid(), 0));
    val(kill(getpid(), 65));
    val(kill(getpid(), -1));
    val(kill(INT_MIN, SIGTERM));
    val(syscall(SYS_tkill, 999999, SIGTERM));
    val(syscall(SYS_tkill, 0, SIGTERM));
    val(syscall(SYS_tkill, -1, SIGTERM));
    val(syscall(SYS_tkill, gettid(), 0));
    val(syscall(SYS_tkill, gettid(), 65));
    val(syscall(SYS_tgkill, getpid(), gettid(), 0));
    val(syscall(SYS_tgkill, getpid() + 100000, gettid(), 0));
    val(syscall(SYS_tgkill, getpid(), 999999, 0));
    val(syscall(SYS_tgkill, -1, gettid(), 0));
    val(syscall(SYS_tgkill, getpid(), 0, 0));
    pid = fork();
    if (pid == 0)
        _exit(0);
    waitid(P_PID, pid, NULL, WEXITED | WNOWAIT);
    val(kill(pid, SIGTERM)); /* a zombie takes it without effect */
    report_status("zombie", wait_child(pid));
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        pause();
    }
    other = fork();
    if (other == 0) {
        setpgid(0, pid);
        pause();
    }
    setpgid(pid, pid);
    setpgid(other, pid);
    val(kill(-pid, SIGUSR1));
    wait(&status);
    report_status("group member", status);
    wait(&status);
    report_status("group member", status);
    val(kill(-pid, SIGUSR1));
    pid = fork();
    if (pid == 0) {
        become(1000);
        raise(SIGSTOP);
        read(p[0], &c, 1);
        val(kill(getppid(), SIGCONT));
        val(kill(getppid(), SIGTERM));
        val(kill(getppid(), 0));
        val(kill(-1, SIGTERM));
        val(kill(1, SIGTERM));
        _exit(0);
    }
    waitpid(pid, NULL, WUNTRACED);
    RUN("same uid", become(1000); val(kill(pid, 0)));
    RUN("other uid", become(1001); val(kill(pid, 0)); val(kill(pid, SIGWINCH));
        val(kill(pid, SIGCONT))); /* a process of the session may be continued */
    RUN("euid counts", setresuid(5, 1000, 5); val(kill(pid, SIGWINCH)));
    write(p[1], "x", 1);
    report_status("uid 1000", wait_child(pid));
    RUN("kill(-1) as uid 4444", become(4444); pid = fork(); if (pid == 0) pause();
        val(kill(-1, SIGTERM)); wait(&status); report_status("its sibling", status);
        val(kill(-1, SIGTERM)));
    RUN("kill(0)", setpgid(0, 0); pid = fork(); if (pid == 0) pause(); signal(SIGTERM, SIG_IGN);
        msleep(20); val(kill(0, SIGTERM)); wait(&status); report_status("its child", status));
}

CASE(sig_wait)
{
    struct timespec zero = {0, 0}, tick = {0, 30000000}, bad = {0, -1}, long_ = {5, 0};
    siginfo_t si;
    unsigned long set = (1UL << (SIGUSR1 - 1)) | (1UL << (36 - 1)) | (1UL << (35 - 1));
    sigset_t lib;
    int got;

    val(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8));
    val(syscall(SYS_rt_sigtimedwait, &set, &si, &zero, 8));
    long before = now_ms();
    val(syscall(SYS_rt_sigtimedwait, &set, &si, &tick, 8));
    yes(now_ms() - before >= 29);
    val(syscall(SYS_rt_sigtimedwait, &set, &si, &bad, 8));
    val(syscall(SYS_rt_sigtimedwait, &set, &si, NULL, 4));
    val(syscall(SYS_rt_sigtimedwait, NULL, &si, &zero, 8));
    val(syscall(SYS_rt_sigtimedwait, &set, &si, 8, 8));
    kill(getpid(), 36);
    kill(getpid(), SIGUSR1);
    kill(getpid(), 35);
    val(syscall(SYS_rt_sigtimedwait, &set, &si, NULL, 8));
    report_siginfo("first", &si);
    val(syscall(SYS_rt_sigtimedwait, &set, NULL, &zero, 8));
    val(syscall(SYS_rt_sigtimedwait, &set, &si, &zero, 8));
    val(syscall(SYS_rt_sigtimedwait, &set, &si, &zero, 8));
    kill(getpid(), SIGUSR1);
    val(syscall(SYS_rt_sigtimedwait, &set, 8, &zero, 8));
    pid_t pid = fork();
    if (pid == 0) {
        msleep(40);
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    sigemptyset(&lib);
    sigaddset(&lib, SIGUSR1);
    val(sigwait(&lib, &got));
    str(signal_name(got));
    wait_child(pid);
    handle(SIGALRM, SA_RESTART);
    struct itimerval it = {.it_value.tv_usec = 100000};
    setitimer(ITIMER_REAL, &it, NULL);
    val(syscall(SYS_rt_sigtimedwait, &set, &si, &long_, 8));
    show_order("another signal interrupted it");
    /* sigsuspend: the mask is the argument's while it sleeps, and the old one after */
    handle(SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    unsigned long none = 0, now;
    val(syscall(SYS_rt_sigsuspend, &none, 8));
    show_order("sigsuspend");
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, 8);
    yes(now == set);
    val(syscall(SYS_rt_sigsuspend, &none, 4));
    val(syscall(SYS_rt_sigsuspend, NULL, 8));
    setitimer(ITIMER_REAL, &it, NULL);
    val(pause());
    show_order("pause");
}

static void alarm_in(long ms)
{
    struct itimerval it = {.it_value.tv_usec = ms * 1000};

    setitimer(ITIMER_REAL, &it, NULL);
}

CASE(sig_restart)
{
    struct timespec ts, rem;
    int p[2], status;
    char c;

    pipe(p);
    handle(SIGALRM, 0);
    alarm_in(100);
    val(read(p[0], &c, 1));
    alarm_in(100);
    ts = (struct timespec){2, 0};
    rem = (struct timespec){9, 9};
    val(nanosleep(&ts, &rem));
    yes(rem.tv_sec == 1 && rem.tv_nsec > 0);
    pid_t pid = fork();
    if (pid == 0) {
        msleep(400);
        write(p[1], "x", 1);
        msleep(400);
        _exit(0);
    }
    handle(SIGALRM, SA_RESTART);
    alarm_in(100);
    val(read(p[0], &c, 1));
    val(count);
    alarm_in(100);
    yes(waitpid(pid, &status, 0) == pid);
    val(count);
    alarm_in(100);
    ts = (struct timespec){0, 500000000};
    val(nanosleep(&ts, NULL));
    ts = (struct timespec){1, 0};
    alarm_in(100);
    val(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &rem));
    alarm_in(100);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += 1;
    val(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
    /* ignored and default-ignored signals wake nobody */
    pid = fork();
    if (pid == 0) {
        msleep(30);
        kill(getppid(), SIGWINCH);
        msleep(60);
        write(p[1], "y", 1);
        _exit(0);
    }
    handle(SIGALRM, 0);
    val(read(p[0], &c, 1));
    wait_child(pid);
    /* a stop and a continue interrupt a sleep without the program seeing it */
    pid = fork();
    if (pid == 0) {
        ts = (struct timespec){0, 150000000};
        int a = nanosleep(&ts, NULL);
        int b = read(p[0], &c, 1);
        say("in the stopped child: %d %d", a, b);
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        msleep(i ? 200 : 40);
        kill(pid, SIGSTOP);
        waitpid(pid, &status, WUNTRACED);
        kill(pid, SIGCONT);
    }
    write(p[1], "z", 1);
    report_status("child", wait_child(pid));
    /* what was read before the signal counts */
    handle(SIGALRM, 0);
    static char big[100000];
    alarm_in(100);
    val(write(p[1], big, sizeof(big)));
    val(fcntl(p[0], F_SETFL, O_NONBLOCK));
    val(read(p[0], big, sizeof(big)));
}

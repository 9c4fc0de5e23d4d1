/* What a handler is told: siginfo of each kind of sender, children's ends, stops, timers. */
#include "abi.h"

#include <pthread.h>

static siginfo_t infos[16];
static volatile int got;

static void keep(int sig, siginfo_t *si, void *ctx)
{
    (void)sig;
    (void)ctx;
    if (got < 16)
        infos[got++] = *si;
}

/* Shows what came; a child's signals may come a little later than its wait status. */
static void show(const char *what)
{
    if (!got)
        say("%s: nothing", what);
    for (int i = 0; i < got; i++)
        report_siginfo(what, &infos[i]);
    got = 0;
}

/* A timer of its own kills a process at each moment of its way into a stop. */
CASE(sig_killed_while_it_stops)
{
    int killed = 0;

    for (int i = 0; i < 400; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct sigevent kill_me = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
            struct itimerspec soon = {.it_value.tv_nsec = 1 + 250 * i};
            timer_t timer;
            timer_create(CLOCK_MONOTONIC, &kill_me, &timer);
            timer_settime(timer, 0, &soon, NULL);
            raise(SIGSTOP);
            pause();
        }
        int status = wait_child(pid);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    val(killed);
}

CASE(siginfo_senders)
{
    union sigval v = {.sival_int = 1234};
    siginfo_t si;

    on_signal(SIGUSR1, keep, 0);
    on_signal(40, keep, 0);
    kill(getpid(), SIGUSR1);
    show("kill");
    syscall(SYS_tkill, gettid(), SIGUSR1);
    show("tkill");
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    show("tgkill");
    raise(SIGUSR1);
    show("raise");
    val(sigqueue(getpid(), SIGUSR1, v));
    show("sigqueue");
    val(sigqueue(getpid(), 40, v));
    show("sigqueue RT");
    val(sigqueue(999999, 40, v));
    val(sigqueue(getpid(), 99, v));
    val(sigqueue(getpid(), 0, v));
    RUN("from a child", become(1000); val(kill(getppid(), SIGUSR1)));
    RUN("from a child of root", kill(getppid(), SIGUSR1));
    show("from a child of root");
    memset(&si, 0, sizeof(si));
    si.si_code = SI_QUEUE - 10;
    si.si_pid = getpid();
    si.si_value.sival_int = 5;
    val(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &si));
    yes(got == 1 && infos[0].si_code == SI_QUEUE - 10);
    got = 0;
    RUN("forged", si.si_code = SI_USER; val(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &si));
        si.si_code = 1; val(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &si));
        si.si_code = SI_TKILL; val(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &si)));
    val(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, NULL));
    val(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &si));
    got = 0;
    alarm(0);
    on_signal(SIGALRM, keep, 0);
    struct itimerval it = {.it_value.tv_usec = 10000};
    setitimer(ITIMER_REAL, &it, NULL);
    while (!got)
        msleep(1);
    show("setitimer");
    int p[2];
    pipe(p);
    close(p[0]);
    on_signal(SIGPIPE, keep, 0);
    write(p[1], "x", 1);
    show("broken pipe");
}

CASE(siginfo_queue)
{
    union sigval v;
    sigset_t all, none;

    sigfillset(&all);
    sigemptyset(&none);
    for (int s = 40; s <= 42; s++)
        on_signal(s, keep, 0);
    struct sigaction sa = {.sa_sigaction = keep, .sa_flags = SA_SIGINFO, .sa_mask = all};
    for (int s = 40; s <= 42; s++)
        sigaction(s, &sa, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int i = 1; i <= 3; i++) {
        v.sival_int = i;
        sigqueue(getpid(), 42 - i % 3, v);
        sigqueue(getpid(), 41, v);
        sigqueue(getpid(), SIGUSR1, v);
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
    show("queued");
    /* more than the limit */
    struct rlimit rl = {2, 2};
    RUN("RLIMIT_SIGPENDING", become(5432); setrlimit(RLIMIT_SIGPENDING, &rl);
        sigprocmask(SIG_SETMASK, &all, NULL); v.sival_int = 1; val(sigqueue(getpid(), 40, v));
        val(sigqueue(getpid(), 40, v)); val(sigqueue(getpid(), 40, v));
        val(kill(getpid(), SIGUSR1)); val(kill(getpid(), 41));
        sigprocmask(SIG_SETMASK, &none, NULL); show("what fitted"));
}

CASE(siginfo_child)
{
    struct sigaction sa = {.sa_sigaction = keep, .sa_flags = SA_SIGINFO};
    pid_t pid;
    int status, p[2];

    pipe(p);
    sigaction(SIGCHLD, &sa, NULL);
    RUN("exit 7", _exit(7));
    show("exit 7");
    RUN("killed", kill(getpid(), SIGKILL));
    show("killed");
    RUN("uid 1000", become(1000); _exit(1));
    show("uid 1000");
    pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        read(p[0], &status, 1);
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    show("stopped");
    kill(pid, SIGCONT);
    waitpid(pid, &status, WCONTINUED);
    for (int i = 0; i < 500 && !got; i++)
        msleep(2);
    show("continued");
    write(p[1], "x", 1);
    wait_child(pid);
    show("ended");
    sa.sa_flags = SA_SIGINFO | SA_NOCLDSTOP;
    sigaction(SIGCHLD, &sa, NULL);
    pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    show("SA_NOCLDSTOP, stopped");
    kill(pid, SIGCONT);
    wait_child(pid);
    show("SA_NOCLDSTOP, ended");
    sa.sa_flags = SA_SIGINFO | SA_NOCLDWAIT;
    sigaction(SIGCHLD, &sa, NULL);
    pid = fork();
    if (pid == 0)
        _exit(3);
    val(waitpid(pid, &status, 0));
    show("SA_NOCLDWAIT");
    /* one SIGCHLD stands for several children */
    sa.sa_flags = SA_SIGINFO;
    sigaction(SIGCHLD, &sa, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 3; i++)
        RUN("child", _exit(0));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    val(got);
}

CASE(siginfo_stop)
{
    int p[2], status;
    char c;

    pipe(p);
    pid_t pid = fork();
    if (pid == 0) {
        on_signal(SIGCONT, keep, 0);
        for (int i = 0; i < 3; i++) {
            raise(SIGSTOP);
            say("continued, handler ran %d", got);
        }
        write(p[1], "x", 1);
        _exit(0);
    }
    for (int i = 0; i < 3; i++) {
        waitpid(pid, &status, WUNTRACED);
        report_status("child", status);
        if (i == 1) { /* signals wait for a stopped process, but KILL and CONT do not */
            kill(pid, SIGWINCH);
            val(waitpid(pid, &status, WNOHANG | WCONTINUED));
        }
        kill(pid, SIGCONT);
    }
    val(read(p[0], &c, 1));
    report_status("child", wait_child(pid));
    pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGTERM);
    val(waitpid(pid, &status, WNOHANG));
    kill(pid, SIGCONT);
    report_status("TERM waited for CONT", wait_child(pid));
    pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGKILL);
    report_status("KILL did not", wait_child(pid));
    pid = fork();
    if (pid == 0) {
        signal(SIGTSTP, SIG_IGN);
        raise(SIGTSTP);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGCONT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        raise(SIGSTOP);
        sigpending(&set);
        say("blocked CONT continues and stays pending: %d", sigismember(&set, SIGCONT));
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGCONT);
    report_status("child", wait_child(pid));
}

CASE(timer_interval)
{
    struct itimerval it = {{0, 10000}, {0, 20000}}, old;
    struct itimerval bad = {{0, 0}, {0, 1000000}}, zero = {{0, 0}, {0, 0}};

    alarm(0);
    on_signal(SIGALRM, keep, 0);
    val(setitimer(ITIMER_REAL, &it, &old));
    while (got < 3)
        pause();
    got = 0;
    val(getitimer(ITIMER_REAL, &old));
    say("interval %ld.%06ld", (long)old.it_interval.tv_sec, (long)old.it_interval.tv_usec);
    val(setitimer(ITIMER_REAL, &zero, NULL));
    val(getitimer(ITIMER_REAL, &old));
    say("value %ld.%06ld", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
    val(setitimer(ITIMER_REAL, &bad, NULL));
    val(setitimer(9, &it, NULL));
    val(getitimer(9, &old));
    val(getitimer(ITIMER_REAL, NULL));
    val(setitimer(ITIMER_REAL, NULL, &old));
    val(alarm(100));
    long left = alarm(200);
    yes(left == 100 || left == 99);
    val(getitimer(ITIMER_REAL, &old));
    yes(old.it_value.tv_sec >= 198);
    val(alarm(0) >= 198);
    val(alarm(0));
    on_signal(SIGVTALRM, keep, 0);
    on_signal(SIGPROF, keep, 0);
    it = (struct itimerval){{0, 0}, {0, 20000}};
    val(setitimer(ITIMER_VIRTUAL, &it, NULL));
    msleep(60);
    show("asleep");
    while (!got)
        ;
    show("busy");
    val(setitimer(ITIMER_PROF, &it, NULL));
    while (!got)
        getppid();
    show("busy in the kernel");
}

CASE(timer_posix)
{
    struct sigevent se = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 40};
    struct itimerspec its = {{0, 0}, {0, 20000000}}, old;
    sigset_t set;
    siginfo_t si;
    int id = -1;

    sigemptyset(&set);
    sigaddset(&set, 40);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    se.sigev_value.sival_int = 77;
    val(syscall(SYS_timer_create, CLOCK_MONOTONIC, &se, &id));
    yes(id >= 0);
    val(syscall(SYS_timer_gettime, id, &old));
    say("%ld.%ld", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
    val(syscall(SYS_timer_settime, id, 0, &its, &old));
    val(syscall(SYS_timer_gettime, id, &old));
    yes(old.it_value.tv_sec == 0 && old.it_value.tv_nsec <= 20000000);
    str(signal_name(sigwaitinfo(&set, &si)));
    report_siginfo("one shot", &si);
    val(syscall(SYS_timer_getoverrun, id));
    val(syscall(SYS_timer_gettime, id, &old));
    say("%ld.%ld", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
    its.it_interval.tv_nsec = 5000000;
    val(syscall(SYS_timer_settime, id, 0, &its, NULL));
    msleep(100);
    sigwaitinfo(&set, &si);
    yes(si.si_overrun > 3 && syscall(SYS_timer_getoverrun, id) == si.si_overrun);
    its.it_value.tv_nsec = 0;
    val(syscall(SYS_timer_settime, id, 0, &its, NULL));
    while (sigtimedwait(&set, &si, &(struct timespec){0, 20000000}) > 0)
        ;
    its = (struct itimerspec){{0, 0}, {0, 1}};
    val(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &its, NULL)); /* in the past */
    str(signal_name(sigwaitinfo(&set, &si)));
    its.it_value.tv_nsec = 1000000000;
    val(syscall(SYS_timer_settime, id, 0, &its, NULL));
    its.it_value.tv_nsec = 1;
    val(syscall(SYS_timer_settime, id, 0, NULL, NULL));
    val(syscall(SYS_timer_settime, 99, 0, &its, NULL));
    val(syscall(SYS_timer_gettime, 99, &old));
    val(syscall(SYS_timer_getoverrun, 99));
    val(syscall(SYS_timer_gettime, id, NULL));
    RUN("not inherited", val(syscall(SYS_timer_gettime, id, &old)));
    val(syscall(SYS_timer_delete, id));
    val(syscall(SYS_timer_delete, id));
    val(syscall(SYS_timer_create, 99, &se, &id));
    val(syscall(SYS_timer_create, CLOCK_REALTIME, &se, NULL));
    se.sigev_signo = 99;
    val(syscall(SYS_timer_create, CLOCK_REALTIME, &se, &id));
    se.sigev_notify = 77;
    val(syscall(SYS_timer_create, CLOCK_REALTIME, &se, &id));
    se = (struct sigevent){.sigev_notify = SIGEV_NONE};
    val(syscall(SYS_timer_create, CLOCK_REALTIME, &se, &id));
    its.it_value = (struct timespec){0, 1000000};
    val(syscall(SYS_timer_settime, id, 0, &its, NULL));
    msleep(10);
    val(syscall(SYS_timer_gettime, id, &old));
    say("%ld.%ld", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
    val(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &id));
    val(syscall(SYS_timer_settime, id, 0, &its, NULL));
    str(signal_name(sigwaitinfo(&set, &si)));
    yes(si.si_value.sival_int == id);
    se = (struct sigevent){.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = 40};
    se._sigev_un._tid = gettid();
    val(syscall(SYS_timer_create, CLOCK_MONOTONIC, &se, &id));
    val(syscall(SYS_timer_settime, id, 0, &its, NULL));
    str(signal_name(sigwaitinfo(&set, &si)));
    se._sigev_un._tid = 1;
    val(syscall(SYS_timer_create, CLOCK_MONOTONIC, &se, &id));
}

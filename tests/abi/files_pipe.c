/* Pipes, FIFOs, eventfd, and waiting for them: poll, ppoll, select, pselect. */
#include "abi.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>

static volatile int seen;

static void note(int sig)
{
    seen = sig;
}

static void events(const char *what, int fd)
{
    struct pollfd pf = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
    int n = poll(&pf, 1, 0);

    say("%s: poll %d%s%s%s%s%s%s", what, n, pf.revents & POLLIN ? " IN" : "",
        pf.revents & POLLOUT ? " OUT" : "", pf.revents & POLLPRI ? " PRI" : "",
        pf.revents & POLLERR ? " ERR" : "", pf.revents & POLLHUP ? " HUP" : "",
        pf.revents & POLLNVAL ? " NVAL" : "");
}

CASE(pipe_basic)
{
    char buf[64] = "";
    int p[2], n = 0;

    ok(pipe(p));
    val(write(p[1], "hello", 5));
    val(ioctl(p[0], FIONREAD, &n));
    val(n);
    val(read(p[0], buf, 2));
    val(read(p[0], buf, 64));
    str(buf);
    val(write(p[1], "a", 1));
    val(write(p[1], "b", 1));
    val(read(p[0], buf, 64));
    val(read(p[1], buf, 1));
    val(write(p[0], buf, 1));
    val(read(p[0], buf, 0));
    val(write(p[1], buf, 0));
    ok(close(p[1]));
    val(read(p[0], buf, 64));
    val(read(p[0], buf, 64));
    oct(fcntl(p[0], F_GETFL));
    ok(pipe2(p, O_CLOEXEC | O_NONBLOCK));
    oct(fcntl(p[1], F_GETFL));
    val(fcntl(p[1], F_GETFD));
    val(read(p[0], buf, 1));
    ok(pipe2(p, O_APPEND));
    ok(pipe2(p, 0x80000000));
    ok(pipe2(NULL, 0));
    ok(ftruncate(p[1], 0));
    ok(fsync(p[1]));
    ok(syscall(SYS_getdents64, p[0], buf, 64));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, p[0], 0));
}

CASE(pipe_broken)
{
    int p[2];

    ok(pipe(p));
    close(p[0]);
    RUN("default", write(p[1], "x", 1); say("alive"));
    RUN("ignored", signal(SIGPIPE, SIG_IGN); val(write(p[1], "x", 1)));
    signal(SIGPIPE, note);
    val(write(p[1], "x", 1));
    str(signal_name(seen));
    seen = 0;
    val(write(p[1], "", 0));
    val(seen);
    events("write end", p[1]);
    ok(pipe(p));
    close(p[1]);
    events("read end", p[0]);
}

CASE(pipe_full)
{
    static char big[70000];
    int p[2];
    long total = 0, n;

    ok(pipe2(p, O_NONBLOCK));
    events("empty read end", p[0]);
    events("empty write end", p[1]);
    while ((n = write(p[1], big, 4096)) > 0)
        total += n;
    str(error_name(errno));
    val(total);
    events("full read end", p[0]);
    events("full write end", p[1]);
    val(write(p[1], "x", 1));
    val(read(p[0], big, 4096));
    events("a page freed, write end", p[1]);
    val(write(p[1], big, 4097));
    val(write(p[1], big, 4096));
    val(read(p[0], big, sizeof(big)));
    val(write(p[1], big, 70000));
    val(read(p[0], big, sizeof(big)));
    val(read(p[0], big, sizeof(big)));
    RUN(
        "a writer waits for room", long got = 0; int q[2]; pipe(q); fcntl(p[1], F_SETFL, 0);
        if (fork() == 0) {
            msleep(50);
            close(p[1]);
            fcntl(p[0], F_SETFL, 0);
            while (got < 140000)
                got += read(p[0], big, 10000);
            write(q[1], &got, sizeof(got));
            _exit(0);
        } val(write(p[1], big, 70000));
        val(write(p[1], big, 70000)); read(q[0], &got, sizeof(got)); val(got));
}

/* Writers of up to PIPE_BUF bytes do not mix. */
CASE(pipe_atomic)
{
    char buf[4096];
    int p[2], mixed = 0;
    long total = 0;

    ok(pipe(p));
    for (int w = 0; w < 3; w++)
        if (fork() == 0) {
            memset(buf, 'a' + w, sizeof(buf));
            for (int i = 0; i < 40; i++)
                write(p[1], buf, 1365 * (w + 1));
            _exit(0);
        }
    close(p[1]);
    char last = 0;
    long run = 0;
    for (long n; (n = read(p[0], buf, sizeof(buf))) > 0; total += n)
        for (long i = 0; i < n; i++) {
            if (buf[i] != last && last && run % (1365 * (last - 'a' + 1)))
                mixed++;
            run = buf[i] == last ? run + 1 : 1;
            last = buf[i];
        }
    val(total);
    val(mixed);
}

CASE(pipe_size)
{
    static char big[70000];
    int p[2];

    ok(pipe2(p, O_NONBLOCK));
    val(fcntl(p[0], F_GETPIPE_SZ));
    val(fcntl(p[0], F_SETPIPE_SZ, 4096));
    val(write(p[1], big, 70000));
    val(fcntl(p[1], F_SETPIPE_SZ, 5000));
    val(fcntl(p[1], F_GETPIPE_SZ));
    val(write(p[1], big, 70000));
    val(fcntl(p[1], F_SETPIPE_SZ, 4096));
    val(fcntl(p[1], F_SETPIPE_SZ, 1 << 20));
    val(write(p[1], big, 70000));
    val(fcntl(p[1], F_SETPIPE_SZ, 0));
    val(fcntl(p[1], F_SETPIPE_SZ, -1));
    val(read(p[0], big, sizeof(big)));
    val(read(p[0], big, sizeof(big)));
    val(fcntl(p[1], F_SETPIPE_SZ, 1));
    RUN("as uid 1000", become(1000); val(fcntl(p[1], F_SETPIPE_SZ, 1 << 20));
        val(fcntl(p[1], F_SETPIPE_SZ, 1 << 21)));
}

CASE(pipe_fifo)
{
    char buf[16] = "";

    ok(mkfifo("p", 0666));
    ok(open("p", O_WRONLY | O_NONBLOCK));
    int r = ok(open("p", O_RDONLY | O_NONBLOCK));
    val(read(r, buf, 1));
    events("no writer yet", r);
    int w = ok(open("p", O_WRONLY | O_NONBLOCK));
    val(read(r, buf, 1));
    val(write(w, "data", 4));
    events("data", r);
    close(w);
    events("writer gone", r);
    val(read(r, buf, 16));
    val(read(r, buf, 16));
    events("drained", r);
    w = ok(open("p", O_RDWR));
    val(write(w, "self", 4));
    val(read(w, buf, 4));
    val(lseek(w, 0, SEEK_SET));
    close(w);
    close(r);
    ok(truncate("p", 0));
    pid_t child = fork();
    if (child == 0) {
        int c = open("p", O_WRONLY);
        say("writer's open returned");
        write(c, "late", 4);
        _exit(0);
    }
    msleep(30);
    say("reader opens");
    r = open("p", O_RDONLY);
    memset(buf, 0, sizeof(buf));
    wait_child(child);
    val(read(r, buf, 16));
    str(buf);
    val(read(r, buf, 16));
    RUN("an open that waits is interrupted", on_signal(SIGALRM, NULL, 0);
        struct sigaction sa = {.sa_handler = note}; sigaction(SIGALRM, &sa, NULL);
        struct itimerval it = {.it_value.tv_usec = 150000}; setitimer(ITIMER_REAL, &it, NULL);
        close(r); ok(open("p", O_WRONLY)));
}

CASE(eventfd_all)
{
    uint64_t v = 0;

    int fd = ok(eventfd(3, EFD_NONBLOCK));
    events("3", fd);
    val(read(fd, &v, 8));
    val(v);
    val(read(fd, &v, 8));
    events("0", fd);
    v = 5;
    val(write(fd, &v, 8));
    val(write(fd, &v, 8));
    val(read(fd, &v, 7));
    val(read(fd, &v, 16));
    val(v);
    val(write(fd, &v, 4));
    val(write(fd, &v, 16));
    val(read(fd, &v, 8));
    v = -1;
    val(write(fd, &v, 8));
    v = -2;
    val(write(fd, &v, 8));
    events("full", fd);
    v = 1;
    val(write(fd, &v, 8));
    v = 0;
    val(write(fd, &v, 8));
    val(read(fd, &v, 8));
    yes(v == (uint64_t)-2);
    fd = ok(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC));
    val(fcntl(fd, F_GETFD));
    oct(fcntl(fd, F_GETFL));
    val(read(fd, &v, 8));
    val(v);
    val(read(fd, &v, 8));
    val(read(fd, &v, 8));
    ok(eventfd(0, 0x8000));
    val(lseek(fd, 0, SEEK_SET));
    val(pread(fd, &v, 8, 0));
    fd = ok(eventfd(0, 0));
    RUN(
        "a reader waits",
        if (fork() == 0) {
            msleep(40);
            v = 7;
            write(fd, &v, 8);
            _exit(0);
        } val(read(fd, &v, 8));
        val(v));
}

CASE(poll_basic)
{
    struct pollfd pf[4];
    struct timespec ts = {0, 20000000}, bad = {0, 1000000000}, neg = {-1, 0};
    int p[2];

    ok(pipe(p));
    make_file("f", "x");
    events("file", open("f", O_RDONLY));
    events("directory", open(".", O_RDONLY));
    events("/dev/null", open("/dev/null", O_RDWR));
    events("/dev/zero", open("/dev/zero", O_RDWR));
    events("closed descriptor", 99);
    pf[0] = (struct pollfd){-1, POLLIN, 77};
    pf[1] = (struct pollfd){p[1], POLLOUT, 77};
    pf[2] = (struct pollfd){p[0], POLLIN, 77};
    pf[3] = (struct pollfd){99, POLLIN, 77};
    val(poll(pf, 4, -1));
    say("revents %d %d %d %d", pf[0].revents, pf[1].revents, pf[2].revents, pf[3].revents);
    val(poll(pf, 3, 0));
    val(poll(pf + 2, 1, 20));
    val(poll(NULL, 0, 10));
    val(syscall(SYS_ppoll, pf + 2, 1, &ts, NULL, 0));
    say("left %ld.%ld", (long)ts.tv_sec, ts.tv_nsec);
    val(syscall(SYS_ppoll, pf, 3, &bad, NULL, 0));
    val(syscall(SYS_ppoll, pf, 3, &neg, NULL, 0));
    val(syscall(SYS_ppoll, pf, 3, NULL, "sigset", 3));
    val(syscall(SYS_ppoll, NULL, 1, NULL, NULL, 0));
    struct rlimit rl = {16, 16};
    RUN("more than RLIMIT_NOFILE", setrlimit(RLIMIT_NOFILE, &rl); static struct pollfd many[17];
        val(poll(many, 17, 0)); val(poll(many, 16, 0)));
    pf[0] = (struct pollfd){p[0], 0, 0};
    close(p[1]);
    val(poll(pf, 1, 0));
    hex(pf[0].revents);
    ok(pipe(p));
    pid_t child = fork();
    if (child == 0) {
        msleep(40);
        write(p[1], "x", 1);
        _exit(0);
    }
    pf[0] = (struct pollfd){p[0], POLLIN, 0};
    val(poll(pf, 1, 5000));
    hex(pf[0].revents);
    wait_child(child);
    val(poll((struct pollfd[2]){{p[0], POLLIN, 0}, {p[0], POLLIN, 0}}, 2, 0));
}

CASE(poll_signals)
{
    struct sigaction sa = {.sa_handler = note, .sa_flags = SA_RESTART};
    struct itimerval it = {.it_value.tv_usec = 100000};
    struct timespec second = {1, 0}, left;
    sigset_t block, none;
    struct pollfd pf;
    fd_set set;
    int p[2];

    ok(pipe(p));
    pf = (struct pollfd){p[0], POLLIN, 0};
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &it, NULL);
    val(poll(&pf, 1, 5000));
    setitimer(ITIMER_REAL, &it, NULL);
    val(select(0, NULL, NULL, NULL, &(struct timeval){5, 0}));
    setitimer(ITIMER_REAL, &it, NULL);
    left = second;
    val(syscall(SYS_ppoll, &pf, 1, &left, NULL, 8));
    yes(left.tv_sec == 0 && left.tv_nsec > 0);
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigprocmask(SIG_BLOCK, &block, NULL);
    seen = 0;
    kill(getpid(), SIGALRM);
    val(poll(&pf, 1, 10));
    val(seen);
    val(ppoll(&pf, 1, &second, &none));
    str(signal_name(seen));
    seen = 0;
    kill(getpid(), SIGALRM);
    FD_ZERO(&set);
    FD_SET(p[0], &set);
    val(pselect(p[0] + 1, &set, NULL, NULL, &second, &none));
    str(signal_name(seen));
    yes(FD_ISSET(p[0], &set));
    sigprocmask(SIG_BLOCK, NULL, &none);
    yes(sigismember(&none, SIGALRM));
    /* a ready descriptor wins over a pending signal */
    seen = 0;
    write(p[1], "x", 1);
    kill(getpid(), SIGALRM);
    sigemptyset(&none);
    val(ppoll(&pf, 1, &second, &none));
    sigprocmask(SIG_SETMASK, &none, NULL);
    str(signal_name(seen));
}

CASE(select_basic)
{
    struct timeval tv = {0, 20000};
    struct timespec ts = {0, 20000000};
    fd_set r, w, e;
    int p[2];

    ok(pipe(p));
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_ZERO(&e);
    FD_SET(p[0], &r);
    FD_SET(p[1], &w);
    FD_SET(p[0], &e);
    val(select(p[1] + 1, &r, &w, &e, NULL));
    say("r %d w %d e %d", !!FD_ISSET(p[0], &r), !!FD_ISSET(p[1], &w), !!FD_ISSET(p[0], &e));
    FD_SET(p[0], &r);
    val(select(p[0] + 1, &r, NULL, NULL, &tv));
    say("left %ld.%ld", (long)tv.tv_sec, (long)tv.tv_usec);
    yes(FD_ISSET(p[0], &r));
    val(write(p[1], "x", 1));
    FD_SET(p[0], &r);
    FD_SET(p[1], &w);
    val(select(p[1] + 1, &r, &w, NULL, &(struct timeval){0, 0}));
    FD_ZERO(&r);
    FD_SET(60, &r);
    val(select(61, &r, NULL, NULL, &(struct timeval){0, 0}));
    val(select(50, &r, NULL, NULL, &(struct timeval){0, 0}));
    val(select(-1, NULL, NULL, NULL, &(struct timeval){0, 0}));
    val(select(0, NULL, NULL, NULL, &(struct timeval){0, -1}));
    val(select(0, NULL, NULL, NULL, &(struct timeval){-1, 0}));
    val(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL));
    say("left %ld.%ld", (long)ts.tv_sec, ts.tv_nsec);
    ts.tv_nsec = 1000000000;
    val(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL));
    val(syscall(SYS_pselect6, 1, (void *)8, NULL, NULL, NULL, NULL));
    val(syscall(SYS_pselect6, 0, NULL, NULL, NULL, (void *)8, NULL));
    val(syscall(SYS_pselect6, 0, NULL, NULL, NULL, NULL, (void *)8));
    close(p[0]);
    FD_ZERO(&w);
    FD_SET(p[1], &w);
    val(select(p[1] + 1, NULL, &w, NULL, &(struct timeval){0, 0}));
    ok(pipe(p));
    close(p[1]);
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    val(select(p[0] + 1, &r, NULL, NULL, &(struct timeval){0, 0}));
}

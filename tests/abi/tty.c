/*
 * The terminal, as far as the console can show it. These cases come last: the end of a session
 * that owns the console hangs it up, and a kernel that gets this wrong may cut off our output.
 */
#include "abi.h"

#include <sys/ioctl.h>
#include <termios.h>

CASE(tty_ioctl)
{
    struct winsize ws;
    struct termios t;
    int p[2], n;

    make_file("f", "x");
    int file = ok(open("f", O_RDWR)), dir = ok(open(".", O_RDONLY));
    int null = ok(open("/dev/null", O_RDWR));
    ok(pipe(p));
    val(isatty(file));
    val(isatty(99));
    val(ioctl(file, TCGETS, &t));
    val(ioctl(dir, TCGETS, &t));
    val(ioctl(null, TCGETS, &t));
    val(ioctl(p[0], TCGETS, &t));
    val(ioctl(file, TIOCGWINSZ, &ws));
    val(ioctl(p[0], TIOCGWINSZ, &ws));
    val(ioctl(file, TIOCGPGRP, &n));
    val(ioctl(null, TIOCSCTTY, 0));
    val(ioctl(99, TCGETS, &t));
    val(ioctl(file, 0x12345678, &t));
    val(ioctl(file, FIONREAD, &n));
    val(n);
    val(ioctl(file, FIOCLEX));
    val(fcntl(file, F_GETFD));
    val(ioctl(file, FIONCLEX));
    val(fcntl(file, F_GETFD));
    n = 1;
    val(ioctl(p[0], FIONBIO, &n));
    val(read(p[0], &n, 1));
    val(ioctl(dir, FIONREAD, &n));
    val(ioctl(null, FIONREAD, &n));
}

static long flags(int fd, int which)
{
    struct termios t;

    if (tcgetattr(fd, &t) < 0)
        return -1;
    return which == 0   ? t.c_iflag
           : which == 1 ? t.c_oflag
           : which == 2 ? t.c_lflag
                        : (t.c_cflag & CSIZE);
}

CASE(tty_console)
{
    struct winsize ws = {24, 80, 0, 0};
    struct termios t, old;
    struct stat st;
    char buf[64];
    int n = 5;

    int fd = ok(open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK));
    val(isatty(fd));
    val(isatty(1));
    ok(fstat(fd, &st));
    yes(S_ISCHR(st.st_mode));
    hex(st.st_rdev);
    ok(open("/dev/tty", O_RDWR));
    oct(flags(fd, 0));
    oct(flags(fd, 1));
    oct(flags(fd, 2));
    oct(flags(fd, 3));
    tcgetattr(fd, &t);
    for (int i = 0; i < 17; i++)
        if (i != VSWTC)
            say("cc[%d] %d", i, t.c_cc[i]);
    old = t;
    t.c_lflag &= ~(ICANON | ECHO);
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 1;
    val(tcsetattr(fd, TCSANOW, &t));
    oct(flags(fd, 2));
    val(read(fd, buf, sizeof(buf)));
    fcntl(fd, F_SETFL, 0);
    val(read(fd, buf, sizeof(buf))); /* VTIME passes without input */
    val(tcsetattr(fd, TCSADRAIN, &old));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    val(read(fd, buf, sizeof(buf)));
    val(ioctl(fd, FIONREAD, &n));
    val(n);
    val(ioctl(fd, TIOCOUTQ, &n));
    val(ioctl(fd, TIOCSWINSZ, &ws));
    ws = (struct winsize){0, 0, 0, 0};
    val(ioctl(fd, TIOCGWINSZ, &ws));
    say("%d x %d", ws.ws_row, ws.ws_col);
    val(ioctl(fd, TIOCGPGRP, &n));
    val(ioctl(fd, TIOCSPGRP, &n));
    val(ioctl(fd, TIOCGSID, &n));
    val(ioctl(fd, TCGETS, NULL));
    val(ioctl(fd, TIOCGWINSZ, NULL));
    val(ioctl(fd, TCSETS, NULL));
    val(ioctl(fd, 0x5499, &n));
    val(lseek(fd, 0, SEEK_SET));
    val(pread(fd, buf, 1, 0));
    val(tcflush(fd, TCIOFLUSH));
    val(tcflush(fd, 77));
    val(tcdrain(fd));
    val(write(fd, "", 0));
    val(ftruncate(fd, 0));
}

static volatile int got;

static void note(int sig)
{
    got = sig;
}

/* Runs in a session of its own that takes the console's terminal. */
static void own_terminal(void)
{
    struct winsize ws;
    struct termios t;
    int n, fd, status, p[2];
    char c;

    setsid();
    pipe(p);
    fd = ok(open("/dev/ttyAMA0", O_RDWR | O_NOCTTY));
    val(ioctl(fd, TIOCGPGRP, &n));
    val(ioctl(fd, TIOCSCTTY, 0));
    val(ioctl(fd, TIOCSCTTY, 0));
    val(ioctl(fd, TIOCGPGRP, &n));
    yes(n == getpid());
    val(ioctl(fd, TIOCGSID, &n));
    yes(n == getpid());
    int tty = ok(open("/dev/tty", O_RDWR));
    val(ioctl(tty, TIOCGPGRP, &n));
    signal(SIGWINCH, note);
    val(ioctl(tty, TIOCGWINSZ, &ws));
    ws.ws_row++;
    val(ioctl(tty, TIOCSWINSZ, &ws));
    str(signal_name(got));
    n = 999999;
    val(ioctl(tty, TIOCSPGRP, &n));
    n = -1;
    val(ioctl(tty, TIOCSPGRP, &n));
    n = harness_pid;
    val(ioctl(tty, TIOCSPGRP, &n));
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        write(p[1], "x", 1);
        read(tty, &c, 1); /* SIGTTIN, and again after the shell continues it */
        _exit(1);
    }
    waitpid(pid, &status, WUNTRACED);
    report_status("background read", status);
    kill(pid, SIGKILL);
    wait_child(pid);
    RUN("background read, SIGTTIN ignored", setpgid(0, 0); signal(SIGTTIN, SIG_IGN);
        val(read(tty, &c, 1)));
    RUN("background write", setpgid(0, 0); val(write(tty, "", 0)); val(write(tty, "\n", 1)));
    tcgetattr(tty, &t);
    t.c_lflag |= TOSTOP;
    tcsetattr(tty, TCSANOW, &t);
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        write(tty, "\n", 1);
        _exit(1);
    }
    waitpid(pid, &status, WUNTRACED);
    report_status("background write, TOSTOP", status);
    kill(pid, SIGKILL);
    wait_child(pid);
    t.c_lflag &= ~TOSTOP;
    tcsetattr(tty, TCSANOW, &t);
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        tcsetattr(tty, TCSANOW, &t);
        _exit(1);
    }
    waitpid(pid, &status, WUNTRACED);
    report_status("background tcsetattr", status);
    kill(pid, SIGKILL);
    wait_child(pid);
    RUN("background tcsetpgrp, SIGTTOU blocked", setpgid(0, 0); sigset_t set; sigemptyset(&set);
        sigaddset(&set, SIGTTOU); sigprocmask(SIG_BLOCK, &set, NULL); n = getpid();
        val(ioctl(tty, TIOCSPGRP, &n)); val(ioctl(tty, TIOCGPGRP, &n)); yes(n == getpid());
        n = getppid(); val(ioctl(tty, TIOCSPGRP, &n)));
    RUN("another session", setsid(); ok(open("/dev/tty", O_RDWR)); val(ioctl(fd, TIOCSCTTY, 0));
        val(ioctl(fd, TIOCGPGRP, &n)));
}

CASE(tty_session)
{
    int status, p[2];
    char c = 0;

    RUN("session", own_terminal());
    /* the end of the leader sends SIGHUP and SIGCONT to the foreground group */
    pipe(p);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        int fd = open("/dev/ttyAMA0", O_RDWR);
        ok(open("/dev/tty", O_RDWR)); /* a leader's open takes the terminal */
        pid_t member = fork();
        if (member == 0) {
            signal(SIGHUP, note);
            write(p[1], "r", 1);
            for (int i = 0; i < 100 && !got; i++)
                msleep(20);
            c = got == SIGHUP ? 'H' : '?';
            long n = write(fd, "", 1);
            int e = errno;
            write(p[1], &c, 1);
            c = n < 0 && e == EIO ? 'E' : '?';
            write(p[1], &c, 1);
            _exit(0);
        }
        read(p[0], &c, 1);
        signal(SIGHUP, SIG_IGN);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    report_status("leader", status);
    char out[3] = "";
    val(read(p[0], out, 1));
    val(read(p[0], out + 1, 1));
    str(out);
    val(isatty(1));
}

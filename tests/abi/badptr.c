/*
 * Bad pointers and bad descriptors, by table: every call that takes one. A row is tried with each
 * kind of bad address in a child of its own, and gives one line.
 */
#include "abi.h"

#include <asm/ioctls.h>
#include <sys/ioctl.h>
#include <poll.h>
#include <sys/eventfd.h>

/* Arguments that are filled in at run time. */
enum {
    PTR = 0x7b000001, /* the bad pointer */
    FILE_,            /* a file open for reading and writing, 64 bytes long */
    DIR_,             /* a directory */
    PIPE_R,           /* a pipe with 64 bytes in it */
    PIPE_W,           /* its other end */
    EVENT,            /* an eventfd that counts 1 */
    TTY,              /* the console */
    GOOD,             /* a page of zeroes that may be written */
    NAME,             /* the name of the file */
    NEW,              /* the name of nothing */
    HERE,             /* "." */
    SELF,             /* the own pid */
    VEC,              /* an iovec of one buffer, which is the bad pointer */
    TIME1,            /* {0, 1 ns} */
    VERSION3,         /* a capability header */
};

/*
 * IN: read by the kernel; TIMEOUT: the same, and NULL would mean for ever; OUT: written; STR: a
 * path or other text. `size` is what it spans.
 */
enum kind { IN, TIMEOUT, OUT, STR };

struct row {
    const char *name;
    long nr;
    enum kind kind;
    long size;
    long arg[6];
};

static const struct row rows[] = {
    {"read file", SYS_read, OUT, 16, {FILE_, PTR, 16}},
    {"read pipe", SYS_read, OUT, 16, {PIPE_R, PTR, 16}},
    {"read eventfd", SYS_read, OUT, 8, {EVENT, PTR, 8}},
    {"write file", SYS_write, IN, 16, {FILE_, PTR, 16}},
    {"write pipe", SYS_write, IN, 16, {PIPE_W, PTR, 16}},
    {"write eventfd", SYS_write, IN, 8, {EVENT, PTR, 8}},
    {"write console", SYS_write, IN, 1, {TTY, PTR, 1}},
    {"pread64", SYS_pread64, OUT, 16, {FILE_, PTR, 16, 0}},
    {"pwrite64", SYS_pwrite64, IN, 16, {FILE_, PTR, 16, 0}},
    {"readv vector", SYS_readv, IN, 16, {FILE_, PTR, 1}},
    {"readv buffer", SYS_readv, OUT, 16, {FILE_, VEC, 1}},
    {"writev vector", SYS_writev, IN, 16, {FILE_, PTR, 1}},
    {"writev buffer", SYS_writev, IN, 16, {FILE_, VEC, 1}},
    {"preadv vector", SYS_preadv, IN, 16, {FILE_, PTR, 1, 0, 0}},
    {"pwritev vector", SYS_pwritev, IN, 16, {FILE_, PTR, 1, 0, 0}},
    {"sendfile offset", SYS_sendfile, IN, 8, {PIPE_W, FILE_, PTR, 4}},
    {"copy_file_range in", SYS_copy_file_range, IN, 8, {FILE_, PTR, FILE_, 0, 4, 0}},
    {"copy_file_range out", SYS_copy_file_range, IN, 8, {FILE_, 0, FILE_, PTR, 4, 0}},
    {"getdents64", SYS_getdents64, OUT, 1024, {DIR_, PTR, 1024}},
    {"getcwd", SYS_getcwd, OUT, 64, {PTR, 64}},
    {"pipe2", SYS_pipe2, OUT, 8, {PTR, 0}},
    {"fstat", SYS_fstat, OUT, 128, {FILE_, PTR}},
    {"newfstatat path", SYS_newfstatat, STR, 8, {AT_FDCWD, PTR, GOOD, 0}},
    {"newfstatat buffer", SYS_newfstatat, OUT, 128, {AT_FDCWD, NAME, PTR, 0}},
    {"statx path", SYS_statx, STR, 8, {AT_FDCWD, PTR, 0, 0x7ff, GOOD}},
    {"statx buffer", SYS_statx, OUT, 256, {AT_FDCWD, NAME, 0, 0x7ff, PTR}},
    {"statfs path", SYS_statfs, STR, 8, {PTR, GOOD}},
    {"statfs buffer", SYS_statfs, OUT, 120, {HERE, PTR}},
    {"fstatfs", SYS_fstatfs, OUT, 120, {FILE_, PTR}},
    {"openat", SYS_openat, STR, 8, {AT_FDCWD, PTR, O_RDONLY}},
    {"mkdirat", SYS_mkdirat, STR, 8, {AT_FDCWD, PTR, 0755}},
    {"mknodat", SYS_mknodat, STR, 8, {AT_FDCWD, PTR, S_IFREG, 0}},
    {"unlinkat", SYS_unlinkat, STR, 8, {AT_FDCWD, PTR, 0}},
    {"symlinkat target", SYS_symlinkat, STR, 8, {PTR, AT_FDCWD, NEW}},
    {"symlinkat path", SYS_symlinkat, STR, 8, {NAME, AT_FDCWD, PTR}},
    {"linkat old", SYS_linkat, STR, 8, {AT_FDCWD, PTR, AT_FDCWD, NEW, 0}},
    {"linkat new", SYS_linkat, STR, 8, {AT_FDCWD, NAME, AT_FDCWD, PTR, 0}},
    {"renameat old", SYS_renameat, STR, 8, {AT_FDCWD, PTR, AT_FDCWD, NEW}},
    {"renameat2 new", SYS_renameat2, STR, 8, {AT_FDCWD, NAME, AT_FDCWD, PTR, 0}},
    {"truncate", SYS_truncate, STR, 8, {PTR, 0}},
    {"faccessat", SYS_faccessat, STR, 8, {AT_FDCWD, PTR, 0}},
    {"faccessat2", SYS_faccessat2, STR, 8, {AT_FDCWD, PTR, 0, 0}},
    {"chdir", SYS_chdir, STR, 8, {PTR}},
    {"chroot", SYS_chroot, STR, 8, {PTR}},
    {"fchmodat", SYS_fchmodat, STR, 8, {AT_FDCWD, PTR, 0644}},
    {"fchownat", SYS_fchownat, STR, 8, {AT_FDCWD, PTR, 0, 0, 0}},
    {"readlinkat path", SYS_readlinkat, STR, 8, {AT_FDCWD, PTR, GOOD, 64}},
    {"utimensat path", SYS_utimensat, STR, 8, {AT_FDCWD, PTR, GOOD, 0}},
    {"utimensat times", SYS_utimensat, IN, 32, {AT_FDCWD, NAME, PTR, 0}},
    {"mount source", SYS_mount, STR, 8, {PTR, NEW, NAME, 0, 0}},
    {"mount target", SYS_mount, STR, 8, {NAME, PTR, NAME, 0, 0}},
    {"mount type", SYS_mount, STR, 8, {NAME, HERE, PTR, 0, 0}},
    {"mount data", SYS_mount, IN, 4096, {NAME, HERE, NEW, 0, PTR}},
    {"umount2", SYS_umount2, STR, 8, {PTR, 0}},
    {"memfd_create", SYS_memfd_create, STR, 8, {PTR, 0}},
    {"execve path", SYS_execve, STR, 8, {PTR, GOOD, GOOD}},
    {"execve argv", SYS_execve, IN, 8, {NAME, PTR, GOOD}},
    {"execve envp", SYS_execve, IN, 8, {NAME, GOOD, PTR}},
    {"ppoll fds", SYS_ppoll, OUT, 8, {PTR, 1, TIME1, 0, 0}},
    {"ppoll time", SYS_ppoll, TIMEOUT, 16, {GOOD, 0, PTR, 0, 0}},
    {"ppoll mask", SYS_ppoll, IN, 8, {GOOD, 0, TIME1, PTR, 8}},
    {"pselect6 set", SYS_pselect6, OUT, 8, {1, PTR, 0, 0, TIME1, 0}},
    {"pselect6 time", SYS_pselect6, TIMEOUT, 16, {0, 0, 0, 0, PTR, 0}},
    {"pselect6 mask", SYS_pselect6, IN, 16, {0, 0, 0, 0, TIME1, PTR}},
    {"fcntl F_GETLK", SYS_fcntl, OUT, 32, {FILE_, F_GETLK, PTR}},
    {"fcntl F_SETLK", SYS_fcntl, IN, 32, {FILE_, F_SETLK, PTR}},
    {"ioctl TCGETS", SYS_ioctl, OUT, 36, {TTY, TCGETS, PTR}},
    {"ioctl TCSETS", SYS_ioctl, IN, 36, {TTY, TCSETS, PTR}},
    {"ioctl TIOCGWINSZ", SYS_ioctl, OUT, 8, {TTY, TIOCGWINSZ, PTR}},
    {"ioctl TIOCSWINSZ", SYS_ioctl, IN, 8, {TTY, TIOCSWINSZ, PTR}},
    {"ioctl FIONREAD", SYS_ioctl, OUT, 4, {PIPE_R, FIONREAD, PTR}},
    {"ioctl FIONBIO", SYS_ioctl, IN, 4, {PIPE_R, FIONBIO, PTR}},
    {"uname", SYS_uname, OUT, 390, {PTR}},
    {"sysinfo", SYS_sysinfo, OUT, 112, {PTR}},
    {"sethostname", SYS_sethostname, IN, 8, {PTR, 8}},
    {"setdomainname", SYS_setdomainname, IN, 8, {PTR, 8}},
    {"getrandom", SYS_getrandom, OUT, 16, {PTR, 16, 0}},
    {"getcpu cpu", SYS_getcpu, OUT, 4, {PTR, 0, 0}},
    {"getcpu node", SYS_getcpu, OUT, 4, {0, PTR, 0}},
    {"times", SYS_times, OUT, 32, {PTR}},
    {"getrusage", SYS_getrusage, OUT, 144, {0, PTR}},
    {"getrlimit", SYS_getrlimit, OUT, 16, {RLIMIT_CORE, PTR}},
    {"setrlimit", SYS_setrlimit, IN, 16, {RLIMIT_CORE, PTR}},
    {"prlimit64 new", SYS_prlimit64, IN, 16, {0, RLIMIT_CORE, PTR, 0}},
    {"prlimit64 old", SYS_prlimit64, OUT, 16, {0, RLIMIT_CORE, 0, PTR}},
    {"getresuid", SYS_getresuid, OUT, 4, {PTR, GOOD, GOOD}},
    {"getresgid", SYS_getresgid, OUT, 4, {GOOD, GOOD, PTR}},
    {"setgroups", SYS_setgroups, IN, 8, {2, PTR}},
    {"capget header", SYS_capget, IN, 8, {PTR, GOOD}},
    {"capget data", SYS_capget, OUT, 24, {VERSION3, PTR}},
    {"capset data", SYS_capset, IN, 24, {VERSION3, PTR}},
    {"prctl PR_SET_NAME", SYS_prctl, STR, 16, {PR_SET_NAME, PTR}},
    {"prctl PR_GET_NAME", SYS_prctl, OUT, 16, {PR_GET_NAME, PTR}},
    {"wait4 status", SYS_wait4, OUT, 4, {-1, PTR, WNOHANG, 0}},
    {"clock_gettime", SYS_clock_gettime, OUT, 16, {CLOCK_MONOTONIC, PTR}},
    {"clock_getres", SYS_clock_getres, OUT, 16, {CLOCK_MONOTONIC, PTR}},
    {"clock_settime", SYS_clock_settime, IN, 16, {CLOCK_MONOTONIC, PTR}},
    {"gettimeofday", SYS_gettimeofday, OUT, 16, {PTR, 0}},
    {"gettimeofday zone", SYS_gettimeofday, OUT, 8, {0, PTR}},
    {"nanosleep", SYS_nanosleep, IN, 16, {PTR, 0}},
    {"clock_nanosleep", SYS_clock_nanosleep, IN, 16, {CLOCK_MONOTONIC, 0, PTR, 0}},
    {"getitimer", SYS_getitimer, OUT, 32, {ITIMER_REAL, PTR}},
    {"setitimer new", SYS_setitimer, IN, 32, {ITIMER_VIRTUAL, PTR, 0}},
    {"setitimer old", SYS_setitimer, OUT, 32, {ITIMER_VIRTUAL, GOOD, PTR}},
    {"timer_create event", SYS_timer_create, IN, 64, {CLOCK_MONOTONIC, PTR, GOOD}},
    {"timer_create id", SYS_timer_create, OUT, 4, {CLOCK_MONOTONIC, 0, PTR}},
    {"timer_settime", SYS_timer_settime, IN, 32, {0, 0, PTR, 0}},
    {"timer_gettime", SYS_timer_gettime, OUT, 32, {0, PTR}},
    {"rt_sigaction new", SYS_rt_sigaction, IN, 32, {SIGUSR1, PTR, 0, 8}},
    {"rt_sigaction old", SYS_rt_sigaction, OUT, 32, {SIGUSR1, 0, PTR, 8}},
    {"rt_sigprocmask new", SYS_rt_sigprocmask, IN, 8, {SIG_BLOCK, PTR, 0, 8}},
    {"rt_sigprocmask old", SYS_rt_sigprocmask, OUT, 8, {SIG_BLOCK, 0, PTR, 8}},
    {"rt_sigpending", SYS_rt_sigpending, OUT, 8, {PTR, 8}},
    {"rt_sigsuspend", SYS_rt_sigsuspend, IN, 8, {PTR, 8}},
    {"rt_sigtimedwait set", SYS_rt_sigtimedwait, IN, 8, {PTR, 0, TIME1, 8}},
    {"rt_sigtimedwait time", SYS_rt_sigtimedwait, TIMEOUT, 16, {GOOD, 0, PTR, 8}},
    {"rt_sigqueueinfo", SYS_rt_sigqueueinfo, IN, 128, {SELF, SIGCHLD, PTR}},
    {"sigaltstack new", SYS_sigaltstack, IN, 24, {PTR, 0}},
    {"sigaltstack old", SYS_sigaltstack, OUT, 24, {0, PTR}},
    {"sched_getparam", SYS_sched_getparam, OUT, 4, {0, PTR}},
    {"sched_setparam", SYS_sched_setparam, IN, 4, {0, PTR}},
    {"sched_setscheduler", SYS_sched_setscheduler, IN, 4, {0, SCHED_OTHER, PTR}},
    {"sched_getaffinity", SYS_sched_getaffinity, OUT, 64, {0, 64, PTR}},
    {"sched_setaffinity", SYS_sched_setaffinity, IN, 64, {0, 64, PTR}},
    {"sched_rr_get_interval", SYS_sched_rr_get_interval, OUT, 16, {0, PTR}},
    {"futex wait", SYS_futex, IN, 4, {PTR, 0, 1, 0, 0, 0}},
    {"futex wake", SYS_futex, IN, 4, {PTR, 1, 1, 0, 0, 0}},
    {"futex time", SYS_futex, TIMEOUT, 16, {GOOD, 0, 1, PTR, 0, 0}},
    {"clone3", SYS_clone3, IN, 64, {PTR, 64}},
    {"get_robust_list head", SYS_get_robust_list, OUT, 8, {0, PTR, GOOD}},
    {"get_robust_list size", SYS_get_robust_list, OUT, 8, {0, GOOD, PTR}},
    {"mincore", SYS_mincore, OUT, 1, {GOOD, 4096, PTR}},
};

/* Calls that few programs make. */
static const struct row rare_rows[] = {
    {"preadv2 vector", SYS_preadv2, IN, 16, {FILE_, PTR, 1, 0, 0, 0}},
    {"execveat path", SYS_execveat, STR, 8, {AT_FDCWD, PTR, GOOD, GOOD, 0}},
    {"prctl PR_GET_PDEATHSIG", SYS_prctl, OUT, 4, {PR_GET_PDEATHSIG, PTR}},
};

static const char *const kinds[] = {"null",         "kernel",    "unmapped", "tagged",
                                    "past the end", "read-only", "none"};

struct ground {
    char *good, *edge, *unmapped, *readonly, *none;
    int file, dir, pipe[2], event, tty;
    struct iovec vec;
    struct timespec time1;
    struct {
        unsigned version, pid;
    } caps;
};

static void prepare(struct ground *g, enum kind kind)
{
    char text[65];
    char *area = map_anon(8 * PAGE, PROT_READ | PROT_WRITE);

    memset(text, 'x', sizeof(text));
    text[64] = 0;
    make_file("f", text);
    g->good = map_anon(PAGE, PROT_READ | PROT_WRITE);
    g->edge = area + PAGE;
    memset(area, kind == STR ? 'a' : 0, PAGE);
    mprotect(g->edge, PAGE, PROT_NONE);
    g->readonly = area + 3 * PAGE;
    memset(g->readonly, kind == STR ? 'a' : 0, PAGE);
    mprotect(g->readonly, PAGE, PROT_READ);
    g->none = area + 4 * PAGE;
    mprotect(g->none, PAGE, PROT_NONE);
    g->file = open("f", O_RDWR);
    g->dir = open("/", O_RDONLY);
    pipe(g->pipe);
    write(g->pipe[1], text, 64);
    g->event = eventfd(1, 0);
    g->tty = open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK);
    g->time1 = (struct timespec){0, 1};
    g->caps.version = 0x20080522;
    g->caps.pid = 0;
    syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &(int){0});
    g->unmapped = area + 6 * PAGE; /* last: nothing else may be mapped there */
    munmap(g->unmapped, 2 * PAGE);
}

static long fill(struct ground *g, long arg, char *bad, long size)
{
    switch (arg) {
    case PTR: return (long)bad;
    case FILE_: return g->file;
    case DIR_: return g->dir;
    case PIPE_R: return g->pipe[0];
    case PIPE_W: return g->pipe[1];
    case EVENT: return g->event;
    case TTY: return g->tty;
    case GOOD: return (long)g->good;
    case NAME: return (long)"f";
    case NEW: return (long)"tmpfs";
    case HERE: return (long)".";
    case SELF: return getpid();
    case TIME1: return (long)&g->time1;
    case VERSION3: return (long)&g->caps;
    case VEC: g->vec = (struct iovec){bad, size}; return (long)&g->vec;
    }
    return arg;
}

static char *address(struct ground *g, int kind, long size)
{
    switch (kind) {
    case 0: return NULL;
    case 1: return (char *)0xffff000000001000;
    case 2: return g->unmapped;
    case 3: return (char *)((long)g->good | 0x5500000000000000);
    case 4: return g->edge - (size > 1 ? size / 2 : 0);
    case 5: return g->readonly;
    default: return g->none;
    }
}

/* One row: the outcome with each kind of address, on a ground made afresh for each. */
static void try_row(const struct row *r)
{
    char line[512];
    struct ground g;
    int at = snprintf(line, sizeof(line), "%s:", r->name);
    long a[6];

    for (int kind = 0; kind < (int)COUNT(kinds); kind++) {
        if ((kind == 5 && r->kind != OUT) || (kind == 0 && r->kind == TIMEOUT))
            continue;
        prepare(&g, r->kind);
        char *bad = address(&g, kind, r->size);
        for (int i = 0; i < 6; i++)
            a[i] = fill(&g, r->arg[i], bad, r->size);
        lseek(g.file, 0, SEEK_SET);
        errno = 0;
        long v = syscall(r->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
        const char *e = v == -1 ? error_name(errno) : v == 0 ? "0" : "positive";
        at += snprintf(line + at, sizeof(line) - at, "%s %s %s", line[at - 1] == ':' ? "" : ",",
                       kinds[kind], e);
        for (int fd = 3; fd < 16; fd++)
            close(fd);
    }
    say("%s", line);
}

static void try_rows(const struct row *r, long count)
{
    for (; count > 0; count--, r++) {
        int status = CHILD(try_row(r));
        if (status)
            report_status(r->name, status);
    }
}

CASE(bad_pointers)
{
    try_rows(rows, COUNT(rows));
}

CASE(bad_pointers_rare)
{
    try_rows(rare_rows, COUNT(rare_rows));
}

/* A call that fails with EFAULT has changed nothing. */
CASE(bad_pointers_effect)
{
    char *edge = (char *)map_anon(2 * PAGE, PROT_READ | PROT_WRITE) + PAGE, buf[32];
    struct stat st;
    int p[2], n;

    munmap(edge, PAGE);
    make_file("f", "0123456789");
    int fd = ok(open("f", O_RDWR));
    val(read(fd, edge, 5));
    val(lseek(fd, 0, SEEK_CUR));
    val(write(fd, edge, 5));
    val(lseek(fd, 0, SEEK_CUR));
    val(read(fd, edge - 3, 8));
    val(lseek(fd, 0, SEEK_CUR));
    lseek(fd, 0, SEEK_SET);
    memcpy(edge - 3, "abc", 3);
    val(write(fd, edge - 3, 8));
    str(file_text("f"));
    ok(pipe(p));
    val(write(p[1], "pipe", 4));
    val(read(p[0], edge, 4));
    val(ioctl(p[0], FIONREAD, &n));
    val(n);
    val(read(p[0], edge - 2, 4));
    val(fcntl(p[0], F_SETFL, O_NONBLOCK));
    val(read(p[0], buf, 4));
    val(syscall(SYS_pipe2, edge, 0));
    yes(dup(fd) == p[1] + 1); /* no descriptor was left behind */
    val(syscall(SYS_pipe2, edge - 4, 0));
    yes(dup(fd) == p[1] + 2);
    val(syscall(SYS_setgroups, 2, edge));
    val(getgroups(0, NULL));
    val(syscall(SYS_rt_sigprocmask, SIG_BLOCK, edge, NULL, 8));
    val(syscall(SYS_rt_sigaction, SIGUSR1, edge - 8, NULL, 8));
    val(mkdir(edge, 0755));
    memset(edge - 4, 'd', 4);
    val(mkdir(edge - 4, 0755));
    ok(stat("dddd", &st));
    edge[-1] = 0; /* a text that ends at the edge is whole */
    val(mkdir(edge - 4, 0755));
    ok(stat("ddd", &st));
}

struct fd_row {
    const char *name;
    long nr;
    int which;
    long arg[6];
};

static const struct fd_row fd_rows[] = {
    {"read", SYS_read, 0, {0, GOOD, 1}},
    {"write", SYS_write, 0, {0, GOOD, 1}},
    {"readv", SYS_readv, 0, {0, GOOD, 1}},
    {"writev", SYS_writev, 0, {0, GOOD, 1}},
    {"pread64", SYS_pread64, 0, {0, GOOD, 1, 0}},
    {"pwrite64", SYS_pwrite64, 0, {0, GOOD, 1, 0}},
    {"preadv", SYS_preadv, 0, {0, GOOD, 1, 0, 0}},
    {"pwritev", SYS_pwritev, 0, {0, GOOD, 1, 0, 0}},
    {"lseek", SYS_lseek, 0, {0, 0, 0}},
    {"close", SYS_close, 0, {0}},
    {"dup", SYS_dup, 0, {0}},
    {"dup3", SYS_dup3, 0, {0, 20, 0}},
    {"fcntl", SYS_fcntl, 0, {0, F_GETFL}},
    {"ioctl", SYS_ioctl, 0, {0, TCGETS, GOOD}},
    {"flock", SYS_flock, 0, {0, 2}},
    {"fstat", SYS_fstat, 0, {0, GOOD}},
    {"fstatfs", SYS_fstatfs, 0, {0, GOOD}},
    {"ftruncate", SYS_ftruncate, 0, {0, 0}},
    {"fallocate", SYS_fallocate, 0, {0, 0, 0, 1}},
    {"fadvise64", SYS_fadvise64, 0, {0, 0, 0, 0}},
    {"fsync", SYS_fsync, 0, {0}},
    {"fdatasync", SYS_fdatasync, 0, {0}},
    {"fchdir", SYS_fchdir, 0, {0}},
    {"fchmod", SYS_fchmod, 0, {0, 0644}},
    {"fchown", SYS_fchown, 0, {0, 0, 0}},
    {"getdents64", SYS_getdents64, 0, {0, GOOD, 100}},
    {"sendfile out", SYS_sendfile, 0, {0, FILE_, 0, 1}},
    {"sendfile in", SYS_sendfile, 1, {PIPE_W, 0, 0, 1}},
    {"copy_file_range in", SYS_copy_file_range, 0, {0, 0, FILE_, 0, 1, 0}},
    {"copy_file_range out", SYS_copy_file_range, 2, {FILE_, 0, 0, 0, 1, 0}},
    {"mmap", SYS_mmap, 4, {0, 4096, PROT_READ, MAP_PRIVATE, 0, 0}},
    {"openat", SYS_openat, 0, {0, NAME, 0}},
    {"mkdirat", SYS_mkdirat, 0, {0, NEW, 0755}},
    {"mknodat", SYS_mknodat, 0, {0, NEW, S_IFREG, 0}},
    {"unlinkat", SYS_unlinkat, 0, {0, NAME, 0}},
    {"symlinkat", SYS_symlinkat, 1, {NAME, 0, NEW}},
    {"linkat old", SYS_linkat, 0, {0, NAME, AT_FDCWD, NEW, 0}},
    {"linkat new", SYS_linkat, 2, {AT_FDCWD, NAME, 0, NEW, 0}},
    {"renameat2 old", SYS_renameat2, 0, {0, NAME, AT_FDCWD, NEW, 0}},
    {"renameat2 new", SYS_renameat2, 2, {AT_FDCWD, NAME, 0, NEW, 0}},
    {"faccessat", SYS_faccessat, 0, {0, NAME, 0}},
    {"faccessat2", SYS_faccessat2, 0, {0, NAME, 0, 0}},
    {"fchmodat", SYS_fchmodat, 0, {0, NAME, 0644}},
    {"fchownat", SYS_fchownat, 0, {0, NAME, 0, 0, 0}},
    {"readlinkat", SYS_readlinkat, 0, {0, NAME, GOOD, 64}},
    {"newfstatat", SYS_newfstatat, 0, {0, NAME, GOOD, 0}},
    {"statx", SYS_statx, 0, {0, NAME, 0, 0x7ff, GOOD}},
    {"utimensat", SYS_utimensat, 0, {0, NAME, 0, 0}},
};

static const struct fd_row rare_fd_rows[] = {
    {"preadv2", SYS_preadv2, 0, {0, GOOD, 1, 0, 0, 0}},
    {"pwritev2", SYS_pwritev2, 0, {0, GOOD, 1, 0, 0, 0}},
    {"readahead", SYS_readahead, 0, {0, 0, 1}},
    {"syncfs", SYS_syncfs, 0, {0}},
    {"sync_file_range", SYS_sync_file_range, 0, {0, 0, 0, 0}},
    {"splice in", SYS_splice, 0, {0, 0, FILE_, 0, 1, 0}},
    {"execveat", SYS_execveat, 0, {0, NAME, 0, 0, 0}},
};

static void try_descriptors(const struct fd_row *row, long count)
{
    static const int bad[] = {-1, 60, 9999, INT_MAX, INT_MIN};
    struct ground g;
    char line[256];
    long a[6];

    prepare(&g, IN);
    for (; count > 0; count--, row++) {
        int at = snprintf(line, sizeof(line), "%s:", row->name);
        for (unsigned b = 0; b < COUNT(bad); b++) {
            for (int i = 0; i < 6; i++)
                a[i] = fill(&g, row->arg[i], NULL, 0);
            a[row->which] = bad[b];
            errno = 0;
            long v = syscall(row->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
            at +=
                snprintf(line + at, sizeof(line) - at, " %s", v == -1 ? error_name(errno) : "done");
        }
        say("%s", line);
    }
}

CASE(bad_descriptors)
{
    try_descriptors(fd_rows, COUNT(fd_rows));
}

CASE(bad_descriptors_rare)
{
    try_descriptors(rare_fd_rows, COUNT(rare_fd_rows));
}

CASE(unknown_calls)
{
    static const long numbers[] = {244,
                                   295,
                                   300,
                                   423,
                                   470,
                                   511,
                                   512,
                                   600,
                                   1000,
                                   4095,
                                   100000,
                                   INT_MAX,
                                   -1,
                                   -2,
                                   0x100000000 + 600,
                                   0x100000000 + SYS_getpid};

    for (unsigned i = 0; i < COUNT(numbers); i++) {
        long r = syscall(numbers[i], 1, 2, 3, 4, 5, 6);
        say("%ld: %s", numbers[i], r == -1 ? error_name(errno) : r == getpid() ? "getpid" : "done");
    }
    yes(syscall(SYS_getpid) == getpid());
}

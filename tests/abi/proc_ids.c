/* Who a process is: groups and sessions, user and group ids, capabilities, limits, scheduling. */
#include "abi.h"

#include <linux/capability.h>
#include <sys/personality.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

CASE(id_groups)
{
    int p[2], status;
    char c;

    pipe(p);
    yes(getpgrp() == getpid() && getsid(0) == getpid());
    val(setsid());
    val(setpgid(0, 0));
    val(getpgid(-1));
    val(getpgid(999999));
    val(getsid(999999));
    val(setpgid(-1, 0));
    val(setpgid(0, -1));
    val(setpgid(1, 0));
    val(setpgid(999999, 0));
    pid_t pid = fork();
    if (pid == 0) {
        read(p[0], &c, 1);
        _exit(0);
    }
    yes(getpgid(pid) == getpid());
    val(setpgid(pid, 0));
    yes(getpgid(pid) == pid);
    val(setpgid(pid, getpid()));
    yes(getpgid(pid) == getpid());
    val(setpgid(pid, 999999));
    val(setpgid(pid, harness_pid));
    write(p[1], "x", 1);
    wait_child(pid);
    RUN("own group, then session", val(setpgid(0, 0)); yes(getpgrp() == getpid()); val(setsid());
        RUN("grandchild", yes(setsid() == getpid()); yes(getsid(0) == getpid());
            yes(getpgrp() == getpid());));
    pid = fork();
    if (pid == 0) {
        execl(self_path, "x", "@exit", "0", NULL);
        _exit(1);
    }
    waitid(P_PID, pid, NULL, WEXITED | WNOWAIT);
    val(setpgid(pid, 0)); /* it has executed a program */
    wait_child(pid);
    pid = fork();
    if (pid == 0) {
        setsid();
        write(p[1], "x", 1);
        pause();
    }
    read(p[0], &c, 1);
    val(setpgid(pid, pid));
    yes(getsid(pid) == pid);
    kill(-pid, SIGTERM);
    wait(&status);
    report_status("killed by group", status);
    val(kill(-pid, 0));
    val(kill(-999999, 0));
}

static void show_ids(const char *what)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;

    getresuid(&r, &e, &s);
    getresgid(&rg, &eg, &sg);
    say("%s: uid %d %d %d, gid %d %d %d", what, r, e, s, rg, eg, sg);
}

/* The raw calls: the C library's change every thread. */
#define SET(name, ...)                         \
    ({                                         \
        val(syscall(SYS_##name, __VA_ARGS__)); \
        show_ids("  ");                        \
    })

CASE(id_users)
{
    show_ids("start");
    RUN("setuid as root", SET(setuid, 1000); SET(setuid, 0); SET(setuid, 1000));
    RUN("setgid as root", SET(setgid, 1000); SET(setgid, 0));
    RUN("seteuid", SET(setresuid, -1, 1000, -1); SET(setuid, 5); SET(setuid, 0);
        SET(setreuid, -1, 0); SET(setuid, 7));
    RUN("setreuid moves the saved id", SET(setreuid, 1, 2); SET(setreuid, 2, 1);
        SET(setreuid, -1, -1); SET(setreuid, 3, -1); SET(setreuid, -1, 3));
    RUN("setresuid", SET(setresuid, 1, 2, 3); SET(setresuid, 3, 1, 2); SET(setresuid, -1, 4, -1);
        SET(setresuid, 2, 2, 2); SET(setresuid, 1, -1, -1));
    RUN("setresgid", SET(setresgid, 1, 2, 3); SET(setresuid, 1, 1, 1); SET(setresgid, 3, 1, 2);
        SET(setresgid, 9, -1, -1); SET(setregid, 1, -1); SET(setregid, 9, -1));
    RUN("setregid", SET(setregid, 5, 6); SET(setregid, 6, 5));
    RUN("setfsuid", val(syscall(SYS_setfsuid, 1000)); val(syscall(SYS_setfsuid, -1));
        ok(open("/tmp/abi-id_users/x", O_CREAT | O_RDWR, 0600)); val(syscall(SYS_setfsgid, 50));
        val(syscall(SYS_setfsgid, -1)));
    RUN("invalid", val(syscall(SYS_setuid, -1)); val(syscall(SYS_setgid, -1)));
    RUN("as uid 1000", become(1000); SET(setuid, 0); SET(setgid, 0); SET(setreuid, 0, 0);
        SET(setresuid, 1000, -1, 1000); val(syscall(SYS_setgroups, 0, NULL));
        val(syscall(SYS_setfsuid, 0)); val(syscall(SYS_setfsuid, -1)); val(sethostname("x", 1));
        val(syscall(SYS_chroot, "/")); val(syscall(SYS_reboot, 1, 2, 3, NULL)); val(kill(1, 0));
        val(setpriority(PRIO_PROCESS, 0, -5)));
    val(syscall(SYS_getresuid, 8, 8, 8));
    val(syscall(SYS_getresgid, NULL, NULL, NULL));
}

CASE(id_supplementary)
{
    gid_t set[] = {30, 10, 20, 10}, got[8] = {0};

    val(getgroups(0, NULL));
    val(syscall(SYS_setgroups, 4, set));
    val(getgroups(0, NULL));
    val(syscall(SYS_getgroups, 3, got));
    val(syscall(SYS_getgroups, 4, got));
    say("%d %d %d %d", got[0], got[1], got[2], got[3]);
    val(syscall(SYS_getgroups, -1, got));
    val(syscall(SYS_getgroups, 4, NULL));
    val(syscall(SYS_setgroups, 65537, set));
    val(syscall(SYS_setgroups, -1, set));
    val(syscall(SYS_setgroups, 2, NULL));
    RUN("kept across setuid and fork", setuid(1000); val(getgroups(8, got)));
    make_file("f", "x");
    chown("f", 0, 20);
    chmod("f", 0040);
    RUN("gives access", setuid(1000); ok(open("f", O_RDONLY)); ok(open("f", O_RDWR)));
    RUN("access by real group only", setgid(99); setuid(1000); ok(access("f", R_OK)));
}

static void show_caps(const char *what)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{0, 0, 0}, {0, 0, 0}};
    int r = syscall(SYS_capget, &h, d);

    say("%s: %d effective %x:%x permitted %x:%x inheritable %x:%x", what, r, d[1].effective,
        d[0].effective, d[1].permitted, d[0].permitted, d[1].inheritable, d[0].inheritable);
}

CASE(id_capabilities)
{
    struct __user_cap_header_struct h = {0x1234, 0};
    struct __user_cap_data_struct d[2];

    show_caps("root");
    val(syscall(SYS_capget, &h, d));
    hex(h.version);
    h.version = 0x1234;
    val(syscall(SYS_capget, &h, NULL));
    h = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, -1};
    val(syscall(SYS_capget, &h, d));
    h.pid = 999999;
    val(syscall(SYS_capget, &h, d));
    h.pid = 0;
    val(syscall(SYS_capget, &h, NULL));
    val(syscall(SYS_capget, NULL, d));
    RUN("uid 1000", become(1000); show_caps("  "); val(syscall(SYS_capget, &h, d));
        d[0].effective = 1; val(syscall(SYS_capset, &h, d)));
    RUN("euid 1000 and back", seteuid(1000); show_caps("  "); seteuid(0); show_caps("  "));
    RUN("keepcaps", val(prctl(PR_SET_KEEPCAPS, 1)); val(prctl(PR_GET_KEEPCAPS));
        setresuid(1000, 1000, 1000); show_caps("  "));
    RUN("drop", syscall(SYS_capget, &h, d); d[0].effective &= ~1U; d[0].permitted &= ~1U;
        val(syscall(SYS_capset, &h, d)); show_caps("  "); d[0].permitted |= 1;
        val(syscall(SYS_capset, &h, d)); ok(chown(".", 1, 1)));
    RUN("without CAP_DAC_OVERRIDE", make_file("f", "x"); chmod("f", 0); syscall(SYS_capget, &h, d);
        d[0].effective &= ~((1U << CAP_DAC_OVERRIDE) | (1U << CAP_DAC_READ_SEARCH));
        val(syscall(SYS_capset, &h, d)); ok(open("f", O_RDONLY)));
    h.pid = 1;
    val(syscall(SYS_capset, &h, d));
    val(prctl(PR_CAPBSET_READ, 0));
    val(prctl(PR_CAPBSET_READ, 63));
    RUN("bounding set", val(prctl(PR_CAPBSET_DROP, 5)); val(prctl(PR_CAPBSET_READ, 5)));
}

CASE(id_prctl)
{
    char name[32];
    unsigned long v;

    val(prctl(PR_SET_NAME, "a name that is too long"));
    val(prctl(PR_GET_NAME, name));
    str(name);
    str(file_text("/proc/self/comm"));
    val(prctl(PR_SET_NAME, 8));
    val(prctl(PR_SET_NAME, ""));
    val(prctl(PR_GET_NAME, name));
    str(name);
    val(prctl(PR_GET_DUMPABLE));
    val(prctl(PR_SET_DUMPABLE, 0));
    val(prctl(PR_GET_DUMPABLE));
    val(prctl(PR_SET_DUMPABLE, 2));
    val(prctl(PR_SET_DUMPABLE, 7));
    val(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    val(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    val(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    val(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    val(prctl(PR_GET_TIMERSLACK));
    val(prctl(PR_SET_TIMERSLACK, 1));
    val(prctl(PR_GET_TIMERSLACK));
    val(prctl(PR_GET_SECUREBITS));
    val(prctl(PR_GET_TID_ADDRESS, &v));
    val(prctl(12345));
    val(prctl(-1));
}

CASE(id_limits)
{
    static const char *const names[] = {
        "CPU",     "FSIZE", "DATA",  "STACK",      "CORE",     "RSS",  "NPROC",  "NOFILE",
        "MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};
    struct rlimit rl, old;

    for (int i = 0; i < 16; i++) {
        getrlimit(i, &rl);
        if (i == RLIMIT_NPROC || i == RLIMIT_SIGPENDING) /* they follow the memory */
            say("%s: %s", names[i], rl.rlim_cur == rl.rlim_max ? "equal" : "differ");
        else if (i != RLIMIT_MEMLOCK)
            say("%s: %ld %ld", names[i], (long)rl.rlim_cur, (long)rl.rlim_max);
    }
    val(syscall(SYS_getrlimit, 16, &rl));
    val(syscall(SYS_setrlimit, -1, &rl));
    val(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, NULL));
    rl = (struct rlimit){100, 200};
    val(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &rl, &old));
    val(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &old));
    say("%ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
    rl = (struct rlimit){300, 200};
    val(setrlimit(RLIMIT_NOFILE, &rl));
    val(syscall(SYS_prlimit64, 999999, RLIMIT_NOFILE, NULL, &old));
    val(syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, &old));
    val(syscall(SYS_prlimit64, 0, 99, NULL, &old));
    RUN("inherited", getrlimit(RLIMIT_NOFILE, &rl);
        say("%ld %ld", (long)rl.rlim_cur, (long)rl.rlim_max));
    RUN("as uid 1000", become(1000); rl = (struct rlimit){50, 200};
        val(setrlimit(RLIMIT_NOFILE, &rl)); rl = (struct rlimit){200, 200};
        val(setrlimit(RLIMIT_NOFILE, &rl)); rl = (struct rlimit){200, 201};
        val(setrlimit(RLIMIT_NOFILE, &rl)); rl = (struct rlimit){20, 20};
        val(setrlimit(RLIMIT_NOFILE, &rl)); rl = (struct rlimit){21, 20};
        val(setrlimit(RLIMIT_NOFILE, &rl));
        val(syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, &old)));
    RUN(
        "RLIMIT_NPROC", become(4321); rl = (struct rlimit){3, 3}; setrlimit(RLIMIT_NPROC, &rl);
        int made = 0; for (int i = 0; i < 5; i++) {
            pid_t pid = fork();
            if (pid == 0)
                pause();
            made += pid > 0;
        } str(error_name(errno));
        val(made); signal(SIGTERM, SIG_IGN); kill(-1, SIGKILL));
    RUN("RLIMIT_CPU", rl = (struct rlimit){1, 3}; setrlimit(RLIMIT_CPU, &rl); for (;;););
}

CASE(id_sched)
{
    struct sched_param sp = {0};
    struct timespec ts;
    unsigned cpu = 77, node = 77;
    unsigned long mask[16] = {0};

    val(sched_getscheduler(0));
    val(sched_getparam(0, &sp));
    val(sp.sched_priority);
    for (int policy = 0; policy <= 7; policy++)
        say("policy %d: %d to %d", policy, sched_get_priority_min(policy),
            sched_get_priority_max(policy));
    val(sched_getscheduler(999999));
    val(sched_getscheduler(-1));
    val(sched_getparam(0, NULL));
    sp.sched_priority = 1;
    val(sched_setscheduler(0, SCHED_OTHER, &sp));
    sp.sched_priority = 100;
    val(sched_setscheduler(0, SCHED_FIFO, &sp));
    sp.sched_priority = 0;
    val(sched_setscheduler(0, SCHED_FIFO, &sp));
    val(sched_setscheduler(0, 4, &sp));
    val(sched_setscheduler(0, -1, &sp));
    val(sched_setscheduler(0, SCHED_OTHER, NULL));
    sp.sched_priority = 10;
    RUN("FIFO", val(sched_setscheduler(0, SCHED_FIFO, &sp)); val(sched_getscheduler(0));
        sp.sched_priority = 20; val(sched_setparam(0, &sp)); sched_getparam(0, &sp);
        val(sp.sched_priority); val(sched_rr_get_interval(0, &ts));
        say("%ld.%ld", (long)ts.tv_sec, ts.tv_nsec); val(sched_yield());
        RUN("inherited", val(sched_getscheduler(0))););
    RUN("RR, reset on fork", sp.sched_priority = 5;
        val(sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &sp)); hex(sched_getscheduler(0));
        yes(sched_rr_get_interval(0, &ts) == 0 && ts.tv_nsec > 0);
        RUN("child", val(sched_getscheduler(0))););
    RUN("BATCH and IDLE", sp.sched_priority = 0; val(sched_setscheduler(0, SCHED_BATCH, &sp));
        val(sched_getscheduler(0)); val(sched_setscheduler(0, SCHED_IDLE, &sp));
        val(sched_getscheduler(0)));
    RUN("as uid 1000", become(1000); sp.sched_priority = 1;
        val(sched_setscheduler(0, SCHED_FIFO, &sp)); val(sched_setscheduler(1, SCHED_OTHER, &sp));
        sp.sched_priority = 0; val(sched_setscheduler(1, SCHED_OTHER, &sp));
        val(sched_setscheduler(0, SCHED_BATCH, &sp)));
    yes(syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask) >= 8);
    yes(mask[0] & 1);
    val(syscall(SYS_sched_getaffinity, 0, 0, mask));
    val(syscall(SYS_sched_getaffinity, 0, 7, mask));
    val(syscall(SYS_sched_getaffinity, 999999, sizeof(mask), mask));
    val(syscall(SYS_sched_getaffinity, 0, sizeof(mask), NULL));
    mask[0] = 0;
    val(syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask));
    mask[0] = 1UL << 63;
    val(syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask));
    mask[0] = 1;
    val(syscall(SYS_sched_setaffinity, 0, 8, mask));
    val(syscall(SYS_getcpu, &cpu, &node, NULL));
    say("cpu %u node %u", cpu, node);
    val(syscall(SYS_getcpu, NULL, NULL, NULL));
    val(syscall(SYS_getcpu, 8, NULL, NULL));
    RUN("inherited", syscall(SYS_sched_getaffinity, 0, 8, mask); hex(mask[0]));
    val(sched_yield());
}

CASE(id_nice)
{
    val(getpriority(PRIO_PROCESS, 0));
    val(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    val(setpriority(PRIO_PROCESS, 0, 5));
    val(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    RUN("inherited", val(getpriority(PRIO_PROCESS, 0)));
    val(setpriority(PRIO_PROCESS, 0, 100));
    val(getpriority(PRIO_PROCESS, 0));
    val(setpriority(PRIO_PROCESS, 0, -100));
    val(getpriority(PRIO_PROCESS, 0) == -20);
    val(setpriority(PRIO_PGRP, 0, 3));
    val(getpriority(PRIO_PGRP, 0));
    val(getpriority(PRIO_PROCESS, 999999));
    val(setpriority(PRIO_PROCESS, 999999, 1));
    val(getpriority(9, 0));
    val(setpriority(-1, 0, 0));
    RUN("as uid 1000", become(1000); val(setpriority(PRIO_PROCESS, 0, 2));
        val(setpriority(PRIO_PROCESS, 0, 4)); val(setpriority(PRIO_PROCESS, 1, 4));
        val(getpriority(PRIO_PROCESS, 1) == 0));
}

CASE(id_usage)
{
    struct rusage a, b, c;
    struct tms t;

    val(getrusage(RUSAGE_SELF, &a));
    yes(a.ru_maxrss > 0 && a.ru_minflt > 0);
    for (volatile long i = 0; i < 30000000; i++)
        ;
    getrusage(RUSAGE_SELF, &b);
    yes(timercmp(&b.ru_utime, &a.ru_utime, >));
    val(getrusage(RUSAGE_CHILDREN, &a));
    say("children before: %ld.%06ld", (long)a.ru_utime.tv_sec, (long)a.ru_utime.tv_usec);
    RUN("a busy child", for (volatile long i = 0; i < 30000000; i++););
    getrusage(RUSAGE_CHILDREN, &c);
    yes(timercmp(&c.ru_utime, &a.ru_utime, >) && c.ru_maxrss > 0);
    val(getrusage(RUSAGE_THREAD, &a));
    val(getrusage(5, &a));
    val(getrusage(RUSAGE_SELF, NULL));
    yes(times(&t) > 0);
    yes(t.tms_utime > 0 && t.tms_cutime > 0);
    yes(times(NULL) > 0);
    val(syscall(SYS_times, 8));
    val(sysconf(_SC_CLK_TCK));
}

CASE(id_system)
{
    struct utsname u, v;
    struct sysinfo si;
    char long_name[80];

    val(uname(&u));
    str(u.sysname);
    str(u.machine);
    yes(u.release[0] >= '5' && strchr(u.release, '.') != NULL);
    yes(u.version[0] == '#');
    val(sethostname("abi-host", 8));
    uname(&u);
    str(u.nodename);
    str(file_text("/proc/sys/kernel/hostname"));
    val(syscall(SYS_setdomainname, "abi.domain", 10));
    uname(&u);
    str(u.domainname);
    memset(long_name, 'h', sizeof(long_name));
    val(sethostname(long_name, 64));
    uname(&v);
    val(strlen(v.nodename));
    val(sethostname(long_name, 65));
    val(sethostname(long_name, -1));
    val(sethostname(NULL, 3));
    val(sethostname("", 0));
    val(uname(NULL));
    val(sysinfo(&si));
    yes(si.totalram > 0 && si.freeram > 0 && si.freeram < si.totalram && si.procs > 0);
    val(si.mem_unit);
    val(si.totalswap);
    yes(si.uptime >= 0 && si.uptime < 3600);
    val(sysinfo(NULL));
    hex(personality(0xffffffff));
    hex(personality(ADDR_NO_RANDOMIZE));
    hex(personality(0xffffffff));
    RUN("personality is inherited", hex(personality(0xffffffff)));
    val(syscall(SYS_reboot, 1, 2, 3, NULL));
    val(syscall(SYS_reboot, 0xfee1dead, 672274793, 12345, NULL));
    val(syscall(SYS_reboot, 0xfee1dead, 1, 0, NULL));
    char rnd[300];
    val(syscall(SYS_getrandom, rnd, 256, 0));
    val(syscall(SYS_getrandom, rnd, 300, 1));
    val(syscall(SYS_getrandom, rnd, 0, 0));
    val(syscall(SYS_getrandom, rnd, 8, 8));
    val(syscall(SYS_getrandom, rnd, 8, 6));
    val(syscall(SYS_getrandom, NULL, 8, 0));
}

/* Who sets the limit again and again does not put its end off. */
CASE(id_cpu_limit)
{
    struct rlimit limit = {1, 1};

    RUN("a limit set for ever", for (;;) setrlimit(RLIMIT_CPU, &limit));
}

enum { LOG_READ = 2, LOG_READ_ALL = 3, LOG_UNREAD = 9 }; /* actions of syslog(2) */

/* What the boot logged goes out in pieces of any size, and nothing of it twice. */
CASE(id_syslog)
{
    static const int sizes[] = {1, 7, 2, 640};
    static char pieces[1 << 18], all[1 << 18];
    long unread = syscall(SYS_syslog, LOG_UNREAD, NULL, 0), at = 0, got, length;

    yes(unread > 100);
    val(syscall(SYS_syslog, LOG_READ, NULL, 8));
    val(syscall(SYS_syslog, LOG_READ, pieces, -1));
    val(syscall(SYS_syslog, LOG_READ, pieces, 0));
    for (int i = 0; at < unread; i++) {
        got = syscall(SYS_syslog, LOG_READ, pieces + at, sizes[i % 4]);
        if (got <= 0)
            break;
        at += got;
        if (i == 0) {
            yes(got == 1 && pieces[0] == '<');
            yes(syscall(SYS_syslog, LOG_UNREAD, NULL, 0) == unread - 1);
        }
    }
    val(unread - at);
    val(syscall(SYS_syslog, LOG_UNREAD, NULL, 0));
    length = syscall(SYS_syslog, LOG_READ_ALL, all, sizeof all);
    yes(length >= at && !memcmp(all + length - at, pieces, at));

    pid_t pid = fork();
    if (pid == 0) {
        memset(pieces, 0, sizeof(pieces));
        got = syscall(SYS_syslog, LOG_READ, pieces, sizeof(pieces) - 1);
        _exit(got > 0 && strstr(pieces, "to whom it concerns") ? 7 : 1);
    }
    wait_stopped_thread(pid);
    int log = ok(open("/dev/kmsg", O_WRONLY));
    val(write(log, "to whom it concerns\n", 20)); /* a line that may go on is not shown yet */
    report_status("the reader", wait_child(pid));
}

/*
 * Random calls on live descriptors, mappings and processes (hostile.c tells how they are drawn).
 */
#define _GNU_SOURCE
#include "hostile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define FATHOM   500   /* calls of one worker */
#define LIFETIME 3     /* seconds, then it is killed */
#define FIRST_ID 20000 /* user id of the first worker */

static uint64_t state;

static uint64_t draw(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15; /* splitmix64 */

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static long below(long n)
{
    return draw() % n;
}

static long pick_number(void)
{
    static const long some[] = {
        0,          1,        2,        3,        4,          7,
        8,          15,       16,       63,       64,         65,
        100,        127,      128,      255,      256,        511,
        512,        1000,     4095,     4096,     4097,       8192,
        65535,      65536,    1 << 20,  1 << 30,  0x7fffffff, 0x80000000,
        0xffffffff, 1L << 32, 1L << 47, 1L << 48, 1L << 62,   0x7fffffffffffffff};
    long value = some[below(sizeof some / sizeof *some)];

    switch (below(8)) {
    case 0: return -value;
    case 1: return draw();
    case 2: return 1L << below(64);
    default: return value;
    }
}

static long pick_flags(void)
{
    long flags = 0;

    for (long n = below(4); n > 0; n--)
        flags |= 1L << below(below(4) ? 20 : 32);
    return flags;
}

static long pick_fd(void)
{
    if (!below(12))
        return below(2) ? AT_FDCWD : (long)(int)pick_number();
    return live_fds[below(live_count < 64 ? live_count : 64)];
}

static pid_t parent_of_all; /* the process that must not be hit */
static int no_terminal;     /* /dev/null, opened while it is what it should be */
static int as_root;         /* the worker's rights, whatever identity it takes on later */

static long pick_pid(void)
{
    switch (below(8)) {
    case 0: return 0;
    case 1: return -getpid();
    case 2: return getpid() + below(4);
    case 3: return as_root ? 0 : -1;
    case 4: return as_root ? getpid() : parent_of_all;
    default: return getpid();
    }
}

static char *pick_name(char *at)
{
    static const char *const names[] = {
        "a",
        "d",
        "d/b",
        "new",
        "d/new",
        ".",
        "..",
        "/",
        "",
        "loop",
        "link/b",
        "link",
        "d/../a",
        "x/y",
        "/proc/self/fd/3",
        "/proc/self/exe",
        "/proc/self",
        "/dev/null",
        "/dev/zero",
        "/dev/tty",
        "/proc/self/maps",
        "/proc/1/stat",
        "/proc/meminfo",
        "/tmp",
        "tmpfs",
        "proc",
        "/bin/true",
    };

    if (!below(16)) {
        long n = below(2) ? 255 + below(3) : 4090 + below(4);

        memset(at, 'n', n);
        at[n] = 0;
        return at;
    }
    return strcpy(at, names[below(sizeof names / sizeof *names)]);
}

/* Words of any kind: numbers, descriptors, times, addresses of memory. */
static char *fill(char *at)
{
    if (!below(4))
        return memset(at, below(2) ? 0 : 0xff, PAGE);
    for (long i = 0; i < 64; i++)
        switch (below(6)) {
        case 0: ((long *)at)[i] = 0; break;
        case 1: ((int *)at)[2 * i] = pick_fd(), ((int *)at)[2 * i + 1] = pick_number(); break;
        case 2: ((long *)at)[i] = (long)(good + below(16 * PAGE)); break;
        case 3: ((long *)at)[i] = below(200); break;
        default: ((long *)at)[i] = pick_number(); break;
        }
    return at;
}

/* A timespec or two, or an itimerval: times that are soon over. */
static char *fill_times(char *at)
{
    for (long i = 0; i < 4; i++)
        ((long *)at)[i] = i % 2 ? below(4) * below(1000000) : !below(16);
    return at;
}

static long pick_pointer(int kind, char *at)
{
    long value;

    if (!below(12)) {
        long bad[] = {0,
                      (long)border,
                      (long)border - below(200),
                      (long)read_only,
                      1L << 47,
                      (long)0xffff000040200000,
                      (long)0xffffc00000000000,
                      -1,
                      pick_number()};

        return bad[below(sizeof bad / sizeof *bad)];
    }
    switch (kind) {
    case PATH:
    case STRING: return (long)pick_name(at);
    case STRINGS:
        for (value = 0; value < below(5); value++)
            ((char **)at)[value] = pick_name(at + 64 + 16 * value);
        ((char **)at)[value] = NULL;
        return (long)at;
    case VECTOR:
        for (value = 0; value < 32; value++) {
            ((long *)at)[2 * value] = (long)(good + below(16 * PAGE));
            ((long *)at)[2 * value + 1] = below(8) ? below(PAGE) : pick_number();
        }
        return (long)at;
    default: return (long)fill(at) + (below(8) ? 0 : below(8));
    }
}

/* Of fcntl and futex, fcntl, ioctl. */
static long pick_command(void)
{
    switch (below(4)) {
    case 0: return below(16) | (128 & draw());
    case 1: return below(2) ? below(1040) : 1024 + below(16);
    default: return 0x5400 + below(96);
    }
}

static long pick(int kind, char *at)
{
    if ((kind & 255) > STRINGS && (kind >> 8 == 16 || kind >> 8 == 32) && below(2))
        return (long)fill_times(at);
    switch (kind & 255) {
    case FD: return pick_fd();
    case FLAGS: return pick_flags();
    case MODE: return below(2) ? 0777 & draw() : 0xffff & draw();
    case PID: return pick_pid();
    case SIGNAL: return below(8) ? 1 + below(64) : pick_number();
    case UID:
    case GID: return below(4) ? (long)getuid() : pick_number();
    case CLOCK: return below(14);
    case CMD: return pick_command();
    case SIZE: return below(4) ? below(4) ? below(512) : 8 : pick_number();
    case OFFSET: return below(2) ? below(1 << 20) : pick_number();
    case ADDR: return below(2) ? (long)(good + PAGE * below(16)) : pick_pointer(OUT, at);
    case INT:
    case UINT: return below(4) ? below(below(2) ? 4 : 64) : pick_number();
    case LONG:
    case UNUSED:
    case NONE: return pick_number();
    default: return pick_pointer(kind & 255, at);
    }
}

static const int rare[] = {SYS_exit,   SYS_exit_group,    SYS_rt_sigreturn,
                           SYS_execve, SYS_execveat,      SYS_close_range,
                           SYS_kill,   SYS_rt_sigsuspend, 0};
/* What would end the test and not the kernel, when root asks for it. */
static const int not_for_root[] = {SYS_reboot,
                                   SYS_kill,
                                   SYS_sched_setscheduler,
                                   SYS_sched_setattr,
                                   SYS_sched_setparam,
                                   SYS_umount2,
                                   SYS_mount,
                                   SYS_pivot_root,
                                   SYS_chroot,
                                   SYS_settimeofday,
                                   SYS_clock_settime,
                                   SYS_tkill,
                                   SYS_tgkill,
                                   SYS_rt_sigqueueinfo,
                                   SYS_pidfd_send_signal,
                                   SYS_rt_tgsigqueueinfo,
                                   SYS_prlimit64,
                                   SYS_setpriority,
                                   SYS_truncate,
                                   SYS_unlinkat,
                                   SYS_renameat,
                                   SYS_renameat2,
                                   0};

static void show(long index, const struct call *call, const long *a)
{
    printf("%ld: %s(", index, call->name);
    for (int i = 0; i < call->count; i++)
        printf("%s%#lx", i ? ", " : "", a[i]);
    printf(")\n");
    fflush(stdout);
}

static char *stack; /* of what clone makes: never the caller's own */

/* Flags of clone as programs give them: a thread, a vfork, a process that shares something. */
static long pick_clone(void)
{
    static const long some[] = {
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
        CLONE_VM | CLONE_SIGHAND | CLONE_THREAD,
        CLONE_VM | CLONE_VFORK,
        CLONE_FILES,
        CLONE_VM,
        CLONE_FS | CLONE_PARENT,
        0,
    };
    long flags = some[below(sizeof some / sizeof *some)];

    for (long n = below(3); n > 0; n--)
        flags |= 1L << (8 + below(24));
    return flags;
}

/* Structures and flags that mean something, in place of what pick() drew. */
static void make_sense(const struct call *call, long *a, char *at)
{
    long *words = (long *)at;

    switch (call->number) {
    case SYS_clone:
        a[0] = pick_clone();
        a[0] |= a[0] & CLONE_THREAD ? 0 : SIGCHLD;
        break;
    case SYS_clone3:
        memset(words, 0, 88);
        words[0] = pick_clone();
        words[1] = words[2] = words[3] = (long)(at + 128); /* pidfd and thread ids */
        words[4] = words[0] & (CLONE_THREAD | CLONE_PARENT) ? 0 : SIGCHLD;
        a[0] = (long)at, a[1] = 88;
        break;
    case SYS_rt_sigaction:
        words[0] = below(3) ? (long)on_alarm : below(3);
        words[1] = (below(2) ? SA_RESTART : 0) | (below(2) ? SA_SIGINFO : 0) |
                   (below(4) ? 0 : SA_NODEFER | SA_RESETHAND | SA_ONSTACK | SA_NOCLDWAIT);
        words[2] = 0;
        words[3] = draw();
        a[0] = 1 + below(64), a[1] = (long)at, a[2] = 0, a[3] = 8;
        break;
    case SYS_timer_create:
        words[0] = draw();
        ((int *)words)[2] = 1 + below(64), ((int *)words)[3] = below(5), words[2] = getpid();
        a[1] = (long)at;
        break;
    case SYS_mmap:
        a[0] = below(2) ? 0 : (long)(good + PAGE * below(16)); /* may go to where others write */
        a[1] = PAGE * (1 + below(8)), a[2] = below(8);
        a[3] = (below(2) ? MAP_SHARED : MAP_PRIVATE) | (below(2) ? MAP_ANONYMOUS : 0) |
               (below(8) ? 0 : MAP_FIXED) | (below(8) ? 0 : MAP_POPULATE | MAP_GROWSDOWN);
        a[5] = PAGE * below(4);
        break;
    default: break;
    }
}

/* One call drawn from `state`, with its structures at `at`. 0: it is passed over. */
static const struct call *prepare_call(long *a, char *at)
{
    const struct call *call = &calls[below(call_count)];

    memset(a, 0, 6 * sizeof *a);
    if (is_one_of(call->number, rare) && below(20))
        return NULL;
    if (as_root && is_one_of(call->number, not_for_root))
        return NULL;
    for (int i = 0; i < call->count; i++)
        a[i] = pick(call->kinds[i], at + i * PAGE);
    if (below(2))
        make_sense(call, a, at);
    if (call->number == SYS_clone)
        a[1] = (long)(stack + 4 * PAGE);
    if (call->number == SYS_clone3 && a[0] == (long)at)
        ((long *)at)[5] = (long)stack, ((long *)at)[6] = 4 * PAGE;
    return call;
}

/* What a child does beside its parent: some calls, or to be another program. */
static void write_script(struct script *script, int loud)
{
    static char *const words[] = {"true", NULL};
    const struct call *call;

    script->count = 0;
    for (long n = below(5); n > 0; n--) {
        call = prepare_call(script->calls[script->count].a, good + 8 * PAGE);
        if (!call || clones(call))
            continue;
        if (loud)
            show(-1, call, script->calls[script->count].a);
        script->calls[script->count++].number = call->number;
    }
    if (!script->count || below(8))
        return;
    memset(script->calls[0].a, 0, sizeof script->calls[0].a);
    script->calls[0].number = SYS_execve;
    script->calls[0].a[0] = (long)"/bin/true";
    script->calls[0].a[1] = (long)words;
}

/* Call number `index` of a seed: it may be passed over, but it is always the same. */
static void one_call(uint64_t seed, long index, int loud)
{
    static struct script script;
    const struct call *call;
    long a[6], result;

    state = seed * 1000003 + index;
    if (!stack)
        stack = map_pages(4, PROT_READ | PROT_WRITE);
    call = prepare_call(a, good);
    if (!call)
        return;
    if (clones(call))
        write_script(&script, loud);
    if (loud)
        show(index, call, a);
    result = call_raw(call->number, a, clones(call) ? &script : NULL);
    if (loud)
        printf("%ld: = %ld\n", index, result);
    if (result > 2 && result < 1024 && (call->kinds[0] & 255) != SIZE)
        keep_fd(result);
}

/* A worker has taken its own memory away: it gets it back, and goes on. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
    char *at = info->si_addr;

    (void)signal, (void)context;
    if (info->si_code > 0 && (at < good || at >= good + 16 * PAGE ||
                              mmap(good, 16 * PAGE, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED))
        _exit(3);
}

static void prepare_worker(uint64_t seed, int loud)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct sigaction mend = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    struct itimerval soon = {{0, 20000}, {0, 20000}};
    struct rlimit files = {256, 256}, size = {1 << 20, 1 << 20}, space = {64 << 20, 64 << 20};
    struct rlimit tasks = {32, 32};
    char name[16];

    snprintf(name, sizeof name, "h%lu", (unsigned long)seed);
    prctl(PR_SET_NAME, name);
    if (!loud) /* the terminal would let a worker stop the output of the others */
        for (int fd = 0; fd < 3; fd++)
            dup2(no_terminal, fd);
    setsid();
    setrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_FSIZE, &size);
    setrlimit(RLIMIT_AS, &space);
    setrlimit(RLIMIT_NPROC, &tasks);
    for (int signal = 1; signal <= 64; signal++)
        sigaction(signal, signal == SIGSEGV || signal == SIGBUS ? &mend : &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    make_memory();
    make_files();
}

static void worker(uint64_t seed, long *done)
{
    prepare_worker(seed, 0);
    for (long i = 0; i < FATHOM; i++) {
        one_call(seed, i, 0);
        __atomic_add_fetch(done, 1, __ATOMIC_RELAXED);
    }
    _exit(0);
}

/* Everything in the current directory. */
static void sweep(void)
{
    DIR *dir = opendir(".");
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (unlink(entry->d_name) && chdir(entry->d_name) == 0) {
            sweep();
            if (chdir(".."))
                _exit(1);
        }
        rmdir(entry->d_name);
    }
    if (dir)
        closedir(dir);
}

static void become(int id)
{
    as_root = id == 0;
    if (setgid(id) || setuid(id))
        _exit(1);
}

/* Ends all that a worker has left: what loses its parent becomes the slot's. */
static void kill_children(void)
{
    char path[32], line[256];
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) >= 0) {
        struct dirent *entry;
        DIR *dir;

        if (pid)
            continue;
        usleep(1000);
        dir = opendir("/proc");
        while (dir && (entry = readdir(dir))) {
            int fd, parent;
            ssize_t n;

            pid = atoi(entry->d_name);
            snprintf(path, sizeof path, "/proc/%d/stat", pid);
            if (pid <= 0 || (fd = open(path, O_RDONLY)) < 0)
                continue;
            n = read(fd, line, sizeof line - 1);
            close(fd);
            line[n > 0 ? n : 0] = 0;
            if (strrchr(line, ')') && sscanf(strrchr(line, ')'), ") %*c %d", &parent) == 1 &&
                parent == getpid())
                kill(pid, SIGKILL);
        }
        if (dir)
            closedir(dir);
    }
}

/* What a worker counted, in memory that it may have written to, too. */
static long counted(long *done)
{
    long n = *done;

    munmap(done, PAGE);
    return n >= 0 && n <= FATHOM ? n : FATHOM;
}

static long *shared_page(void)
{
    long *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        fail("mmap");
    return page;
}

/*
 * A slot runs one worker after the other, as a user of its own, in a directory of its own, until
 * they have made as many calls as the budget has. It writes how many into `report`.
 */
static void slot(int number, uint64_t seed, long budget, int report)
{
    int id = number & 1 ? 0 : FIRST_ID + number;                 /* half of them are root */
    struct sigaction wake = {.sa_handler = on_alarm};            /* no SA_RESTART */
    struct itimerval none = {0}, life = {{1, 0}, {LIFETIME, 0}}; /* again, if it was too early */
    long calls = 0;
    char path[32];

    snprintf(path, sizeof path, "/tmp/h%d", number);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigaction(SIGALRM, &wake, NULL);
    for (; calls < budget; seed += 64) {
        long *done = shared_page();
        pid_t pid;

        mkdir(path, 0777);
        if (chdir(path) || (id && chown(".", id, id)))
            fail(path);
        pid = fork();
        if (pid < 0)
            fail("fork");
        if (pid == 0) {
            close(report);
            become(id);
            worker(seed, done);
        }
        setitimer(ITIMER_REAL, &life, NULL);
        waitpid(pid, NULL, 0); /* or the alarm */
        setitimer(ITIMER_REAL, &none, NULL);
        kill(pid, SIGKILL);
        kill_children();
        calls += counted(done);
        sweep();
        if (chdir("/"))
            fail("chdir");
    }
    rmdir(path);
    _exit(write(report, &calls, sizeof calls) != sizeof calls);
}

int random_calls(uint64_t seed, long budget, int workers)
{
    long calls, sum = 0;
    int status, bad = 0, ends[2];

    if (pipe(ends))
        fail("pipe");
    no_terminal = open("/dev/null", O_RDWR);
    if (no_terminal < 0)
        fail("/dev/null");
    parent_of_all = getpid();
    signal(SIGHUP, SIG_IGN);
    for (int i = 0; i < workers; i++)
        if (fork() == 0) {
            close(ends[0]);
            slot(i, seed * 1000000 + i, budget / workers, ends[1]);
        }
    while (wait(&status) > 0)
        if (status) {
            printf("hostile: a slot ended with status %#x\n", status);
            bad = 1;
        }
    if (bad)
        return 1;
    close(ends[1]);
    while (read(ends[0], &calls, sizeof calls) == sizeof calls)
        sum += calls;
    printf("hostile: ok, %ld random calls from seed %lu\n", sum, (unsigned long)seed);
    return 0;
}

int replay(uint64_t seed, char *list)
{
    int id = seed & 1 ? 0 : FIRST_ID;

    parent_of_all = getppid();
    if (mkdir("/tmp/replay", 0777) || chdir("/tmp/replay") || chown(".", id, id))
        fail("/tmp/replay");
    become(id);
    prepare_worker(seed, 1);
    if (!list)
        for (long i = 0; i < FATHOM; i++)
            one_call(seed, i, 1);
    for (char *word = list ? strtok(list, ",") : NULL; word; word = strtok(NULL, ","))
        one_call(seed, atol(word), 1);
    printf("hostile: ok, replayed\n");
    return 0;
}

/*
 * Every call of the table with one bad argument at a time, the others harmless. Each trial is a
 * child's, made in the same surroundings, so that the answers can be compared with another
 * kernel's.
 */
#define _GNU_SOURCE
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_DIED 1  /* the child did not live to tell */
#define TRIALS_MAX  64 /* bad values of one argument */

struct bad {
    const char *name;
    long value;
};

/* Calls that end or stop the caller, or the machine, whatever their arguments. */
static const int never[] = {SYS_exit,         SYS_exit_group,    SYS_reboot,
                            SYS_rt_sigreturn, SYS_rt_sigsuspend, 0};

/* ---- harmless arguments ---- */

/* Where the value that does for all arguments of a kind would end the call too early. */
static const struct {
    int number, argument;
    long value;
} better[] = {
    {SYS_dup3, 1, 40},
    {SYS_fallocate, 3, 64},
    {SYS_mmap, 2, PROT_READ},
    {SYS_mmap, 3, MAP_PRIVATE},
    {SYS_openat2, 3, 24},
    {SYS_clone3, 1, 88},
    {SYS_set_robust_list, 1, 24},
    {SYS_sched_getattr, 2, 48},
    {SYS_rseq, 1, 32},
    {SYS_ppoll, 4, 8},
    {SYS_rt_sigaction, 3, 8},
    {SYS_rt_sigprocmask, 3, 8},
    {SYS_rt_sigpending, 1, 8},
    {SYS_rt_sigtimedwait, 3, 8},
    {SYS_waitid, 3, WEXITED},
    {SYS_getdents64, 0, -2}, /* the directory that is open */
    {SYS_fchdir, 0, -2},
};

static long plain_value(const struct call *call, int i)
{
    for (unsigned n = 0; n < sizeof better / sizeof *better; n++)
        if (better[n].number == call->number && better[n].argument == i)
            return better[n].value == -2 ? live_fds[1] : better[n].value;
    switch (call->kinds[i] & 255) {
    case FD: return (call->kinds[i + 1] & 255) == PATH ? AT_FDCWD : live_fds[0];
    case SIZE: return 64;
    case PID: return getpid();
    case MODE: return 0644;
    case UID:
    case GID: return -1;
    case INT:
    case UINT: return 1;
    case ADDR: /* of the calls that work on memory */
        return call->number >= SYS_brk && call->number <= SYS_madvise ? (long)(good + i * PAGE) : 0;
    default: return 0;
    }
}

/* The name that a path argument gives: what there is, or what the call shall make. */
static const char *plain_name(const struct call *call, int i)
{
    switch (call->number) {
    case SYS_mkdirat:
    case SYS_mknodat: return "new";
    case SYS_symlinkat:
    case SYS_linkat:
    case SYS_renameat:
    case SYS_renameat2: return i >= 2 ? "new" : "a";
    case SYS_mount: return i == 2 ? "tmpfs" : "d";
    case SYS_umount2:
    case SYS_chdir:
    case SYS_chroot:
    case SYS_pivot_root: return "d";
    default: return "a";
    }
}

/* The argument that does no harm, with memory of its own in `good`. */
static long harmless(const struct call *call, int i)
{
    int kind = call->kinds[i] & 255;
    char *at = good + i * PAGE;

    if (kind < POINTERS)
        return plain_value(call, i);
    if (kind == PATH || kind == STRING)
        return (long)strcpy(at, plain_name(call, i));
    memset(at, call->number == SYS_prlimit64 || call->number == SYS_setrlimit ? -1 : 0, PAGE);
    if (kind == VECTOR)
        ((long *)at)[0] = (long)(good + 8 * PAGE), ((long *)at)[1] = 8;
    return (long)at;
}

/* ---- a trial ---- */

/* What the trial before may have made, moved or mounted is as it was. */
static void put_back(void)
{
    int fd;

    while (umount2("d", MNT_DETACH) == 0)
        ;
    if (unlink("new"))
        rmdir("new");
    fd = open("a", O_RDWR | O_CREAT, 0644);
    if (fd < 0 && unlink("a") == 0) /* RENAME_WHITEOUT left a device that is none */
        fd = open("a", O_RDWR | O_CREAT, 0644);
    if (fd < 0 || ftruncate(live_fds[0], 0) || lseek(live_fds[0], 0, SEEK_SET))
        fail("put back");
    close(fd);
}

static void try_call(const struct call *call, int which, const struct bad *bad, int report)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval soon = {{0, 20000}, {0, 20000}};
    struct sigevent silent = {.sigev_notify = SIGEV_NONE};
    struct script none = {0};
    long a[6] = {0}, result;
    timer_t timer;

    for (int i = 0; i < 2; i++) /* numbers 0 and 1 */
        timer_create(CLOCK_MONOTONIC, &silent, &timer);
    for (int i = 0; i < call->count; i++)
        a[i] = i == which ? bad->value : harmless(call, i);
    for (int signal = 1; signal < NSIG; signal++) /* SIGALRM, and what a cloned child may send */
        sigaction(signal, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    result = call_raw(call->number, a, clones(call) ? &none : NULL);
    if (write(report, &result, sizeof result) != sizeof result)
        _exit(2);
    _exit(0);
}

/* What the call answers: 0 when it succeeds, -errno, or ANSWER_DIED. */
static int trial(const struct call *call, int which, const struct bad *bad)
{
    long result = 0;
    int ends[2], status, died;
    pid_t pid;

    put_back();
    if (pipe(ends) || (pid = fork()) < 0)
        fail("fork");
    if (pid == 0)
        try_call(call, which, bad, ends[1]);
    close(ends[1]);
    died = read(ends[0], &result, sizeof result) != sizeof result;
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return died ? ANSWER_DIED : result < 0 && result >= -4095 ? (int)result : 0;
}

static const char *answer_name(int answer)
{
    const char *name = answer < 0 ? strerrorname_np(-answer) : answer ? "died" : "ok";

    return name ? name : "unknown"; /* an error of the kernel's own that leaked out */
}

/* ---- pointers: every bad address ---- */

/* One line for each address: what the call answered. */
static void check_pointer(const struct call *call, int which)
{
    struct bad bads[] = {
        {"null", 0},
        {"low", 1},
        {"unmapped", (long)border},
        {"straddling", (long)border - 1},
        {"read-only", (long)read_only},
        {"kernel", (long)0xffff000040000000},
        {"image", (long)0xffffc00000000000},
        {"beyond", 1L << 48},
        {"end", -8},
        {"wraps", LONG_MAX},
    };

    for (unsigned i = 0; i < sizeof bads / sizeof *bads; i++) {
        border[-1] = 'x'; /* a string that does not end */
        printf("%s %d %s %s\n", call->name, which, bads[i].name,
               answer_name(trial(call, which, &bads[i])));
        for (long at = 0; at < PAGE; at++)
            if (read_only[at]) {
                printf("hostile: %s wrote to a read-only page\n", call->name);
                exit(1);
            }
    }
}

/* ---- numbers: every bad value of a kind ---- */

static const struct bad bad_numbers[] = {
    {"0", 0},
    {"2", 2},
    {"3", 3},
    {"4", 4},
    {"5", 5},
    {"8", 8},
    {"16", 16},
    {"64", 64},
    {"100", 100},
    {"1000", 1000},
    {"-1", -1},
    {"-2", -2},
    {"int-max", INT_MAX},
    {"int-min", INT_MIN},
    {"uint-max", UINT_MAX},
    {"high", 1L << 32 | 1}, /* a 1 for who takes 32 bits */
    {"long-max", LONG_MAX},
    {"long-min", LONG_MIN},
    {NULL, 0},
};

static const struct bad bad_offsets[] = {
    {"0", 0},
    {"1", 1},
    {"4097", 4097},
    {"-1", -1},
    {"int-max", INT_MAX},
    {"2^32", 1L << 32},
    {"2^47", 1L << 47},
    {"2^62", 1L << 62},
    {"long-max", LONG_MAX},
    {"long-min", LONG_MIN},
    {NULL, 0},
};

static const struct bad bad_pids[] = {
    {"0", 0},
    {"-1", -1},
    {"none", 4194303},
    {"-none", -4194303},
    {"int-max", INT_MAX},
    {"int-min", INT_MIN},
    {"high", 1L << 32},
    {NULL, 0},
};

static const struct bad bad_signals[] = {
    {"-1", -1},           {"65", 65},         {"128", 128}, {"int-max", INT_MAX},
    {"int-min", INT_MIN}, {"high", 1L << 32}, {NULL, 0},
};

static const struct bad bad_ids[] = {
    {"-1", -1},           {"-2", -2},         {"65536", 65536}, {"int-max", INT_MAX},
    {"int-min", INT_MIN}, {"high", 1L << 32}, {NULL, 0},
};

static const struct bad bad_modes[] = {
    {"0", 0},
    {"07777", 07777},
    {"fifo", S_IFIFO | 0600},
    {"char", S_IFCHR | 0600},
    {"dir", S_IFDIR | 0700},
    {"block", S_IFBLK | 0600},
    {"link", S_IFLNK | 0777},
    {"socket", S_IFSOCK | 0600},
    {"none", 0170000},
    {"-1", -1},
    {"high", 1L << 32 | 0644},
    {NULL, 0},
};

static const struct bad bad_addresses[] = {
    {"0", 0},
    {"1", 1},
    {"4095", 4095},
    {"2^47", 1L << 47},
    {"beyond", 1L << 48},
    {"last", (1L << 48) - PAGE},
    {"kernel", (long)0xffff000040000000},
    {"end", -PAGE},
    {"-1", -1},
    {"wraps", LONG_MAX},
    {NULL, 0},
};

static const struct bad bad_commands[] = {
    {"1", 1},
    {"2", 2},
    {"3", 3},
    {"4", 4},
    {"5", 5},
    {"7", 7},
    {"8", 8},
    {"9", 9},
    {"10", 10},
    {"14", 14},
    {"15", 15},
    {"16", 16},
    {"100", 100},
    {"129", 129},
    {"257", 257},
    {"1024", 1024},
    {"1025", 1025},
    {"1030", 1030},
    {"1031", 1031},
    {"1033", 1033},
    {"1034", 1034},
    {"TCGETS", 0x5401},
    {"FIONREAD", 0x541b},
    {"FIONBIO", 0x5421},
    {"FIOCLEX", 0x5451},
    {"FIOASYNC", 0x5452},
    {"FIOQSIZE", 0x5460},
    {"-1", -1},
    {"int-max", INT_MAX},
    {"high", 1L << 32},
    {NULL, 0},
};

/* Each bit, all of them, and bits that a caller who takes 32 does not see. */
static int fill_flags(struct bad *bads)
{
    static const char *const names[] = {"0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",
                                        "8",  "9",  "10", "11", "12", "13", "14", "15",
                                        "16", "17", "18", "19", "20", "21", "22", "23",
                                        "24", "25", "26", "27", "28", "29", "30", "31"};
    int n = 0;

    for (; n < 32; n++)
        bads[n] = (struct bad){names[n], 1L << n};
    bads[n++] = (struct bad){"all", -1};
    bads[n++] = (struct bad){"high", 1L << 32};
    return n;
}

static int fill_fds(struct bad *bads)
{
    int n = 0;

    bads[n++] = (struct bad){"-1", -1};
    bads[n++] = (struct bad){"cwd", AT_FDCWD};
    bads[n++] = (struct bad){"closed", 999};
    bads[n++] = (struct bad){"int-max", INT_MAX};
    bads[n++] = (struct bad){"int-min", INT_MIN};
    bads[n++] = (struct bad){"high", 1L << 32 | live_fds[0]};
    for (int i = 0; i < live_count; i++) {
        static const char *const names[] = {
            "file", "dir",  "append", "pipe-in", "pipe-out", "in",   "out",   "event", "memfd",
            "null", "zero", "random", "maps",    "status",   "proc", "pidfd", "path"};

        bads[n++] = (struct bad){names[i], live_fds[i]};
    }
    return n;
}

static int fill_bads(int kind, struct bad *bads)
{
    const struct bad *list = bad_numbers;
    int n = 0;

    switch (kind) {
    case FD: return fill_fds(bads);
    case FLAGS: return fill_flags(bads);
    case PID: list = bad_pids; break;
    case SIGNAL: list = bad_signals; break;
    case UID:
    case GID: list = bad_ids; break;
    case MODE: list = bad_modes; break;
    case ADDR: list = bad_addresses; break;
    case CMD: list = bad_commands; break;
    case SIZE:
    case OFFSET: list = bad_offsets; break;
    default: break;
    }
    for (; list->name; list++)
        bads[n++] = *list;
    return n;
}

/* One line for each answer: the values that got it. */
static void check_number(const struct call *call, int which)
{
    struct bad bads[TRIALS_MAX];
    int answers[TRIALS_MAX], n = fill_bads(call->kinds[which] & 255, bads);

    for (int i = 0; i < n; i++)
        answers[i] = trial(call, which, &bads[i]);
    for (int i = 0; i < n; i++) {
        int before = 0;

        while (before < i && answers[before] != answers[i])
            before++;
        if (before < i)
            continue;
        printf("%s %d %s:", call->name, which, answer_name(answers[i]));
        for (int k = i; k < n; k++)
            if (answers[k] == answers[i])
                printf(" %s", bads[k].name);
        printf("\n");
    }
}

/* ---- the modes ---- */

static int each_argument(const char *only, int wants_pointer,
                         void (*check)(const struct call *, int))
{
    make_memory();
    make_files();
    keep_fd(open("a", O_PATH));
    for (const struct call *call = calls; call < calls + call_count; call++) {
        if (is_one_of(call->number, never) || (only && strcmp(only, call->name) != 0))
            continue;
        for (int i = 0; i < call->count; i++) {
            int kind = call->kinds[i] & 255;

            if (kind != UNUSED && (kind >= POINTERS) == wants_pointer)
                check(call, i);
        }
    }
    printf("hostile: ok\n");
    return 0;
}

int pointers(const char *only)
{
    return each_argument(only, 1, check_pointer);
}

int numbers(const char *only)
{
    return each_argument(only, 0, check_number);
}

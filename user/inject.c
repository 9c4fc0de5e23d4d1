/*
 * inject: runs a program again and again, each time with another allocation of the kernel failing.
 * The kernel is booted with fail_alloc=0.
 *
 *   inject FIRST STEP LAST NEXT PROGRAM [ARGS...]
 *   inject calls
 *
 * Run by run the N-th allocation from the exec of PROGRAM on fails, N = FIRST, FIRST + STEP, ... up
 * to LAST, or, when that is 0, until a run does not come so far. If NEXT is not 0, N is up to STEP
 * more at random, and a second allocation fails 1 to NEXT later. PROGRAM may end as it likes: what
 * counts is that it does, that all its processes can be killed and its files removed, and that the
 * kernel then has as many objects of each kind and as many pages as before, which is looked at
 * after every run. A program that ends with status 99 has seen what may not be, and counts as a
 * leak. Prints every leak, how many runs there were, and how they ended; exits 0 when nothing was
 * wrong.
 *
 * `inject calls` is a program for it: system calls of many kinds that need memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject_calls.h"

#define WORK         "/tmp/inject"
#define HANG_SECONDS 60
#define KINDS_MAX    64

static int fail_fd, next_fd;
static long current_n;

static void die(const char *what)
{
    printf("inject: run %ld: %s: %s\n", current_n, what, strerror(errno));
    exit(1);
}

static void hang(int sig)
{
    (void)sig;
    dprintf(1, "inject: run %ld does not end\n", current_n);
    _exit(1);
}

static void write_number(int fd, unsigned long n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lu", n);

    if (pwrite(fd, text, len, 0) != len && pwrite(fd, text, len, 0) != len)
        die("fail_alloc cannot be written"); /* the first may have been the one that fails */
}

static unsigned long read_number(int fd)
{
    char text[24] = "";

    if (pread(fd, text, sizeof text - 1, 0) <= 0)
        die("fail_alloc cannot be read");
    return strtoul(text, NULL, 10);
}

/* ---- what the kernel has in use ---- */

struct state {
    int kinds;
    char names[KINDS_MAX][32];
    long active[KINDS_MAX];
    long pages; /* spare_pages() */
};

static long meminfo(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    if (!at)
        die("meminfo");
    return atol(at + strlen(name)) / 4;
}

static void read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = 0, got = 0;

    while (fd >= 0 && (n = read(fd, text + got, size - 1 - got)) > 0)
        got += n;
    if (fd < 0 || n < 0)
        die(path);
    text[got] = 0;
    close(fd);
}

/* Pages that are free, or in slabs, or which KASAN keeps for ever for what was allocated once. */
static long spare_pages(const char *text)
{
    return meminfo(text, "MemFree:") + meminfo(text, "Slab:") +
           (strstr(text, "KasanShadow:") ? meminfo(text, "KasanShadow:") : 0);
}

/* After all that was freed is free: RCU has run, and the page cache keeps nothing unused. */
static void read_state(struct state *s)
{
    static char text[16384];
    char *line, *more;
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

    if (fd < 0 || write(fd, "3", 1) != 1 || close(fd))
        die("drop_caches");
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
        die("membarrier");
    read_file("/proc/meminfo", text, sizeof text);
    s->pages = spare_pages(text);
    read_file("/proc/slabinfo", text, sizeof text);
    s->kinds = 0;
    for (line = strtok_r(text, "\n", &more); line && s->kinds < KINDS_MAX;
         line = strtok_r(NULL, "\n", &more))
        if (sscanf(line, "%31s %ld", s->names[s->kinds], &s->active[s->kinds]) == 2)
            s->kinds++;
}

/* Says what is in use now and was not before; how many such kinds. */
static int compare(const struct state *before, const struct state *now)
{
    int leaks = 0;

    for (int i = 0; i < now->kinds; i++) {
        if (now->active[i] == before->active[i])
            continue;
        printf("inject: run %ld: %s %+ld\n", current_n, now->names[i],
               now->active[i] - before->active[i]);
        leaks++;
    }
    if (now->pages != before->pages) {
        printf("inject: run %ld: pages in use %+ld\n", current_n, before->pages - now->pages);
        leaks++;
    }
    return leaks;
}

static int same(const struct state *a, const struct state *b)
{
    return a->pages == b->pages && !memcmp(a->active, b->active, a->kinds * sizeof a->active[0]);
}

/* What is freed late, by a thread of the kernel, may take a moment more. */
static int check_state(struct state *before)
{
    struct state now;
    int leaks;

    for (int tries = 0; tries < 50; tries++) {
        read_state(&now);
        if (same(before, &now))
            return 0;
        usleep(2000);
    }
    leaks = compare(before, &now);
    *before = now;
    return leaks;
}

/* The state when nothing is on its way any more. */
static void settle(struct state *state)
{
    struct state last;

    read_state(state);
    do {
        last = *state;
        usleep(50000);
        read_state(state);
    } while (!same(&last, state));
}

/* ---- a run ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        ;
    return remove(path);
}

/* Removes what a run has left: mounts, and then files; a mount may hide some. */
static void clean(void)
{
    for (int tries = 0; access(WORK, F_OK) == 0; tries++)
        if (nftw(WORK, remove_one, 16, FTW_DEPTH | FTW_PHYS) && tries == 8)
            die("what is left cannot be removed");
}

static void child(unsigned long n, unsigned long next, char **argv)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0 || setsid() < 0 || mkdir(WORK, 0777) || chdir(WORK))
        die("child");
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    write_number(next_fd, next);
    write_number(fail_fd, n);
    execvp(argv[0], argv);
    _exit(126);
}

/*
 * Returns the wait status of the program itself, when all of its processes are gone. It has to end
 * alone; what it leaves running in its process group is killed.
 */
static int run(unsigned long n, unsigned long next, char **argv)
{
    int status, result = 0;
    pid_t pid, program;

    program = fork();
    if (program < 0)
        die("fork");
    if (program == 0)
        child(n, next, argv);
    alarm(HANG_SECONDS);
    while ((pid = wait(&status)) > 0)
        if (pid == program) {
            result = status;
            kill(-program, SIGKILL);
        }
    alarm(0);
    return result;
}

static int inject(unsigned long first, unsigned long step, unsigned long last, unsigned long next,
                  char **argv)
{
    long runs = 0, exits = 0, zeros = 0, kills = 0, leaks = 0, missed = 0;
    unsigned long used = 0;
    struct state state;

    for (int i = 0; i < 4; i++) { /* what is kept from the first runs on, here too */
        if (run(UINT32_MAX, 0, argv))
            die("the program fails by itself");
        used = UINT32_MAX - read_number(fail_fd) - read_number(next_fd);
        write_number(fail_fd, 0);
        clean();
        settle(&state);
        check_state(&state);
    }
    printf("inject: %lu allocations\n", used);
    for (unsigned long n = first; !last || n <= last; n += step) {
        unsigned long left;
        int status;

        current_n = next ? n + random() % step : n;
        status = run(current_n, next ? 1 + random() % next : 0, argv);
        left = read_number(fail_fd);
        if (left && read_number(next_fd) == 0 && next)
            left = 0; /* the second one alone was not reached */
        write_number(next_fd, 0);
        write_number(fail_fd, 0);
        clean();
        leaks += check_state(&state);
        if (left && !last)
            break;
        missed += left != 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == WRONG) {
            printf("inject: run %ld: the program found something wrong\n", current_n);
            leaks++;
        }
        runs++;
        kills += WIFSIGNALED(status);
        zeros += WIFEXITED(status) && WEXITSTATUS(status) == 0;
        exits += WIFEXITED(status) && WEXITSTATUS(status) != 0;
    }
    if (run(0, 0, argv))
        die("the program fails by itself afterwards");
    printf("inject: %ld runs to %ld: %ld ended well, %ld with a status, %ld by a signal; "
           "%ld were too short; %ld leaks\n",
           runs, current_n, zeros, exits, kills, missed, leaks);
    return leaks != 0;
}

/* So that this program itself takes no page more later on. */
static void touch_all(void)
{
    char stack[65536];

    explicit_bzero(stack, sizeof stack);
    if (mlockall(MCL_CURRENT | MCL_FUTURE))
        die("mlockall");
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "calls"))
        return calls();
    if (argc < 6) {
        printf("usage: inject FIRST STEP LAST NEXT PROGRAM [ARGS...] | inject calls\n");
        return 2;
    }
    fail_fd = open("/proc/sys/kernel/fail_alloc", O_RDWR | O_CLOEXEC);
    next_fd = open("/proc/sys/kernel/fail_alloc_next", O_RDWR | O_CLOEXEC);
    if (fail_fd < 0 || next_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1))
        die("fail_alloc");
    signal(SIGALRM, hang);
    setvbuf(stdout, NULL, _IONBF, 0);
    touch_all();
    clean();
    return inject(atol(argv[1]), atol(argv[2]), atol(argv[3]), atol(argv[4]), argv + 5);
}

/*
 * bomb: takes all there is of one thing, and gives it back. bomb KIND, of those in the table below.
 * As process 1 it measures instead what each thing costs, at N of them and at twice and four times
 * as many: lines `cost KIND N NANOSECONDS`, and then it switches the machine off.
 *
 * Prints `KIND: ok` and exits 0 when the kernel ended each with the error that POSIX or Linux names
 * (or, for memory, with the death of who took it), and `bomb: ...` and 1 otherwise. Then it waits
 * until what the kernel frees by RCU is free, so that free memory before and after may be compared.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL

static void check(int good, const char *what)
{
    if (good)
        return;
    printf("bomb: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Every process forks for as long as it can; a byte in the pipe says that one could not. */
static void explode(int report)
{
    for (;;) {
        pid_t pid = fork();

        if (pid < 0) {
            char why = errno;

            (void)!write(report, &why, 1);
            for (;;)
                pause();
        }
    }
}

static void bomb_fork(void)
{
    struct rlimit limit = {1000, 1000};
    int ends[2], dead = 0;
    char why = 0;
    pid_t pid;

    check(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    check(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "subreaper");
    pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
        check(setpgid(0, 0) == 0 && setrlimit(RLIMIT_NPROC, &limit) == 0, "limit");
        check(setresuid(1000, 1000, 1000) == 0, "setresuid");
        explode(ends[1]);
    }
    check(read(ends[0], &why, 1) == 1 && why == EAGAIN, "the limit of processes");
    /* While one forks, another dies: again until nobody is left. */
    while (kill(-pid, SIGKILL) == 0)
        while (waitpid(-pid, NULL, WNOHANG) > 0)
            dead++;
    while (wait(NULL) > 0)
        dead++;
    check(errno == ECHILD && dead >= 1000, "every process was there, and ended");
    close(ends[0]);
    close(ends[1]);
}

/* Descriptors of pipes up to the limit, and again in a child that has all of them already. */
static void bomb_fd(void)
{
    struct rlimit limit;
    int ends[2], status;
    long made = 0;
    pid_t pid;

    check(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    while (pipe(ends) == 0)
        made += 2;
    check(errno == EMFILE && made >= (long)limit.rlim_max - 4, "the limit of descriptors");
    pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
        check(dup(0) == (made + 3 < (long)limit.rlim_max ? made + 3 : -1), "one left");
        check(dup(0) < 0 && errno == EMFILE, "the child's limit");
        _exit(0);
    }
    check(waitpid(pid, &status, 0) == pid && status == 0, "child");
    check(close_range(3, ~0u, 0) == 0, "close_range");
    check(pipe(ends) == 0 && ends[0] == 3 && close_range(3, ~0u, 0) == 0, "descriptors again");
}

/* A process that touches ever more memory is killed; who waits for it is not. */
static void bomb_memory(void)
{
    int status;
    pid_t pid = fork();

    check(pid >= 0, "fork");
    while (pid == 0) {
        char *p =
            mmap(NULL, 256 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        check(p != MAP_FAILED, "mmap");
        memset(p, 1, 256 * PAGE);
    }
    check(waitpid(pid, &status, 0) == pid, "waitpid");
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "death of the memory's eater");
}

/* A path may pass 40 symbolic links, not 41. */
static void bomb_symlinks(void)
{
    char name[16], target[16] = "end";

    check(mkdir("links", 0700) == 0 && chdir("links") == 0, "mkdir");
    check(close(open("end", O_CREAT | O_WRONLY, 0600)) == 0, "create");
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof name, "%d", i);
        check(symlink(target, name) == 0, "symlink");
        strcpy(target, name);
    }
    check(access("40", R_OK) == 0, "40 links");
    check(access("41", R_OK) < 0 && errno == ELOOP, "41 links");
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof name, "%d", i);
        check(unlink(name) == 0, "unlink");
    }
    check(unlink("end") == 0 && chdir("..") == 0 && rmdir("links") == 0, "rmdir");
}

static void many_files(long n)
{
    long found = 0;
    char name[16];
    DIR *dir;

    check(mkdir("many", 0700) == 0 && chdir("many") == 0, "mkdir");
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%d", i);
        check(close(open(name, O_CREAT | O_EXCL | O_WRONLY, 0600)) == 0, "create");
    }
    dir = opendir(".");
    check(dir != NULL, "opendir");
    while (readdir(dir))
        found++;
    check(found == n + 2, "as many names as files, . and ..");
    closedir(dir);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%d", i);
        check(unlink(name) == 0, "unlink");
    }
    check(chdir("..") == 0 && rmdir("many") == 0, "rmdir");
}

static void bomb_directory(void)
{
    many_files(100000);
}

static void bomb_sparse(void)
{
    const off_t size = 1L << 30;
    int fd = open("sparse", O_CREAT | O_EXCL | O_RDWR, 0600);
    static char buf[PAGE];
    struct stat st;

    check(fd >= 0 && pwrite(fd, "x", 1, size - 1) == 1, "write");
    check(fstat(fd, &st) == 0 && st.st_size == size && st.st_blocks <= 16, "size and blocks");
    memset(buf, 1, PAGE);
    check(pread(fd, buf, PAGE, size / 2) == (ssize_t)PAGE, "read of the hole");
    for (size_t i = 0; i < PAGE; i++)
        check(buf[i] == 0, "zeros of the hole");
    check(lseek(fd, 0, SEEK_DATA) == size - (off_t)PAGE, "where the data is");
    check(unlink("sparse") == 0 && close(fd) == 0, "unlink");
}

static const struct {
    const char *name;
    void (*go)(void);
} bombs[] = {{"fork", bomb_fork},           {"fd", bomb_fd},
             {"memory", bomb_memory},       {"symlinks", bomb_symlinks},
             {"directory", bomb_directory}, {"sparse", bomb_sparse}};

/* ---- what n of them cost ---- */

/* n processes at once, each of which has been there, end together. */
static void many_processes(long n)
{
    int alive[2], end[2];
    char byte;

    check(pipe(alive) == 0 && pipe(end) == 0, "pipe");
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();

        check(pid >= 0, "fork");
        if (pid == 0) {
            close(end[1]);
            (void)!write(alive[1], "", 1);
            (void)!read(end[0], &byte, 1);
            _exit(0);
        }
    }
    for (long i = 0; i < n; i++)
        check(read(alive[0], &byte, 1) == 1, "a process that never ran");
    check(close_range(alive[0], end[1], 0) == 0, "close");
    while (wait(NULL) > 0)
        n--;
    check(errno == ECHILD && n == 0, "every process ended");
}

/* n descriptors, a child that has them too, and their end. */
static void many_descriptors(long n)
{
    struct rlimit limit = {n + 10, n + 10};
    pid_t pid;

    check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    for (long i = 0; i < n; i++)
        check(dup(0) >= 0, "dup");
    pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0)
        _exit(0);
    check(waitpid(pid, NULL, 0) == pid && close_range(3, ~0u, 0) == 0, "close_range");
}

/* n pages written, shared with a child that writes them too, and given back. */
static void many_pages(long n)
{
    char *area = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t pid;

    check(area != MAP_FAILED, "mmap");
    for (long i = 0; i < n; i++)
        area[i * PAGE] = 1;
    pid = fork();
    check(pid >= 0, "fork");
    for (long i = 0; i < n; i++)
        area[i * PAGE] = 2;
    if (pid == 0)
        _exit(0);
    check(waitpid(pid, NULL, 0) == pid && munmap(area, n * PAGE) == 0, "munmap");
}

/* A path over a chain of n symbolic links, some times. */
static void many_links(long n)
{
    char name[24], target[24] = "end";

    check(close(open("end", O_CREAT | O_WRONLY, 0600)) == 0, "create");
    for (long i = 1; i <= n; i++) {
        snprintf(name, sizeof name, "%ld", i);
        check(symlink(target, name) == 0, "symlink");
        strcpy(target, name);
    }
    for (int i = 0; i < 100; i++)
        check(access(name, R_OK) == 0, "the chain's end");
    for (long i = 1; i <= n; i++) {
        snprintf(name, sizeof name, "%ld", i);
        check(unlink(name) == 0, "unlink");
    }
    check(unlink("end") == 0, "unlink");
}

/* A path of n directories, made, walked both ways, and removed; from the root directory. */
static void many_levels(long n)
{
    static char path[PAGE];
    struct stat st;

    for (long i = 0; i < n; i++)
        check(mkdir("d", 0700) == 0 && chdir("d") == 0, "mkdir");
    check(getcwd(path, sizeof path) && chdir("/") == 0 && stat(path, &st) == 0, "stat");
    check(chdir(path) == 0, "chdir");
    for (long i = 0; i < n; i++)
        check(chdir("..") == 0 && rmdir("d") == 0, "rmdir");
}

/* A file with data in one page of each of n MiB: found, passed over, and cut off. */
static void many_holes(long n)
{
    int fd = open("holes", O_CREAT | O_EXCL | O_RDWR, 0600);
    off_t at = 0, data = 0;
    long found = 0;

    for (long i = 0; i < n; i++)
        check(pwrite(fd, "x", 1, (i + 1) << 20) == 1, "write");
    for (; (data = lseek(fd, at, SEEK_DATA)) >= 0; found++)
        at = lseek(fd, data, SEEK_HOLE);
    check(found == n && ftruncate(fd, 0) == 0, "all the data");
    check(unlink("holes") == 0 && close(fd) == 0, "unlink");
}

static const struct {
    const char *name;
    void (*go)(long n);
    long n;
} costs[] = {{"processes", many_processes, 2500}, {"descriptors", many_descriptors, 4000},
             {"pages", many_pages, 2000},         {"files", many_files, 4000},
             {"links", many_links, 10},           {"levels", many_levels, 250},
             {"holes", many_holes, 256}};

static long now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void measure(void)
{
    for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
        costs[i].go(costs[i].n); /* what is made once and kept */
        for (long n = costs[i].n; n <= 4 * costs[i].n; n *= 2) {
            long start = now_ns();

            costs[i].go(n);
            printf("cost %s %ld %ld\n", costs[i].name, n, now_ns() - start);
        }
    }
    fflush(stdout);
    reboot(RB_POWER_OFF);
}

int main(int argc, char **argv)
{
    if (getpid() == 1)
        measure();
    for (size_t i = 0; argc > 1 && i < sizeof bombs / sizeof bombs[0]; i++) {
        if (strcmp(argv[1], bombs[i].name))
            continue;
        bombs[i].go();
        check(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0, "membarrier");
        printf("%s: ok\n", bombs[i].name);
        return 0;
    }
    printf("bomb: which?\n");
    return 1;
}

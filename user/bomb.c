/*
 * bomb: takes all there is of one thing, and gives it back. bomb KIND, of those in the table below.
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

static void bomb_directory(void)
{
    enum { FILES = 100000 };
    long found = 0;
    char name[16];
    DIR *dir;

    check(mkdir("many", 0700) == 0 && chdir("many") == 0, "mkdir");
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%d", i);
        check(close(open(name, O_CREAT | O_EXCL | O_WRONLY, 0600)) == 0, "create");
    }
    dir = opendir(".");
    check(dir != NULL, "opendir");
    while (readdir(dir))
        found++;
    check(found == FILES + 2, "as many names as files, . and ..");
    closedir(dir);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%d", i);
        check(unlink(name) == 0, "unlink");
    }
    check(chdir("..") == 0 && rmdir("many") == 0, "rmdir");
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

int main(int argc, char **argv)
{
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

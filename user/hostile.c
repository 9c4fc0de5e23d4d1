/*
 * hostile: system calls as no sane program makes them, generated from the kernel's own table
 * (kernel/sys/table.h), which declares the kind of each argument.
 *
 *   hostile pointers [CALL]            every call, each of its pointers replaced by each bad one
 *   hostile numbers [CALL]             the same with each of its other arguments, by their kinds
 *   hostile random SEED CALLS [WORKERS]   random calls on live descriptors, mappings, processes
 *   hostile replay SEED [INDEX,...]    one worker of `random` again, or only the named calls of it
 *
 * A call and its arguments depend on the seed and the call's index alone, so that calls can be left
 * out of a replay until the shortest list remains (tools/shrink.py). A worker is called
 * h<seed>: a panic names it. The last line is `hostile: ok ...`; anything else is a failure.
 */
#define _GNU_SOURCE
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the table ---- */

/* A kind in the low byte; above it the size, or the argument that tells the size. */
#define OF(kind, n)                                    ((kind) | (n) << 8)
#define UPTR_IN(n)                                     OF(IN, n)
#define UPTR_OUT(n)                                    OF(OUT, n)
#define UPTR_INOUT(n)                                  OF(INOUT, n)
#define OPT_IN(n)                                      OF(MAYBE_IN, n)
#define OPT_OUT(n)                                     OF(MAYBE_OUT, n)
#define OPT_INOUT(n)                                   OF(MAYBE_INOUT, n)
#define BUF_IN(i)                                      OF(MEMORY_IN, i)
#define BUF_OUT(i)                                     OF(MEMORY_OUT, i)
#define IOVEC(i)                                       OF(VECTOR, i)

#define SYSCALL(number, name, count, ...)              {number, #name, count, {__VA_ARGS__}},
#define SYSCALL_AS(number, name, function, count, ...) SYSCALL(number, name, count, __VA_ARGS__)

const struct call calls[] = {
#include "sys/table.h"
};

const long call_count = sizeof calls / sizeof *calls;

/* ---- the call itself ---- */

long call_raw(long number, const long *a, const struct script *script)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a[0];
    register long x1 __asm__("x1") = a[1];
    register long x2 __asm__("x2") = a[2];
    register long x3 __asm__("x3") = a[3];
    register long x4 __asm__("x4") = a[4];
    register long x5 __asm__("x5") = a[5];
    register const void *x9 __asm__("x9") = script ? script->calls : NULL;
    register long x10 __asm__("x10") = script ? script->count : 0;

    __asm__ volatile("svc #0\n\tcbz x9, 3f\n\tcbnz x0, 3f\n"
                     "1:\tcbz x10, 2f\n\tsub x10, x10, #1\n"
                     "\tldp x8, x0, [x9], #16\n\tldp x1, x2, [x9], #16\n"
                     "\tldp x3, x4, [x9], #16\n\tldp x5, xzr, [x9], #16\n"
                     "\tsvc #0\n\tb 1b\n"
                     "2:\tmov x8, #93\n\tsvc #0\n3:"
                     : "+r"(x0), "+r"(x8)
                     : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x9), "r"(x10)
                     : "memory", "cc");
    return x0;
}

int clones(const struct call *call)
{
    return call->number == SYS_clone || call->number == SYS_clone3;
}

int is_one_of(int number, const int *list)
{
    while (*list && *list != number)
        list++;
    return *list;
}

/* ---- what arguments are made of ---- */

/* Where nothing else is, so that a size has the same effect wherever a kernel puts programs. */
#define GOOD 0x200000000

char *good, *read_only, *border;

void fail(const char *what)
{
    printf("hostile: %s: %s\n", what, strerror(errno));
    exit(1);
}

char *map_pages(long pages, int prot)
{
    char *at = mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        fail("mmap");
    return at;
}

void make_memory(void)
{
    good = mmap((void *)GOOD, 16 * PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (good == MAP_FAILED)
        fail("mmap");
    read_only = map_pages(1, PROT_READ);
    border = map_pages(2, PROT_READ | PROT_WRITE) + PAGE;
    munmap(border, PAGE);
}

int live_fds[64], live_count;

void keep_fd(int fd)
{
    if (fd >= 0)
        live_fds[live_count++ % 64] = fd;
}

void make_files(void)
{
    int ends[2];

    mkdir("d", 0755);
    symlink("loop", "loop");
    symlink("d", "link");
    keep_fd(open("a", O_RDWR | O_CREAT, 0644));
    keep_fd(open("d", O_RDONLY | O_DIRECTORY));
    keep_fd(open("d/b", O_RDWR | O_CREAT | O_APPEND, 0600));
    if (pipe2(ends, O_NONBLOCK) == 0)
        keep_fd(ends[0]), keep_fd(ends[1]);
    if (pipe(ends) == 0)
        keep_fd(ends[0]), keep_fd(ends[1]);
    keep_fd(eventfd(1, 0));
    keep_fd(memfd_create("m", MFD_ALLOW_SEALING));
    keep_fd(open("/dev/null", O_RDWR));
    keep_fd(open("/dev/zero", O_RDWR));
    keep_fd(open("/dev/urandom", O_RDONLY));
    keep_fd(open("/proc/self/maps", O_RDONLY));
    keep_fd(open("/proc/self/status", O_RDONLY));
    keep_fd(open("/proc", O_RDONLY | O_DIRECTORY));
    keep_fd(syscall(SYS_pidfd_open, getpid(), 0));
}

void on_alarm(int signal)
{
    (void)signal;
}

static int run(int argc, char **argv)
{
    if (argc >= 2 && !strcmp(argv[1], "pointers"))
        return pointers(argv[2]);
    if (argc >= 2 && !strcmp(argv[1], "numbers"))
        return numbers(argv[2]);
    if (argc >= 4 && !strcmp(argv[1], "random"))
        return random_calls(strtoull(argv[2], NULL, 0), atol(argv[3]),
                            argc > 4 ? atoi(argv[4]) : 4);
    if (argc >= 3 && !strcmp(argv[1], "replay"))
        return replay(strtoull(argv[2], NULL, 0), argv[3]);
    fprintf(stderr, "usage: hostile pointers|numbers [CALL] | random SEED CALLS [WORKERS] | "
                    "replay SEED [INDEX,...]\n");
    return 2;
}

/* As process 1 of any kernel it makes its own surroundings, and ends with the machine. */
int main(int argc, char **argv)
{
    int status;
    pid_t pid;

    if (getpid() != 1)
        return run(argc, argv);
    mkdir("/proc", 0755), mkdir("/dev", 0755), mkdir("/tmp", 0777);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("tmp", "/tmp", "tmpfs", 0, NULL);
    if (chdir("/tmp"))
        fail("/tmp");
    pid = fork();
    if (pid == 0)
        exit(run(argc, argv));
    while (waitpid(pid, &status, 0) != pid)
        ;
    if (status)
        printf("hostile: ended with status %#x\n", status), fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 1;
}

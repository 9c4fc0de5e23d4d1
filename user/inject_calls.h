/*
 * System calls of many kinds that need memory, in a directory of their own; for user/inject.c. An
 * error is no news: the next call is tried. What may not fail for want of memory is looked at, and
 * WRONG is the exit status when it did.
 */
#pragma once

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>

#define PAGE    4096UL
#define TRY(x)  ((void)!(x))
#define LONG_A  "a23456789012345678901234567890123456789012345678901234567890"
#define LONG_B  "b23456789012345678901234567890123456789012345678901234567890"
#define RW_PROT (PROT_READ | PROT_WRITE)
#define WRONG   99

/* Waits for a child that does `work`. True when that went wrong. */
static int in_child(void (*work)(void))
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        work();
        _exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == WRONG;
}

static void memory_calls(void)
{
    int fd = open("mapped", O_RDWR | O_CREAT, 0600);
    char *area = mmap(NULL, 64 * PAGE, RW_PROT, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *far, *file;

    TRY(ftruncate(fd, 16 * PAGE));
    if (area != MAP_FAILED) {
        for (int i = 0; i < 64; i += 3)
            area[i * PAGE] = 1;
        for (int i = 1; i < 64; i += 4)
            mprotect(area + i * PAGE, PAGE, PROT_READ);
        madvise(area + 8 * PAGE, 8 * PAGE, MADV_DONTNEED);
        mlock(area, 2 * PAGE);
    }
    far = mremap(area, 64 * PAGE, 2048 * PAGE, MREMAP_MAYMOVE);
    if (far != MAP_FAILED)
        munmap(far + 20 * PAGE, 9 * PAGE);
    for (long i = 1; i < 4; i++) {
        far = mmap((void *)(i << 39), PAGE, RW_PROT, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (far != MAP_FAILED)
            *far = 1;
    }
    file = mmap(NULL, 16 * PAGE, RW_PROT, MAP_SHARED, fd, 0);
    if (file != MAP_FAILED)
        file[5 * PAGE] = file[9 * PAGE] = 1;
    file = mmap(NULL, 16 * PAGE, RW_PROT, MAP_PRIVATE, fd, 0);
    if (file != MAP_FAILED)
        file[5 * PAGE] = file[6 * PAGE] = 1;
    file = mmap(NULL, 16 * PAGE, RW_PROT, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (file != MAP_FAILED)
        file[3 * PAGE] = 1;
    if (fork() == 0) {
        if (area != MAP_FAILED)
            TRY(write(fd, area, PAGE));
        _exit(0);
    }
    wait(NULL);
    munmap((void *)(1L << 39), 3L << 39);
    close(fd);
}

static void *thread(void *arg)
{
    struct timespec soon = {0, 1000};

    syscall(SYS_futex, arg, FUTEX_WAIT, 0, &soon, NULL, 0);
    return NULL;
}

static void thread_calls(void)
{
    static unsigned word;
    pthread_t threads[3];
    int made[3];

    for (int i = 0; i < 3; i++)
        made[i] = pthread_create(&threads[i], NULL, thread, &word) == 0;
    for (int i = 0; i < 3; i++)
        if (made[i])
            pthread_join(threads[i], NULL);
}

/*
 * A timer that was made and set goes off, and a periodic one again, also when its signal was
 * pending already when it first went off.
 */
static void timer_calls(int signal, long interval)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal};
    struct itimerspec soon = {.it_value = {0, 1000}, .it_interval = {0, interval}};
    struct timespec long_time = {5, 0}, moment = {0, 3000000};
    siginfo_t info;
    timer_t timer;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    if (sigprocmask(SIG_BLOCK, &set, NULL) || timer_create(CLOCK_MONOTONIC, &event, &timer) ||
        (interval && kill(getpid(), signal)) || timer_settime(timer, 0, &soon, NULL))
        return;
    if (interval) {
        nanosleep(&moment, NULL);
        sigtimedwait(&set, &info, &long_time);
    }
    for (int i = 0; i < (interval ? 2 : 1); i++)
        if (sigtimedwait(&set, &info, &long_time) != signal || info.si_code != SI_TIMER)
            _exit(WRONG);
    timer_delete(timer);
}

static void signal_calls(void)
{
    struct itimerval moment = {.it_value = {0, 1000}};
    struct timespec wait_ns = {0, 2000000};
    union sigval value = {.sival_int = 1};
    siginfo_t info;
    sigset_t all;

    timer_calls(SIGRTMIN + 1, 0);
    timer_calls(SIGUSR2, 1000000);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN, value);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    setitimer(ITIMER_REAL, &moment, NULL);
    while (sigtimedwait(&all, &info, &wait_ns) > 0)
        ;
}

static void pipe_calls(void)
{
    struct pollfd polled[300];
    char bytes[5000] = "";
    struct iovec iov[40];
    int ends[2] = {-1, -1}, more[2] = {-1, -1}, memory, event;

    TRY(pipe(ends));
    TRY(pipe(more));
    event = eventfd(0, EFD_NONBLOCK);
    memory = memfd_create("memory", MFD_ALLOW_SEALING);
    fcntl(ends[1], F_SETPIPE_SZ, 65536 * 2);
    for (int i = 0; i < 40; i++)
        iov[i] = (struct iovec){bytes, 100};
    TRY(writev(ends[1], iov, 40));
    TRY(write(memory, bytes, sizeof bytes));
    lseek(memory, 0, SEEK_SET);
    sendfile(ends[1], memory, NULL, sizeof bytes);
    tee(ends[0], more[1], 4096, SPLICE_F_NONBLOCK);
    splice(more[0], NULL, memory, NULL, 4096, SPLICE_F_NONBLOCK);
    for (int i = 0; i < 300; i++)
        polled[i] = (struct pollfd){i % 2 ? event : more[1], POLLIN, 0};
    poll(polled, 300, 1);
    for (int fd = 20; fd < 300; fd += 40)
        dup2(event, fd);
    fcntl(event, F_DUPFD_CLOEXEC, 900);
    close_range(3, ~0U, 0);
}

static void file_calls(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_start = 10, .l_len = 10};
    char buf[300], name[32];
    int fd, dir;

    mkdir(LONG_A, 0700);
    mkdir(LONG_A "/" LONG_B, 0700);
    symlink(LONG_A "/" LONG_B, "long");
    symlink("long", "to");
    fd = open("to/" LONG_B, O_RDWR | O_CREAT, 0600);
    TRY(link("to/" LONG_B, "to/" LONG_A));
    TRY(rename("to/" LONG_A, "short"));
    renameat2(AT_FDCWD, "short", AT_FDCWD, "to/" LONG_B, 2);
    for (long at = 1; at > 0 && at < 1L << 40; at <<= 6)
        TRY(pwrite(fd, "x", 1, at));
    fallocate(fd, 0, 0, 20 * PAGE);
    fcntl(fd, F_SETLK, &lock);
    lock.l_type = F_UNLCK;
    lock.l_start = 13;
    lock.l_len = 2;
    fcntl(fd, F_SETLK, &lock);
    fcntl(fd, F_OFD_SETLK, &lock);
    TRY(ftruncate(fd, 5000));
    TRY(truncate("short", 3));
    close(fd);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "to/%d", i);
        mknod(name, (i % 2 ? S_IFREG : S_IFIFO) | 0600, 0);
    }
    dir = open("to", O_RDONLY | O_DIRECTORY);
    TRY(syscall(SYS_getdents64, dir, buf, sizeof buf));
    openat(dir, "../../to/0", O_RDONLY | O_NONBLOCK);
    TRY(access("to/../" LONG_B "/3", R_OK));
    TRY(faccessat(dir, "5", R_OK, AT_EACCESS));
    TRY(chdir("to"));
    TRY(!getcwd(buf, sizeof buf));
    TRY(readlink("../to", buf, sizeof buf));
    TRY(chdir("../.."));
    close(dir);
}

static void mount_calls(void)
{
    mkdir("m", 0700);
    mkdir("b", 0700);
    mount("none", "m", "tmpfs", 0, "size=1m,mode=0700");
    mount("none", "m", "tmpfs", MS_REMOUNT, "size=2m");
    mkdir("m/d", 0700);
    mount("m", "b", NULL, MS_BIND, NULL);
    mount("m/d", "m/d", NULL, MS_BIND | MS_REC, NULL);
    mount("proc", "m/d", "proc", MS_RDONLY, NULL);
    TRY(open("m/d/self/maps", O_RDONLY));
    mount("b", "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    umount2("m/d", MNT_DETACH);
    umount2("m/d", 0);
    umount2("b", MNT_DETACH);
    umount2("m", 0);
}

static void proc_calls(void)
{
    static const char *const files[] = {"maps",    "smaps",  "stat", "status", "cmdline",
                                        "environ", "mounts", "fd",   "limits", "task"};
    char path[64], buf[4096];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        int fd;

        snprintf(path, sizeof path, "/proc/self/%s", files[i]);
        fd = open(path, O_RDONLY);
        TRY(read(fd, buf, sizeof buf));
        TRY(syscall(SYS_getdents64, fd, buf, sizeof buf));
        close(fd);
    }
    TRY(readlink("/proc/self/exe", buf, sizeof buf));
    TRY(readlink("/proc/self/fd/0", buf, sizeof buf));
}

static void task_calls(void)
{
    gid_t groups[40] = {1, 2, 3};
    cpu_set_t cpus;

    setgroups(40, groups);
    sched_getaffinity(0, sizeof cpus, &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
    prctl(PR_SET_NAME, "other");
    unshare(CLONE_FS | CLONE_FILES);
    close(syscall(SYS_pidfd_open, getpid(), 0));
    TRY(chroot("."));
    TRY(setresgid(5, 6, 7));
    TRY(setresuid(5, 6, 7));
    TRY(access("x", X_OK));
}

static void terminal_calls(void)
{
    struct termios termios;
    int fd = open("/dev/console", O_RDWR | O_NONBLOCK | O_NOCTTY), tty;

    setsid();
    tty = open("/dev/tty", O_RDWR);
    tcgetattr(fd, &termios);
    TRY(write(fd, "", 0));
    close(tty);
    close(fd);
}

static void exec_calls(void)
{
    static char big[100000];
    char *args[] = {"sh", "-c", ":", big, NULL}, *env[] = {big, NULL};
    int fd = open("script", O_WRONLY | O_CREAT, 0700);

    memset(big, 'x', sizeof big - 1);
    TRY(write(fd, "#!/bin/sh\n:\n", 12));
    close(fd);
    if (fork() == 0) {
        execve("/bin/sh", args, env);
        _exit(0);
    }
    if (vfork() == 0) {
        execl("./script", "script", LONG_A, NULL);
        _exit(0);
    }
    execl("/nowhere", "x", NULL);
    while (wait(NULL) > 0)
        ;
}

static int calls(void)
{
    static void (*const all[])(void) = {memory_calls, thread_calls,  signal_calls, pipe_calls,
                                        file_calls,   mount_calls,   proc_calls,   task_calls,
                                        exec_calls,   terminal_calls};

    int wrong = 0;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        wrong |= in_child(all[i]);
    return wrong ? WRONG : 0;
}

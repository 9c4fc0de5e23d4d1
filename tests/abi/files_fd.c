/* Descriptors: dup, fcntl, close_range, record locks, flock, limits, memfd and its seals. */
#include "abi.h"

#include <linux/close_range.h>
#include <sys/file.h>

CASE(fd_dup)
{
    struct rlimit rl = {64, 64};

    make_file("f", "0123456789");
    int fd = ok(open("f", O_RDWR | O_CLOEXEC));
    int d = ok(dup(fd));
    yes(d == fd + 1);
    val(fcntl(d, F_GETFD));
    val(dup2(fd, 50));
    val(fcntl(50, F_GETFD));
    val(dup2(50, 50));
    val(dup2(99, 99));
    val(dup2(99, 50));
    val(fcntl(50, F_GETFD));
    val(dup2(fd, -1));
    val(dup2(-1, 50));
    val(dup3(fd, 51, O_CLOEXEC));
    val(fcntl(51, F_GETFD));
    val(dup3(fd, 51, 0));
    val(fcntl(51, F_GETFD));
    val(dup3(fd, fd, 0));
    val(dup3(fd, 52, O_NONBLOCK));
    val(dup3(99, 52, 0));
    val(dup3(99, 99, 0));
    val(fcntl(fd, F_DUPFD, 60));
    val(fcntl(fd, F_DUPFD, 60));
    val(fcntl(fd, F_DUPFD_CLOEXEC, 60));
    val(fcntl(62, F_GETFD));
    val(fcntl(fd, F_DUPFD, -1));
    val(fcntl(fd, F_DUPFD, 1 << 30));
    val(fcntl(99, F_DUPFD, 0));
    val(dup(-1));
    val(dup(99));
    close(fd);
    val(read(50, (char[4]){0}, 4));
    val(lseek(60, 0, SEEK_CUR));
    ok(setrlimit(RLIMIT_NOFILE, &rl));
    val(dup2(50, 64));
    val(dup2(50, 63));
    val(fcntl(50, F_DUPFD, 64));
    val(fcntl(50, F_DUPFD, 63));
    val(read(63, (char[4]){0}, 4));
}

CASE(fd_fcntl)
{
    make_file("f", "x");
    int fd = ok(open("f", O_RDWR));
    int d = ok(dup(fd));
    val(fcntl(fd, F_SETFD, FD_CLOEXEC));
    val(fcntl(fd, F_GETFD));
    val(fcntl(d, F_GETFD));
    val(fcntl(fd, F_SETFD, 0xfffe));
    val(fcntl(fd, F_GETFD));
    val(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
    oct(fcntl(fd, F_GETFL));
    oct(fcntl(d, F_GETFL));
    val(fcntl(fd, F_SETFL, O_RDONLY | O_TRUNC | O_CREAT | O_CLOEXEC));
    oct(fcntl(fd, F_GETFL));
    val(file_size("f"));
    val(fcntl(fd, F_SETFL, -1));
    val(fcntl(fd, 9999));
    val(fcntl(fd, -1));
    val(fcntl(-1, F_GETFD));
    val(fcntl(-1, 9999));
    val(fcntl(fd, F_GETPIPE_SZ));
    val(fcntl(fd, F_GETOWN));
    val(fcntl(fd, F_SETOWN, getpid()));
    yes(fcntl(fd, F_GETOWN) == getpid());
    RUN("O_NOATIME by another", make_file("g", "x"); chmod("g", 0666); become(1000);
        int g = open("g", O_RDWR); val(fcntl(g, F_SETFL, O_NOATIME)));
}

CASE(fd_close_range)
{
    for (int i = 10; i < 20; i++)
        dup2(1, i);
    ok(syscall(SYS_close_range, 12, 14, 0));
    say("open: %d %d %d %d", fcntl(11, F_GETFD), fcntl(12, F_GETFD), fcntl(14, F_GETFD),
        fcntl(15, F_GETFD));
    ok(syscall(SYS_close_range, 15, 16, CLOSE_RANGE_CLOEXEC));
    say("open: %d %d %d", fcntl(15, F_GETFD), fcntl(16, F_GETFD), fcntl(17, F_GETFD));
    ok(syscall(SYS_close_range, 18, 17, 0));
    ok(syscall(SYS_close_range, 17, 17, 8));
    ok(syscall(SYS_close_range, 17, ~0U, 0));
    say("open: %d %d", fcntl(16, F_GETFD), fcntl(17, F_GETFD));
    ok(syscall(SYS_close_range, 500, 600, 0));
    RUN("unshared", ok(syscall(SYS_close_range, 11, ~0U, CLOSE_RANGE_UNSHARE));
        val(fcntl(11, F_GETFD)));
    val(fcntl(11, F_GETFD));
}

CASE(fd_limit)
{
    struct rlimit rl = {20, 20}, zero = {0, 0};
    int fds[32], n = 0, p[2];

    ok(setrlimit(RLIMIT_NOFILE, &rl));
    while (n < 32 && (fds[n] = open("/dev/null", O_RDONLY)) >= 0)
        n++;
    str(error_name(errno));
    yes(fds[n - 1] == 19);
    ok(dup(1));
    ok(pipe(p));
    close(fds[0]);
    ok(pipe(p));
    ok(open("/dev/null", O_RDONLY));
    RUN("limit 0", ok(setrlimit(RLIMIT_NOFILE, &zero)); ok(open("/dev/null", O_RDONLY)); ok(dup(1));
        val(write(1, "", 0)); ok(dup2(1, 3)));
    rl.rlim_cur = 21;
    rl.rlim_max = 1UL << 40;
    ok(setrlimit(RLIMIT_NOFILE, &rl));
    rl.rlim_cur = 30;
    rl.rlim_max = 20;
    ok(setrlimit(RLIMIT_NOFILE, &rl));
}

static int lock(int fd, int cmd, int type, long start, long len)
{
    struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    int r = fcntl(fd, cmd, &fl);

    if (r == 0 && (cmd == F_GETLK || cmd == F_OFD_GETLK))
        say("  found type %d at %ld+%ld by %s", fl.l_type, (long)fl.l_start, (long)fl.l_len,
            fl.l_type == F_UNLCK    ? "nobody"
            : fl.l_pid == getppid() ? "parent"
            : fl.l_pid == -1        ? "-1"
                                    : "other");
    return r;
}

CASE(fd_locks)
{
    make_file("f", "0123456789");
    int fd = ok(open("f", O_RDWR));
    ok(lock(fd, F_SETLK, F_WRLCK, 10, 10));
    ok(lock(fd, F_GETLK, F_WRLCK, 0, 0));
    RUN("another process", ok(lock(fd, F_GETLK, F_WRLCK, 0, 0));
        ok(lock(fd, F_GETLK, F_RDLCK, 15, 1)); ok(lock(fd, F_GETLK, F_RDLCK, 20, 0));
        ok(lock(fd, F_SETLK, F_RDLCK, 19, 1)); ok(lock(fd, F_SETLK, F_RDLCK, 20, 1));
        ok(lock(fd, F_SETLK, F_UNLCK, 0, 0)); ok(lock(fd, F_SETLK, F_WRLCK, 0, 10)));
    ok(lock(fd, F_SETLK, F_UNLCK, 13, 2));
    RUN("a hole in the middle", ok(lock(fd, F_SETLK, F_WRLCK, 13, 2));
        ok(lock(fd, F_SETLK, F_WRLCK, 12, 1)); ok(lock(fd, F_GETLK, F_WRLCK, 14, 100)));
    ok(lock(fd, F_SETLK, F_RDLCK, 10, 10));
    RUN("shared", ok(lock(fd, F_SETLK, F_RDLCK, 0, 0)); ok(lock(fd, F_SETLK, F_WRLCK, 0, 0)));
    int other = open("f", O_RDWR);
    close(other);
    RUN("closing any descriptor drops them", ok(lock(fd, F_SETLK, F_WRLCK, 0, 0)));
    int ro = ok(open("f", O_RDONLY));
    ok(lock(ro, F_SETLK, F_WRLCK, 0, 1));
    ok(lock(ro, F_SETLK, F_RDLCK, 0, 1));
    int wo = ok(open("f", O_WRONLY));
    ok(lock(wo, F_SETLK, F_RDLCK, 0, 1));
    ok(lock(fd, F_SETLK, 7, 0, 1));
    ok(lock(fd, F_SETLK, F_WRLCK, -1, 1));
    ok(lock(fd, F_SETLK, F_WRLCK, 10, -5));
    ok(lock(fd, F_SETLK, F_WRLCK, 3, -5));
    ok(lock(-1, F_SETLK, F_WRLCK, 0, 1));
    ok(fcntl(fd, F_SETLK, NULL));
    /* F_SETLKW waits, and finds a deadlock */
    int p[2];
    pipe(p);
    ok(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    ok(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    pid_t child = fork();
    if (child == 0) {
        ok(lock(fd, F_SETLK, F_WRLCK, 1, 1));
        write(p[1], "x", 1);
        _exit(lock(fd, F_SETLKW, F_WRLCK, 0, 1) == 0 ? 5 : 6);
    }
    read(p[0], (char[1]){0}, 1);
    wait_stopped_thread(child);
    ok(lock(fd, F_SETLKW, F_WRLCK, 1, 1));
    ok(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    report_status("child", wait_child(child));
}

CASE(fd_ofd_locks)
{
    make_file("f", "x");
    int a = ok(open("f", O_RDWR)), b = ok(open("f", O_RDWR)), d = ok(dup(a));
    ok(lock(a, F_OFD_SETLK, F_WRLCK, 0, 10));
    ok(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1));
    ok(lock(b, F_OFD_GETLK, F_WRLCK, 0, 0));
    ok(lock(d, F_OFD_SETLK, F_WRLCK, 5, 1));
    close(d);
    ok(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1));
    ok(lock(b, F_SETLK, F_WRLCK, 5, 1));
    close(a);
    ok(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1));
    struct flock fl = {.l_type = F_WRLCK, .l_pid = 5};
    ok(fcntl(b, F_OFD_SETLK, &fl));
}

CASE(fd_flock)
{
    make_file("f", "x");
    int a = ok(open("f", O_RDONLY)), b = ok(open("f", O_RDONLY)), d = ok(dup(a));
    ok(flock(a, LOCK_EX));
    ok(flock(b, LOCK_EX | LOCK_NB));
    ok(flock(b, LOCK_SH | LOCK_NB));
    ok(flock(d, LOCK_SH | LOCK_NB));
    ok(flock(b, LOCK_SH | LOCK_NB));
    ok(flock(a, LOCK_EX | LOCK_NB));
    ok(flock(b, LOCK_UN));
    ok(flock(a, LOCK_EX | LOCK_NB));
    RUN("inherited", ok(flock(a, LOCK_EX | LOCK_NB)); ok(flock(b, LOCK_EX | LOCK_NB)));
    close(a);
    ok(flock(b, LOCK_EX | LOCK_NB));
    close(d);
    ok(flock(b, LOCK_EX | LOCK_NB));
    ok(flock(b, LOCK_UN));
    ok(flock(b, LOCK_UN));
    ok(flock(b, 0));
    ok(flock(b, LOCK_SH | LOCK_EX));
    ok(flock(-1, LOCK_EX));
    int p[2];
    char c;
    ok(pipe(p));
    ok(flock(p[0], LOCK_EX | LOCK_NB));
    pid_t child = fork();
    if (child == 0) {
        flock(open("f", O_RDONLY), LOCK_EX);
        write(p[1], "x", 1);
        msleep(100);
        _exit(0);
    }
    read(p[0], &c, 1);
    ok(flock(b, LOCK_SH | LOCK_NB));
    ok(flock(b, LOCK_SH)); /* until the child ends */
    report_status("child", wait_child(child));
}

CASE(fd_memfd)
{
    char link[64], target[64] = "", name[300];
    struct stat st;

    int fd = ok(memfd_create("abi", 0));
    val(fcntl(fd, F_GETFD));
    oct(fcntl(fd, F_GETFL));
    val(fcntl(fd, F_GET_SEALS));
    ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    val(write(fd, "hello", 5));
    ok(fstat(fd, &st));
    oct(st.st_mode);
    val(st.st_size);
    val(st.st_nlink);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    val(readlink(link, target, sizeof(target) - 1));
    str(target);
    str(file_text(link));
    fd = ok(memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    val(fcntl(fd, F_GETFD));
    val(fcntl(fd, F_GET_SEALS));
    val(write(fd, "0123456789", 10));
    ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    ok(ftruncate(fd, 5));
    ok(ftruncate(fd, 20));
    ok(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    ok(ftruncate(fd, 30));
    val(pwrite(fd, "x", 1, 19));
    val(pwrite(fd, "xy", 2, 19));
    val(pwrite(fd, "x", 1, 20));
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(map, 4096);
    ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    val(pwrite(fd, "x", 1, 0));
    ok(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    ok(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
    ok(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    ok(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    val(fcntl(fd, F_GET_SEALS));
    ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    ok(fcntl(fd, F_ADD_SEALS, 0x1000));
    make_file("f", "x");
    int f = ok(open("f", O_RDWR));
    ok(fcntl(f, F_GET_SEALS));
    int p[2];
    ok(pipe(p));
    ok(fcntl(p[0], F_GET_SEALS));
    ok(memfd_create("x", 0x80));
    memset(name, 'n', sizeof(name));
    name[249] = 0;
    ok(memfd_create(name, 0));
    name[249] = 'n';
    name[250] = 0;
    ok(memfd_create(name, 0));
    ok(memfd_create("", 0));
    ok(memfd_create(NULL, 0));
    fd = ok(memfd_create("future", MFD_ALLOW_SEALING));
    ftruncate(fd, 4096);
    map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ok(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    touch("old map", map, 1);
    val(write(fd, "x", 1));
    ok(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

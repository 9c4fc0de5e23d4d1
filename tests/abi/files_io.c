/* read, write and their relatives, seeking, sparse files, truncation, copying inside the kernel. */
#include "abi.h"

#include <sys/sendfile.h>

CASE(io_basic)
{
    char buf[64] = "";

    int fd = ok(open("f", O_CREAT | O_RDWR | O_TRUNC, 0644));
    val(write(fd, "0123456789", 10));
    val(write(fd, "", 0));
    val(read(fd, buf, 10));
    val(lseek(fd, 0, SEEK_SET));
    val(read(fd, buf, 4));
    str(buf);
    val(read(fd, buf, 0));
    val(read(fd, buf, 60));
    str(buf);
    val(read(fd, buf, 60));
    val(pread(fd, buf, 3, 7));
    val(pread(fd, buf, 9, 7));
    val(pread(fd, buf, 9, 10));
    val(pread(fd, buf, 9, 1000));
    val(pread(fd, buf, 9, -1));
    val(lseek(fd, 0, SEEK_CUR));
    val(pwrite(fd, "ab", 2, 3));
    val(pwrite(fd, "z", 1, -1));
    val(pwrite(fd, "z", 1, LONG_MAX));
    val(pwrite(fd, "z", 1, LONG_MAX - 1));
    val(pwrite(fd, "", 0, LONG_MAX));
    val(lseek(fd, 0, SEEK_CUR));
    val(file_size("f"));
    str(file_text("f"));
    val(write(fd, "end", 3));
    str(file_text("f"));
    val(read(fd, buf, -1));
    val(write(fd, buf, -1));
    val(read(-1, buf, 1));
    val(write(-1, buf, 1));
    val(read(999, NULL, 1));
    ok(fsync(fd));
    ok(fdatasync(fd));
    ok(close(fd));
    ok(close(fd));
    ok(close(-1));
    fd = ok(open("/dev/null", O_RDWR));
    val(read(fd, buf, 10));
    val(write(fd, buf, 10));
    val(lseek(fd, 100, SEEK_SET));
    val(pread(fd, buf, 10, 5));
    fd = ok(open("/dev/zero", O_RDWR));
    memset(buf, 1, sizeof(buf));
    val(read(fd, buf, 10));
    yes(buf[0] == 0 && buf[9] == 0 && buf[10] == 1);
    val(write(fd, buf, 10));
    fd = ok(open("/dev/full", O_RDWR));
    val(read(fd, buf, 10));
    val(write(fd, buf, 10));
    fd = ok(open("/dev/urandom", O_RDONLY));
    val(read(fd, buf, 32));
    yes(memcmp(buf, buf + 16, 16) != 0);
}

CASE(io_vectors)
{
    char a[4] = "", b[8] = "", c[8] = "";
    struct iovec w[3] = {{"one", 3}, {"", 0}, {"three", 5}};
    struct iovec r[3] = {{a, 3}, {b, 2}, {c, 7}};
    struct iovec many[1025], huge[2] = {{a, SSIZE_MAX}, {b, 1}}, bad[2] = {{a, 2}, {NULL, 4}};

    int fd = ok(open("f", O_CREAT | O_RDWR | O_TRUNC, 0644));
    val(writev(fd, w, 3));
    str(file_text("f"));
    val(lseek(fd, 0, SEEK_SET));
    val(readv(fd, r, 3));
    str(a);
    str(b);
    str(c);
    val(preadv(fd, r, 2, 4));
    str(a);
    str(b);
    val(preadv(fd, r, 2, -1));
    val(pwritev(fd, w, 3, 8));
    str(file_text("f"));
    val(pwritev(fd, w, 1, -1));
    val(lseek(fd, 0, SEEK_CUR));
    val(preadv2(fd, r, 2, -1, 0));
    val(lseek(fd, 0, SEEK_SET));
    val(preadv2(fd, r, 2, -1, 0));
    val(lseek(fd, 0, SEEK_CUR));
    val(preadv2(fd, r, 2, 0, 0x8000));
    val(pwritev2(fd, w, 1, 0, RWF_APPEND));
    str(file_text("f"));
    val(readv(fd, r, 0));
    val(readv(fd, r, -1));
    for (int i = 0; i < 1025; i++)
        many[i] = (struct iovec){b, 0};
    val(readv(fd, many, 1024));
    val(readv(fd, many, 1025));
    val(writev(fd, many, 1025));
    val(readv(fd, huge, 2));
    huge[0].iov_len = -1;
    val(readv(fd, huge, 1));
    val(lseek(fd, 0, SEEK_SET));
    val(readv(fd, bad, 2));
    val(lseek(fd, 0, SEEK_CUR));
    val(readv(fd, bad + 1, 1));
    val(writev(fd, bad + 1, 1));
    val(readv(fd, (void *)8, 1));
    val(readv(-1, r, 1));
    val(writev(999, w, 1));
    val(preadv(999, r, 1, 0));
}

CASE(io_seek)
{
    int p[2];

    make_file("f", "0123456789");
    int fd = ok(open("f", O_RDWR));
    val(lseek(fd, 3, SEEK_SET));
    val(lseek(fd, 4, SEEK_CUR));
    val(lseek(fd, -2, SEEK_END));
    val(lseek(fd, 100, SEEK_END));
    val(lseek(fd, -1, SEEK_SET));
    val(lseek(fd, -1000, SEEK_CUR));
    val(lseek(fd, 0, SEEK_CUR));
    val(lseek(fd, 0, 99));
    val(lseek(fd, LONG_MAX, SEEK_SET));
    val(lseek(fd, 1, SEEK_CUR));
    val(lseek(fd, 0, SEEK_SET));
    val(lseek(fd, 0, SEEK_DATA));
    val(lseek(fd, 5, SEEK_DATA));
    val(lseek(fd, 10, SEEK_DATA));
    val(lseek(fd, 0, SEEK_HOLE));
    val(lseek(fd, 5, SEEK_HOLE));
    val(lseek(fd, 10, SEEK_HOLE));
    val(lseek(fd, -1, SEEK_DATA));
    ok(pipe(p));
    val(lseek(p[0], 0, SEEK_SET));
    val(lseek(p[1], 0, SEEK_CUR));
    val(pread(p[0], "", 1, 0));
    val(pwrite(p[1], "", 1, 0));
    val(lseek(-1, 0, SEEK_SET));
    val(lseek(1234, 0, 99));
    int d = ok(dup(fd));
    val(lseek(fd, 7, SEEK_SET));
    val(lseek(d, 0, SEEK_CUR));
    int other = ok(open("f", O_RDONLY));
    val(lseek(other, 0, SEEK_CUR));
    RUN("child moves the shared offset", lseek(fd, 2, SEEK_SET));
    val(lseek(fd, 0, SEEK_CUR));
}

CASE(io_sparse)
{
    struct stat st;
    char buf[16];

    int fd = ok(open("f", O_CREAT | O_RDWR, 0644));
    val(pwrite(fd, "x", 1, 1 << 20));
    ok(fstat(fd, &st));
    val(st.st_size);
    val(st.st_blocks);
    val(st.st_blksize);
    val(pread(fd, buf, 8, 4096));
    yes(memcmp(buf, "\0\0\0\0\0\0\0\0", 8) == 0);
    val(lseek(fd, 0, SEEK_DATA));
    val(lseek(fd, 0, SEEK_HOLE));
    val(lseek(fd, 1 << 20, SEEK_HOLE));
    val(pwrite(fd, "y", 1, 8192));
    val(lseek(fd, 0, SEEK_DATA));
    val(lseek(fd, 8192, SEEK_HOLE));
    val(lseek(fd, 12288, SEEK_DATA));
    ok(fstat(fd, &st));
    val(st.st_blocks);
    ok(ftruncate(fd, 1L << 40));
    ok(fstat(fd, &st));
    val(st.st_size);
    val(st.st_blocks);
    val(pread(fd, buf, 8, (1L << 40) - 4));
    val(lseek(fd, (1 << 20) + 4096, SEEK_DATA));
    val(lseek(fd, (1 << 20) + 4096, SEEK_HOLE));
}

CASE(io_truncate)
{
    char buf[16] = "";
    struct stat st;

    make_file("f", "0123456789");
    ok(truncate("f", 4));
    str(file_text("f"));
    ok(truncate("f", 8));
    val(file_size("f"));
    int fd = ok(open("f", O_RDWR));
    val(pread(fd, buf, 16, 0));
    yes(memcmp(buf, "0123\0\0\0\0", 8) == 0);
    val(lseek(fd, 6, SEEK_SET));
    ok(ftruncate(fd, 2));
    val(lseek(fd, 0, SEEK_CUR));
    val(read(fd, buf, 4));
    val(write(fd, "Z", 1));
    val(file_size("f"));
    ok(ftruncate(fd, -1));
    ok(truncate("f", -1));
    ok(truncate("missing", 0));
    ok(truncate("", 0));
    ok(mkdir("dir", 0755));
    ok(truncate("dir", 0));
    ok(truncate("f/x", 0));
    int ro = ok(open("f", O_RDONLY));
    ok(ftruncate(ro, 0));
    int d = ok(open("dir", O_RDONLY));
    ok(ftruncate(d, 0));
    ok(ftruncate(-1, 0));
    ok(truncate("/dev/null", 0));
    ok(truncate("f", LONG_MAX));
    ok(truncate("f", 0));
    fstat(fd, &st);
    val(st.st_blocks);
    make_file("ro", "x");
    ok(chmod("ro", 0444));
    ok(truncate("ro", 0));
    RUN("as uid 1000", become(1000); ok(truncate("ro", 0)));
    /* the tail of the last page is zero when a file grows again */
    ok(pwrite(fd, "AAAAAAAA", 8, 0));
    ok(ftruncate(fd, 3));
    ok(ftruncate(fd, 8));
    val(pread(fd, buf, 8, 0));
    yes(memcmp(buf, "AAA\0\0\0\0\0", 8) == 0);
}

CASE(io_fallocate)
{
    struct stat st;
    char buf[8] = "";

    int fd = ok(open("f", O_CREAT | O_RDWR, 0644));
    ok(fallocate(fd, 0, 0, 10000));
    ok(fstat(fd, &st));
    val(st.st_size);
    val(st.st_blocks);
    ok(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20000));
    ok(fstat(fd, &st));
    val(st.st_size);
    val(pwrite(fd, "data", 4, 4096));
    ok(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
    val(pread(fd, buf, 4, 4096));
    yes(memcmp(buf, "\0\0\0\0", 4) == 0);
    val(pwrite(fd, "data", 4, 4096));
    ok(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4097, 2));
    val(pread(fd, buf, 4, 4096));
    yes(memcmp(buf, "d\0\0a", 4) == 0);
    ok(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
    ok(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
    ok(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096));
    ok(fallocate(fd, 0x1000, 0, 4096));
    ok(fallocate(fd, 0, -1, 10));
    ok(fallocate(fd, 0, 0, 0));
    ok(fallocate(fd, 0, 0, -1));
    ok(fallocate(fd, 0, LONG_MAX, 10));
    ok(fallocate(-1, 0, 0, 10));
    int ro = ok(open("f", O_RDONLY));
    ok(fallocate(ro, 0, 0, 10));
    int p[2];
    ok(pipe(p));
    ok(fallocate(p[1], 0, 0, 10));
    int d = ok(open(".", O_RDONLY));
    ok(fallocate(d, 0, 0, 10));
    int null = ok(open("/dev/null", O_RDWR));
    ok(fallocate(null, 0, 0, 10));
    err(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    err(posix_fadvise(fd, 0, 0, 77));
    err(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL));
    err(posix_fadvise(-1, 0, 0, POSIX_FADV_NORMAL));
    ok(syncfs(fd));
    ok(syncfs(-1));
    sync();
}

CASE(io_unlinked)
{
    struct stat st;
    char buf[8] = "";

    int fd = ok(open("f", O_CREAT | O_RDWR, 0644));
    ok(link("f", "g"));
    ok(unlink("f"));
    ok(fstat(fd, &st));
    val(st.st_nlink);
    ok(unlink("g"));
    ok(fstat(fd, &st));
    val(st.st_nlink);
    val(write(fd, "gone", 4));
    val(pread(fd, buf, 8, 0));
    str(buf);
    ok(ftruncate(fd, 100));
    ok(fchmod(fd, 0600));
    make_file("f", "new");
    val(pread(fd, buf, 4, 0));
    str(buf);
    str(file_text("f"));
    ok(mkdir("d", 0755));
    int d = ok(open("d", O_RDONLY));
    ok(rmdir("d"));
    ok(openat(d, "x", O_CREAT | O_RDWR, 0644));
    ok(openat(d, ".", O_RDONLY));
    ok(openat(d, "..", O_RDONLY));
    ok(mkdirat(d, "x", 0755));
    val(getdents64(d, (char[512]){0}, 512));
    ok(fchdir(d));
    val(syscall(SYS_getcwd, (char[256]){0}, 256));
    ok(open(".", O_RDONLY));
    ok(stat(".", &st));
    val(st.st_nlink);
    ok(open("y", O_CREAT | O_RDWR, 0644));
    ok(chdir(".."));
    ok(access("f", F_OK));
}

CASE(io_sendfile)
{
    off_t off = 2;
    int p[2];
    char buf[64] = "";

    make_file("in", "0123456789");
    int in = ok(open("in", O_RDWR)), out = ok(open("out", O_CREAT | O_RDWR, 0644));
    val(sendfile(out, in, NULL, 4));
    val(lseek(in, 0, SEEK_CUR));
    val(lseek(out, 0, SEEK_CUR));
    val(sendfile(out, in, &off, 3));
    val(off);
    val(lseek(in, 0, SEEK_CUR));
    str(file_text("out"));
    val(sendfile(out, in, NULL, 100));
    val(sendfile(out, in, NULL, 100));
    val(sendfile(out, in, NULL, 0));
    off = -1;
    val(sendfile(out, in, &off, 3));
    off = 100;
    val(sendfile(out, in, &off, 3));
    ok(pipe(p));
    off = 0;
    val(sendfile(p[1], in, &off, 10));
    val(read(p[0], buf, 64));
    str(buf);
    val(write(p[1], "pipe", 4));
    val(sendfile(out, p[0], NULL, 4));
    val(sendfile(out, p[0], &off, 4));
    val(sendfile(in, -1, NULL, 4));
    val(sendfile(-1, in, NULL, 4));
    int ro = ok(open("in", O_RDONLY));
    val(sendfile(ro, in, NULL, 4));
    int wo = ok(open("in", O_WRONLY));
    val(sendfile(out, wo, NULL, 4));
    int ap = ok(open("out", O_WRONLY | O_APPEND));
    off = 0;
    val(sendfile(ap, in, &off, 4));
    int d = ok(open(".", O_RDONLY));
    val(sendfile(out, d, NULL, 4));
}

/* A copy or a read that waits keeps nobody from the file, nor from its position. */
CASE(io_waits_unlocked)
{
    static char room[1 << 16];
    char buf[16] = "";
    int p[2];

    make_file("in", "0123456789");
    int in = ok(open("in", O_RDWR)), out = ok(open("out", O_CREAT | O_RDWR, 0644));
    ok(pipe(p));
    val(write(p[1], room, sizeof(room)));
    pid_t pid = fork();
    if (pid == 0)
        _exit(sendfile(p[1], in, NULL, 6));
    wait_stopped_thread(pid);
    val(lseek(in, 0, SEEK_CUR));
    val(read(in, buf, 3));
    str(buf);
    val(copy_file_range(in, NULL, out, NULL, 4, 0));
    val(lseek(in, 0, SEEK_CUR));
    val(read(p[0], room, sizeof(room)));
    report_status("sendfile", wait_child(pid));
    val(lseek(in, 0, SEEK_CUR));

    int log = ok(open("/dev/kmsg", O_RDONLY));
    val(lseek(log, 0, SEEK_END));
    pid = fork();
    if (pid == 0)
        _exit(read(log, room, sizeof(room)) == 0);
    wait_stopped_thread(pid);
    val(lseek(log, 0, SEEK_END));
    ok(kill(pid, SIGKILL));
    report_status("read", wait_child(pid));
}

CASE(io_copy_file_range)
{
    off64_t a = 1, b = 5;

    make_file("in", "0123456789");
    int in = ok(open("in", O_RDWR)), out = ok(open("out", O_CREAT | O_RDWR, 0644));
    val(copy_file_range(in, NULL, out, NULL, 4, 0));
    val(copy_file_range(in, &a, out, &b, 3, 0));
    val(a);
    val(b);
    val(lseek(in, 0, SEEK_CUR));
    val(lseek(out, 0, SEEK_CUR));
    val(file_size("out"));
    a = 100;
    val(copy_file_range(in, &a, out, NULL, 3, 0));
    val(copy_file_range(in, NULL, out, NULL, 3, 1));
    a = 0, b = 2;
    val(copy_file_range(in, &a, in, &b, 4, 0));
    a = 0, b = 20;
    val(copy_file_range(in, &a, in, &b, 4, 0));
    val(file_size("in"));
    val(copy_file_range(-1, NULL, out, NULL, 3, 0));
    val(copy_file_range(in, NULL, -1, NULL, 3, 0));
    int ap = ok(open("out", O_WRONLY | O_APPEND));
    val(copy_file_range(in, NULL, ap, NULL, 3, 0));
    int ro = ok(open("out", O_RDONLY));
    val(copy_file_range(in, NULL, ro, NULL, 3, 0));
    int d = ok(open(".", O_RDONLY));
    val(copy_file_range(d, NULL, out, NULL, 3, 0));
    int p[2];
    ok(pipe(p));
    val(copy_file_range(p[0], NULL, out, NULL, 3, 0));
    val(copy_file_range(in, NULL, p[1], NULL, 3, 0));
}

static volatile int seen;

static void note(int sig)
{
    seen = sig;
}

CASE(io_fsize_limit)
{
    struct rlimit small = {100, 100};
    char buf[200] = "";

    RUN("signal", setrlimit(RLIMIT_FSIZE, &small); int fd = open("f", O_CREAT | O_RDWR, 0644);
        val(write(fd, buf, 90)); val(write(fd, buf, 90)); val(write(fd, buf, 1)); say("alive"));
    RUN("handled", setrlimit(RLIMIT_FSIZE, &small); signal(SIGXFSZ, note);
        int fd = open("g", O_CREAT | O_RDWR, 0644); val(write(fd, buf, 200));
        val(write(fd, buf, 1)); str(signal_name(seen)); ok(ftruncate(fd, 50));
        ok(ftruncate(fd, 101)); ok(truncate("g", 101)); val(pwrite(fd, buf, 1, 100));
        val(pwrite(fd, buf, 1, 99)); ok(fallocate(fd, 0, 0, 150)); int p[2]; pipe(p);
        val(write(p[1], buf, 200)));
}

/* Bytes that would lie beyond the largest position. */
CASE(io_beyond_the_end)
{
    char buf[16] = "";
    int zero = ok(open("/dev/zero", O_RDWR)), fd = ok(open("f", O_RDWR | O_CREAT, 0644));
    struct iovec vec = {buf, 16};
    off_t last = 0x7fffffffffffffff, at = last - 4;

    val(pread(zero, buf, 16, last - 15));
    val(pread(zero, buf, 16, last - 14));
    val(pread(fd, buf, 16, last - 4));
    val(preadv(fd, &vec, 1, last - 4));
    val(pwrite(fd, buf, 16, last - 4));
    val(sendfile(zero, fd, &at, 16));
    at = last - 4;
    val(copy_file_range(fd, &at, zero, NULL, 16, 0));
    val(lseek(zero, last, SEEK_SET));
    val(read(zero, buf, 16));
    val(write(zero, buf, 16));
    close(zero);
    close(fd);
}

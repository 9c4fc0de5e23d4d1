/* open: errors, flags, O_PATH, O_TMPFILE, and how a path is walked. */
#include "abi.h"

CASE(open_errors)
{
    make_file("plain", "hello");
    ok(mkdir("dir", 0755));
    ok(open("missing", O_RDONLY));
    ok(open("", O_RDONLY));
    ok(open("plain/x", O_RDONLY));
    ok(open("plain/", O_RDONLY));
    ok(open("plain/.", O_RDONLY));
    ok(open("plain/..", O_RDONLY));
    ok(open("missing/..", O_RDONLY));
    ok(open("dir", O_WRONLY));
    ok(open("dir", O_RDWR));
    ok(open("dir", O_RDONLY | O_TRUNC));
    ok(open("dir", O_RDONLY | O_CREAT, 0644));
    ok(open("dir/", O_RDWR | O_CREAT, 0644));
    ok(open("new/", O_RDWR | O_CREAT, 0644));
    ok(open("missing/x", O_RDWR | O_CREAT, 0644));
    ok(open("plain", O_RDWR | O_CREAT | O_EXCL, 0644));
    ok(open("dir", O_RDWR | O_CREAT | O_EXCL, 0644));
    ok(open("plain", O_RDONLY | O_DIRECTORY));
    ok(open("dir", O_RDONLY | O_DIRECTORY));
    ok(open("missing", O_RDONLY | O_DIRECTORY));
    ok(open(".", O_RDONLY | O_CREAT, 0644));
    ok(open("dir/..", O_RDWR | O_CREAT, 0644));
    ok(open("/", O_RDONLY | O_CREAT, 0644));
    ok(openat(-1, "plain", O_RDONLY));
    ok(openat(999, "plain", O_RDONLY));
    ok(openat(999, "/dev/null", O_RDONLY));
    int fd = ok(open("plain", O_RDONLY));
    ok(openat(fd, "plain", O_RDONLY));
    ok(openat(fd, "", O_RDONLY));
    int dfd = ok(open("dir", O_RDONLY));
    ok(openat(dfd, "../plain", O_RDONLY));
    ok(openat(dfd, "in", O_CREAT | O_RDWR, 0600));
    ok(access("dir/in", F_OK));
}

CASE(open_names)
{
    char name[5000];

    memset(name, 'n', sizeof(name));
    name[255] = 0;
    ok(open(name, O_CREAT | O_RDWR, 0644));
    name[255] = 'n';
    name[256] = 0;
    ok(open(name, O_CREAT | O_RDWR, 0644));
    ok(open(name, O_RDONLY));
    ok(mkdir(name, 0755));
    for (int i = 0; i < 4095; i++)
        name[i] = i % 2 ? '/' : '.';
    name[4094] = '.';
    name[4095] = 0;
    ok(open(name, O_RDONLY));
    name[4095] = '/';
    name[4096] = 0;
    ok(open(name, O_RDONLY));
    ok(stat(name, &(struct stat){0}));
    ok(open("sp ace\n\x01\xff", O_CREAT | O_RDWR, 0644));
    ok(access("sp ace\n\x01\xff", F_OK));
    ok(mkdir("....", 0755));
    ok(chdir("...."));
    ok(open("..//..//////tmp", O_RDONLY));
}

CASE(open_symlinks)
{
    char from[16], to[16];

    make_file("plain", "hello");
    ok(mkdir("dir", 0755));
    make_file("dir/inner", "x");
    ok(symlink("plain", "link"));
    ok(symlink("dir", "dlink"));
    ok(symlink("nowhere", "dangling"));
    ok(symlink("loop", "loop"));
    ok(symlink("b", "a"));
    ok(symlink("a", "b"));
    ok(open("link", O_RDONLY));
    ok(open("link/", O_RDONLY));
    ok(open("loop", O_RDONLY));
    ok(open("a", O_RDONLY));
    ok(open("loop/x", O_RDONLY));
    ok(open("link", O_RDONLY | O_NOFOLLOW));
    ok(open("dlink", O_RDONLY | O_NOFOLLOW));
    ok(open("dlink", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
    ok(open("dlink/", O_RDONLY | O_NOFOLLOW));
    ok(open("dlink/inner", O_RDONLY | O_NOFOLLOW));
    ok(open("link", O_PATH | O_NOFOLLOW));
    ok(open("dangling", O_RDONLY));
    ok(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644));
    ok(open("dangling", O_RDWR | O_CREAT | O_NOFOLLOW, 0644));
    ok(open("dangling", O_RDWR | O_CREAT, 0644));
    ok(access("nowhere", F_OK));
    ok(mkdir("loop", 0755));
    ok(mkdir("loop/x", 0755));
    make_file("chain0", "end");
    for (int i = 1; i <= 41; i++) {
        snprintf(to, sizeof(to), "chain%d", i - 1);
        snprintf(from, sizeof(from), "chain%d", i);
        symlink(to, from);
    }
    ok(open("chain40", O_RDONLY));
    ok(open("chain41", O_RDONLY));
    ok(symlink("dlink/../plain", "updown"));
    str(file_text("updown"));
    ok(symlink("/tmp/abi-open_symlinks/dir/inner", "absolute"));
    str(file_text("absolute"));
    ok(symlink("dir/", "slashed"));
    ok(open("slashed/inner", O_RDONLY));
    ok(open("slashed", O_RDONLY | O_DIRECTORY));
}

CASE(open_eacces)
{
    make_file("secret", "s");
    ok(chmod("secret", 0600));
    make_file("readable", "r");
    ok(chmod("readable", 0644));
    ok(mkdir("locked", 0700));
    make_file("locked/f", "x");
    ok(mkdir("listonly", 0744));
    make_file("listonly/f", "x");
    ok(mkdir("searchonly", 0711));
    make_file("searchonly/f", "x");
    ok(mkdir("open", 0777));
    ok(chmod("open", 0777));
    make_file("nomode", "x");
    ok(chmod("nomode", 0));
    ok(open("nomode", O_RDWR));
    RUN("as uid 1000", become(1000); ok(open("secret", O_RDONLY)); ok(open("secret", O_WRONLY));
        ok(open("secret", O_PATH)); ok(open("readable", O_RDONLY)); ok(open("readable", O_RDWR));
        ok(open("readable", O_RDONLY | O_TRUNC)); ok(open("readable", O_RDONLY | O_NOATIME));
        ok(open("readable", O_RDONLY | O_CREAT, 0644)); ok(open("new", O_CREAT | O_RDWR, 0644));
        ok(open("locked/f", O_RDONLY)); ok(open("locked", O_RDONLY));
        ok(open("locked/none", O_RDONLY)); ok(open("listonly", O_RDONLY));
        ok(open("listonly/f", O_RDONLY)); ok(open("searchonly", O_RDONLY));
        ok(open("searchonly/f", O_RDONLY)); ok(open("searchonly/none", O_RDONLY));
        ok(open("locked/..", O_RDONLY)); ok(stat("secret", &(struct stat){0}));
        ok(stat("locked/f", &(struct stat){0})); ok(mkdir("locked/d", 0755)); ok(mkdir("d", 0755));
        ok(unlink("readable")); ok(rename("readable", "open/readable"));
        ok(link("readable", "open/l")); ok(symlink("x", "s")); ok(symlink("x", "open/s"));
        ok(chdir("listonly")); ok(chdir("searchonly")); ok(access("f", R_OK));
        int fd = ok(open("../open/mine", O_CREAT | O_RDWR, 0400)); ok(write(fd, "mine", 4));
        ok(open("../open/mine", O_RDWR)); ok(open("../open/none", O_CREAT | O_RDWR, 0));
        ok(open("../open/none", O_RDONLY)));
    RUN("group access", ok(chown("secret", 0, 77)); ok(chmod("secret", 0640));
        ok(setresgid(77, 77, 77)); ok(setresuid(1000, 1000, 1000)); ok(open("secret", O_RDONLY));
        ok(open("secret", O_WRONLY)));
    RUN("owner bits come first", ok(chown("secret", 1000, 77)); ok(chmod("secret", 0066));
        ok(setresgid(77, 77, 77)); ok(setresuid(1000, 1000, 1000)); ok(open("secret", O_RDONLY)));
}

CASE(open_flags)
{
    char buf[16] = "";

    make_file("f", "hello");
    int fd = ok(open("f", O_WRONLY | O_APPEND));
    val(lseek(fd, 0, SEEK_CUR));
    val(lseek(fd, 1, SEEK_SET));
    val(write(fd, " you", 4));
    val(lseek(fd, 0, SEEK_CUR));
    str(file_text("f"));
    val(pwrite(fd, "!", 1, 0));
    str(file_text("f"));
    oct(fcntl(fd, F_GETFL));
    close(fd);
    fd = ok(open("f", O_RDONLY | O_TRUNC));
    val(file_size("f"));
    val(write(fd, "x", 1));
    oct(fcntl(fd, F_GETFL));
    close(fd);
    fd = ok(open("f", O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC, 0644));
    ok(unlink("f"));
    fd = ok(open("f", O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC, 0644));
    val(fcntl(fd, F_GETFD));
    oct(fcntl(fd, F_GETFL));
    close(fd);
    fd = ok(open("f", O_WRONLY));
    val(read(fd, buf, 4));
    val(fcntl(fd, F_GETFD));
    close(fd);
    fd = ok(open("f", O_RDWR | O_NONBLOCK | O_SYNC | O_NOATIME));
    oct(fcntl(fd, F_GETFL));
    close(fd);
    fd = ok(open("f", O_RDWR | O_DSYNC | O_NOCTTY | O_LARGEFILE));
    oct(fcntl(fd, F_GETFL));
    close(fd);
    fd = ok(open("f", O_ACCMODE));
    oct(fcntl(fd, F_GETFL));
    val(read(fd, buf, 1));
    val(write(fd, buf, 1));
    close(fd);
    fd = ok(open(".", O_RDONLY | O_DIRECTORY));
    oct(fcntl(fd, F_GETFL));
    val(read(fd, buf, 4));
    val(write(fd, buf, 4));
    close(fd);
    fd = ok(open("ro", O_RDWR | O_CREAT, 0444));
    val(write(fd, "still", 5));
    close(fd);
    int a = open("f", O_RDONLY), b = open("f", O_RDONLY), c = open("f", O_RDONLY);
    yes(b == a + 1 && c == a + 2);
    close(a);
    yes(open("f", O_RDONLY) == a);
    close(b);
    close(a);
    yes(open("f", O_RDONLY) == a);
}

CASE(open_path)
{
    char buf[16] = "";
    char link[64];
    struct stat st;

    make_file("f", "hello");
    ok(mkdir("dir", 0755));
    ok(symlink("f", "sl"));
    int fd = ok(open("f", O_PATH | O_RDWR | O_CREAT | O_EXCL));
    oct(fcntl(fd, F_GETFL));
    val(fcntl(fd, F_GETFD));
    val(read(fd, buf, 5));
    val(write(fd, buf, 5));
    val(pread(fd, buf, 5, 0));
    val(lseek(fd, 0, SEEK_SET));
    ok(ftruncate(fd, 0));
    ok(fchmod(fd, 0600));
    ok(fchown(fd, 0, 0));
    ok(fsync(fd));
    ok(fcntl(fd, F_SETFL, O_APPEND));
    ok(fcntl(fd, F_SETFD, FD_CLOEXEC));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
    val(getdents64(fd, buf, sizeof(buf)));
    ok(fstat(fd, &st));
    val(st.st_size);
    ok(fstatat(fd, "", &st, AT_EMPTY_PATH));
    val(st.st_size);
    ok(fstatat(fd, "", &st, 0));
    ok(faccessat(fd, "", R_OK, AT_EMPTY_PATH));
    int d = ok(dup(fd));
    oct(fcntl(d, F_GETFL));
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    int again = ok(open(link, O_RDONLY));
    val(read(again, buf, 5));
    str(buf);
    fd = ok(open("dir", O_PATH));
    ok(openat(fd, "x", O_CREAT | O_RDWR, 0644));
    ok(openat(fd, "..", O_RDONLY));
    ok(fchdir(fd));
    ok(chdir(".."));
    fd = ok(open("sl", O_PATH | O_NOFOLLOW));
    ok(fstat(fd, &st));
    yes(S_ISLNK(st.st_mode));
    val(readlinkat(fd, "", buf, sizeof(buf)));
    fd = ok(open("sl", O_PATH));
    val(readlinkat(fd, "", buf, sizeof(buf)));
    ok(open("dir", O_PATH | O_DIRECTORY));
    ok(open("f", O_PATH | O_DIRECTORY));
    ok(open("none", O_PATH | O_CREAT, 0644));
}

CASE(open_tmpfile)
{
    char path[64], buf[8] = "";
    struct stat st;

    make_file("f", "hello");
    int fd = ok(open(".", O_TMPFILE | O_RDWR, 0640));
    oct(fcntl(fd, F_GETFL));
    val(write(fd, "temp", 4));
    ok(fstat(fd, &st));
    val(st.st_nlink);
    oct(st.st_mode);
    val(st.st_size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ok(linkat(AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW));
    str(file_text("linked"));
    fstat(fd, &st);
    val(st.st_nlink);
    ok(linkat(fd, "", AT_FDCWD, "linked2", AT_EMPTY_PATH));
    val(pread(fd, buf, 8, 0));
    fd = ok(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ok(linkat(AT_FDCWD, path, AT_FDCWD, "linked3", AT_SYMLINK_FOLLOW));
    ok(open(".", O_TMPFILE | O_RDONLY, 0640));
    ok(open(".", O_TMPFILE | O_RDWR | O_CREAT, 0640));
    ok(open("f", O_TMPFILE | O_RDWR, 0640));
    ok(open("missing", O_TMPFILE | O_RDWR, 0640));
    RUN("as uid 1000", become(1000); ok(open(".", O_TMPFILE | O_RDWR, 0640)));
}

CASE(path_walk)
{
    struct stat a, b;
    char buf[64];

    make_file("plain", "hello");
    ok(mkdir("dir", 0755));
    ok(mkdir("dir/sub/", 0755));
    ok(symlink("dir", "dlink"));
    ok(symlink("nowhere", "dangling"));
    ok(stat("plain/", &a));
    ok(lstat("plain/", &a));
    ok(lstat("dlink/", &a));
    yes(S_ISDIR(a.st_mode));
    ok(lstat("dlink", &a));
    yes(S_ISLNK(a.st_mode));
    val(a.st_size);
    ok(lstat("dlink/.", &a));
    yes(S_ISDIR(a.st_mode));
    ok(stat("dangling", &a));
    ok(lstat("dangling", &a));
    ok(stat("", &a));
    ok(stat("/", &a));
    ok(stat("/..", &b));
    yes(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    ok(stat("dir/sub/../../dir/./sub/..", &a));
    ok(stat("dir", &b));
    yes(a.st_ino == b.st_ino);
    ok(mkdir("dir", 0755));
    ok(mkdir("plain", 0755));
    ok(mkdir("dangling", 0755));
    ok(mkdir("dangling/", 0755));
    ok(mkdir("dlink", 0755));
    ok(mkdir(".", 0755));
    ok(mkdir("..", 0755));
    ok(mkdir("/", 0755));
    ok(mkdir("", 0755));
    ok(mkdir("missing/x", 0755));
    ok(mkdir("plain/x", 0755));
    ok(mkdir("dir/x/.", 0755));
    ok(rmdir("dlink"));
    ok(rmdir("dlink/"));
    ok(rmdir("plain"));
    ok(rmdir("missing"));
    ok(rmdir("dir"));
    ok(rmdir("dir/."));
    ok(rmdir("dir/.."));
    ok(rmdir(".."));
    ok(rmdir("."));
    ok(rmdir("/"));
    ok(rmdir(""));
    ok(unlink("dir"));
    ok(unlink("dir/"));
    ok(unlink("plain/"));
    ok(unlink("missing"));
    ok(unlink("missing/"));
    ok(unlink(""));
    ok(unlink("."));
    ok(unlink("/"));
    ok(unlink("dlink/"));
    ok(unlink("dlink"));
    ok(access("dir", F_OK));
    ok(unlinkat(AT_FDCWD, "dir/sub", AT_REMOVEDIR));
    ok(unlinkat(AT_FDCWD, "dir", 0x4000));
    ok(unlinkat(AT_FDCWD, "dir", AT_REMOVEDIR));
    val(readlink("dangling", buf, sizeof(buf)));
    val(readlink("dangling", buf, 3));
    val(readlink("dangling", buf, 0));
    val(syscall(SYS_readlinkat, AT_FDCWD, "dangling", buf, -1));
    val(readlink("plain", buf, sizeof(buf)));
    val(readlink(".", buf, sizeof(buf)));
    val(readlink("missing", buf, sizeof(buf)));
    val(readlink("", buf, sizeof(buf)));
    ok(symlink("", "empty"));
    ok(symlink("x", ""));
    ok(symlink("x", "plain"));
    ok(symlink("x", "dangling"));
    ok(symlink("x", "new/"));
    ok(symlink("x", "missing/y"));
}

/* What a program runs from is not written to, nor cut off without a right to write. */
CASE(open_running_program)
{
    ok(open(self_path, O_WRONLY));
    ok(open(self_path, O_RDONLY | O_TRUNC));
    ok(open(self_path, O_RDWR | O_TRUNC));
    ok(truncate(self_path, 0));
    int fd = ok(open(self_path, O_RDONLY));
    ok(ftruncate(fd, 0));
    close(fd);
}

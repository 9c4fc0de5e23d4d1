/* What is said about a file: modes, owners, access, times, stat, statx, statfs, mknod. */
#include "abi.h"

#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

static long mode(const char *path)
{
    struct stat st;

    return lstat(path, &st) < 0 ? -1 : (long)st.st_mode;
}

CASE(meta_chmod)
{
    make_file("f", "x");
    ok(symlink("f", "l"));
    ok(symlink("nowhere", "dangling"));
    ok(chmod("f", 0));
    oct(mode("f"));
    ok(chmod("f", 07777));
    oct(mode("f"));
    ok(chmod("f", 0177777));
    oct(mode("f"));
    ok(chmod("l", 0600));
    oct(mode("f"));
    oct(mode("l"));
    ok(chmod("dangling", 0600));
    ok(chmod("missing", 0600));
    ok(chmod("", 0600));
    ok(chmod("f/x", 0600));
    int fd = ok(open("f", O_RDONLY));
    ok(fchmod(fd, 0640));
    oct(mode("f"));
    ok(fchmod(-1, 0640));
    ok(syscall(SYS_fchmodat, fd, "f", 0640));
    ok(syscall(SYS_fchmodat, AT_FDCWD, "f", 0644));
    ok(syscall(SYS_fchmodat, -1, "f", 0644));
    RUN("as uid 1000", become(1000); ok(chmod("f", 0666)); ok(fchmod(fd, 0666)));
    ok(chown("f", 1000, 77));
    RUN("owner, not in the group", become(1000); ok(chmod("f", 02755)); oct(mode("f"));
        ok(chmod("f", 04755)); oct(mode("f")); ok(chmod("f", 01644)); oct(mode("f")));
    ok(mkdir("d", 0755));
    ok(chmod("d", 01777));
    oct(mode("d"));
    ok(chmod("/proc/version", 0600));
}

CASE(meta_chown)
{
    struct stat st;

    make_file("f", "x");
    ok(symlink("f", "l"));
    ok(chown("f", 10, 20));
    ok(stat("f", &st));
    say("owner %d:%d", st.st_uid, st.st_gid);
    ok(chown("f", -1, 30));
    stat("f", &st);
    say("owner %d:%d", st.st_uid, st.st_gid);
    ok(chown("f", 11, -1));
    stat("f", &st);
    say("owner %d:%d", st.st_uid, st.st_gid);
    ok(lchown("l", 50, 60));
    lstat("l", &st);
    say("link's owner %d:%d", st.st_uid, st.st_gid);
    ok(chown("l", 12, 13));
    stat("f", &st);
    say("owner %d:%d", st.st_uid, st.st_gid);
    int fd = ok(open("f", O_RDONLY));
    ok(fchown(fd, 14, 15));
    ok(fchownat(fd, "", 16, 17, AT_EMPTY_PATH));
    fstat(fd, &st);
    say("owner %d:%d", st.st_uid, st.st_gid);
    ok(fchownat(AT_FDCWD, "f", 1, 1, 0x8000));
    ok(fchownat(fd, "", 16, 17, 0));
    ok(chown("missing", 1, 1));
    ok(fchown(-1, 1, 1));
    /* suid and sgid fall when the owner changes */
    ok(chown("f", 0, 0));
    ok(chmod("f", 06755));
    ok(chown("f", 5, 5));
    oct(mode("f"));
    ok(chmod("f", 06745));
    ok(chown("f", -1, -1));
    oct(mode("f"));
    ok(chmod("f", 06755));
    ok(chown("f", 1000, 1000));
    RUN("as uid 1000", become(1000); ok(chmod("f", 06755)); ok(chown("f", 1000, 1000));
        oct(mode("f")); ok(chown("f", 1001, -1)); ok(chown("f", -1, 1001)); ok(chown("f", -1, -1));
        ok(chown("/", -1, -1)); ok(chown("/", 1000, 1000)));
    RUN("in two groups", ok(setresgid(1000, 1000, 1000)); gid_t more = 1001;
        ok(syscall(SYS_setgroups, 1, &more)); ok(setresuid(1000, 1000, 1000));
        ok(chown("f", -1, 1001)); ok(chown("f", -1, 1002)));
    ok(mkdir("d", 0755));
    ok(chmod("d", 06755));
    ok(chown("d", 5, 5));
    oct(mode("d"));
}

CASE(meta_suid_write)
{
    make_file("f", "x");
    ok(chmod("f", 06777));
    ok(chmod("f", 06777));
    RUN("root writes", int fd = open("f", O_WRONLY); write(fd, "y", 1));
    oct(mode("f"));
    RUN("uid 1000 writes", become(1000); int fd = open("f", O_WRONLY); ok(write(fd, "y", 1)));
    oct(mode("f"));
    ok(chmod("f", 06777));
    RUN("uid 1000 truncates", become(1000); ok(truncate("f", 0)));
    oct(mode("f"));
    ok(chmod("f", 02767));
    RUN("sgid without group execute", become(1000); int fd = open("f", O_WRONLY);
        ok(write(fd, "y", 1)));
    oct(mode("f"));
}

CASE(meta_umask)
{
    umask(0);
    oct(umask(027));
    oct(umask(07777));
    oct(umask(-1));
    oct(umask(022));
    ok(open("f", O_CREAT | O_RDWR, 0777));
    oct(mode("f"));
    umask(077);
    ok(open("g", O_CREAT | O_RDWR, 04666));
    oct(mode("g"));
    ok(mkfifo("p", 0666));
    oct(mode("p"));
    RUN("inherited", oct(umask(0)));
    oct(umask(077));
    ok(symlink("x", "l"));
    oct(mode("l"));
}

CASE(meta_access)
{
    make_file("r", "x");
    ok(chmod("r", 0444));
    make_file("x", "x");
    ok(chmod("x", 0755));
    make_file("none", "x");
    ok(chmod("none", 0));
    ok(symlink("nowhere", "dangling"));
    ok(access("r", F_OK));
    ok(access("r", R_OK | W_OK));
    ok(access("r", X_OK));
    ok(access("x", X_OK));
    ok(access("none", R_OK | W_OK));
    ok(access("none", X_OK));
    ok(access(".", X_OK));
    ok(access("missing", F_OK));
    ok(access("dangling", F_OK));
    ok(access("r/x", F_OK));
    ok(access("r", 8));
    ok(access("r", -1));
    ok(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
    ok(syscall(SYS_faccessat2, AT_FDCWD, "r", F_OK, 0x8000));
    ok(syscall(SYS_faccessat2, -1, "r", F_OK, 0));
    ok(syscall(SYS_faccessat2, AT_FDCWD, "", F_OK, AT_EMPTY_PATH));
    ok(syscall(SYS_faccessat, AT_FDCWD, "r", R_OK));
    RUN("real uid counts", ok(setresuid(1000, 0, 0)); ok(access("none", R_OK));
        ok(access("x", W_OK)); ok(access("x", X_OK));
        ok(syscall(SYS_faccessat2, AT_FDCWD, "none", R_OK, AT_EACCESS));
        ok(open("none", O_RDONLY)));
    RUN("as uid 1000", become(1000); ok(access("r", R_OK)); ok(access("r", W_OK));
        ok(access("x", X_OK)); ok(access("none", F_OK)); ok(access("none", R_OK)));
}

static bool later(struct timespec a, struct timespec b)
{
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/* Says which of a file's three times moved since the last call. */
static void moved(const char *what, const char *path)
{
    static struct stat old;
    struct stat st;

    lstat(path, &st);
    say("%s: a=%d m=%d c=%d", what, later(st.st_atim, old.st_atim), later(st.st_mtim, old.st_mtim),
        later(st.st_ctim, old.st_ctim));
    old = st;
    msleep(20);
}

CASE(meta_times)
{
    char buf[8];

    make_file("f", "x");
    moved("created", "f");
    int fd = open("f", O_RDWR);
    moved("opened", "f");
    write(fd, "y", 1);
    moved("written", "f");
    write(fd, "", 0);
    moved("written nothing", "f");
    pread(fd, buf, 1, 0);
    moved("read", "f");
    chmod("f", 0600);
    moved("chmod", "f");
    chown("f", 1, 1);
    moved("chown", "f");
    link("f", "g");
    moved("linked", "f");
    rename("f", "h");
    moved("renamed", "h");
    unlink("g");
    moved("unlinked", "h");
    ftruncate(fd, 1);
    moved("ftruncate same size", "h");
    ftruncate(fd, 100);
    moved("ftruncate", "h");
    truncate("h", 100);
    moved("truncate same size", "h");
    close(open("h", O_WRONLY | O_TRUNC));
    moved("O_TRUNC", "h");
    close(open("h", O_WRONLY | O_TRUNC));
    moved("O_TRUNC when empty", "h");
    fallocate(fd, 0, 0, 10);
    moved("fallocate", "h");
    mkdir("d", 0755);
    moved("(directory)", "d");
    make_file("d/x", "");
    moved("entry created", "d");
    make_file("d/x", "more");
    moved("entry written", "d");
    rename("d/x", "d/y");
    moved("entry renamed", "d");
    chmod("d/y", 0600);
    moved("entry chmod", "d");
    unlink("d/y");
    moved("entry removed", "d");
    mkdir("d/z", 0755);
    moved("mkdir", "d");
    rmdir("d/z");
    moved("rmdir", "d");
}

static void show_times(const char *what, const char *path)
{
    struct stat st;

    lstat(path, &st);
    say("%s: a=%ld.%09ld m=%ld.%09ld", what, (long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
        (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

CASE(meta_utimens)
{
    struct timespec t[2] = {{1000, 123456789}, {2000, 987654321}};
    struct stat st, now;

    make_file("f", "x");
    ok(symlink("f", "l"));
    ok(utimensat(AT_FDCWD, "f", t, 0));
    show_times("both", "f");
    t[0] = (struct timespec){0, UTIME_OMIT}, t[1] = (struct timespec){3000, 0};
    ok(utimensat(AT_FDCWD, "f", t, 0));
    show_times("omit atime", "f");
    t[0] = (struct timespec){-5, 7}, t[1] = (struct timespec){0, UTIME_OMIT};
    ok(utimensat(AT_FDCWD, "f", t, 0));
    show_times("before 1970", "f");
    t[0] = (struct timespec){0, UTIME_OMIT};
    ok(utimensat(AT_FDCWD, "f", t, 0));
    ok(utimensat(AT_FDCWD, "missing", t, 0));
    t[0] = (struct timespec){4000, 0}, t[1] = (struct timespec){5000, 0};
    ok(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW));
    show_times("the link", "l");
    show_times("its target", "f");
    make_file("ref", "x");
    stat("ref", &now);
    t[0] = (struct timespec){0, UTIME_NOW}, t[1] = (struct timespec){6000, 0};
    ok(utimensat(AT_FDCWD, "f", t, 0));
    stat("f", &st);
    yes(!later(now.st_atim, st.st_atim) && st.st_mtim.tv_sec == 6000);
    yes(!later(now.st_ctim, st.st_ctim));
    ok(utimensat(AT_FDCWD, "f", NULL, 0));
    stat("f", &st);
    yes(!later(now.st_mtim, st.st_mtim) && st.st_atim.tv_nsec == st.st_mtim.tv_nsec);
    t[0] = (struct timespec){0, 1000000000};
    ok(utimensat(AT_FDCWD, "f", t, 0));
    t[0] = (struct timespec){0, -1};
    ok(utimensat(AT_FDCWD, "f", t, 0));
    t[0] = (struct timespec){1, 1};
    ok(utimensat(AT_FDCWD, "f", t, 0x8000));
    int fd = ok(open("f", O_RDONLY));
    ok(futimens(fd, t));
    show_times("by descriptor", "f");
    ok(futimens(-1, t));
    ok(syscall(SYS_utimensat, fd, NULL, t, AT_SYMLINK_NOFOLLOW));
    ok(syscall(SYS_utimensat, AT_FDCWD, NULL, t, 0));
    ok(utimensat(AT_FDCWD, "", t, 0));
    ok(chmod("f", 0666));
    RUN("as uid 1000, file writable", become(1000); ok(utimensat(AT_FDCWD, "f", NULL, 0));
        ok(utimensat(AT_FDCWD, "f", t, 0)); t[0].tv_nsec = t[1].tv_nsec = UTIME_NOW;
        ok(utimensat(AT_FDCWD, "f", t, 0)); t[0].tv_nsec = UTIME_OMIT;
        ok(utimensat(AT_FDCWD, "f", t, 0)); t[1].tv_nsec = UTIME_OMIT;
        ok(utimensat(AT_FDCWD, "f", t, 0)));
    ok(chmod("f", 0644));
    RUN("as uid 1000, not writable", become(1000); ok(utimensat(AT_FDCWD, "f", NULL, 0));
        ok(utimensat(AT_FDCWD, "f", t, 0)));
}

CASE(meta_stat)
{
    struct stat st, other;

    make_file("f", "0123456789");
    ok(stat("f", &st));
    oct(st.st_mode);
    val(st.st_nlink);
    val(st.st_uid);
    val(st.st_gid);
    val(st.st_size);
    val(st.st_blocks);
    val(st.st_blksize);
    val(st.st_rdev);
    ok(lstat(".", &other));
    yes(other.st_dev == st.st_dev && other.st_ino != st.st_ino);
    oct(other.st_mode);
    ok(stat("/dev/null", &st));
    oct(st.st_mode);
    say("rdev %d:%d", major(st.st_rdev), minor(st.st_rdev));
    val(st.st_size);
    yes(st.st_dev != other.st_dev);
    ok(stat("/proc", &st));
    oct(st.st_mode);
    yes(st.st_dev != other.st_dev);
    int p[2];
    ok(pipe(p));
    ok(fstat(p[0], &st));
    oct(st.st_mode);
    val(st.st_nlink);
    val(st.st_size);
    ok(fstat(1, &st));
    ok(fstat(-1, &st));
    ok(fstatat(AT_FDCWD, "f", &st, 0x8000));
    ok(fstatat(-1, "f", &st, 0));
    ok(fstatat(-1, "/tmp", &st, 0));
    oct(st.st_mode);
    ok(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
    yes(st.st_ino == other.st_ino);
    ok(fstatat(AT_FDCWD, "f", &st, AT_NO_AUTOMOUNT));
    ok(stat("f", NULL));
}

CASE(meta_statx)
{
    struct statx sx;
    struct stat st;

    make_file("f", "0123456789");
    ok(symlink("f", "l"));
    ok(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx));
    hex(sx.stx_mask & STATX_BASIC_STATS);
    oct(sx.stx_mode);
    val(sx.stx_nlink);
    val(sx.stx_size);
    val(sx.stx_blocks);
    val(sx.stx_blksize);
    val(sx.stx_uid);
    stat("f", &st);
    yes(sx.stx_ino == st.st_ino && makedev(sx.stx_dev_major, sx.stx_dev_minor) == st.st_dev);
    yes(sx.stx_mtime.tv_sec == st.st_mtim.tv_sec && sx.stx_mtime.tv_nsec == st.st_mtim.tv_nsec);
    ok(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &sx));
    oct(sx.stx_mode & S_IFMT);
    ok(statx(AT_FDCWD, "f", 0, 0, &sx));
    val(sx.stx_size);
    int fd = ok(open("f", O_RDONLY));
    ok(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &sx));
    val(sx.stx_size);
    ok(statx(fd, "", 0, STATX_ALL, &sx));
    ok(statx(AT_FDCWD, "f", 0x40, STATX_ALL, &sx));
    ok(statx(AT_FDCWD, "f", 0, 0x80000000, &sx));
    ok(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC, STATX_ALL, &sx));
    ok(statx(AT_FDCWD, "f", AT_STATX_SYNC_TYPE, STATX_ALL, &sx));
    ok(statx(AT_FDCWD, "missing", 0, STATX_ALL, &sx));
    ok(statx(-1, "f", 0, STATX_ALL, &sx));
    ok(statx(AT_FDCWD, "f", 0, STATX_ALL, NULL));
    ok(statx(AT_FDCWD, "/dev/null", 0, STATX_ALL, &sx));
    say("rdev %d:%d", sx.stx_rdev_major, sx.stx_rdev_minor);
}

CASE(meta_statfs)
{
    struct statfs a, b;

    make_file("f", "x");
    ok(statfs("f", &a));
    hex(a.f_type);
    val(a.f_bsize);
    val(a.f_namelen);
    val(a.f_frsize);
    yes(a.f_blocks > 0 && a.f_bfree <= a.f_blocks && a.f_bavail == a.f_bfree);
    yes(a.f_files > 0 && a.f_ffree < a.f_files);
    int fd = ok(open("f", O_RDWR));
    ok(fstatfs(fd, &b));
    yes(a.f_type == b.f_type && memcmp(&a.f_fsid, &b.f_fsid, sizeof(a.f_fsid)) == 0);
    char page[4096] = "x";
    for (int i = 0; i < 16; i++)
        write(fd, page, sizeof(page));
    fstatfs(fd, &b);
    val(a.f_bfree - b.f_bfree);
    unlink("f");
    close(fd);
    statfs(".", &b);
    yes(b.f_bfree >= a.f_bfree);
    ok(statfs("/proc", &a));
    hex(a.f_type);
    val(a.f_bsize);
    val(a.f_blocks);
    ok(statfs("/dev", &a));
    hex(a.f_type);
    int p[2];
    ok(pipe(p));
    ok(fstatfs(p[0], &a));
    hex(a.f_type);
    ok(statfs("missing", &a));
    ok(statfs("", &a));
    ok(fstatfs(-1, &a));
    ok(statfs(".", NULL));
}

CASE(meta_mknod)
{
    struct stat st;

    ok(mknod("fifo", S_IFIFO | 0640, 0));
    oct(mode("fifo"));
    ok(mknod("reg", S_IFREG | 0600, 0));
    oct(mode("reg"));
    ok(mknod("zero", 0644, 0));
    oct(mode("zero"));
    ok(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    ok(stat("null", &st));
    say("rdev %d:%d", major(st.st_rdev), minor(st.st_rdev));
    int fd = ok(open("null", O_RDWR));
    val(write(fd, "x", 1));
    val(read(fd, &st, 1));
    ok(mknod("nodev", S_IFCHR | 0666, makedev(240, 77)));
    ok(open("nodev", O_RDWR));
    ok(mknod("blk", S_IFBLK | 0600, makedev(240, 7)));
    ok(open("blk", O_RDWR));
    ok(open("blk", O_PATH));
    ok(mknod("sock", S_IFSOCK | 0600, 0));
    ok(open("sock", O_RDWR));
    ok(mknod("dir", S_IFDIR | 0755, 0));
    ok(mknod("lnk", S_IFLNK | 0755, 0));
    ok(mknod("bad", 0170000, 0));
    ok(mknod("fifo", S_IFIFO | 0640, 0));
    ok(mknod("missing/x", S_IFIFO | 0640, 0));
    ok(mknod("slash/", S_IFIFO | 0640, 0));
    ok(mkdir("open", 0777));
    ok(chmod("open", 0777));
    RUN("as uid 1000", become(1000); ok(mknod("open/c", S_IFCHR | 0666, makedev(1, 3)));
        ok(mknod("open/p", S_IFIFO | 0666, 0)); ok(mknod("open/r", S_IFREG | 0666, 0));
        ok(mknod("x", S_IFIFO | 0666, 0)));
}

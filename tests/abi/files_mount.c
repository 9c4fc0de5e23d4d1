/* mount, umount, bind mounts, read-only and noexec mounts, the limits of tmpfs. */
#include "abi.h"

#include <sys/mount.h>
#include <sys/statfs.h>

static dev_t device(const char *path)
{
    struct stat st;

    return lstat(path, &st) < 0 ? 0 : st.st_dev;
}

CASE(mount_tmpfs)
{
    struct stat st;
    struct statfs sf;

    ok(mkdir("m", 0755));
    make_file("m/under", "below");
    ok(mount("none", "m", "tmpfs", 0, NULL));
    yes(device("m") != device("."));
    ok(access("m/under", F_OK));
    ok(stat("m", &st));
    oct(st.st_mode);
    make_file("m/over", "above");
    str(file_text("m/over"));
    ok(rename("m/over", "over"));
    ok(link("m/over", "over"));
    ok(rmdir("m"));
    ok(rename("m", "n"));
    ok(unlink("m"));
    ok(stat("m/..", &st));
    yes(st.st_dev == device("."));
    ok(chdir("m"));
    char cwd[256];
    str(getcwd(cwd, sizeof(cwd)));
    ok(umount("../m"));
    ok(chdir(".."));
    int fd = ok(open("m/over", O_RDONLY));
    ok(umount("m"));
    close(fd);
    ok(umount("m"));
    ok(umount("m"));
    str(file_text("m/under"));
    ok(mount("x", "m", "tmpfs", 0, "mode=1700,uid=5,gid=6,size=64k"));
    ok(stat("m", &st));
    oct(st.st_mode);
    say("owner %d:%d", st.st_uid, st.st_gid);
    ok(statfs("m", &sf));
    val(sf.f_blocks);
    val(sf.f_bfree);
    fd = ok(open("m/f", O_CREAT | O_RDWR, 0644));
    static char big[100000];
    val(write(fd, big, sizeof(big)));
    val(write(fd, big, sizeof(big)));
    ok(fallocate(fd, 0, 0, 100000));
    ok(statfs("m", &sf));
    val(sf.f_bfree);
    ok(mkdir("m/d", 0755));
    ok(ftruncate(fd, 0));
    val(write(fd, big, 4096));
    close(fd);
    ok(umount("m"));
    ok(mount("x", "m", "tmpfs", 0, "nr_inodes=3"));
    ok(mkdir("m/a", 0755));
    ok(mkdir("m/b", 0755));
    ok(mkdir("m/c", 0755));
    ok(open("m/d", O_CREAT | O_RDWR, 0644));
    ok(rmdir("m/a"));
    ok(mkdir("m/c", 0755));
    ok(umount("m"));
}

CASE(mount_errors)
{
    ok(mkdir("m", 0755));
    make_file("f", "x");
    ok(mount("x", "missing", "tmpfs", 0, NULL));
    ok(mount("x", "f", "tmpfs", 0, NULL));
    ok(mount("x", "m", "nosuchfs", 0, NULL));
    ok(mount("x", "m", NULL, 0, NULL));
    ok(mount("x", "m", "", 0, NULL));
    ok(mount("x", "m", "tmpfs", 0, "bogus=1"));
    ok(mount("x", "m", "tmpfs", 0, "size=junk"));
    ok(mount("x", "", "tmpfs", 0, NULL));
    ok(mount("missing", "m", NULL, MS_BIND, NULL));
    ok(mount("f", "m", NULL, MS_BIND, NULL));
    ok(mount("m", "f", NULL, MS_BIND, NULL));
    ok(mount("x", "m", NULL, MS_REMOUNT, NULL));
    ok(mount("m", "f", NULL, MS_MOVE, NULL));
    ok(umount("m"));
    ok(umount("missing"));
    ok(umount("f"));
    ok(umount2("m", 0x100));
    ok(umount2("m", MNT_EXPIRE | MNT_FORCE));
    RUN("as uid 1000", become(1000); ok(mount("x", "m", "tmpfs", 0, NULL)); ok(umount("/proc"));
        ok(umount2("missing", MNT_DETACH)));
}

CASE(mount_bind)
{
    ok(mkdir("a", 0755));
    ok(mkdir("b", 0755));
    make_file("a/x", "from a");
    ok(mount("a", "b", NULL, MS_BIND, NULL));
    str(file_text("b/x"));
    yes(device("a") == device("b"));
    make_file("b/y", "through b");
    str(file_text("a/y"));
    ok(rename("a/x", "b/z"));
    ok(link("a/x", "b/z"));
    ok(umount("b"));
    ok(access("b/y", F_OK));
    /* one file over another */
    make_file("f1", "one");
    make_file("f2", "two");
    ok(mount("f1", "f2", NULL, MS_BIND, NULL));
    str(file_text("f2"));
    ok(unlink("f2"));
    ok(umount("f2"));
    str(file_text("f2"));
    /* bind does not take what is mounted below, rbind does */
    ok(mkdir("a/sub", 0755));
    ok(mount("t", "a/sub", "tmpfs", 0, NULL));
    make_file("a/sub/deep", "deep");
    ok(mount("a", "b", NULL, MS_BIND, NULL));
    ok(access("b/sub/deep", F_OK));
    ok(umount("b"));
    ok(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
    ok(access("b/sub/deep", F_OK));
    ok(umount("b"));
    ok(umount2("b", MNT_DETACH));
    ok(access("b/sub", F_OK));
    ok(umount("a"));
    ok(umount("a/sub"));
}

CASE(mount_stack)
{
    ok(mkdir("m", 0755));
    ok(mount("1", "m", "tmpfs", 0, NULL));
    make_file("m/f", "first");
    ok(mount("2", "m", "tmpfs", 0, NULL));
    ok(access("m/f", F_OK));
    make_file("m/f", "second");
    ok(umount("m"));
    str(file_text("m/f"));
    ok(mkdir("n", 0755));
    ok(mount("m", "n", NULL, MS_MOVE, NULL));
    ok(access("m/f", F_OK));
    str(file_text("n/f"));
    int fd = ok(open("n/f", O_RDWR));
    ok(umount2("n", MNT_DETACH));
    ok(access("n/f", F_OK));
    val(write(fd, "still", 5));
    close(fd);
    ok(umount("n"));
    ok(symlink("n", "l"));
    ok(mount("3", "l", "tmpfs", 0, NULL));
    yes(device("n") != device("."));
    ok(umount2("l", UMOUNT_NOFOLLOW));
    ok(umount("l"));
}

CASE(mount_flags)
{
    struct stat st;
    struct statfs sf;

    ok(mkdir("m", 0755));
    ok(mount("x", "m", "tmpfs", 0, NULL));
    make_file("m/f", "text");
    ok(symlink("f", "m/l"));
    int fd = ok(open("m/f", O_RDWR));
    ok(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    close(fd);
    ok(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    ok(open("m/f", O_RDWR));
    ok(open("m/f", O_RDONLY | O_TRUNC));
    ok(open("m/new", O_CREAT | O_RDWR, 0644));
    ok(open("m/f", O_CREAT | O_RDONLY, 0644));
    ok(mkdir("m/d", 0755));
    ok(mkdir("m/f", 0755));
    ok(unlink("m/f"));
    ok(unlink("m/missing"));
    ok(rename("m/f", "m/g"));
    ok(chmod("m/f", 0600));
    ok(truncate("m/f", 0));
    ok(access("m/f", W_OK));
    ok(access("m/f", R_OK));
    ok(utimensat(AT_FDCWD, "m/f", NULL, 0));
    ok(symlink("x", "m/s"));
    ok(link("m/f", "m/h"));
    ok(statfs("m", &sf));
    yes(sf.f_flags & MS_RDONLY);
    ok(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
    ok(open("m/f", O_RDWR));
    ok(umount2("m", MNT_DETACH));
    ok(mount("x", "m", "tmpfs", MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL));
    ok(mknod("m/null", S_IFCHR | 0666, 0x0103));
    ok(open("m/null", O_RDWR));
    make_file("m/script", "#!/bin/true\n");
    ok(chmod("m/script", 0755));
    ok(execl("m/script", "script", NULL));
    ok(access("m/script", X_OK));
    fd = ok(open("m/script", O_RDONLY));
    ok(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    close(fd);
    ok(umount("m"));
    /* a read-only view of a writable tree */
    ok(mkdir("rw", 0755));
    make_file("rw/f", "x");
    ok(mount("rw", "m", NULL, MS_BIND, NULL));
    ok(mount(NULL, "m", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
    ok(open("m/f", O_RDWR));
    ok(open("rw/f", O_RDWR));
    ok(umount("m"));
    ok(mount("proc", "m", "proc", 0, NULL));
    ok(stat("m/self/stat", &st));
    ok(umount("m"));
}

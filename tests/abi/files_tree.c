/* The tree: link, rename, remove, directories and their listing, getcwd, chroot. */
#include "abi.h"

static long links(const char *path)
{
    struct stat st;

    return lstat(path, &st) < 0 ? -1 : (long)st.st_nlink;
}

static ino_t inode(const char *path)
{
    struct stat st;

    return lstat(path, &st) < 0 ? 0 : st.st_ino;
}

CASE(tree_link)
{
    make_file("a", "text");
    ok(mkdir("dir", 0755));
    ok(symlink("a", "sl"));
    ok(symlink("nowhere", "dangling"));
    ok(link("a", "b"));
    val(links("a"));
    yes(inode("a") == inode("b"));
    ok(link("a", "b"));
    ok(link("a", "a"));
    ok(link("missing", "x"));
    ok(link("a", "missing/x"));
    ok(link("dir", "dir2"));
    ok(link("a", "dir"));
    ok(link("a", "dir/c"));
    ok(link("a/", "x"));
    ok(link("a", "x/"));
    ok(link("", "x"));
    ok(link("a", ""));
    ok(link("sl", "sl2"));
    yes(inode("sl") == inode("sl2"));
    ok(link("dangling", "dangling2"));
    ok(linkat(AT_FDCWD, "sl", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
    yes(inode("followed") == inode("a"));
    ok(linkat(AT_FDCWD, "dangling", AT_FDCWD, "x", AT_SYMLINK_FOLLOW));
    ok(linkat(AT_FDCWD, "a", AT_FDCWD, "x", 0x8000));
    ok(linkat(-1, "a", AT_FDCWD, "x", 0));
    ok(link("a", "/proc/x"));
    ok(link("a", "/dev/abi-link"));
    val(links("a"));
    ok(unlink("b"));
    val(links("a"));
    ok(unlink("a"));
    str(file_text("followed"));
    ok(unlink("followed"));
    str(file_text("dir/c"));
    val(links("dir/c"));
}

CASE(tree_mkdir)
{
    struct stat st;

    val(links("."));
    ok(mkdir("a", 0777));
    val(links("."));
    val(links("a"));
    ok(mkdir("a/b", 0755));
    ok(mkdir("a/c", 0755));
    make_file("a/file", "x");
    val(links("a"));
    ok(rmdir("a"));
    ok(rmdir("a/b"));
    val(links("a"));
    ok(unlink("a/file"));
    ok(rmdir("a/c"));
    ok(rmdir("a"));
    val(links("."));
    ok(mkdir("m", 07777));
    ok(stat("m", &st));
    oct(st.st_mode);
    oct(umask(0));
    ok(mkdir("n", 07777));
    ok(stat("n", &st));
    oct(st.st_mode);
    int fd = ok(open("n", O_RDONLY));
    ok(mkdirat(fd, "sub", 0700));
    ok(mkdirat(fd, "../side", 0700));
    ok(mkdirat(-1, "x", 0700));
    ok(unlinkat(fd, "sub", 0));
    ok(unlinkat(fd, "sub", AT_REMOVEDIR));
    ok(unlinkat(fd, "../side", AT_REMOVEDIR));
}

CASE(tree_rename)
{
    make_file("a", "A");
    make_file("b", "B");
    ok(mkdir("d1", 0755));
    ok(mkdir("d2", 0755));
    ok(mkdir("full", 0755));
    make_file("full/x", "x");
    ok(symlink("a", "sl"));
    int fd = ok(open("b", O_RDONLY));
    ok(rename("a", "b"));
    str(file_text("b"));
    val(read(fd, (char[4]){0}, 4));
    ok(access("a", F_OK));
    ok(rename("b", "a"));
    ok(rename("a", "a"));
    ok(link("a", "same"));
    ok(rename("a", "same"));
    val(links("a"));
    ok(unlink("same"));
    ok(rename("missing", "x"));
    ok(rename("a", "missing/x"));
    ok(rename("a", "d1"));
    ok(rename("d1", "a"));
    ok(rename("d1", "d2"));
    ok(access("d1", F_OK));
    ok(rename("d2", "full"));
    ok(rename("full", "d2"));
    str(file_text("d2/x"));
    ok(rename("d2", "d2/sub"));
    ok(mkdir("d2/in", 0755));
    ok(rename("d2", "d2/in/deep"));
    ok(rename("d2/in", "d2"));
    ok(rename("d2/in", "."));
    ok(rename(".", "x"));
    ok(rename("..", "x"));
    ok(rename("d2/.", "x"));
    ok(rename("d2", "."));
    ok(rename("/", "x"));
    ok(rename("a", "/"));
    ok(rename("a/", "x"));
    ok(rename("a", "x/"));
    ok(rename("d2/", "d3"));
    ok(rename("d3", "d2/"));
    ok(rename("", "x"));
    ok(rename("a", ""));
    ok(rename("sl", "sl2"));
    ok(access("sl2", F_OK));
    ok(rename("a", "sl2"));
    yes(links("sl2") == 1 && file_text("sl2")[0] == 'A');
    ok(rename("sl2", "/proc/x"));
    ok(rename("sl2", "/dev/abi-x"));
    val(links("d2"));
    ok(mkdir("d4", 0755));
    ok(rename("d2/in", "d4/in"));
    val(links("d2"));
    val(links("d4"));
    yes(inode("d4/in/..") == inode("d4"));
    ok(renameat(-1, "a", AT_FDCWD, "b"));
    int d = ok(open("d4", O_RDONLY));
    ok(renameat(AT_FDCWD, "sl2", d, "moved"));
    ok(access("d4/moved", F_OK));
}

CASE(tree_renameat2)
{
    make_file("a", "A");
    make_file("b", "B");
    ok(mkdir("d", 0755));
    make_file("d/x", "x");
    ok(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
    ok(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
    ok(renameat2(AT_FDCWD, "missing", AT_FDCWD, "b", RENAME_NOREPLACE));
    ok(renameat2(AT_FDCWD, "c", AT_FDCWD, "c", RENAME_NOREPLACE));
    ok(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE));
    str(file_text("b"));
    str(file_text("c"));
    ok(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_EXCHANGE));
    str(file_text("d"));
    str(file_text("c/x"));
    ok(renameat2(AT_FDCWD, "c", AT_FDCWD, "missing", RENAME_EXCHANGE));
    ok(renameat2(AT_FDCWD, "c", AT_FDCWD, "c/x", RENAME_EXCHANGE));
    ok(renameat2(AT_FDCWD, "c/x", AT_FDCWD, "c", RENAME_EXCHANGE));
    ok(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_NOREPLACE));
    ok(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", 0x80));
    ok(renameat2(AT_FDCWD, "b", AT_FDCWD, "d", 0));
    str(file_text("d"));
}

CASE(tree_sticky)
{
    ok(mkdir("sticky", 0777));
    ok(chmod("sticky", 01777));
    ok(mkdir("open", 0777));
    ok(chmod("open", 0777));
    make_file("sticky/root", "x");
    make_file("sticky/other", "x");
    ok(chown("sticky/other", 2000, 2000));
    ok(mkdir("sticky/dir", 0777));
    RUN("as uid 1000", become(1000); make_file("sticky/mine", "m"); ok(unlink("sticky/root"));
        ok(unlink("sticky/other")); ok(rename("sticky/other", "open/o"));
        ok(rename("sticky/mine", "sticky/root")); ok(rmdir("sticky/dir"));
        ok(rename("sticky/mine", "sticky/mine2")); ok(unlink("sticky/mine2"));
        make_file("open/mine", "m"));
    RUN("as uid 2000", become(2000); ok(unlink("open/mine")); ok(unlink("sticky/other")));
    ok(chown("sticky", 3000, 0));
    RUN("as the directory's owner", become(3000); ok(unlink("sticky/root")));
}

CASE(tree_setgid)
{
    struct stat st;

    ok(mkdir("sg", 0777));
    ok(chown("sg", 0, 55));
    ok(chmod("sg", 02777));
    make_file("sg/f", "x");
    ok(stat("sg/f", &st));
    val(st.st_gid);
    oct(st.st_mode);
    ok(mkdir("sg/d", 0755));
    ok(stat("sg/d", &st));
    val(st.st_gid);
    oct(st.st_mode);
    ok(symlink("x", "sg/l"));
    ok(lstat("sg/l", &st));
    val(st.st_gid);
    oct(st.st_mode);
    ok(open("sg/x", O_CREAT | O_RDWR, 02775));
    ok(stat("sg/x", &st));
    oct(st.st_mode);
    RUN("as uid 1000", become(1000); ok(open("sg/u", O_CREAT | O_RDWR, 02775));
        ok(stat("sg/u", &st)); val(st.st_uid); val(st.st_gid); oct(st.st_mode);
        ok(mkdir("sg/ud", 0755)); ok(stat("sg/ud", &st)); val(st.st_gid); oct(st.st_mode));
    ok(mknod("sg/p", S_IFIFO | 0644, 0));
    ok(stat("sg/p", &st));
    val(st.st_gid);
}

struct entry {
    ino64_t ino;
    off64_t off;
    unsigned short len;
    unsigned char type;
    char name[];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Prints names and types in the order of names: the directory's own order is its business. */
static void list(int fd)
{
    char buf[4096], *names[100];
    long n, count = 0;

    while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
        for (long at = 0; at < n && count < 100; at += ((struct entry *)(buf + at))->len) {
            struct entry *e = (struct entry *)(buf + at);
            asprintf(&names[count++], "%s type %d", e->name, e->type);
        }
    qsort(names, count, sizeof(*names), by_name);
    for (long i = 0; i < count; i++)
        say("  %s", names[i]);
    say("entries: %ld, end: %ld", count, n);
}

CASE(tree_getdents)
{
    char buf[1024], second[256], small[16];
    char name[32];

    ok(mkdir("d", 0755));
    int fd = ok(open("d", O_RDONLY | O_DIRECTORY));
    list(fd);
    list(fd);
    make_file("d/file", "x");
    ok(mkdir("d/dir", 0755));
    ok(symlink("x", "d/link"));
    ok(mkfifo("d/fifo", 0644));
    ok(mknod("d/char", S_IFCHR | 0644, 0x0103));
    ok(mknod("d/block", S_IFBLK | 0644, 0x0103));
    val(lseek(fd, 0, SEEK_SET));
    list(fd);
    /* seeking to the offset of entry n gives entry n + 1 */
    val(lseek(fd, 0, SEEK_SET));
    long n = syscall(SYS_getdents64, fd, buf, sizeof(buf));
    struct entry *e = (struct entry *)buf;
    str(e->name);
    yes(e->ino == inode("d"));
    e = (struct entry *)(buf + e->len);
    str(e->name);
    yes(e->ino == inode("."));
    struct entry *third = (struct entry *)((char *)e + e->len);
    snprintf(second, sizeof(second), "%s", third->name);
    yes(lseek(fd, e->off, SEEK_SET) == e->off);
    n = syscall(SYS_getdents64, fd, buf, sizeof(buf));
    yes(n > 0 && strcmp(((struct entry *)buf)->name, second) == 0);
    yes(((struct entry *)buf)->len % 8 == 0);
    val(lseek(fd, 0, SEEK_SET));
    val(syscall(SYS_getdents64, fd, small, sizeof(small)));
    val(syscall(SYS_getdents64, fd, buf, 24));
    val(syscall(SYS_getdents64, fd, buf, 0));
    val(lseek(fd, 0, SEEK_SET));
    val(syscall(SYS_getdents64, fd, NULL, 1024));
    val(lseek(fd, -1, SEEK_SET));
    int file = ok(open("d/file", O_RDONLY));
    val(syscall(SYS_getdents64, file, buf, sizeof(buf)));
    val(syscall(SYS_getdents64, -1, buf, sizeof(buf)));
    /* removing what has been read while reading misses nothing: what rm -r does */
    ok(mkdir("many", 0755));
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "many/f%d", i);
        make_file(name, "");
    }
    DIR *dir = opendir("many");
    int removed = 0;
    for (struct dirent *de; (de = readdir(dir));)
        if (de->d_name[0] == 'f' && unlinkat(dirfd(dir), de->d_name, 0) == 0)
            removed++;
    val(removed);
    ok(rmdir("many"));
    errno = 0;
    rewinddir(dir);
    yes(readdir(dir) == NULL);
    str(error_name(errno));
}

CASE(tree_cwd)
{
    char buf[4096];

    ok(chdir("/tmp"));
    val(syscall(SYS_getcwd, buf, sizeof(buf)));
    str(buf);
    val(syscall(SYS_getcwd, buf, 5));
    val(syscall(SYS_getcwd, buf, 4));
    val(syscall(SYS_getcwd, buf, 0));
    val(syscall(SYS_getcwd, NULL, 100));
    ok(chdir("abi-tree_cwd"));
    make_file("f", "x");
    ok(mkdir("d", 0755));
    ok(symlink("d", "l"));
    ok(chdir("f"));
    ok(chdir("missing"));
    ok(chdir(""));
    ok(chdir("l"));
    ok(getcwd(buf, sizeof(buf)));
    str(buf);
    ok(mkdir("sub", 0755));
    ok(rename("../d", "../renamed"));
    str(getcwd(buf, sizeof(buf)));
    int fd = ok(open("sub", O_RDONLY));
    ok(fchdir(fd));
    str(getcwd(buf, sizeof(buf)));
    fd = ok(open("../../f", O_RDONLY));
    ok(fchdir(fd));
    ok(fchdir(-1));
    ok(fchdir(999));
    RUN("child's chdir", ok(chdir("/")));
    str(getcwd(buf, sizeof(buf)));
    ok(chdir("/"));
    str(getcwd(buf, sizeof(buf)));
    ok(chdir("/.."));
    str(getcwd(buf, sizeof(buf)));
    ok(chdir("/tmp/../proc/self/."));
    ok(chdir("/proc/sys"));
    str(getcwd(buf, sizeof(buf)));
}

CASE(tree_chroot)
{
    char buf[256];

    ok(mkdir("root", 0755));
    ok(mkdir("root/in", 0755));
    make_file("root/f", "inside");
    make_file("f", "outside");
    ok(symlink("/f", "root/abs"));
    ok(symlink("../../../f", "root/rel"));
    RUN("chroot", ok(chroot("root")); str(file_text("/f")); str(file_text("f"));
        val(syscall(SYS_getcwd, buf, sizeof(buf))); str(buf); ok(chdir("/"));
        str(getcwd(buf, sizeof(buf))); str(file_text("../f")); str(file_text("/abs"));
        str(file_text("rel")); ok(access("/proc", F_OK)); ok(chdir("in"));
        str(getcwd(buf, sizeof(buf))));
    ok(chroot("missing"));
    ok(chroot("f"));
    RUN("as uid 1000", become(1000); ok(chroot("root")));
    RUN("escape by an open directory", int fd = open(".", O_RDONLY); ok(chroot("root"));
        ok(fchdir(fd)); str(file_text("f")); ok(chdir("..")); ok(access("dev", F_OK)));
    str(file_text("f"));
}

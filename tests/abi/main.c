/*
 * The ABI test binary: `abi` runs every case, `abi -l` lists them, `abi NAME...` runs those,
 * `abi +NAME` those after NAME. As init it first mounts /proc, /dev and /tmp, and powers off at
 * the end. Each case runs in a child of its own, in a new session and an empty directory.
 */
#include "abi.h"

#include <ftw.h>
#include <sys/mount.h>
#include <sys/reboot.h>

#define CASE_SECONDS 20 /* a case that takes longer hangs */

extern const struct abi_case *const __start_abi_cases[], *const __stop_abi_cases[];

const char *self_path;
pid_t harness_pid;

static void become_init(void)
{
    mkdir("/proc", 0755);
    mkdir("/dev", 0755);
    mkdir("/tmp", 01777);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("tmp", "/tmp", "tmpfs", 0, "mode=1777");
    if (fcntl(1, F_GETFL) < 0) {
        int fd = open("/dev/console", O_RDWR);
        for (int i = 0; i < 3; i++)
            dup2(fd, i);
    }
    /* Debian's kernel turns these restrictions on; the cases test what POSIX says */
    make_file("/proc/sys/fs/protected_hardlinks", "0");
    make_file("/proc/sys/fs/protected_symlinks", "0");
    make_file("/proc/sys/kernel/printk", "1"); /* the log would break into our lines */
}

/* What is left of a case: its session's processes, as init every process there is. */
static void end_strays(pid_t pid)
{
    kill(getpid() == 1 ? -1 : -pid, SIGKILL);
    for (int i = 0; i < 200; i++) {
        pid_t got = waitpid(-1, NULL, WNOHANG);
        if (got < 0)
            return;
        if (got == 0)
            msleep(10);
    }
}

static void run_child(const struct abi_case *c, const char *dir)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    umask(022);
    if (chdir(dir) < 0)
        say("chdir: %s", error_name(errno));
    alarm(CASE_SECONDS);
    c->run();
    _exit(0);
}

static void run_case(const struct abi_case *c)
{
    struct timespec tick = {0, 200000000};
    char dir[128];
    sigset_t chld;
    int status = 0;
    pid_t got = 0;

    snprintf(dir, sizeof(dir), "/tmp/abi-%s", c->name);
    mkdir(dir, 0755);
    say("case %s", c->name);
    pid_t pid = fork();
    if (pid == 0)
        run_child(c, dir);
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    long limit = now_ms() + (CASE_SECONDS + 5) * 1000;
    while ((got = waitpid(pid, &status, WNOHANG)) == 0 && now_ms() < limit)
        sigtimedwait(&chld, NULL, &tick);
    if (got != pid)
        say("case hung");
    else if (status != 0)
        report_status("case ended", status);
    end_strays(pid);
    say("end %s", c->name);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    remove(path);
    return 0;
}

static bool wanted(const char *name, int argc, char **argv)
{
    bool any = false;

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '+') /* `abi +NAME`: main() skips up to it */
            continue;
        any = true;
        if (strcmp(argv[i], name) == 0)
            return true;
    }
    return !any;
}

int main(int argc, char **argv, char **envp)
{
    static char path[PATH_MAX];
    sigset_t chld;
    const char *after = NULL;

    if (argc > 1 ? argv[1][0] == '@' : argc == 0 || argv[0][0] == 0)
        return helper_main(argc, argv, envp);
    bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
    bool init = getpid() == 1 && !list;
    if (init)
        become_init();
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    self_path = n > 0 ? path : argv[0];
    harness_pid = getpid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    clearenv();
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '+')
            after = argv[i] + 1;
    for (const struct abi_case *const *c = __start_abi_cases; c < __stop_abi_cases; c++) {
        if (list)
            printf("%s\n", (*c)->name);
        else if (after)
            after = strcmp(after, (*c)->name) == 0 ? NULL : after;
        else if (wanted((*c)->name, argc, argv))
            run_case(*c);
        if (!list && !init) {
            char dir[128];
            snprintf(dir, sizeof(dir), "/tmp/abi-%s", (*c)->name);
            nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
    }
    if (init) {
        say("abi: all done");
        sync();
        reboot(RB_POWER_OFF);
    }
    return 0;
}

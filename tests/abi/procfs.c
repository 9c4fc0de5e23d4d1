/* /proc: the files and the fields that programs look for. */
#include "abi.h"

static char *slurp(const char *path)
{
    static char text[32768];
    int fd = open(path, O_RDONLY);
    ssize_t n, total = 0;

    while (fd >= 0 && (n = read(fd, text + total, sizeof(text) - 1 - total)) > 0)
        total += n;
    if (fd >= 0)
        close(fd);
    text[fd < 0 ? 0 : total] = 0;
    return fd < 0 ? NULL : text;
}

/* Whether a line begins with this key. */
static int has(const char *text, const char *key)
{
    size_t n = strlen(key);

    for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (strncmp(at, key, n) == 0)
            return 1;
    return 0;
}

static int words(const char *text)
{
    int n = 0, in = 0;

    for (; text && *text; text++) {
        int space = *text == ' ' || *text == '\n' || *text == '\t';
        n += !space && !in;
        in = !space;
    }
    return n;
}

static void keys(const char *path, const char *const *want)
{
    char *text = slurp(path);

    if (!text)
        say("%s: %s", path, error_name(errno));
    for (; text && *want; want++)
        say("%s %s %s", path, *want, has(text, *want) ? "present" : "missing");
}

static long status_number(const char *key)
{
    char *text = slurp("/proc/self/status"), *at = text ? strstr(text, key) : NULL;

    return at ? strtol(at + strlen(key), NULL, 0) : -99;
}

CASE(proc_self)
{
    static const char *const status[] = {"Name:\t",
                                         "Umask:\t",
                                         "State:\tR (running)",
                                         "Tgid:\t",
                                         "Pid:\t",
                                         "PPid:\t",
                                         "TracerPid:\t0",
                                         "Uid:\t0\t0\t0\t0",
                                         "Gid:\t0\t0\t0\t0",
                                         "FDSize:\t",
                                         "Groups:\t",
                                         "VmPeak:\t",
                                         "VmSize:\t",
                                         "VmRSS:\t",
                                         "VmData:\t",
                                         "VmStk:\t",
                                         "VmExe:\t",
                                         "Threads:\t1",
                                         "SigQ:\t",
                                         "SigPnd:\t0000000000000000",
                                         "ShdPnd:\t0000000000000000",
                                         "SigBlk:\t0000000000000000",
                                         "SigIgn:\t",
                                         "SigCgt:\t",
                                         "CapInh:\t0000000000000000",
                                         "CapPrm:\t000001ffffffffff",
                                         "CapEff:\t000001ffffffffff",
                                         "CapBnd:\t",
                                         "NoNewPrivs:\t0",
                                         "Cpus_allowed:\t",
                                         "Cpus_allowed_list:\t",
                                         "voluntary_ctxt_switches:\t",
                                         "nonvoluntary_ctxt_switches:\t",
                                         NULL};
    char path[64], link[256] = "";
    struct stat st;

    keys("/proc/self/status", status);
    yes(status_number("\nPid:\t") == getpid() && status_number("PPid:\t") == getppid());
    yes(status_number("VmRSS:\t") > 0);
    char *stat_text = slurp("/proc/self/stat");
    val(words(stat_text));
    char comm[32] = "", state = 0;
    int pid = 0, ppid = 0, pgrp = 0, session = 0, tty = 5;
    sscanf(stat_text, "%d (%31[^)]) %c %d %d %d %d", &pid, comm, &state, &ppid, &pgrp, &session,
           &tty);
    say("comm %s, state %c, tty %d", comm, state, tty);
    yes(pid == getpid() && ppid == getppid() && pgrp == getpgrp() && session == getsid(0));
    val(words(slurp("/proc/self/statm")));
    long pages = 0, resident = 0;
    sscanf(slurp("/proc/self/statm"), "%ld %ld", &pages, &resident);
    yes(pages > resident && resident > 0);
    str(slurp("/proc/self/comm"));
    RUN("cmdline and environ",
        execve(self_path, (char *[]){"argv0", "@proc", NULL}, (char *[]){"X=1", "Y=2", NULL}));
    val(readlink("/proc/self/exe", link, sizeof(link)));
    str(link);
    memset(link, 0, sizeof(link));
    val(readlink("/proc/self/cwd", link, sizeof(link)));
    str(link);
    memset(link, 0, sizeof(link));
    val(readlink("/proc/self/root", link, sizeof(link)));
    str(link);
    memset(link, 0, sizeof(link));
    readlink("/proc/self", link, sizeof(link));
    yes(atoi(link) == getpid());
    snprintf(path, sizeof(path), "/proc/%d", getpid());
    ok(stat(path, &st));
    oct(st.st_mode);
    val(st.st_uid);
    ok(lstat("/proc/self", &st));
    oct(st.st_mode);
    ok(stat("/proc/self/status", &st));
    oct(st.st_mode);
    val(st.st_size);
    ok(stat("/proc/999999", &st));
    ok(open("/proc/self/status", O_RDWR));
    ok(open("/proc/self/nosuch", O_RDONLY));
    ok(mkdir("/proc/x", 0755));
    ok(unlink("/proc/self/comm"));
    int fd = ok(open("/proc/self/comm", O_RDWR));
    val(write(fd, "renamed\n", 8));
    str(slurp("/proc/self/comm"));
    fd = open("/proc/self/stat", O_RDONLY);
    char head[16] = "";
    val(pread(fd, head, 4, 100000));
    yes(pread(fd, head, 8, 0) == 8 && atoi(head) == getpid());
    val(lseek(fd, 2, SEEK_SET));
    pid_t child = fork();
    if (child == 0)
        pause();
    wait_stopped_thread(child);
    snprintf(path, sizeof(path), "/proc/%d/status", child);
    yes(strstr(slurp(path), "State:\tS (sleeping)") != NULL);
    kill(child, SIGSTOP);
    waitpid(child, NULL, WUNTRACED);
    yes(strstr(slurp(path), "State:\tT (stopped)") != NULL);
    kill(child, SIGKILL);
    waitid(P_PID, child, NULL, WEXITED | WNOWAIT);
    yes(strstr(slurp(path), "State:\tZ (zombie)") != NULL);
    snprintf(path, sizeof(path), "/proc/%d/cmdline", child);
    str(slurp(path));
    snprintf(path, sizeof(path), "/proc/%d/exe", child);
    val(readlink(path, link, sizeof(link)));
    wait_child(child);
    ok(open(path, O_RDONLY));
}

CASE(proc_fd)
{
    char path[64], link[64];
    int p[2], n = 0, seen = 0;

    make_file("f", "0123456789");
    int fd = ok(open("f", O_RDONLY));
    ok(pipe(p));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    memset(link, 0, sizeof(link));
    readlink(path, link, sizeof(link) - 1);
    str(link);
    ok(unlink("f"));
    memset(link, 0, sizeof(link));
    readlink(path, link, sizeof(link) - 1);
    str(link);
    lseek(fd, 5, SEEK_SET);
    int again = ok(open(path, O_RDONLY));
    val(lseek(again, 0, SEEK_CUR));
    val(read(again, link, 3));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
    memset(link, 0, sizeof(link));
    readlink(path, link, sizeof(link) - 1);
    link[6] = 0;
    str(link);
    write(p[1], "through", 7);
    again = ok(open(path, O_RDONLY | O_NONBLOCK));
    val(read(again, link, 7));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", p[1]);
    struct stat st;
    ok(lstat(path, &st));
    oct(st.st_mode);
    DIR *d = opendir("/proc/self/fd");
    for (struct dirent *e; (e = readdir(d));) {
        n++;
        seen += atoi(e->d_name) == p[1] && e->d_type == DT_LNK;
    }
    val(n);
    val(seen);
    ok(readlink("/proc/self/fd/99", link, sizeof(link)));
    ok(readlink("/proc/self/fd/x", link, sizeof(link)));
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    yes(strncmp(slurp(path) ?: "", "pos:\t5\nflags:\t0400000\n", 22) == 0);
}

CASE(proc_maps)
{
    char *a = map_anon(3 * PAGE, PROT_READ | PROT_WRITE), want[128], perms[5] = "";
    unsigned long start, end, off, last = 0;
    int heap = 0, stack = 0, vdso = 0, exe = 0, bad = 0, n = 0;

    mprotect(a + PAGE, PAGE, PROT_READ);
    syscall(SYS_brk, (char *)syscall(SYS_brk, 0) + 4096);
    char *text = slurp("/proc/self/maps");
    for (char *line = text; line && *line; line = strchr(line, '\n') + 1, n++) {
        char name[64] = "";
        if (sscanf(line, "%lx-%lx %4s %lx %*s %*u %63[^\n]", &start, &end, perms, &off, name) < 4)
            bad++;
        bad += start >= end || start < last || (start & 4095) || (end & 4095);
        last = end;
        heap += strcmp(name, "[heap]") == 0;
        stack += strcmp(name, "[stack]") == 0 && strcmp(perms, "rw-p") == 0;
        vdso += strcmp(name, "[vdso]") == 0 && strcmp(perms, "r-xp") == 0;
        exe += strcmp(name, self_path) == 0;
        bad +=
            start <= (unsigned long)main && (unsigned long)main < end && strcmp(perms, "r-xp") != 0;
    }
    say("bad lines %d, heap %d, stack %d, vdso %d, exe %d", bad, heap > 0, stack, vdso, exe > 1);
    snprintf(want, sizeof(want), "%lx-%lx r--p 00000000 00:00 0 ", (long)a + PAGE,
             (long)a + 2 * PAGE);
    yes(strstr(text, want) != NULL);
    int fd = open("f", O_CREAT | O_RDWR, 0644);
    ftruncate(fd, 2 * PAGE);
    char *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
    snprintf(want, sizeof(want), "%lx-%lx rw-s 00001000 ", (long)m, (long)m + PAGE);
    text = slurp("/proc/self/maps");
    char *line = strstr(text, want);
    yes(line != NULL);
    if (line) {
        *strchrnul(line, '\n') = 0;
        str(strchr(line, '/'));
    }
    unlink("f");
    line = strstr(slurp("/proc/self/maps"), want);
    if (line) {
        *strchrnul(line, '\n') = 0;
        str(strchr(line, '/'));
    }
}

CASE(proc_system)
{
    static const char *const meminfo[] = {
        "MemTotal:",  "MemFree:",  "MemAvailable:", "Buffers:", "Cached:",
        "SwapTotal:", "SwapFree:", "Shmem:",        "Slab:",    NULL};
    static const char *const stat_keys[] = {"cpu  ",          "cpu0 ",          "intr ",
                                            "ctxt ",          "btime ",         "processes ",
                                            "procs_running ", "procs_blocked ", NULL};
    static const char *const cpuinfo[] = {
        "processor\t: 0",        "BogoMIPS\t: ",        "Features\t: fp asimd",
        "CPU implementer\t: 0x", "CPU architecture: 8", "CPU variant\t: 0x",
        "CPU part\t: 0x",        "CPU revision\t: ",    NULL};
    static const char *const filesystems[] = {"nodev\tproc", "nodev\ttmpfs", "nodev\tdevtmpfs",
                                              NULL};
    static const char *const mounts[] = {"proc /proc proc rw", "dev /dev devtmpfs rw",
                                         "tmp /tmp tmpfs rw", NULL};
    double up, idle, load[3];
    int running, total, last;

    keys("/proc/meminfo", meminfo);
    keys("/proc/stat", stat_keys);
    keys("/proc/cpuinfo", cpuinfo);
    keys("/proc/filesystems", filesystems);
    keys("/proc/mounts", mounts);
    val(sscanf(slurp("/proc/uptime") ?: "", "%lf %lf", &up, &idle));
    yes(up > 0 && up < 3600);
    val(sscanf(slurp("/proc/loadavg") ?: "", "%lf %lf %lf %d/%d %d", &load[0], &load[1], &load[2],
               &running, &total, &last));
    yes(running >= 1 && total >= running && last >= getpid());
    yes(strncmp(slurp("/proc/version") ?: "", "Linux version ", 14) == 0);
    yes(strstr(slurp("/proc/cmdline") ?: "", "console=ttyAMA0") != NULL);
    yes(slurp("/proc/interrupts") != NULL);
    str(slurp("/proc/sys/kernel/ostype"));
    yes(slurp("/proc/sys/kernel/osrelease") != NULL);
    yes(slurp("/proc/sys/kernel/version") != NULL);
    yes(atoi(slurp("/proc/sys/kernel/pid_max") ?: "0") > 1000);
    yes(strlen(slurp("/proc/sys/kernel/random/boot_id") ?: "") == 37);
    yes(strlen(slurp("/proc/sys/kernel/random/uuid") ?: "") == 37);
    str(slurp("/proc/sys/vm/overcommit_memory"));
    str(slurp("/proc/sys/kernel/ngroups_max"));
    str(slurp("/proc/sys/kernel/cap_last_cap"));
    str(slurp("/proc/sys/fs/pipe-max-size"));
    str(slurp("/proc/sys/fs/nr_open"));
    DIR *d = opendir("/proc");
    int pids = 0, one = 0, self = 0, meminfo_seen = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        pids += atoi(e->d_name) > 0;
        one += strcmp(e->d_name, "1") == 0;
        self += atoi(e->d_name) == getpid();
        meminfo_seen += strcmp(e->d_name, "meminfo") == 0;
    }
    yes(pids >= 2 && one == 1 && self == 1 && meminfo_seen == 1);
    long before = 0, after = 0;
    sscanf(strstr(slurp("/proc/stat"), "processes "), "processes %ld", &before);
    RUN("child", _exit(0));
    sscanf(strstr(slurp("/proc/stat"), "processes "), "processes %ld", &after);
    yes(after > before);
    val(sysconf(_SC_PAGESIZE));
    yes(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    char *limits = slurp("/proc/self/limits");
    yes(limits && strstr(limits, "Max open files") != NULL);
    d = opendir("/proc/self/task");
    int tasks = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        tasks += atoi(e->d_name) == getpid();
    val(tasks);
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
    val(words(slurp(path)));
}

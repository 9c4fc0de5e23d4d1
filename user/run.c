/*
 * run: the init of `./ashlar run -- PROGRAM ARGS...`.
 *
 * It mounts what programs expect, starts PROGRAM in a session of its own with the console as
 * controlling terminal, waits for it, hands its status to the kernel and switches the machine off.
 * The status goes to /proc/sys/kernel/exit_status, which a kernel booted with exit=semihosting
 * makes the emulator's own: the program's exit status, 128 + signal, 127 when there is no such
 * program, 126 when it cannot be executed.
 *
 * What to run stands in /.ashlar/job, written by tools/pack_run.py as strings that each end with a
 * NUL: flags, the value of TERM, the path (or bare name) of the program, its arguments from
 * argv[0] on. Flags: `t` the output is a terminal (else no carriage return is added and nothing
 * is echoed, so that it arrives byte for byte), `i` standard input is /.ashlar/stdin.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define JOB_MAX  (1 << 20)
#define ARGS_MAX 4096

struct job {
    const char *flags;
    const char *term;
    const char *program;
    char *argv[ARGS_MAX + 1];
};

static char job_text[JOB_MAX];

/* Split /.ashlar/job into *job. Returns 0, or -1 when it is missing or cut short. */
static int job_read(struct job *job)
{
    char *words[3];
    char *at = job_text;
    char *end;
    int count = 0;
    int fd = open("/.ashlar/job", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, job_text, JOB_MAX - 1);

    if (length <= 0)
        return -1;
    close(fd);
    end = job_text + length;
    for (; at < end && count < ARGS_MAX + 3; at += strlen(at) + 1, count++) {
        if (count < 3)
            words[count] = at;
        else
            job->argv[count - 3] = at;
    }
    if (count < 4)
        return -1;
    job->argv[count - 3] = NULL;
    job->flags = words[0];
    job->term = words[1];
    job->program = words[2];
    return 0;
}

/* Each may be missing in a kernel or mounted already: the program will see. */
static void mount_all(void)
{
    mkdir("/proc", 0755);
    mkdir("/dev", 0755);
    mkdir("/sys", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mkdir("/dev/pts", 0755);
    mkdir("/dev/shm", 01777);
    mount("devpts", "/dev/pts", "devpts", 0, NULL);
    sethostname("ashlar", 6);
}

static void terminal_make_exact(void)
{
    struct termios settings;

    if (tcgetattr(1, &settings))
        return;
    settings.c_oflag &= ~(tcflag_t)ONLCR;
    settings.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(1, TCSANOW, &settings);
}

static void program_start(const struct job *job)
{
    setsid();
    ioctl(0, TIOCSCTTY, 0);
    if (strchr(job->flags, 'i')) {
        int fd = open("/.ashlar/stdin", O_RDONLY);

        dup2(fd, 0);
        close(fd);
    }
    setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
    setenv("HOME", "/root", 1);
    setenv("TERM", job->term, 1);
    setenv("PWD", "/root", 1);
    if (chdir("/root"))
        setenv("PWD", "/", 1);
    /* Not execvp for a path: it would hand what the kernel refuses to a shell. */
    if (strchr(job->program, '/'))
        execv(job->program, job->argv);
    else
        execvp(job->program, job->argv);
    _exit(errno == ENOENT || errno == ENOTDIR ? 127 : 126);
}

/* Wait for pid, burying every orphan on the way. */
static int program_wait(pid_t pid)
{
    int status;
    pid_t got;

    do
        got = wait(&status);
    while (got != pid && !(got == -1 && errno == ECHILD));
    if (got != pid)
        return 126;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void machine_end(int status)
{
    char text[16];
    int fd = open("/proc/sys/kernel/exit_status", O_WRONLY);
    int length = snprintf(text, sizeof text, "%d\n", status);

    if (fd >= 0 && write(fd, text, length) != length)
        perror("exit_status");
    tcdrain(1);
    sync();
    reboot(RB_POWER_OFF);
}

int main(void)
{
    static struct job job;
    pid_t pid;

    mount_all();
    if (job_read(&job)) {
        fputs("run: no job\n", stderr);
        machine_end(126);
    }
    if (!strchr(job.flags, 't'))
        terminal_make_exact();
    pid = fork();
    if (pid == 0)
        program_start(&job);
    machine_end(pid < 0 ? 126 : program_wait(pid));
    return 1;
}

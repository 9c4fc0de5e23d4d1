/* Steps that several families share. */
#include "abi.h"

#include <grp.h>
#include <setjmp.h>

int wait_child(pid_t pid)
{
    int status = -1;

    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

void make_file(const char *path, const char *text)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

    if (fd < 0 && strncmp(path, "/proc/", 6) == 0)
        return;
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        say("cannot make %s: %s", path, error_name(errno));
    close(fd);
}

long file_size(const char *path)
{
    struct stat st;

    return stat(path, &st) < 0 ? -1 : st.st_size;
}

/* The first 1,000 bytes of a file; good until the next call. */
const char *file_text(const char *path)
{
    static char text[1001];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    if (n < 0)
        return NULL;
    text[n] = 0;
    return text;
}

/* Drops root for good: no supplementary groups, all ids the same. */
void become(uid_t uid)
{
    if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
        say("cannot become uid %d: %s", uid, error_name(errno));
}

void msleep(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
        ;
}

long now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void on_signal(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = {.sa_flags = flags | SA_SIGINFO};

    sa.sa_sigaction = fn;
    sigaction(sig, &sa, NULL);
}

static sigjmp_buf touch_env;
static siginfo_t touch_info;

static void touch_fault(int sig, siginfo_t *si, void *ctx)
{
    (void)sig;
    (void)ctx;
    touch_info = *si;
    siglongjmp(touch_env, 1);
}

/* Reads or writes one byte and prints "ok" or the signal, its code, and si_addr from `at`. */
void touch(const char *what, void *at, int write)
{
    static const int sigs[] = {SIGSEGV, SIGBUS};
    struct sigaction old[2], sa = {.sa_sigaction = touch_fault, .sa_flags = SA_SIGINFO};
    volatile char *p = at;

    for (int i = 0; i < 2; i++)
        sigaction(sigs[i], &sa, &old[i]);
    if (sigsetjmp(touch_env, 1) == 0) {
        if (write)
            *p = 1;
        else
            (void)*p;
        say("%s: ok", what);
    } else {
        const char *code = touch_info.si_signo == SIGSEGV
                               ? (touch_info.si_code == SEGV_MAPERR   ? "SEGV_MAPERR"
                                  : touch_info.si_code == SEGV_ACCERR ? "SEGV_ACCERR"
                                                                      : "?")
                               : (touch_info.si_code == BUS_ADRERR ? "BUS_ADRERR" : "?");
        say("%s: %s %s at %+ld", what, signal_name(touch_info.si_signo), code,
            (long)((char *)touch_info.si_addr - (char *)at));
    }
    for (int i = 0; i < 2; i++)
        sigaction(sigs[i], &old[i], NULL);
}

void *map_anon(size_t len, int prot)
{
    return mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Waits (bounded) until a thread sleeps in the kernel, as its /proc stat shows. */
void wait_stopped_thread(pid_t tid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/stat", tid);
    if (access(path, F_OK) < 0)
        snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    for (int i = 0; i < 100; i++) {
        const char *t = file_text(path); /* not there: wait the whole second */
        const char *close = t ? strrchr(t, ')') : NULL;
        if (close && (close[2] == 'S' || close[2] == 'T' || close[2] == 'Z')) {
            msleep(5);
            return;
        }
        msleep(10);
    }
}

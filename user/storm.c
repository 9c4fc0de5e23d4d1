/*
 * storm: many processes and threads that fork, exec, talk through pipes, wait on futexes and map
 * memory, all at once, each checking what it gets. storm [ROUNDS] [WORKERS]
 *
 * Prints `storm: ok` and exits 0 when every worker of every round found what it expected; a worker
 * that did not says what, and storm exits 1. It leaves nothing behind: free memory before and after
 * a run may be compared, each time after a `bomb memory`, which makes the kernel free what it keeps
 * at hand.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL

static const char *self;

static void fail(const char *what)
{
    dprintf(2, "storm: %d: %s: %s\n", getpid(), what, strerror(errno));
    _exit(1);
}

static void check(int good, const char *what)
{
    if (!good)
        fail(what);
}

/* A child's exit status comes back whole, also through exec. */
static void fork_and_exec(int seed)
{
    for (int i = 0; i < 6; i++) {
        int status, want = (seed + i) & 127;
        pid_t pid = fork();

        check(pid >= 0, "fork");
        if (pid == 0 && (i & 1))
            _exit(want);
        if (pid == 0) {
            char text[16];

            snprintf(text, sizeof text, "%d", want);
            execl(self, "storm", "exit", text, (char *)NULL);
            fail("exec");
        }
        check(waitpid(pid, &status, 0) == pid, "waitpid");
        check(WIFEXITED(status) && WEXITSTATUS(status) == want, "exit status");
    }
}

/* Bytes sent through a pipe arrive in order, and end of file after the last. */
static void pipe_stream(int seed)
{
    enum { LENGTH = 200000 };
    static uint8_t chunk[7001];
    int ends[2], status;
    long at = 0;
    ssize_t got;
    pid_t pid;

    check(pipe(ends) == 0, "pipe");
    pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
        close(ends[0]);
        while (at < LENGTH) {
            long part = LENGTH - at < (long)sizeof chunk ? LENGTH - at : (long)sizeof chunk;

            for (long i = 0; i < part; i++)
                chunk[i] = (at + i) * 31 + seed;
            got = write(ends[1], chunk, part);
            check(got > 0, "write");
            at += got;
        }
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            check(chunk[i] == (uint8_t)((at + i) * 31 + seed), "pipe data");
        at += got;
    }
    check(got == 0 && at == LENGTH, "pipe end");
    close(ends[0]);
    check(waitpid(pid, &status, 0) == pid && status == 0, "pipe writer");
}

struct counter {
    pthread_mutex_t lock;
    pthread_cond_t turn;
    long value;
};

static void *count_up(void *argument)
{
    struct counter *counter = argument;

    for (int i = 0; i < 300; i++) {
        pthread_mutex_lock(&counter->lock);
        counter->value++;
        pthread_cond_signal(&counter->turn);
        pthread_mutex_unlock(&counter->lock);
        if (i % 16 == 0)
            sched_yield();
    }
    return NULL;
}

/* Threads that fight for one mutex lose no count. */
static void futex_threads(int seed)
{
    struct counter counter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    pthread_t threads[4];

    (void)seed;
    for (int i = 0; i < 4; i++)
        check(pthread_create(&threads[i], NULL, count_up, &counter) == 0, "pthread_create");
    pthread_mutex_lock(&counter.lock);
    while (counter.value < 600)
        pthread_cond_wait(&counter.turn, &counter.lock);
    pthread_mutex_unlock(&counter.lock);
    for (int i = 0; i < 4; i++)
        check(pthread_join(threads[i], NULL) == 0, "pthread_join");
    check(counter.value == 4 * 300, "count");
}

/* Fresh memory is zero, copy-on-write parts parent and child, unmapping takes. */
static void map_memory(int seed)
{
    size_t length = (16 + seed % 16) * PAGE;
    int status;
    pid_t pid;
    uint8_t *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    check(p != MAP_FAILED, "mmap");
    for (size_t at = 0; at < length; at += PAGE) {
        check(p[at] == 0, "zero page");
        p[at] = seed + at / PAGE;
    }
    pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
        for (size_t at = 0; at < length; at += PAGE) {
            check(p[at] == (uint8_t)(seed + at / PAGE), "page of the parent");
            p[at] = 0xee;
        }
        _exit(0);
    }
    check(waitpid(pid, &status, 0) == pid && status == 0, "copy-on-write child");
    for (size_t at = 0; at < length; at += PAGE)
        check(p[at] == (uint8_t)(seed + at / PAGE), "page after the child");
    check(mprotect(p, PAGE, PROT_READ) == 0, "mprotect");
    check(munmap(p + PAGE, length - PAGE) == 0 && munmap(p, PAGE) == 0, "munmap");
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    (void)number;
    caught++;
}

/* A signal sent to a child that waits for it arrives, and kills when it should. */
static void signals(int seed)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t block, old;
    int status;
    pid_t pid;

    (void)seed;
    caught = 0;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    check(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
    check(sigprocmask(SIG_BLOCK, &block, &old) == 0, "sigprocmask");
    pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
        while (!caught)
            sigsuspend(&old);
        for (;;)
            pause();
    }
    check(kill(pid, SIGUSR1) == 0 && kill(pid, SIGTERM) == 0, "kill");
    check(waitpid(pid, &status, 0) == pid, "waitpid");
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "death by signal");
    check(sigprocmask(SIG_SETMASK, &old, NULL) == 0, "sigprocmask");
}

static void worker(int seed)
{
    static void (*const acts[])(int) = {fork_and_exec, pipe_stream, futex_threads, map_memory,
                                        signals};
    enum { ACTS = sizeof acts / sizeof acts[0] };

    for (int i = 0; i < ACTS; i++)
        acts[(i + seed) % ACTS](seed);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1;
    int workers = argc > 2 ? atoi(argv[2]) : 16;
    int bad = 0;

    if (argc > 2 && !strcmp(argv[1], "exit"))
        return atoi(argv[2]);
    self = "/proc/self/exe";
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < workers; i++) {
            pid_t pid = fork();

            check(pid >= 0, "fork");
            if (pid == 0) {
                worker(round * workers + i);
                _exit(0);
            }
        }
        for (int i = 0; i < workers; i++) {
            int status;

            check(wait(&status) > 0, "wait");
            bad += status != 0;
        }
    }
    check(wait(NULL) == -1 && errno == ECHILD, "a child too many");
    if (bad)
        printf("storm: %d workers failed\n", bad);
    else
        puts("storm: ok");
    return bad != 0;
}

/* futex: each operation's result and errors, timeouts, requeueing, robust ends. */
#include "abi.h"

#include <linux/futex.h>
#include <pthread.h>

static unsigned word, second;

static long futex(unsigned *at, int op, unsigned v, const struct timespec *ts, unsigned *at2,
                  unsigned v3)
{
    return syscall(SYS_futex, at, op, v, ts, at2, v3);
}

/* The fourth argument is a count for the requeue operations. */
#define N(n) ((const struct timespec *)(long)(n))

CASE(futex_errors)
{
    struct timespec tick = {0, 20000000}, bad = {0, 1000000000}, neg = {-1, 0}, abs;

    word = 5;
    val(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0));
    val(futex(&word, FUTEX_WAIT, 5, &tick, NULL, 0));
    val(futex(&word, FUTEX_WAIT_PRIVATE, 5, &tick, NULL, 0));
    val(futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0));
    val(futex(&word, FUTEX_WAIT, 5, &neg, NULL, 0));
    val(futex(&word, FUTEX_WAIT, 5, (void *)8, NULL, 0));
    val(futex((unsigned *)((char *)&word + 1), FUTEX_WAIT, 5, &tick, NULL, 0));
    val(futex((unsigned *)((char *)&word + 2), FUTEX_WAKE, 5, NULL, NULL, 0));
    val(futex(NULL, FUTEX_WAIT, 5, &tick, NULL, 0));
    val(futex(NULL, FUTEX_WAIT_PRIVATE, 5, &tick, NULL, 0));
    val(futex(NULL, FUTEX_WAKE_PRIVATE, 5, NULL, NULL, 0));
    val(futex(NULL, FUTEX_WAKE, 5, NULL, NULL, 0));
    val(futex((unsigned *)0xffff000000000000, FUTEX_WAIT, 5, &tick, NULL, 0));
    val(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    val(futex(&word, FUTEX_WAKE, 0, NULL, NULL, 0));
    val(futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
    val(futex(&word, FUTEX_WAKE, -1, NULL, NULL, 0));
    val(futex(&word, 99, 1, NULL, NULL, 0));
    val(futex(&word, FUTEX_FD, 1, NULL, NULL, 0));
    val(futex(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0));
    val(futex(&word, FUTEX_WAKE_BITSET, 5, NULL, NULL, 0));
    clock_gettime(CLOCK_MONOTONIC, &abs);
    val(futex(&word, FUTEX_WAIT_BITSET, 5, &abs, NULL, ~0U));
    clock_gettime(CLOCK_REALTIME, &abs);
    val(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &abs, NULL, ~0U));
    val(futex(&word, FUTEX_WAIT_BITSET, 6, &abs, NULL, ~0U));
    val(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
    val(futex(&word, FUTEX_CMP_REQUEUE, 1, N(1), &second, 4));
    val(futex(&word, FUTEX_CMP_REQUEUE, 1, N(1), &second, 5));
    val(futex(&word, FUTEX_REQUEUE, 1, N(1), &second, 0));
    val(futex(&word, FUTEX_REQUEUE, -1, N(1), &second, 0));
    val(futex(&word, FUTEX_REQUEUE, 1, N(-1), &second, 0));
    val(futex(&word, FUTEX_CMP_REQUEUE, 1, N(1), (unsigned *)8, 5));
    val(futex(&word, FUTEX_CMP_REQUEUE, 1, N(1), (unsigned *)((char *)&second + 1), 5));
    char *ro = map_anon(PAGE, PROT_READ);
    val(futex((unsigned *)ro, FUTEX_WAIT_PRIVATE, 0, &tick, NULL, 0));
    val(futex((unsigned *)ro, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    char *none = map_anon(PAGE, PROT_NONE);
    val(futex((unsigned *)none, FUTEX_WAIT_PRIVATE, 0, &tick, NULL, 0));
    long before = now_ms();
    futex(&word, FUTEX_WAIT, 5, &tick, NULL, 0);
    yes(now_ms() - before >= 20);
}

static unsigned *volatile at;
static volatile int woken;
static volatile pid_t tids[4];
static unsigned bits[4] = {1, 2, 4, 3};

static void *sleeper(void *arg)
{
    long i = (long)arg & 3, with_bits = (long)arg & 4;

    tids[i] = gettid();
    futex(at, FUTEX_WAIT_BITSET_PRIVATE, *at, NULL, NULL, with_bits ? bits[i] : ~0U);
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static pthread_t sleepers[4];

static void start(int n, unsigned *where, int with_bits)
{
    at = where;
    woken = 0;
    for (long i = 0; i < n; i++) {
        tids[i] = 0;
        pthread_create(&sleepers[i], NULL, sleeper, (void *)(i | (with_bits ? 4 : 0)));
        while (!tids[i])
            msleep(1);
        wait_stopped_thread(tids[i]); /* so they queue in order */
    }
}

static void show_woken(const char *what, int want)
{
    for (int i = 0; i < 100 && woken < want; i++)
        msleep(2);
    msleep(10);
    say("%s: woken %d", what, woken);
}

CASE(futex_wake)
{
    start(4, &word, 0);
    val(futex(&word, FUTEX_WAKE, 4, NULL, NULL, 0)); /* another key */
    show_woken("wake, shared key", 0);
    val(futex(&word, FUTEX_WAKE_PRIVATE, 0, NULL, NULL, 0));
    val(futex(&word, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0));
    show_woken("more", 4);
    val(futex(&word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0));
    show_woken("all", 4);
    start(4, &word, 1);
    val(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 100, NULL, NULL, 8));
    val(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 100, NULL, NULL, 2));
    show_woken("bit 2", 2);
    val(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 5));
    show_woken("one of bits 1 and 4", 3);
    val(futex(&word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0));
    show_woken("the rest", 4);
}

CASE(futex_requeue)
{
    word = 1;
    start(4, &word, 0);
    val(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, N(2), &second, 1));
    show_woken("requeue", 1);
    val(futex(&word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0));
    show_woken("those left", 2);
    val(futex(&second, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0));
    show_woken("those moved", 4);
    start(4, &word, 0);
    val(futex(&word, FUTEX_REQUEUE_PRIVATE, 0, N(100), &second, 0));
    val(futex(&word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0));
    val(futex(&second, FUTEX_REQUEUE_PRIVATE, 1, N(0), &word, 0));
    val(futex(&second, FUTEX_REQUEUE_PRIVATE, 0, N(1), &second, 0));
    val(futex(&second, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0));
    show_woken("all", 4);
    start(3, &word, 0);
    second = 10;
    val(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, N(1), &second,
              FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 10)));
    val(second);
    val(futex(&second, FUTEX_WAKE_OP_PRIVATE, 1, N(1), &word,
              FUTEX_OP(FUTEX_OP_SET, 3, FUTEX_OP_CMP_GT, 0)));
    val(word);
    val(futex(&second, FUTEX_WAKE_OP_PRIVATE, 1, N(1), &word,
              FUTEX_OP(FUTEX_OP_OR, 4, FUTEX_OP_CMP_LT, 0)));
    val(word);
    val(futex(&second, FUTEX_WAKE_OP_PRIVATE, 1, N(9), &word,
              FUTEX_OP(FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_NE, 0)));
    val(word);
    val(futex(&second, FUTEX_WAKE_OP_PRIVATE, 1, N(1), &word,
              FUTEX_OP(FUTEX_OP_XOR, 2, FUTEX_OP_CMP_LE, 0)));
    val(word);
    val(futex(&second, FUTEX_WAKE_OP_PRIVATE, 1, N(1), &word, 7U << 28));
    val(futex(&second, FUTEX_WAKE_OP_PRIVATE, 1, N(1), (unsigned *)8, 0));
    show_woken("by WAKE_OP", 3);
}

/* Shared futexes: one page, two addresses, two processes; and a file. */
CASE(futex_shared)
{
    int fd = memfd_create("futex", 0);

    ftruncate(fd, PAGE);
    unsigned *a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned *b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid_t pid = fork();
    if (pid == 0) {
        long r = futex(a, FUTEX_WAIT, 0, NULL, NULL, 0);
        _exit(r == 0 && a[1] == 9 ? 5 : 6);
    }
    wait_stopped_thread(pid);
    b[1] = 9;
    val(futex(b, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    val(futex(b, FUTEX_WAKE, 1, NULL, NULL, 0));
    report_status("waiter", wait_child(pid));
    unsigned *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid = fork();
    if (pid == 0) {
        futex(s, FUTEX_WAIT, 0, NULL, NULL, 0);
        _exit(7);
    }
    wait_stopped_thread(pid);
    val(futex(s, FUTEX_WAKE, 1, NULL, NULL, 0));
    report_status("waiter", wait_child(pid));
    unsigned *p = map_anon(PAGE, PROT_READ | PROT_WRITE);
    *p = 0;
    pid = fork();
    if (pid == 0) {
        struct timespec ts = {0, 200000000};
        _exit(futex(p, FUTEX_WAIT, 0, &ts, NULL, 0) < 0 && errno == ETIMEDOUT ? 8 : 9);
    }
    wait_stopped_thread(pid);
    val(futex(p, FUTEX_WAKE, 1, NULL, NULL, 0)); /* a private page is not shared by fork */
    report_status("waiter", wait_child(pid));
}

static void interrupt(int sig)
{
    (void)sig;
}

CASE(futex_signal)
{
    struct sigaction sa = {.sa_handler = interrupt};
    struct itimerval it = {.it_value.tv_usec = 100000};
    struct timespec ts = {5, 0}, tick = {0, 400000000};

    word = 3;
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &it, NULL);
    val(futex(&word, FUTEX_WAIT, 3, NULL, NULL, 0));
    setitimer(ITIMER_REAL, &it, NULL);
    val(futex(&word, FUTEX_WAIT, 3, &ts, NULL, 0));
    sa.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &it, NULL);
    long before = now_ms();
    val(futex(&word, FUTEX_WAIT, 3, &tick, NULL, 0));
    yes(now_ms() - before < 390);
    pid_t me = getpid(), pid = fork();
    if (pid == 0) {
        msleep(100);
        kill(me, SIGALRM);
        msleep(100);
        kill(me, SIGALRM);
        msleep(100);
        kill(me, SIGUSR1);
        _exit(0);
    }
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = interrupt}, NULL);
    val(futex(&word, FUTEX_WAIT, 3, NULL, NULL, 0)); /* restarted until USR1 comes */
    wait_child(pid);
}

static void *hold(void *arg)
{
    struct robust_list_head *head = arg;
    struct robust_list *entry = (struct robust_list *)((char *)head + 64);

    head->list.next = entry;
    entry->next = &head->list;
    head->futex_offset = 16;
    head->list_op_pending = NULL;
    *(unsigned *)((char *)entry + 16) = gettid() | FUTEX_WAITERS;
    syscall(SYS_set_robust_list, head, sizeof(*head));
    syscall(SYS_exit, 0);
    return NULL;
}

CASE(futex_robust)
{
    char *page = map_anon(PAGE, PROT_READ | PROT_WRITE);
    unsigned *held = (unsigned *)(page + 64 + 16);
    pthread_t t;

    pthread_create(&t, NULL, hold, page);
    pthread_join(t, NULL);
    hex(*held);
}

/* The lock operations with priority inheritance. */
CASE(futex_pi)
{
    word = 0;
    val(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    yes(word == (unsigned)gettid());
    val(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    val(futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    val(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    val(word);
    val(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    val(futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
}

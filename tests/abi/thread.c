/* Threads: creation, joining, locks, thread-local data, ids, ends, signals, robust lists. */
#include "abi.h"

#include <linux/membarrier.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/rseq.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;
static __thread long own = 5;

static void *add(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
        own++;
    }
    return (void *)(own + (long)arg);
}

CASE(thread_basic)
{
    pthread_t t[8];
    void *r;
    long sum = 0;

    for (long i = 0; i < 8; i++)
        if (pthread_create(&t[i], NULL, add, (void *)i))
            say("pthread_create failed");
    for (int i = 0; i < 8; i++) {
        err(pthread_join(t[i], &r));
        sum += (long)r;
    }
    val(counter);
    val(sum);
    val(own);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 65536);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    err(pthread_create(&t[0], &attr, add, NULL));
    while (__atomic_load_n(&counter, __ATOMIC_SEQ_CST) < 90000)
        msleep(2);
    say("a detached thread ran");
    for (int i = 0; i < 200; i++) {
        pthread_create(&t[0], NULL, add, NULL);
        pthread_join(t[0], &r);
    }
    val(counter);
}

static int ready;

static void *waiter(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    while (!ready)
        pthread_cond_wait(&cond, &lock);
    counter++;
    pthread_mutex_unlock(&lock);
    return NULL;
}

CASE(thread_sync)
{
    pthread_t t[4];
    struct timespec ts;
    sem_t sem;

    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, waiter, NULL);
    msleep(20);
    pthread_mutex_lock(&lock);
    val(counter);
    ready = 1;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    val(counter);
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec += 20000000;
    if (ts.tv_nsec >= 1000000000)
        ts.tv_sec++, ts.tv_nsec -= 1000000000;
    pthread_mutex_lock(&lock);
    err(pthread_cond_timedwait(&cond, &lock, &ts));
    err(pthread_mutex_trylock(&lock));
    pthread_mutex_unlock(&lock);
    pthread_mutexattr_t ma;
    pthread_mutex_t m;
    pthread_mutexattr_init(&ma);
    pthread_mutexattr_settype(&ma, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&m, &ma);
    pthread_mutex_lock(&m);
    err(pthread_mutex_lock(&m));
    err(pthread_mutex_unlock(&m));
    err(pthread_mutex_unlock(&m));
    sem_init(&sem, 0, 1);
    val(sem_wait(&sem));
    val(sem_trywait(&sem));
    val(sem_timedwait(&sem, &ts));
    pthread_barrier_t b;
    pthread_barrier_init(&b, NULL, 1);
    yes(pthread_barrier_wait(&b) == PTHREAD_BARRIER_SERIAL_THREAD);
    pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
    err(pthread_rwlock_rdlock(&rw));
    err(pthread_rwlock_trywrlock(&rw));
    err(pthread_rwlock_tryrdlock(&rw));
}

/* Mutexes and conditions between processes, in shared memory. */
CASE(thread_pshared)
{
    struct {
        pthread_mutex_t m;
        pthread_cond_t c;
        int turn, n;
    } *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t ma;
    pthread_condattr_t ca;

    pthread_mutexattr_init(&ma);
    pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&s->m, &ma);
    pthread_condattr_init(&ca);
    pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&s->c, &ca);
    pid_t pid = fork();
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&s->m);
        while (s->turn != (pid == 0))
            pthread_cond_wait(&s->c, &s->m);
        s->n++;
        s->turn = pid != 0;
        pthread_cond_signal(&s->c);
        pthread_mutex_unlock(&s->m);
    }
    if (pid == 0)
        _exit(0);
    report_status("partner", wait_child(pid));
    val(s->n);
    /* a robust mutex whose owner died */
    pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->m, &ma);
    RUN("owner dies", pthread_mutex_lock(&s->m); kill(getpid(), SIGKILL));
    err(pthread_mutex_lock(&s->m));
    err(pthread_mutex_consistent(&s->m));
    err(pthread_mutex_unlock(&s->m));
    err(pthread_mutex_lock(&s->m));
    err(pthread_mutex_unlock(&s->m));
    pid = fork();
    if (pid == 0) {
        pthread_mutex_lock(&s->m);
        s->turn = 7;
        msleep(50);
        _exit(0);
    }
    while (__atomic_load_n(&s->turn, __ATOMIC_SEQ_CST) != 7)
        msleep(2);
    err(pthread_mutex_lock(&s->m)); /* woken by the kernel's walk of the list */
    report_status("owner", wait_child(pid));
}

static volatile pid_t thread_tid, thread_pid;
static volatile int stay = 1;

static void *show_self(void *arg)
{
    (void)arg;
    thread_tid = gettid();
    thread_pid = getpid();
    while (stay)
        msleep(2);
    return NULL;
}

CASE(thread_ids)
{
    pthread_t t;
    char path[64], name[32];

    yes(gettid() == getpid());
    pthread_create(&t, NULL, show_self, NULL);
    while (!thread_tid)
        msleep(2);
    yes(thread_pid == getpid() && thread_tid != getpid());
    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", thread_tid);
    err(pthread_setname_np(t, "worker"));
    str(file_text(path));
    pthread_getname_np(t, name, sizeof(name));
    str(name);
    str(file_text("/proc/self/comm"));
    val(kill(thread_tid, 0));
    val(setpgid(thread_tid, 0));
    val(waitpid(thread_tid, NULL, WNOHANG));
    val(syscall(SYS_tgkill, getpid(), thread_tid, 0));
    val(syscall(SYS_sched_getscheduler, thread_tid));
    stay = 0;
    pthread_join(t, NULL);
    for (int i = 0; i < 500 && syscall(SYS_tkill, thread_tid, 0) == 0; i++)
        msleep(2); /* joined, but perhaps still ending */
    val(syscall(SYS_tkill, thread_tid, 0));
    val(access(path, F_OK));
    yes(syscall(SYS_set_tid_address, &thread_tid) == getpid());
}

static void *exit_thread(void *arg)
{
    (void)arg;
    syscall(SYS_exit_group, 12);
    return NULL;
}

static void *only_thread_exits(void *arg)
{
    msleep(150);
    say("the last thread");
    syscall(SYS_exit, (long)arg);
    return NULL;
}

static void *fault_thread(void *arg)
{
    *(volatile char *)arg = 1;
    return NULL;
}

CASE(thread_exit)
{
    pthread_t t;

    RUN("exit_group from a thread", pthread_create(&t, NULL, exit_thread, NULL); for (;;) pause(););
    RUN("exit of the first thread", pthread_create(&t, NULL, only_thread_exits, (void *)9);
        syscall(SYS_exit, 3));
    RUN("exit of a thread", pthread_create(&t, NULL, only_thread_exits, (void *)9);
        pthread_join(t, NULL); _exit(4));
    RUN("fault in a thread", pthread_create(&t, NULL, fault_thread, NULL); pause());
    RUN("KILL to a thread", pthread_create(&t, NULL, show_self, NULL);
        while (!thread_tid) msleep(2); syscall(SYS_tkill, thread_tid, SIGKILL); pause());
    RUN("fork in a thread's process leaves one", pthread_create(&t, NULL, show_self, NULL);
        RUN("child", DIR *d = opendir("/proc/self/task"); int n = 0; while (d && readdir(d)) n++;
            val(n)););
}

static volatile int handled_by, hits;

static void whose(int sig, siginfo_t *si, void *ctx)
{
    (void)sig;
    (void)si;
    (void)ctx;
    handled_by = gettid();
    hits++;
}

CASE(thread_signals)
{
    pthread_t t;
    sigset_t set, old;

    on_signal(SIGUSR1, whose, 0);
    stay = 1;
    pthread_create(&t, NULL, show_self, NULL);
    while (!thread_tid)
        msleep(2);
    syscall(SYS_tgkill, getpid(), thread_tid, SIGUSR1);
    while (!hits)
        msleep(1);
    yes(handled_by == thread_tid);
    err(pthread_kill(t, SIGUSR1));
    while (hits < 2)
        msleep(1);
    yes(handled_by == thread_tid);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    kill(getpid(), SIGUSR1); /* only the other thread can take it */
    while (hits < 3)
        msleep(1);
    yes(handled_by == thread_tid);
    stay = 0;
    pthread_join(t, NULL);
    kill(getpid(), SIGUSR1);
    syscall(SYS_tkill, gettid(), SIGUSR1);
    sigpending(&set);
    val(sigismember(&set, SIGUSR1));
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    val(hits);
    stay = 1;
    thread_tid = 0;
    RUN(
        "a stop stops all threads", pthread_create(&t, NULL, show_self, NULL);
        while (!thread_tid) msleep(2); pid_t me = getpid(); pid_t pid = fork(); if (pid == 0) {
            msleep(60);
            kill(me, SIGCONT);
            _exit(0);
        } raise(SIGSTOP);
        stay = 0; pthread_join(t, NULL); wait_child(pid));
}

CASE(thread_misc)
{
    struct robust_list_head *head;
    size_t len = 0;

    val(syscall(SYS_get_robust_list, 0, &head, &len));
    val(len);
    val(syscall(SYS_get_robust_list, 999999, &head, &len));
    val(syscall(SYS_get_robust_list, 0, NULL, &len));
    val(syscall(SYS_set_robust_list, head, 23));
    val(syscall(SYS_set_robust_list, head, 24));
    hex(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) & 0x1f);
    val(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
    val(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    val(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    val(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    val(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
    val(syscall(SYS_membarrier, 0x4000, 0, 0));
    val(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 1, 0));
    /* the C library registered an area of its own: give that back first */
    static struct rseq area[2] __attribute__((aligned(32)));
    void *lib = (char *)__builtin_thread_pointer() + __rseq_offset;
    area[0].cpu_id = 1000;
    val(syscall(SYS_rseq, area, 32, 0, 0x1234));
    val(syscall(SYS_rseq, lib, 32, 0, RSEQ_SIG));
    val(syscall(SYS_rseq, lib, 32, RSEQ_FLAG_UNREGISTER, 0x1234));
    val(syscall(SYS_rseq, lib, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
    val(syscall(SYS_rseq, lib, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
    val(syscall(SYS_rseq, area, 16, 0, 0x1234));
    val(syscall(SYS_rseq, (char *)area + 4, 32, 0, 0x1234));
    val(syscall(SYS_rseq, area, 32, 8, 0x1234));
    val(syscall(SYS_rseq, area, 32, 0, 0x1234));
    yes(area[0].cpu_id < 512 && area[0].cpu_id == area[0].cpu_id_start);
    val(syscall(SYS_rseq, area, 32, 0, 0x1234));
    val(syscall(SYS_rseq, area, 32, 0, 0x1235));
    val(syscall(SYS_rseq, area + 1, 32, 0, 0x1234));
    RUN("inherited by fork", val(syscall(SYS_rseq, area, 32, 0, 0x1234)));
}

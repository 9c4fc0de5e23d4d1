/* Faults and sharing: signals and their codes, copy-on-write, shared maps, stack growth. */
#include "abi.h"

/* Keeps the compiler from seeing that an address is bad. */
static void *hide(void *p)
{
    __asm__ volatile("" : "+r"(p));
    return p;
}

static void exit_handler(int sig)
{
    _exit(sig);
}

CASE(fault_codes)
{
    char *a = map_anon(4 * PAGE, PROT_READ | PROT_WRITE);
    char *r = map_anon(PAGE, PROT_READ), *n = map_anon(PAGE, PROT_NONE);

    munmap(a + 2 * PAGE, 2 * PAGE);
    touch("mapped", a, 1);
    touch("unmapped read", a + 2 * PAGE + 17, 0);
    touch("unmapped write", a + 2 * PAGE + 17, 1);
    touch("read-only read", r, 0);
    touch("read-only write", r + 33, 1);
    touch("none read", n + 1, 0);
    touch("none write", n + 2, 1);
    touch("NULL read", hide(NULL), 0);
    touch("NULL write", hide(NULL), 1);
    touch("low read", hide((void *)100), 0);
    touch("kernel read", hide((void *)0xffff000000000000), 0);
    touch("kernel write", hide((void *)0xffff800000001000), 1);
    touch("top byte ignored", (void *)((long)a | 0x5a00000000000000), 1);
    touch("just past user space", hide((void *)(1L << 48)), 0);
    RUN("NULL write, default", *(volatile char *)hide(NULL) = 1);
    RUN("ignored fault still kills", signal(SIGSEGV, SIG_IGN); *(volatile char *)hide(NULL) = 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    RUN("blocked fault still kills", sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGSEGV, exit_handler); *(volatile char *)hide(NULL) = 1);
}

static siginfo_t got;
static int got_sig;

static void skip(int sig, siginfo_t *si, void *ctx)
{
    ucontext_t *uc = ctx;

    got_sig = sig;
    got = *si;
    uc->uc_mcontext.pc += 4;
}

CASE(fault_traps)
{
    on_signal(SIGILL, skip, 0);
    on_signal(SIGTRAP, skip, 0);
    on_signal(SIGSEGV, skip, 0);
    on_signal(SIGBUS, skip, 0);
    void *at;
    __asm__ volatile("adr %0, 1f\n1: .inst 0" : "=r"(at)::"memory");
    say("undefined: %s code %d at %+ld", signal_name(got_sig), got.si_code,
        (long)((char *)got.si_addr - (char *)at));
    __asm__ volatile("adr %0, 1f\n1: brk #0x123" : "=r"(at)::"memory");
    say("brk: %s code %d at %+ld", signal_name(got_sig), got.si_code,
        (long)((char *)got.si_addr - (char *)at));
    __asm__ volatile("adr %0, 1f\n1: mrs x9, sctlr_el1" : "=r"(at)::"memory", "x9");
    say("mrs sctlr_el1: %s code %d at %+ld", signal_name(got_sig), got.si_code,
        (long)((char *)got.si_addr - (char *)at));
    __asm__ volatile("adr %0, 1f\n1: wfi" : "=r"(at)::"memory");
    __asm__ volatile("adr %0, 1f\n1: hvc #0" : "=r"(at)::"memory");
    say("hvc: %s code %d at %+ld", signal_name(got_sig), got.si_code,
        (long)((char *)got.si_addr - (char *)at));
    got_sig = 0;
    long long pair[4] __attribute__((aligned(16))) = {1, 2, 3, 4};
    long long v;
    __asm__ volatile("ldr %0, [%1, #1]" : "=r"(v) : "r"(pair) : "memory");
    say("unaligned load: %s", got_sig ? signal_name(got_sig) : "ok");
    __asm__ volatile("mov %0, #0\nadd x9, %1, #4\nldxr x10, [x9]"
                     : "=&r"(v)
                     : "r"(pair)
                     : "memory", "x9", "x10");
    say("unaligned exclusive: %s code %d at %+ld", signal_name(got_sig), got.si_code,
        (long)((char *)got.si_addr - (char *)pair));
    unsigned long ctr, dczid, tpidr = 5, cnt;
    got_sig = 0;
    __asm__ volatile("mrs %0, ctr_el0\nmrs %1, dczid_el0" : "=r"(ctr), "=r"(dczid));
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(cnt));
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(tpidr));
    yes(got_sig == 0 && ctr && cnt && tpidr > 1000);
    __asm__ volatile("ic ivau, %0\ndc cvau, %0\ndc civac, %0\ndsb ish\nisb" ::"r"(pair) : "memory");
    yes(got_sig == 0);
}

CASE(fault_file_bus)
{
    int fd = ok(open("f", O_CREAT | O_RDWR, 0644));
    ok(ftruncate(fd, 2 * PAGE + 10));
    char *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

    touch("in the file", m, 1);
    touch("tail of the last page", m + 3 * PAGE - 1, 1);
    touch("past the end, read", m + 3 * PAGE + 5, 0);
    touch("past the end, write", m + 3 * PAGE + 5, 1);
    touch("private past the end", p + 3 * PAGE, 1);
    touch("private copy", p + PAGE, 1);
    ok(ftruncate(fd, PAGE));
    touch("cut off", m + PAGE, 0);
    touch("private copy cut off", p + PAGE, 0);
    touch("kept", m + 10, 0);
    ok(ftruncate(fd, 3 * PAGE));
    touch("grown again", m + 2 * PAGE, 0);
    val(m[3 * PAGE - 1]);
    val(pread(fd, (char[8]){0}, 8, 2 * PAGE));
    RUN("default action", (void)*(volatile char *)(m + 3 * PAGE));
    val(write(fd, m + 3 * PAGE, 10));
    val(read(fd, m + 3 * PAGE, 10));
}

CASE(fault_file_maps)
{
    char buf[16] = "";

    int fd = ok(open("f", O_CREAT | O_RDWR, 0644));
    write(fd, "0123456789", 10);
    char *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    s[0] = 'S';
    str(file_text("f"));
    str(p);
    p[1] = 'P';
    str(s);
    str(p);
    s[1] = 's';
    s[2] = 't';
    str(p);
    fd = open("f", O_RDWR);
    pwrite(fd, "WW", 2, 4);
    str(s);
    s[12] = 'x'; /* past the end of the file: not written to it */
    val(file_size("f"));
    val(read(fd, buf, 16));
    RUN("child writes shared", s[6] = 'C'; p[6] = 'c');
    val(s[6]);
    val(p[6]);
    ok(unlink("f"));
    s[7] = 'u';
    val(pread(fd, buf, 10, 0));
    str(buf);
    close(fd);
    str(s);
    ok(munmap(s, PAGE));
    str(p);
}

CASE(fault_fork_cow)
{
    char *a = map_anon(3 * PAGE, PROT_READ | PROT_WRITE);
    char *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int p[2], q[2];
    char c;

    a[0] = 'p';
    a[PAGE] = 'q';
    pipe(p);
    pipe(q);
    pid_t child = fork();
    if (child == 0) {
        a[0] = 'c';
        a[2 * PAGE] = 'n';
        s[0] = 's';
        write(p[1], "x", 1);
        read(q[0], &c, 1);
        say("child sees %c %c %c", a[0], a[PAGE], s[1]);
        RUN("grandchild", a[0] = 'g'; say("sees %c %c", a[0], a[2 * PAGE]); s[2] = 'g');
        say("child still sees %c", a[0]);
        _exit(0);
    }
    read(p[0], &c, 1);
    say("parent sees %c %d %c", a[0], a[2 * PAGE], s[0]);
    a[0] = 'P';
    a[PAGE] = 'Q';
    s[1] = 'S';
    write(q[1], "x", 1);
    wait_child(child);
    say("parent still sees %c %c, shared %c", a[0], a[PAGE], s[2]);
    /* a read into a page that is shared with a child copies it first */
    a[PAGE] = '1';
    child = fork();
    if (child == 0) {
        read(q[0], &c, 1);
        _exit(a[PAGE]);
    }
    write(p[1], "2", 1);
    read(p[0], a + PAGE, 1);
    write(q[1], "x", 1);
    report_status("child's byte", wait_child(child));
    val(a[PAGE]);
    RUN("mapping made by the child", ok(munmap(a, PAGE)));
    val(a[0]);
}

static int deep(int n)
{
    volatile char frame[8192];

    frame[0] = n;
    frame[8191] = n;
    return n ? deep(n - 1) + frame[0] : frame[8191];
}

CASE(fault_stack)
{
    struct rlimit rl;
    stack_t ss = {.ss_sp = map_anon(65536, PROT_READ | PROT_WRITE), .ss_size = 65536};

    getrlimit(RLIMIT_STACK, &rl);
    say("limit %ld", (long)rl.rlim_cur);
    RUN("4 MiB of stack", deep(500); say("grew"));
    RUN("more than the limit", deep(1200); say("grew"));
    RUN("handled on the alternate stack", sigaltstack(&ss, NULL);
        struct sigaction sa = {.sa_handler = exit_handler, .sa_flags = SA_ONSTACK};
        sigaction(SIGSEGV, &sa, NULL); deep(1200));
    RUN("handled without one", sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
        struct sigaction sa = {.sa_handler = exit_handler}; sigaction(SIGSEGV, &sa, NULL);
        deep(1200));
    RUN("a lower limit", rl.rlim_cur = 1 << 20; setrlimit(RLIMIT_STACK, &rl); deep(200));
    RUN("far below the stack pointer", char *sp = __builtin_frame_address(0);
        touch("1 MiB below", sp - (1 << 20), 1); touch("2 MiB below", sp - (2 << 20), 0));
    char *g = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
    touch("in a grows-down map", g, 1);
}

/* System calls meet the same pages as loads and stores do. */
CASE(fault_syscalls)
{
    char *r = map_anon(PAGE, PROT_READ); /* first, or it would land in the hole below */
    char *a = map_anon(3 * PAGE, PROT_READ | PROT_WRITE);
    int p[2];

    pipe(p);
    munmap(a + 2 * PAGE, PAGE);
    val(write(p[1], a, 100));
    val(read(p[0], a + PAGE, 100));
    val(write(p[1], a + 2 * PAGE - 10, 20));
    val(write(p[1], a + 2 * PAGE, 20));
    val(write(p[1], "abcdefghijklmnopqrst", 20));
    val(read(p[0], a + 2 * PAGE - 10, 10));
    mprotect(a, PAGE, PROT_READ);
    val(read(p[0], a, 5));
    mprotect(a, PAGE, PROT_NONE);
    val(write(p[1], a, 5));
    mprotect(a, PAGE, PROT_WRITE);
    val(read(p[0], a, 5));
    val(write(p[1], r, 5));
    val(read(p[0], r, 5));
    int fd = open("f", O_CREAT | O_RDWR, 0644);
    val(write(fd, "0123456789", 10));
    val(pread(fd, a + 2 * PAGE - 4, 8, 0));
    val(pread(fd, a + 2 * PAGE, 8, 0));
    val(pwrite(fd, a + 2 * PAGE - 4, 8, 20));
    val(file_size("f"));
    val(pwrite(fd, a + 2 * PAGE, 8, 40));
    val(file_size("f"));
    /* a map of the file itself as the buffer */
    char *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    val(pwrite(fd, m, 10, 10));
    val(pread(fd, m + 30, 10, 0));
    val(pwrite(fd, m, 4096, 0));
    val(file_size("f"));
}

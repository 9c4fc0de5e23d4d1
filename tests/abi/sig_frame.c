/* The signal frame: its layout, what is restored from it, alternate stacks, FP registers. */
#include "abi.h"

#include <pthread.h>
#include <stddef.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

/* What the handler's first instruction sees; the stub below fills it. */
struct entry {
    unsigned long sp, x0, x1, x2, x29, x30;
} entry __attribute__((used));

void entry_stub(int sig, siginfo_t *si, void *uc);
void entry_body(int sig, siginfo_t *si, void *uc) __attribute__((used));

__asm__(".pushsection .text\n"
        ".global entry_stub\n"
        "entry_stub:\n"
        "    adrp x9, entry\n"
        "    add x9, x9, :lo12:entry\n"
        "    mov x10, sp\n"
        "    stp x10, x0, [x9]\n"
        "    stp x1, x2, [x9, #16]\n"
        "    stp x29, x30, [x9, #32]\n"
        "    b entry_body\n"
        ".popsection\n");

static struct {
    long uc;
    unsigned magic[4], size[4];
    int n;
    ucontext_t copy;
    unsigned words[2];
    unsigned long record[2];
} seen;

static void keep_context(ucontext_t *uc)
{
    char *at = (char *)uc->uc_mcontext.__reserved;

    seen.copy = *uc;
    for (seen.n = 0; seen.n < 4; seen.n++) {
        struct _aarch64_ctx *head = (struct _aarch64_ctx *)at;
        seen.magic[seen.n] = head->magic;
        seen.size[seen.n] = head->size;
        if (!head->magic)
            break;
        at += head->size;
    }
}

void entry_body(int sig, siginfo_t *si, void *uc)
{
    (void)sig;
    (void)si;
    keep_context(uc);
    seen.uc = (char *)uc - (char *)entry.sp;
    memcpy(seen.words, (void *)entry.x30, 8);
    memcpy(seen.record, (void *)entry.x29, 16);
}

static void show_records(const char *what)
{
    for (int i = 0; i <= seen.n && i < 4; i++)
        say("%s: record %d magic %#x size %u", what, i, seen.magic[i], seen.size[i]);
}

/* Signals itself with known registers; returns how many came back changed. */
static long __attribute__((noinline)) known_registers(void)
{
    static unsigned long sp, pc;
    long tid = gettid(), changed;

    __asm__ volatile("mov x0, %[tid]\n"
                     "mov x1, #10\n"
                     "mov x8, #130\n"
                     "mov x9, #109\nmov x10, #110\nmov x11, #111\nmov x12, #112\n"
                     "mov x13, #113\nmov x14, #114\nmov x15, #115\nmov x16, #116\n"
                     "mov x17, #117\nmov x18, #118\nmov x19, #119\nmov x20, #120\n"
                     "mov x21, #121\nmov x22, #122\nmov x23, #123\nmov x24, #124\n"
                     "mov x25, #125\nmov x26, #126\nmov x27, #127\nmov x28, #128\n"
                     "adrp x2, %[sp]\nadd x2, x2, :lo12:%[sp]\n"
                     "mov x3, sp\nstr x3, [x2]\n"
                     "adrp x2, %[pc]\nadd x2, x2, :lo12:%[pc]\n"
                     "adr x3, 1f\nstr x3, [x2]\n"
                     "cmp x9, x9\n"
                     "svc #0\n"
                     "1: cset x3, ne\n"
                     "add x3, x3, x0\n"
                     "sub x4, x9, #109\nadd x3, x3, x4\nsub x4, x17, #117\nadd x3, x3, x4\n"
                     "sub x4, x18, #118\nadd x3, x3, x4\nsub x4, x19, #119\nadd x3, x3, x4\n"
                     "sub x4, x28, #128\nadd x3, x3, x4\nsub x4, x1, #10\nadd x3, x3, x4\n"
                     "sub x4, x8, #130\nadd x3, x3, x4\n"
                     "mov %[out], x3\n"
                     : [out] "=r"(changed)
                     : [tid] "r"(tid), [sp] "S"(&sp), [pc] "S"(&pc)
                     : "x0", "x1", "x2", "x3", "x4", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                       "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25",
                       "x26", "x27", "x28", "cc", "memory");
    say("sp %+ld, pc %+ld", (long)(seen.copy.uc_mcontext.sp - sp),
        (long)(seen.copy.uc_mcontext.pc - pc));
    return changed;
}

CASE(frame_layout)
{
    struct sigaction sa = {.sa_sigaction = entry_stub, .sa_flags = SA_SIGINFO};
    mcontext_t *m = &seen.copy.uc_mcontext;

    sigaddset(&sa.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &sa, NULL);
    say("registers changed by a signal: %ld", known_registers());
    say("siginfo at sp%+ld, ucontext at sp%+ld", (long)(entry.x1 - entry.sp), seen.uc);
    say("x0 %ld, x2 is the ucontext: %d", (long)entry.x0, entry.x2 == entry.sp + seen.uc);
    say("sp modulo 16: %ld", (long)(entry.sp & 15));
    say("frame record at sp%+ld", (long)(entry.x29 - entry.sp));
    say("it holds the interrupted fp and lr: %d %d", seen.record[0] == m->regs[29],
        seen.record[1] == m->regs[30]);
    say("sizeof siginfo %zu, mcontext at %zu, reserved at %zu, all %zu", sizeof(siginfo_t),
        offsetof(ucontext_t, uc_mcontext), offsetof(ucontext_t, uc_mcontext.__reserved),
        sizeof(ucontext_t));
    say("the trampoline: %#x %#x", seen.words[0], seen.words[1]);
    for (int i = 0; i < 29; i++)
        if (i != 0 && (i < 2 || i > 4) && (i < 5 || i > 7) && i != 8)
            say("x%d %llu", i, m->regs[i]);
    say("x0 %lld, x8 %llu", m->regs[0], m->regs[8]);
    say("pstate %#llx", m->pstate & ~0x1000ULL /* SSBS: the CPU's */);
    say("fault address %#llx", m->fault_address);
    say("flags %#lx, link %p", seen.copy.uc_flags, (void *)seen.copy.uc_link);
    say("mask %#lx, altstack flags %d size %zu", *(unsigned long *)&seen.copy.uc_sigmask,
        seen.copy.uc_stack.ss_flags, seen.copy.uc_stack.ss_size);
    show_records("kill");
}

static void fault_body(int sig, siginfo_t *si, void *ctx)
{
    (void)sig;
    (void)si;
    keep_context(ctx);
    ((ucontext_t *)ctx)->uc_mcontext.pc += 4;
}

CASE(frame_fault)
{
    char *none = map_anon(PAGE, PROT_NONE);
    long x = 5;

    on_signal(SIGSEGV, fault_body, 0);
    on_signal(SIGILL, fault_body, 0);
    __asm__ volatile("mov x9, #7\nldr x9, [%1]\nmov %0, x9" : "=r"(x) : "r"(none) : "x9", "memory");
    say("skipped load leaves the register: %ld", x);
    say("fault address %+lld", seen.copy.uc_mcontext.fault_address - (unsigned long)none);
    show_records("read fault");
    unsigned *esr = (unsigned *)((char *)seen.copy.uc_mcontext.__reserved + seen.size[0]);
    say("esr of a read %#x", esr[2] & ~3); /* not the level of the table */
    __asm__ volatile("str xzr, [%0]" ::"r"(none) : "memory");
    say("esr of a write %#x", esr[2] & ~3);
    __asm__ volatile(".inst 0");
    show_records("undefined");
}

static void edit_regs(int sig, siginfo_t *si, void *ctx)
{
    mcontext_t *m = &((ucontext_t *)ctx)->uc_mcontext;
    struct fpsimd_context *fp = (struct fpsimd_context *)m->__reserved;

    (void)sig;
    (void)si;
    m->regs[19] = 4242;
    m->pstate |= 0xf0000000; /* NZCV */
    fp->vregs[8] = 77;
    fp->fpcr = 0x00c00000; /* round to zero */
    sigaddset(&((ucontext_t *)ctx)->uc_sigmask, SIGUSR2);
}

CASE(frame_edit)
{
    unsigned long reg, v, flags, fpcr;
    sigset_t set;
    long tid = gettid();

    on_signal(SIGUSR1, edit_regs, 0);
    __asm__ volatile("mov x0, %[tid]\nmov x1, #10\nmov x8, #130\nmov x19, #1\nfmov d8, xzr\n"
                     "cmp x8, #131\nsvc #0\n"
                     "mov %[reg], x19\nfmov %[v], d8\nmrs %[flags], nzcv\nmrs %[fpcr], fpcr\n"
                     "msr fpcr, xzr\n"
                     : [reg] "=&r"(reg), [v] "=&r"(v), [flags] "=&r"(flags), [fpcr] "=&r"(fpcr)
                     : [tid] "r"(tid)
                     : "x0", "x1", "x8", "x19", "v8", "cc", "memory");
    say("x19 %ld, d8 %ld, nzcv %#lx, fpcr %#lx", reg, v, flags, fpcr);
    sigprocmask(SIG_BLOCK, NULL, &set);
    say("USR2 blocked by the handler's edit: %d", sigismember(&set, SIGUSR2));
}

static int damage;

static void spoil(int sig, siginfo_t *si, void *ctx)
{
    ucontext_t *uc = ctx;
    mcontext_t *m = &uc->uc_mcontext;
    struct _aarch64_ctx *head = (struct _aarch64_ctx *)m->__reserved;

    (void)sig;
    (void)si;
    switch (damage) {
    case 0: head->magic = 0x12345678; break;
    case 1: head->size = 16; break;
    case 2: head->size = 1 << 20; break;
    case 3: m->pstate = 5; break;     /* EL1h */
    case 4: m->pstate |= 0x10; break; /* AArch32 */
    case 5: m->pc = 0xffff000000001000; break;
    case 6: head->magic = 0; break;
    case 7: m->pstate |= 0x3c0; break; /* interrupts masked */
    case 8: memset(&uc->uc_sigmask, 0xff, sizeof(uc->uc_sigmask)); break;
    }
}

CASE(frame_damage)
{
    static const char *const names[] = {
        "unknown record", "short FP record",   "long FP record",
        "EL1 in pstate",  "AArch32 in pstate", "kernel pc",
        "no FP record",   "masks in pstate",   "every signal blocked"};

    for (damage = 0; damage < 9; damage++)
        RUN(names[damage], on_signal(SIGUSR1, spoil, 0); syscall(SYS_tkill, gettid(), SIGUSR1));
    RUN("rt_sigreturn without a frame", syscall(SYS_rt_sigreturn); say("returned"));
    RUN("no room for a frame", on_signal(SIGUSR1, spoil, 0);
        char *top = (char *)map_anon(8 * PAGE, PROT_READ) + 7 * PAGE; long tid = gettid();
        __asm__ volatile("mov x19, sp\nmov x0, %1\nmov x1, #10\nmov x8, #130\n"
                         "mov sp, %0\nsvc #0\nmov sp, x19" ::"r"(top),
                         "r"(tid)
                         : "x0", "x1", "x8", "x19", "memory"));
}

static char *alt_low, *alt_high;
static volatile int on_alt, flags_inside, inner_error;
static int probe_change;

static void where(int sig, siginfo_t *si, void *ctx)
{
    char here;
    stack_t ss, other = {.ss_sp = alt_low, .ss_size = 8192};

    (void)sig;
    (void)si;
    (void)ctx;
    on_alt = &here >= alt_low && &here < alt_high;
    sigaltstack(NULL, &ss);
    flags_inside = ss.ss_flags;
    inner_error = sigaltstack(&other, NULL) < 0 ? errno : 0;
    if (probe_change) {
        probe_change = 0;
        kill(getpid(), SIGUSR2);
    }
}

CASE(sig_altstack)
{
    stack_t ss, old;

    alt_low = map_anon(65536, PROT_READ | PROT_WRITE);
    alt_high = alt_low + 65536;
    val(sigaltstack(NULL, &old));
    val(old.ss_flags);
    val(old.ss_size);
    ss = (stack_t){.ss_sp = alt_low, .ss_size = 65536};
    val(sigaltstack(&ss, &old));
    val(sigaltstack(NULL, &old));
    yes(old.ss_sp == alt_low && old.ss_size == 65536 && old.ss_flags == 0);
    ss.ss_size = 100;
    val(sigaltstack(&ss, NULL));
    ss.ss_size = 5119;
    val(sigaltstack(&ss, NULL));
    ss.ss_size = 5120;
    val(sigaltstack(&ss, NULL));
    ss.ss_flags = 7;
    val(sigaltstack(&ss, NULL));
    ss.ss_flags = SS_ONSTACK;
    val(sigaltstack(&ss, NULL));
    val(sigaltstack((void *)8, NULL));
    val(sigaltstack(NULL, (void *)8));
    ss = (stack_t){.ss_sp = alt_low, .ss_size = 65536};
    sigaltstack(&ss, NULL);
    on_signal(SIGUSR1, where, 0);
    on_signal(SIGUSR2, where, SA_ONSTACK);
    kill(getpid(), SIGUSR1);
    say("without SA_ONSTACK: on it %d, flags %d, change %s", on_alt, flags_inside,
        error_name(inner_error));
    sigaltstack(&ss, NULL);
    kill(getpid(), SIGUSR2);
    say("with it: on it %d, flags %d, change %s", on_alt, flags_inside, error_name(inner_error));
    on_signal(SIGUSR1, where, SA_ONSTACK);
    probe_change = 1;
    kill(getpid(), SIGUSR1);
    say("nested: on it %d, flags %d", on_alt, flags_inside);
    sigaltstack(NULL, &old);
    say("after: flags %d, size %zu", old.ss_flags, old.ss_size);
    ss.ss_flags = SS_AUTODISARM;
    val(sigaltstack(&ss, NULL));
    sigaltstack(NULL, &old);
    hex(old.ss_flags);
    kill(getpid(), SIGUSR2);
    say("autodisarm: on it %d, flags %d, change %s", on_alt, flags_inside, error_name(inner_error));
    sigaltstack(NULL, &old);
    hex(old.ss_flags);
    val(old.ss_size);
    ss.ss_flags = SS_DISABLE;
    val(sigaltstack(&ss, NULL));
    kill(getpid(), SIGUSR2);
    say("disabled: on it %d, flags %d", on_alt, flags_inside);
    ss.ss_flags = 0;
    sigaltstack(&ss, NULL);
    RUN("a child keeps it", sigaltstack(NULL, &old); val(old.ss_flags); val(old.ss_size));
    RUN("unusable altstack", munmap(alt_low, 65536); kill(getpid(), SIGUSR2); say("alive"));
}

/* Fills v0 to v31 with n and its index; counts those that differ after `spins` rounds. */
static long fp_hold(unsigned long n, long spins, int yield)
{
    unsigned long in[64], out[64];
    long bad = 0;

    for (int i = 0; i < 64; i++)
        in[i] = n * 1000 + i;
    do {
        __asm__ volatile("mov x9, %1\n"
                         "ld1 {v0.2d-v3.2d}, [x9], #64\nld1 {v4.2d-v7.2d}, [x9], #64\n"
                         "ld1 {v8.2d-v11.2d}, [x9], #64\nld1 {v12.2d-v15.2d}, [x9], #64\n"
                         "ld1 {v16.2d-v19.2d}, [x9], #64\nld1 {v20.2d-v23.2d}, [x9], #64\n"
                         "ld1 {v24.2d-v27.2d}, [x9], #64\nld1 {v28.2d-v31.2d}, [x9], #64\n"
                         "msr fpcr, %4\n"
                         "mov x10, #2000\n"
                         "cbz %3, 1f\n"
                         "mov x8, #124\nsvc #0\n"
                         "1: subs x10, x10, #1\nb.ne 1b\n"
                         "mov x9, %2\n"
                         "st1 {v0.2d-v3.2d}, [x9], #64\nst1 {v4.2d-v7.2d}, [x9], #64\n"
                         "st1 {v8.2d-v11.2d}, [x9], #64\nst1 {v12.2d-v15.2d}, [x9], #64\n"
                         "st1 {v16.2d-v19.2d}, [x9], #64\nst1 {v20.2d-v23.2d}, [x9], #64\n"
                         "st1 {v24.2d-v27.2d}, [x9], #64\nst1 {v28.2d-v31.2d}, [x9], #64\n"
                         "mrs x9, fpcr\ncmp x9, %4\ncset x9, ne\nadd %0, %0, x9\nmsr fpcr, xzr\n"
                         : "+&r"(bad)
                         : "r"(in), "r"(out), "r"((long)yield), "r"((n & 3) << 22)
                         : "x0", "x8", "x9", "x10", "cc", "memory", "v0", "v1", "v2", "v3", "v4",
                           "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
                           "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25",
                           "v26", "v27", "v28", "v29", "v30", "v31");
        bad += memcmp(in, out, sizeof(in)) != 0;
    } while (--spins > 0);
    return bad;
}

static void fp_clobber(int sig, siginfo_t *si, void *ctx)
{
    (void)sig;
    (void)si;
    (void)ctx;
    fp_hold(99, 1, 0);
}

static volatile long alarms;

static void fp_alarm(int sig, siginfo_t *si, void *ctx)
{
    fp_clobber(sig, si, ctx);
    alarms++;
}

static void *fp_thread(void *arg)
{
    return (void *)fp_hold((long)arg, 300, 1);
}

CASE(frame_fp)
{
    struct itimerval it = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
    cpu_set_t one;
    pthread_t t[4];
    long bad = 0;

    on_signal(SIGALRM, fp_alarm, 0);
    setitimer(ITIMER_REAL, &it, NULL);
    while (alarms < 20)
        bad += fp_hold(1, 100, 0);
    setitimer(ITIMER_REAL, &off, NULL);
    say("changed by signals: %ld", bad);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof(one), &one);
    for (long i = 0; i < 4; i++)
        if (fork() == 0)
            _exit(fp_hold(i + 1, 300, 1) != 0);
    bad = fp_hold(9, 300, 1);
    for (int i = 0, status; i < 4; i++)
        bad += wait(&status) < 0 || status;
    say("changed by other processes: %ld", bad);
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, fp_thread, (void *)(i + 1));
    bad = fp_hold(9, 300, 1);
    for (int i = 0; i < 4; i++) {
        void *r;
        pthread_join(t[i], &r);
        bad += (long)r;
    }
    say("changed by other threads: %ld", bad);
    /* a child begins with its parent's registers, a new program with none */
    register double d8 __asm__("d8") = 1.5;
    __asm__ volatile("" : "+w"(d8));
    pid_t pid = fork();
    __asm__ volatile("" : "+w"(d8));
    if (pid == 0)
        _exit(d8 == 1.5 ? 7 : 8);
    report_status("child's d8", wait_child(pid));
}

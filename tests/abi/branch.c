/*
 * Branch targets and pointer authentication. Recorded on two CPUs (cpus.txt): one that has neither,
 * where the instructions are hints that do nothing, and one that has both.
 */
#include "abi.h"

#include <elf.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <ucontext.h>

#define PROT_BTI                0x10
#define PR_PAC_RESET_KEYS       54
#define PR_PAC_SET_ENABLED_KEYS 60
#define PR_PAC_GET_ENABLED_KEYS 61
#define KEY_IA                  1
#define KEY_IB                  2
#define KEY_DA                  4
#define KEY_DB                  8
#define KEY_GA                  16
#define BTYPE(pstate)           ((pstate) >> 10 & 3)

/* Instructions. */
#define RET     0xd65f03c0u
#define NOP     0xd503201fu
#define BTI_C   0xd503245fu
#define BTI_J   0xd503249fu
#define BTI_JC  0xd50324dfu
#define PACIASP 0xd503233fu
#define AUTIASP 0xd50323bfu
#define BR_X9   0xd61f0120u
#define SVC     0xd4000001u

CASE(branch_hwcap)
{
    static char info[65536];
    int fd = open("/proc/cpuinfo", O_RDONLY);

    yes(getauxval(AT_HWCAP) & HWCAP_PACA);
    yes(getauxval(AT_HWCAP) & HWCAP_PACG);
    yes(getauxval(AT_HWCAP2) & HWCAP2_BTI);
    read(fd, info, sizeof(info) - 1);
    yes(strstr(info, " paca"));
    yes(strstr(info, " pacg"));
    yes(strstr(info, " bti"));
}

CASE(branch_prot)
{
    char *p = map_anon(4 * PAGE, PROT_READ | PROT_WRITE);

    ok(mprotect(p, PAGE, PROT_READ | PROT_BTI));
    ok(mprotect(p, PAGE, PROT_BTI));
    ok(mprotect(p, PAGE, PROT_READ | PROT_EXEC | PROT_BTI));
    ok(mprotect(p, 0, PROT_BTI));
    ok(mprotect(p + 1, PAGE, PROT_BTI));
    ok(mprotect(p, PAGE, PROT_READ | 0x40));
    ok(mprotect(p, 0, 0x40));
    ok(mprotect(p, -2 * PAGE, 0x40));
    ok(mprotect(p, -PAGE - (long)p, 0x40));
    ok(mmap(NULL, PAGE, PROT_READ | PROT_BTI, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
           ? -1
           : 0);
    ok(mmap(NULL, PAGE, PROT_BTI, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    ok(mmap(NULL, PAGE, PROT_READ | 0x40, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
                                                                                            : 0);
    ok(mmap(NULL, 0, PROT_BTI, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    touch("PROT_BTI alone", mmap(NULL, PAGE, PROT_BTI, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 0);
}

static const unsigned landings[][4] = {
    {NOP, RET}, {BTI_C, RET}, {BTI_J, RET}, {BTI_JC, RET}, {PACIASP, AUTIASP, RET},
};
static const char *const landing_names[] = {"nop", "bti c", "bti j", "bti jc", "paciasp"};
static unsigned *code;

/* Two pages: what `guarded` says, the landings at 16 bytes each, then BTI C, BR X9 at 256. */
static void make_code(int guarded)
{
    code = map_anon(2 * PAGE, PROT_READ | PROT_WRITE);
    memcpy(code, landings, sizeof(landings));
    code[64] = BTI_C;
    code[65] = BR_X9;
    __builtin___clear_cache((char *)code, (char *)code + 2 * PAGE);
    if (mprotect(code, PAGE, PROT_READ | PROT_EXEC | (guarded ? PROT_BTI : 0)))
        mprotect(code, PAGE, PROT_READ | PROT_EXEC);
}

static void *target;

/* Says what came and goes on behind the landing, as if it had been allowed. */
static void on_fault(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;

    say("  %s code %d, at the target %d, pc there %d, btype %d, fault address %d", signal_name(sig),
        si->si_code, si->si_addr == target, uc->uc_mcontext.pc == (unsigned long)target,
        (int)BTYPE(uc->uc_mcontext.pstate), uc->uc_mcontext.fault_address != 0);
    uc->uc_mcontext.pstate &= ~(3UL << 10);
}

static void call_blr(void *to)
{
    register void *x9 asm("x9") = to;
    asm volatile("blr x9" ::"r"(x9) : "x30", "memory");
}

static void call_br(void *to)
{
    register void *x9 asm("x9") = to;
    asm volatile("adr x30, 1f\n\tbr x9\n1:" ::"r"(x9) : "x30", "memory");
}

static void call_br_x16(void *to)
{
    register void *x16 asm("x16") = to;
    asm volatile("adr x30, 1f\n\tbr x16\n1:" ::"r"(x16) : "x30", "memory");
}

/* BR X9 in the guarded page itself. */
static void call_br_guarded(void *to)
{
    register void *x9 asm("x9") = to;
    register void *x10 asm("x10") = code + 64;
    asm volatile("blr x10" ::"r"(x9), "r"(x10) : "x30", "memory");
}

static void land_everywhere(const char *how, void (*call)(void *))
{
    for (size_t i = 0; i < COUNT(landings); i++) {
        target = code + 4 * i;
        say("%s to %s", how, landing_names[i]);
        call(target);
    }
}

CASE(branch_land)
{
    on_signal(SIGILL, on_fault, SA_SIGINFO);
    make_code(1);
    land_everywhere("blr", call_blr);
    land_everywhere("br", call_br);
    land_everywhere("br x16", call_br_x16);
    land_everywhere("guarded br", call_br_guarded);
    say("mprotect without PROT_BTI");
    ok(mprotect(code, PAGE, PROT_READ | PROT_EXEC));
    land_everywhere("blr", call_blr);
}

/* Handlers are called: a guarded one needs a pad for that. */
CASE(branch_handler)
{
    make_code(1);
    for (size_t i = 0; i < COUNT(landings); i++)
        RUN(landing_names[i], signal(SIGUSR1, (void (*)(int))(code + 4 * i)); raise(SIGUSR1));
    make_code(0);
    RUN("not guarded", signal(SIGUSR1, (void (*)(int))code); raise(SIGUSR1));
}

static long jump_to_call(void *svc)
{
    register void *x9 asm("x9") = svc;
    register long x8 asm("x8") = SYS_getppid;
    register long x0 asm("x0");

    asm volatile("blr x9" : "=r"(x0) : "r"(x9), "r"(x8) : "x30", "memory");
    return x0;
}

/* A system call that is jumped to: what stands behind it is no target. */
CASE(branch_syscall)
{
    unsigned *p = map_anon(2 * PAGE, PROT_READ | PROT_WRITE);

    on_signal(SIGILL, on_fault, SA_SIGINFO);
    p[PAGE / 4 - 1] = SVC;
    p[PAGE / 4] = RET;
    __builtin___clear_cache((char *)p, (char *)p + 2 * PAGE);
    ok(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
    if (mprotect(p + PAGE / 4, PAGE, PROT_READ | PROT_EXEC | PROT_BTI))
        mprotect(p + PAGE / 4, PAGE, PROT_READ | PROT_EXEC);
    yes(jump_to_call(p + PAGE / 4 - 1) == getppid());
}

/* ---- Pointer authentication ---- */

struct signatures {
    unsigned long of[8];
};

/* PACIA1716, PACIB1716: hints, so that a CPU without them leaves the pointers alone. */
static struct signatures sign(int key)
{
    struct signatures s;

    for (unsigned long i = 0; i < COUNT(s.of); i++) {
        register unsigned long x17 asm("x17") = 0x10000 * (i + 1);
        register unsigned long x16 asm("x16") = 77 * i;
        if (key == KEY_IA)
            asm volatile("hint #8" : "+r"(x17) : "r"(x16));
        else if (key == KEY_IB)
            asm volatile("hint #10" : "+r"(x17) : "r"(x16));
        else if (key == KEY_DA)
            asm volatile(".inst 0xdac10a11" : "+r"(x17) : "r"(x16)); /* PACDA X17, X16 */
        else if (key == KEY_DB)
            asm volatile(".inst 0xdac10e11" : "+r"(x17) : "r"(x16)); /* PACDB X17, X16 */
        else
            asm volatile(".inst 0x9ad03231" : "+r"(x17) : "r"(x16)); /* PACGA X17, X17, X16 */
        s.of[i] = x17;
    }
    return s;
}

static int keys_there(void)
{
    return getauxval(AT_HWCAP) & HWCAP_PACA ? KEY_IA | KEY_IB | KEY_DA | KEY_DB | KEY_GA
                                            : KEY_IA | KEY_IB;
}

static struct signatures before[5];

static void remember(void)
{
    for (int k = 0; k < 5; k++)
        if (keys_there() >> k & 1)
            before[k] = sign(1 << k);
}

/* Which keys sign as they did. */
static int unchanged(void)
{
    int mask = 0;

    for (int k = 0; k < 5; k++) {
        struct signatures now;

        if (!(keys_there() >> k & 1))
            continue;
        now = sign(1 << k);
        if (memcmp(&now, &before[k], sizeof(now)) == 0)
            mask |= 1 << k;
    }
    return mask;
}

static int signs(int key)
{
    struct signatures s = sign(key);

    return s.of[0] >> 48 || s.of[1] >> 48 || s.of[2] >> 48;
}

static void *in_thread(void *unused)
{
    (void)unused;
    hex(unchanged());
    ok(prctl(PR_PAC_RESET_KEYS, KEY_IA, 0, 0, 0));
    hex(unchanged());
    return NULL;
}

CASE(branch_keys)
{
    pthread_t thread;

    remember();
    yes(signs(KEY_IA));
    yes(signs(KEY_IB));
    hex(unchanged());
    for (int i = 0; i < 20; i++)
        sched_yield();
    hex(unchanged());
    say("fork");
    RUN("child", hex(unchanged()));
    RUN("child with keys of its own", ok(prctl(PR_PAC_RESET_KEYS, 0, 0, 0, 0)); hex(unchanged()));
    hex(unchanged());
    say("thread");
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    hex(unchanged());
}

static const char *signature_text(const struct signatures *s)
{
    static char text[COUNT(s->of) * 20];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(s->of); i++)
        n += sprintf(text + n, "%lx.", s->of[i]);
    return text;
}

/* In the program that branch_exec has executed: does it sign as its caller did? */
void branch_helper(const char *signature)
{
    struct signatures s = sign(KEY_IA);

    say("  the same: %s", strcmp(signature, signature_text(&s)) == 0 ? "yes" : "no");
    hex(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0));
}

CASE(branch_exec)
{
    struct signatures s = sign(KEY_IA);

    ok(prctl(PR_PAC_SET_ENABLED_KEYS, KEY_DA, 0, 0, 0));
    RUN("exec", execl(self_path, self_path, "@keys", signature_text(&s), NULL));
}

CASE(branch_reset)
{
    remember();
    ok(prctl(PR_PAC_RESET_KEYS, KEY_IB, 0, 0, 0));
    hex(unchanged());
    ok(prctl(PR_PAC_RESET_KEYS, KEY_IA | KEY_GA, 0, 0, 0));
    hex(unchanged());
    remember();
    ok(prctl(PR_PAC_RESET_KEYS, KEY_DA | KEY_DB, 0, 0, 0));
    hex(unchanged());
    ok(prctl(PR_PAC_RESET_KEYS, 0, 0, 0, 0));
    hex(unchanged());
    ok(prctl(PR_PAC_RESET_KEYS, 32, 0, 0, 0));
    ok(prctl(PR_PAC_RESET_KEYS, KEY_IA, 1, 0, 0));
    ok(prctl(PR_PAC_RESET_KEYS, KEY_IA, 0, 1, 0));
    ok(prctl(PR_PAC_RESET_KEYS, KEY_IA, 0, 0, 1));
    ok(prctl(PR_PAC_RESET_KEYS, 1UL << 40, 0, 0, 0));
}

CASE(branch_enabled)
{
    hex(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0));
    ok(prctl(PR_PAC_GET_ENABLED_KEYS, 1, 0, 0, 0));
    ok(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 1, 0, 0));
    ok(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 1));
    ok(prctl(PR_PAC_SET_ENABLED_KEYS, KEY_GA, 0, 0, 0));
    ok(prctl(PR_PAC_SET_ENABLED_KEYS, KEY_IA, KEY_IB, 0, 0));
    ok(prctl(PR_PAC_SET_ENABLED_KEYS, KEY_IA, 0, 1, 0));
    ok(prctl(PR_PAC_SET_ENABLED_KEYS, KEY_IA, 0, 0, 1));
    ok(prctl(PR_PAC_SET_ENABLED_KEYS, 0, 0, 0, 0));
    ok(prctl(PR_PAC_SET_ENABLED_KEYS, 32, 0, 0, 0));
    ok(prctl(PR_PAC_SET_ENABLED_KEYS, KEY_IB, 0, 0, 0));
    hex(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0));
    yes(signs(KEY_IA));
    yes(signs(KEY_IB));
    ok(prctl(PR_PAC_SET_ENABLED_KEYS, KEY_IA | KEY_DB, 0, 0, 0));
    hex(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0));
    yes(signs(KEY_IA));
    sched_yield();
    yes(signs(KEY_IA));
    RUN("child", hex(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0)); yes(signs(KEY_IA)));
    ok(prctl(PR_PAC_SET_ENABLED_KEYS, KEY_IA | KEY_IB, KEY_IA, 0, 0));
    hex(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0));
    yes(signs(KEY_IA));
    yes(signs(KEY_IB));
}

/* A return address that somebody has changed. */
static void on_bad_return(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;

    say("%s code %d, address differs by %#lx, pc by %#llx", signal_name(sig), si->si_code,
        (unsigned long)si->si_addr ^ (unsigned long)target,
        uc->uc_mcontext.pc ^ (unsigned long)target);
    uc->uc_mcontext.pc = (unsigned long)target;
}

static __attribute__((noinline)) void return_forged(void)
{
    asm volatile("adr x9, 1f\n\t"
                 "str x9, [%0]\n\t"
                 "mov x30, x9\n\t"
                 "hint #25\n\t" /* PACIASP */
                 "mov x30, x9\n\t"
                 "hint #29\n\t" /* AUTIASP */
                 "ret\n"
                 "1:" ::"r"(&target)
                 : "x9", "x30", "memory");
}

CASE(branch_forged)
{
    on_signal(SIGSEGV, on_bad_return, SA_SIGINFO);
    on_signal(SIGILL, on_bad_return, SA_SIGINFO);
    on_signal(SIGBUS, on_bad_return, SA_SIGINFO);
    return_forged();
    say("went on");
}

/* ---- Programs that say in a note that they land on pads ---- */

struct program {
    Elf64_Ehdr header;
    Elf64_Phdr load, property;
    unsigned note[12];
    unsigned code[8];
};

/* Calls what has no pad: exits with 7 where that is allowed. */
static struct program program_of(unsigned features)
{
    struct program p = {
        .header =
            {
                .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                .e_type = ET_EXEC,
                .e_machine = EM_AARCH64,
                .e_version = EV_CURRENT,
                .e_entry = 0x400000 + offsetof(struct program, code),
                .e_phoff = offsetof(struct program, load),
                .e_ehsize = sizeof(Elf64_Ehdr),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_phnum = 2,
            },
        .load = {.p_type = PT_LOAD,
                 .p_flags = PF_R | PF_X,
                 .p_vaddr = 0x400000,
                 .p_filesz = sizeof(p),
                 .p_memsz = sizeof(p),
                 .p_align = 0x1000},
        .property = {.p_type = PT_GNU_PROPERTY,
                     .p_flags = PF_R,
                     .p_offset = offsetof(struct program, note),
                     .p_vaddr = 0x400000 + offsetof(struct program, note),
                     .p_filesz = 32,
                     .p_memsz = 32,
                     .p_align = 8},
        .note = {4, 16, NT_GNU_PROPERTY_TYPE_0, 0x554e47, GNU_PROPERTY_AARCH64_FEATURE_1_AND, 4,
                 features, 0},
        .code = {0x10000069,    /* ADR X9, . + 12 */
                 0xd63f0120,    /* BLR X9 */
                 0, 0xd28000e0, /* MOV X0, #7 */
                 0xd2800ba8,    /* MOV X8, #93 */
                 SVC},
    };
    return p;
}

static void run_program(const char *label, struct program *p)
{
    int fd = open("program", O_CREAT | O_TRUNC | O_WRONLY, 0755);

    write(fd, p, sizeof(*p));
    close(fd);
    RUN(label, execl("program", "program", NULL); say("%s", error_name(errno)));
}

CASE(branch_note)
{
    struct program p = program_of(0);

    run_program("no feature", &p);
    p = program_of(1);
    run_program("bti", &p);
    p = program_of(2);
    run_program("pac alone", &p);
    p = program_of(3);
    run_program("both", &p);
    p = program_of(0xfffffff1);
    run_program("unknown features", &p);
    p = program_of(1);
    p.header.e_phnum = 1;
    run_program("no segment", &p);
    p = program_of(1);
    p.note[3] = 0x554e48;
    run_program("another name", &p);
    p = program_of(1);
    p.note[0] = 5;
    run_program("longer name", &p);
    p = program_of(1);
    p.note[2] = 4;
    run_program("another type", &p);
    p = program_of(1);
    p.note[1] = 12;
    run_program("short content", &p);
    p = program_of(1);
    p.note[1] = 24;
    run_program("long content", &p);
    p = program_of(1);
    p.note[5] = 8;
    run_program("property of 8 bytes", &p);
    p = program_of(1);
    p.note[5] = 0;
    run_program("property of none", &p);
    p = program_of(1);
    p.note[5] = 64;
    run_program("property beyond the note", &p);
    p = program_of(1);
    p.property.p_filesz = 24;
    run_program("short segment", &p);
    p = program_of(1);
    p.property.p_filesz = 0;
    run_program("empty segment", &p);
    p = program_of(1);
    p.property.p_filesz = 2048;
    run_program("large segment", &p);
    p.property.p_filesz = 1024;
    run_program("largest segment, not in the file", &p);
    p.property.p_filesz = 1025;
    run_program("a byte more", &p);
    p = program_of(1);
    p.property.p_filesz = 48;
    run_program("note shorter than the segment", &p);
    p = program_of(1);
    p.property.p_align = 4;
    run_program("aligned to 4", &p);
    p = program_of(1);
    p.property.p_offset = 1 << 20;
    run_program("segment beyond the file", &p);
    p = program_of(1);
    p.note[4] = 0xc0000001;
    run_program("another property", &p);
    p = program_of(1);
    p.note[1] = 32, p.property.p_filesz = 48;
    p.note[8] = 0xc0000001, p.note[9] = 4;
    run_program("and a second property", &p);
    p = program_of(0);
    p.note[1] = 32, p.property.p_filesz = 48;
    p.note[4] = 0xb0000000;
    p.note[8] = GNU_PROPERTY_AARCH64_FEATURE_1_AND, p.note[9] = 4, p.note[10] = 1;
    run_program("behind another property", &p);
    p.note[4] = 0xc0000001;
    run_program("out of order", &p);
    p = program_of(1);
    p.note[1] = 32, p.property.p_filesz = 48;
    p.note[8] = GNU_PROPERTY_AARCH64_FEATURE_1_AND, p.note[9] = 4, p.note[10] = 1;
    run_program("twice", &p);
}

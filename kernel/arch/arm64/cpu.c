/*
 * What this CPU is and can do, and the small doors: counter, GICv3 registers, firmware, caches.
 */
#include "arch/cpu.h"
#include "arch/arm64/image.h"
#include "arch/arm64/layout.h"
#include "arch/boot.h"
#include "arch/counter.h"
#include "arch/firmware.h"
#include "arch/irqcpu.h"
#include "arch/pagetable.h"
#include "arch/thread.h"
#include "arch/trap.h"
#include "arch/uart.h"
#include "lib/errno.h"

_Static_assert(sizeof(struct context) == 104, "context.S");
_Static_assert(offsetof(struct thread_head, context) == 0, "context.S");
_Static_assert(offsetof(struct thread_head, canary) == HEAD_CANARY, "the compiler's flag");
_Static_assert(offsetof(struct thread_head, percpu) == HEAD_PERCPU, "usercopy.S");
_Static_assert(offsetof(struct thread_head, preempt_count) == HEAD_PREEMPT, "vectors.S");
_Static_assert(offsetof(struct thread_head, work) == HEAD_WORK, "vectors.S");
_Static_assert(offsetof(struct thread_head, stack_high) == HEAD_STACK_HIGH, "vectors.S");
_Static_assert(offsetof(struct thread_head, keys_off) == HEAD_KEYS_OFF, "vectors.S");
_Static_assert(offsetof(struct thread_head, keys) == HEAD_KEYS, "vectors.S");
_Static_assert(offsetof(struct boot_info, voffset) == BOOT_VOFFSET, "boot.S");
_Static_assert(offsetof(struct boot_info, empty_root) == BOOT_EMPTY_ROOT, "boot.S, usercopy.S");
_Static_assert(offsetof(struct trap_frame, sp) == FRAME_SP, "vectors.S");
_Static_assert(offsetof(struct trap_frame, pc) == FRAME_PC, "vectors.S");
_Static_assert(offsetof(struct trap_frame, orig_x0) == FRAME_ORIG_X0, "vectors.S");
_Static_assert(offsetof(struct trap_frame, syscall) == FRAME_SYSCALL, "vectors.S");
_Static_assert(offsetof(struct trap_frame, record) == FRAME_RECORD, "vectors.S");
_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "vectors.S");
_Static_assert(THREAD_STACK_SIZE == 1UL << STACK_SHIFT, "vectors.S");

struct cpu_features cpu_features;
u64 kernel_key[2] __section(".data.ro_after_init");

#define read_sysreg(name)                              \
    ({                                                 \
        u64 value_;                                    \
        asm volatile("mrs %0, " #name : "=r"(value_)); \
        value_;                                        \
    })
#define write_sysreg(name, value) asm volatile("msr " #name ", %0" ::"r"((u64)(value)))

/* One AT_HWCAP bit: set when a field of an ID register has at least a value. */
struct hwcap_rule {
    u8 reg, shift, least, bit;
};

enum { ISAR0, ISAR1, ISAR2, PFR0, PFR1, MMFR2, ISAR_COUNT };

/* Bit numbers are Linux's (asm/hwcap.h of the user interface); only stateless features. */
static const struct hwcap_rule hwcap_rules[] = {
    {ISAR0, 4, 1, 3},   /* aes */
    {ISAR0, 4, 2, 4},   /* pmull */
    {ISAR0, 8, 1, 5},   /* sha1 */
    {ISAR0, 12, 1, 6},  /* sha2 */
    {ISAR0, 16, 1, 7},  /* crc32 */
    {ISAR0, 20, 2, 8},  /* atomics */
    {ISAR0, 28, 1, 12}, /* asimdrdm */
    {ISAR1, 12, 1, 13}, /* jscvt */
    {ISAR1, 16, 1, 14}, /* fcma */
    {ISAR1, 20, 1, 15}, /* lrcpc */
    {ISAR1, 0, 1, 16},  /* dcpop */
    {ISAR0, 32, 1, 17}, /* sha3 */
    {ISAR0, 36, 1, 18}, /* sm3 */
    {ISAR0, 40, 1, 19}, /* sm4 */
    {ISAR0, 44, 1, 20}, /* asimddp */
    {ISAR0, 12, 2, 21}, /* sha512 */
    {ISAR0, 48, 1, 23}, /* asimdfhm */
    {MMFR2, 32, 1, 25}, /* uscat */
    {ISAR1, 20, 2, 26}, /* ilrcpc */
    {ISAR0, 52, 1, 27}, /* flagm */
    {ISAR1, 36, 1, 29}, /* sb */
    {ISAR1, 4, 1, 30},  /* paca: by Arm's algorithm, one of the maker's, or QARMA3 */
    {ISAR1, 8, 1, 30},  {ISAR2, 12, 1, 30}, {ISAR1, 24, 1, 31}, /* pacg */
    {ISAR1, 28, 1, 31}, {ISAR2, 8, 1, 31},
};

static const struct hwcap_rule hwcap2_rules[] = {
    {ISAR1, 0, 2, 0},   /* dcpodp */
    {ISAR0, 52, 2, 7},  /* flagm2 */
    {ISAR1, 32, 1, 8},  /* frint */
    {ISAR1, 52, 1, 13}, /* i8mm */
    {ISAR1, 44, 1, 14}, /* bf16 */
    {ISAR0, 60, 1, 16}, /* rng */
    {PFR1, 0, 1, 17},   /* bti */
};

static u64 field(u64 reg, int shift)
{
    return reg >> shift & 15;
}

static u64 hwcaps(const struct hwcap_rule *rules, size_t n, const u64 *regs)
{
    u64 caps = 0;

    for (size_t i = 0; i < n; i++)
        if (field(regs[rules[i].reg], rules[i].shift) >= rules[i].least)
            caps |= BIT(rules[i].bit);
    return caps;
}

void cpu_features_init(void)
{
    u64 regs[ISAR_COUNT] = {
        [ISAR0] = read_sysreg(id_aa64isar0_el1), [ISAR1] = read_sysreg(id_aa64isar1_el1),
        [ISAR2] = read_sysreg(S3_0_C0_C6_2),     [PFR0] = read_sysreg(id_aa64pfr0_el1),
        [PFR1] = read_sysreg(id_aa64pfr1_el1),   [MMFR2] = read_sysreg(S3_0_C0_C7_2),
    };
    u64 mmfr0 = read_sysreg(id_aa64mmfr0_el1), mmfr1 = read_sysreg(id_aa64mmfr1_el1);
    struct cpu_features *c = &cpu_features;

    c->hwcap = hwcaps(hwcap_rules, ARRAY_SIZE(hwcap_rules), regs);
    c->hwcap2 = hwcaps(hwcap2_rules, ARRAY_SIZE(hwcap2_rules), regs);
    for (int i = 0; i < 2; i++) /* fp and asimd: 15 none, 0 there, 1 with half precision */
        if (field(regs[PFR0], 16 + 4 * i) != 15)
            c->hwcap |= BIT(i) | (field(regs[PFR0], 16 + 4 * i) ? BIT(9 + i) : 0);
    c->asid_bits = field(mmfr0, 4) == 2 ? 16 : 8;
    c->pan = field(mmfr1, 20) != 0;
    c->rng = field(regs[ISAR0], 60) != 0;
    c->bti = field(regs[PFR1], 0) != 0;
    c->pauth = c->hwcap & BIT(30);
    c->mpidr = read_sysreg(mpidr_el1) & 0xff00ffffffUL;
    c->midr = read_sysreg(midr_el1);
    c->counter_hz = read_sysreg(cntfrq_el0);
    if (!c->counter_hz)
        c->counter_hz = 62500000; /* firmware did not say; QEMU's */
}

bool random_hw(u64 *out)
{
    u64 ok;

    if (!cpu_features.rng)
        return false;
    asm volatile("mrs %0, S3_3_C2_C4_0\n\tcset %1, ne" : "=r"(*out), "=r"(ok)::"cc"); /* RNDR */
    return ok;
}

void timer_set(u64 deadline)
{
    write_sysreg(cntv_cval_el0, deadline);
    write_sysreg(cntv_ctl_el0, deadline != UINT64_MAX);
    asm volatile("isb");
}

u32 icc_ack(void)
{
    u64 intid = read_sysreg(S3_0_C12_C12_0); /* ICC_IAR1_EL1 */

    asm volatile("dsb sy" ::: "memory");
    return intid & 0xffffff;
}

void icc_write(enum icc_register reg, u64 value)
{
    asm volatile("dsb ishst" ::: "memory");
    switch (reg) {
    case ICC_EOIR: write_sysreg(S3_0_C12_C12_1, value); break;
    case ICC_SGIR: write_sysreg(S3_0_C12_C11_5, value); break;
    case ICC_SRE: write_sysreg(S3_0_C12_C12_5, value); break;
    case ICC_PMR: write_sysreg(S3_0_C4_C6_0, value); break;
    case ICC_BPR: write_sysreg(S3_0_C12_C12_3, value); break;
    case ICC_CTLR: write_sysreg(S3_0_C12_C12_4, value); break;
    case ICC_IGRPEN: write_sysreg(S3_0_C12_C12_7, value); break;
    }
    asm volatile("isb");
}

void uart_write(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            uart_putc('\r');
        uart_putc(text[i]);
    }
}

_Static_assert(CONDUIT_HVC == 1 && CONDUIT_SMC == 2, "firmware.S");
_Static_assert(MONITOR_STORE == SMC_SECURE_STORE, "el3.S");

enum conduit psci_conduit;

/* Smallest line of the data and the instruction cache, bytes (CTR_EL0). */
static size_t cache_line(int shift)
{
    return 4UL << (read_sysreg(ctr_el0) >> shift & 15);
}

#define for_each_line(line, va, len, size) \
    for (u64 line = ALIGN_DOWN((u64)(va), size); line < (u64)(va) + (len); line += (size))

/* To the point of coherency. */
static void dcache_clean(const void *va, size_t len)
{
    size_t size = cache_line(16);

    for_each_line(p, va, len, size)
        asm volatile("dc cvac, %0" ::"r"(p) : "memory");
    asm volatile("dsb sy" ::: "memory");
}

#define PSCI_CPU_ON        0xc4000003
#define PSCI_NOT_SUPPORTED -1
#define PSCI_ALREADY_ON    -4

/*
 * The CPU reads its mail with its caches off; all of it lies in one line. At EL3 all CPUs enter
 * together, however slowly; else it must have come by now.
 */
static int pen_call(u64 mpidr, u64 *release, struct thread_head *idle)
{
    if (!release && boot_tickets == 1 && boot_info.entry_level < 3)
        return -ENODEV;
    pen_mail.idle = idle;
    smp_store_release(&pen_mail.mpidr, mpidr);
    dcache_clean(&pen_mail, sizeof pen_mail);
    if (release)
        *release = (u64)pen_entry - boot_info.voffset;
    asm volatile("dsb sy\n\tsev" ::: "memory");
    return 0;
}

int arch_cpu_start(u64 mpidr, u64 *release, struct thread_head *idle)
{
    long status;

    /* The new CPU reads these before its caches are on. */
    dcache_clean(&boot_info, sizeof boot_info);
    dcache_clean(&kernel_page_table_root, sizeof kernel_page_table_root);
    dcache_clean(&identity_root, sizeof identity_root);
    status = firmware_call(psci_conduit, PSCI_CPU_ON, mpidr,
                           (u64)secondary_entry - boot_info.voffset, (u64)idle);
    if (status == PSCI_NOT_SUPPORTED)
        return pen_call(mpidr, release, idle);
    return status == 0 ? 0 : status == PSCI_ALREADY_ON ? -EALREADY : -EIO;
}

void icache_sync(const void *va, size_t len)
{
    size_t size = cache_line(16);

    for_each_line(p, va, len, size)
        asm volatile("dc cvau, %0" ::"r"(p) : "memory");
    asm volatile("dsb ish" ::: "memory");
    size = cache_line(0);
    for_each_line(p, va, len, size)
        asm volatile("ic ivau, %0" ::"r"(p) : "memory");
    asm volatile("dsb ish\n\tisb" ::: "memory");
}

/* By DC ZVA, where it is allowed and takes 64 bytes (DCZID_EL0). */
void page_zero(void *page)
{
    char *at = page, *end = at + PT_PAGE_SIZE;

    if (read_sysreg(dczid_el0) == 4)
        while (at != end)
            asm volatile(".rept 8\n\tdc zva, %0\n\tadd %0, %0, #64\n\t.endr" : "+r"(at)::"memory");
    else
        for (; at != end; at += 16)
            __builtin_memset(at, 0, 16);
}

void page_copy(void *to, const void *from)
{
    const char *at = from, *end = at + PT_PAGE_SIZE;

    for (char *out = to; at != end; at += 128, out += 128)
        __builtin_memcpy(out, at, 128);
}

void thread_trampoline(void);

void context_init(struct context *context, char *stack_top, void (*entry)(void *), void *arg)
{
    context->saved[0] = (u64)entry;
    context->saved[1] = (u64)arg;
    context->frame = 0;
    context->link = (u64)thread_trampoline;
    context->stack = (u64)stack_top;
}

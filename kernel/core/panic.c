/*
 * The end of the kernel.
 *
 * What it is: one report, written by the assembly UART without any lock, and kept in
 * panic_epitaph for a debugger or a test runner: the reason, registers, the thread, the locks it
 * holds, a backtrace with names, then a backtrace of every other online CPU that answers IPI_STOP;
 * for one that does not, where its last interrupt found it. Then the machine stops, restarts or
 * ends, by the kernel's arguments.
 *
 * Invariants:
 * I1. One CPU reports: the first to swap itself into panic_cpu. Others stop in their own panic or
 *     by IPI_STOP, leaving their backtrace.
 * I2. A fault in the report itself does not report again: the same CPU coming back goes straight
 *     to the end.
 * I3. Nothing here waits for a lock or another CPU without a limit of time, or allocates.
 *
 * Kernel addresses are printed: who reads the console of a dead machine owns it.
 */
#include "core/panic.h"
#include "arch/counter.h"
#include "arch/firmware.h"
#include "arch/trap.h"
#include "arch/uart.h"
#include "core/held.h"
#include "core/ipi.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/param.h"
#include "core/percpu.h"
#include "lib/format.h"
#include "lib/string.h"

#define FRAMES_MAX        24
#define STOP_LIMIT_MS     500
#define PSCI_SYSTEM_RESET 0x84000009 /* DEN0022, 5.1.10 */

/* Where a stopped CPU was; written by it before `done`. */
struct stop_report {
    const struct thread_head *thread;
    size_t count;
    u64 pcs[FRAMES_MAX];
    bool done; /* [A] */
};

static DEFINE_PERCPU(struct stop_report, stop_report);
DECLARE_PERCPU(u64, irq_last_pc);

char panic_epitaph[EPITAPH_MAX];
static size_t epitaph_size;
static u32 panic_cpu; /* 1 + the CPU that reports; 0: none [A] */
static const char *(*thread_name)(const struct thread_head *head);

bool panicking(void)
{
    return __atomic_load_n(&panic_cpu, __ATOMIC_RELAXED) != 0;
}

void panic_set_thread_name(const char *(*name)(const struct thread_head *head))
{
    thread_name = name;
}

static void emit(struct format_out *out, const char *text, size_t size)
{
    (void)out;
    uart_write(text, size);
    size = MIN(size, EPITAPH_MAX - 1 - epitaph_size);
    memcpy(panic_epitaph + epitaph_size, text, size);
    epitaph_size += size;
}

static void print_v(const char *fmt, va_list args)
{
    struct format_out out = {emit};

    format_v(&out, fmt, args);
}

void panic_print(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_v(fmt, args);
    va_end(args);
}

static const char *name_of(const struct thread_head *head)
{
    const char *name = thread_name && head ? thread_name(head) : NULL;

    return name && *name ? name : "?";
}

/*
 * The table of tools/ksyms.py: u32 count; u32 offset[count] from _image_start, rising; u32
 * name[count], offsets into the strings that follow.
 */
const char *symbol_name(u64 pc, u64 *offset)
{
    const u32 *table = __ksyms_start;
    u32 count = __ksyms_end - __ksyms_start > 0 ? table[0] : 0;
    const u32 *offsets = table + 1, *names = offsets + count;
    const char *strings = (const char *)(names + count);
    u64 at = pc - (u64)_image_start;
    u32 low = 0, high = count;

    if (count == 0 || at < offsets[0] || at > offsets[count - 1] + 0x10000UL)
        return NULL;
    while (high - low > 1) { /* offsets[low] <= at, and at < offsets[high] if there is one */
        u32 middle = (low + high) / 2;

        if (offsets[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    *offset = at - offsets[low];
    return strings + names[low];
}

static void print_place(u64 pc, u64 named)
{
    u64 offset;
    const char *name = symbol_name(named, &offset);

    if (name)
        panic_print("  [<%016lx>] %s+0x%lx\n", pc, name, offset + pc - named);
    else
        panic_print("  [<%016lx>]\n", pc);
}

void panic_print_place(u64 pc)
{
    print_place(pc, pc);
}

/* A return address may be the next function's first, when the call does not come back. */
static void print_return(u64 pc)
{
    print_place(pc, pc - 4);
}

static void print_registers(const struct trap_frame *f)
{
    panic_print("pc %016lx  sp %016lx  pstate %08lx  %s mode\n", f->pc, f->sp, f->pstate,
                f->pstate & PSTATE_KERNEL ? "kernel" : "user");
    for (u32 i = 0; i < ARRAY_SIZE(f->regs); i++)
        panic_print("x%-2u %016lx%s", i, f->regs[i],
                    i % 4 == 3 || i == ARRAY_SIZE(f->regs) - 1 ? "\n" : "  ");
}

/*
 * The return addresses from the frame record at fp outward (AAPCS64: the next record's address,
 * then a return address), while records lie on this thread's stack. Reads nothing outside it.
 */
static size_t backtrace(const void *fp, u64 *pcs)
{
    u64 at = (u64)fp, low = (u64)current_head()->stack_low;
    u64 high = (u64)current_head()->stack_high;
    size_t n = 0;

    while (n < FRAMES_MAX && at >= low && at + 16 <= high && at % 8 == 0) {
        const u64 *record = (const u64 *)at;

        pcs[n++] = unsigned_address(record[1]);
        low = at + 1; /* records lead outward, so the walk ends */
        at = record[0];
    }
    return n;
}

/* The other CPUs, as far as they answer in time (I3). */
static void report_others(void)
{
    u64 limit;
    u32 cpu, self = cpu_id();

    for_each_online_cpu(cpu)
        if (cpu != self)
            ipi_send(cpu, IPI_STOP);
    limit = counter_read() + cpu_features.counter_hz * STOP_LIMIT_MS / 1000;
    for_each_online_cpu(cpu) {
        struct stop_report *report = &per_cpu(stop_report, cpu);

        if (cpu == self)
            continue;
        while (!smp_load_acquire(&report->done) && counter_read() < limit)
            cpu_relax();
        if (!report->done) {
            panic_print("CPU %u does not answer; its last interrupt came at\n", cpu);
            panic_print_place(per_cpu(irq_last_pc, cpu));
            continue;
        }
        panic_print("CPU %u, thread %s:\n", cpu, name_of(report->thread));
        for (size_t i = 0; i < report->count; i++)
            print_return(report->pcs[i]);
    }
}

void panic_stop_cpu(void)
{
    struct stop_report *report = &this_cpu(stop_report);

    report->thread = current_head();
    report->count = backtrace(__builtin_frame_address(0), report->pcs);
    smp_store_release(&report->done, true);
    cpu_halt();
}

/* exit=semihosting, panic=N, or nothing more. */
static void end(void) __noreturn;
static void end(void)
{
    const char *wait = param_get("panic");
    bool at_once = wait && *wait == '-';
    u64 seconds = param_u64("panic", 0);

    machine_exit(125);
    if (at_once || seconds > 0) {
        u64 limit = counter_read() + cpu_features.counter_hz * MIN(seconds, 86400UL);

        panic_print("Restarting%s.\n", at_once ? "" : " after the wait that panic= asks for");
        while (counter_read() < limit)
            cpu_relax();
        firmware_call(psci_conduit, PSCI_SYSTEM_RESET, 0, 0, 0);
    }
    cpu_halt();
}

static void report(const struct trap_frame *f, const void *frame_pointer, const char *fmt,
                   va_list args)
{
    u64 pcs[FRAMES_MAX];
    size_t count;

    log_panic_begin();
    panic_print("\nKernel panic: ");
    print_v(fmt, args);
    panic_print("\nCPU %u, thread %s (%p), preemption count 0x%x\n", cpu_id(),
                name_of(current_head()), (void *)current_head(), current_head()->preempt_count);
    if (f) {
        print_registers(f);
        frame_pointer = (const void *)f->regs[29];
    }
    held_report();
    panic_print("Backtrace:\n");
    if (f && f->pstate & PSTATE_KERNEL) {
        panic_print_place(f->pc);
        print_return(unsigned_address(f->regs[30]));
    }
    count = backtrace(frame_pointer, pcs);
    for (size_t i = 0; i < count; i++)
        print_return(pcs[i]);
    report_others();
    panic_print("---[ end of kernel panic ]---\n");
}

static void panic_v(const struct trap_frame *f, const void *frame_pointer, const char *fmt,
                    va_list args) __noreturn;
static void panic_v(const struct trap_frame *f, const void *frame_pointer, const char *fmt,
                    va_list args)
{
    u32 self, first = 0;

    irq_disable();
    self = cpu_id() + 1;
    if (__atomic_compare_exchange_n(&panic_cpu, &first, self, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        report(f, frame_pointer, fmt, args);
        end();
    }
    if (first != self)
        panic_stop_cpu();                      /* I1 */
    panic_print("\nPanic within the panic: "); /* I2 */
    print_v(fmt, args);
    panic_print("\n");
    end();
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    panic_v(NULL, __builtin_frame_address(0), fmt, args);
}

void panic_at(const struct trap_frame *f, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    panic_v(f, __builtin_frame_address(0), fmt, args);
}

void assert_failed(const char *what, const char *file, int line)
{
    panic("assertion failed at %s:%d: %s", file, line, what);
}

void panic_lock_timeout(const char *kind, const struct thread_head *holder)
{
    panic("%s waited for too long; its holder is thread %s (%p)", kind, name_of(holder),
          (const void *)holder);
}

/* The compiler's: a function found its canary overwritten. */
void __stack_chk_fail(void) __noreturn;
void __stack_chk_fail(void)
{
    panic("stack smashed: a canary was overwritten in the function that called");
}

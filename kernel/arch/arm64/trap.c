/*
 * From ESR_EL1 to struct fault (Arm ARM D17.2.37). What a fault means is decided above.
 */
#include "arch/trap.h"
#include "arch/arm64/image.h"
#include "arch/cpu.h"
#include "arch/pagetable.h"
#include "arch/uart.h"
#include "arch/upcall.h"

#define ESR_WNR (1UL << 6)
#define ESR_CM  (1UL << 8)

void trap_from_user(struct trap_frame *f, u64 esr, u64 far);
void trap_from_kernel(struct trap_frame *f, u64 esr, u64 far);
void trap_unexpected(struct trap_frame *f, u64 esr, u64 far) __noreturn;

const struct trap_frame *trap_reported_frame;

/* The kind by DFSC or IFSC, bits 5:2 of the ISS. */
static enum fault_kind abort_kind(u64 esr)
{
    switch (esr >> 2 & 15) {
    case 0: return FAULT_ADDRESS;
    case 1: return FAULT_TRANSLATION;
    case 2: return FAULT_ACCESS_FLAG;
    case 3: return FAULT_PERMISSION;
    case 8: return (esr & 63) == 0x21 ? FAULT_ALIGNMENT : FAULT_OTHER;
    default: return FAULT_EXTERNAL;
    }
}

/* The top byte of a user address is the program's own (TCR_EL1.TBI0). */
static u64 untagged(u64 address)
{
    return address & (1UL << 55) ? address : address & ~(0xffUL << 56);
}

static enum fault_kind other_kind(u64 esr)
{
    switch (ESR_EC(esr)) {
    case EC_UNKNOWN:
    case EC_SYSREG:
    case EC_WFX:
    case EC_ILLEGAL_STATE:
    case EC_FP_ACCESS: return FAULT_UNDEFINED;
    case EC_BTI: return FAULT_BTI;
    case EC_PAUTH: return FAULT_PAUTH;
    case EC_PC_ALIGN: return FAULT_PC;
    case EC_SP_ALIGN: return FAULT_SP;
    case EC_FP: return FAULT_FP;
    case EC_STEP: return FAULT_STEP;
    case EC_BREAKPOINT:
    case EC_WATCHPOINT:
    case EC_BRK: return FAULT_BREAKPOINT;
    default: return FAULT_OTHER;
    }
}

/* IRQs enabled. */
void trap_from_user(struct trap_frame *f, u64 esr, u64 far)
{
    struct fault fault = {.esr = esr, .user = true};
    u64 class = ESR_EC(esr);

    if (class == EC_DABORT_LOWER || class == EC_IABORT_LOWER) {
        fault.address = untagged(far);
        fault.kind = abort_kind(esr);
        fault.exec = class == EC_IABORT_LOWER;
        fault.write = !fault.exec && (esr & ESR_WNR) && !(esr & ESR_CM);
    } else {
        fault.kind = other_kind(esr);
        fault.address = class == EC_PC_ALIGN || class == EC_WATCHPOINT ? far : f->pc;
    }
    trap_fault(f, &fault);
}

/*
 * An exception that nobody handles. Until boot_early() has relocated the image and published its
 * table, exception_report() would follow pointers that are not right yet: then the assembly UART
 * says what it was, and that is all.
 */
void trap_unexpected(struct trap_frame *f, u64 esr, u64 far)
{
    trap_reported_frame = f;
    if (kernel_page_table_root)
        exception_report(esr, f->pc, far);
    uart_init();
    uart_puts("exception before relocation: ESR ");
    uart_puthex(esr);
    uart_puts(" ELR ");
    uart_puthex(f->pc);
    uart_puts(" FAR ");
    uart_puthex(far);
    uart_puts("\n");
    cpu_halt();
}

/* Lets a kernel access to user memory go on at its fix-up, if its PC has one. */
static bool take_fixup(struct trap_frame *f)
{
    for (const struct ex_entry *e = __ex_table_start; e < __ex_table_end; e++)
        if ((u64)&e->insn + (s64)e->insn == f->pc) {
            f->pc = (u64)&e->fixup + (s64)e->fixup;
            return true;
        }
    return false;
}

/*
 * pan=sw: was the empty table walked? vectors.S has put TTBR0_EL1 there, whose ASID is on top. What
 * the user's own table says does not matter then.
 */
static bool is_outside_window(const struct trap_frame *f)
{
    return cpu_features.pan_sw && !(f->orig_x0 >> 48);
}

/* IRQs masked; the interrupted code's mask is restored while a user page is brought in. */
void trap_from_kernel(struct trap_frame *f, u64 esr, u64 far)
{
    struct fault fault = {.esr = esr, .address = untagged(far)};

    if (demo_catch(f, esr, far))
        return;
    if (ESR_EC(esr) != EC_DABORT || far & (1UL << 55))
        trap_unexpected(f, esr, far);
    fault.kind = abort_kind(esr);
    fault.write = (esr & ESR_WNR) && !(esr & ESR_CM);
    irq_restore(f->pstate & 0x3c0);
    if ((is_outside_window(f) || !trap_fault(f, &fault)) && !take_fixup(f))
        trap_unexpected(f, esr, far);
    irq_disable();
}

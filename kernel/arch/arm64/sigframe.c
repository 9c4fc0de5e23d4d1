/*
 * The signal frame of Linux/arm64, as programs (libgcc's unwinder, gdb, run-time systems) read it.
 *
 * From the handler's SP upward:
 *      0  siginfo_t, 128 bytes
 *    128  ucontext_t: flags, link, stack_t, mask (in room for 1024 signals)
 *    304  struct sigcontext: fault address, x0 to x30, SP, PC, PSTATE
 *    592  4096 bytes of records, each with a magic number and its size: FP/SIMD, after a fault
 *         the ESR, and a zero record at the end
 *   4688  a frame record (x29, x30) that the handler's x29 points at
 *
 * SP is 16-aligned. x0 to x2 are the handler's arguments, x30 the trampoline that calls
 * rt_sigreturn. References: sigaction(2), sigreturn(2), the ABI header asm/sigcontext.h.
 */
#include "arch/sigframe.h"

#include "arch/arm64/image.h"
#include "arch/cpu.h"
#include "arch/uaccess.h"
#include "lib/errno.h"

#define FPSIMD_MAGIC 0x46508001
#define ESR_MAGIC    0x45535201
#define RECORDS_SIZE 4096

/* PSTATE bits that a frame may set: N Z C V, DIT, SSBS, BTYPE, TCO. */
#define PSTATE_USER_BITS         (0xf0000000UL | 1UL << 25 | 1UL << 24 | 1UL << 12 | 3UL << 10)
#define PSTATE_BTYPE_CALL        (2UL << 10)
#define PSTATE_TCO               (1UL << 25)
#define PSTATE_MODE              0x1fUL
#define PSTATE_MASKS             0x3c0UL

#define RECORD_HEAD(magic, size) ((u64)(size) << 32 | (magic))
#define FPSIMD_SIZE              528
#define ESR_SIZE                 16

/* Offsets in the frame. */
enum {
    AT_SIGINFO = 0,
    AT_CONTEXT = 128,
    AT_FAULT = AT_CONTEXT + 176,
    AT_REGISTERS = AT_FAULT + 8,
    AT_RECORDS = 592,
    AT_LINK = AT_RECORDS + RECORDS_SIZE,
    FRAME_BYTES = AT_LINK + 16,
};

/* x0 to x30, SP, PC and PSTATE lie in the trap frame as they do in struct sigcontext. */
#define REGISTERS_SIZE 272

_Static_assert(offsetof(struct trap_frame, pstate) + 8 == REGISTERS_SIZE, "struct sigcontext");
_Static_assert(offsetof(struct fp_state, fpsr) == 512, "vregs come first");
_Static_assert(sizeof(struct sigframe_context) == 48, "ucontext_t");
_Static_assert(AT_LINK == 4688, "struct rt_sigframe");

/* siginfo_t: what the kernel has of it, and zeros. */
static bool put_siginfo(u64 base, const void *siginfo)
{
    return user_copy_to(base + AT_SIGINFO, siginfo, 48) ||
           user_clear(base + AT_SIGINFO + 48, 128 - 48);
}

static bool put_records(u64 at, const struct fp_state *fp, u64 esr)
{
    if (user_store(at, RECORD_HEAD(FPSIMD_MAGIC, FPSIMD_SIZE), 8) ||
        user_store(at + 8, (u64)fp->fpcr << 32 | fp->fpsr, 8) ||
        user_copy_to(at + 16, fp->vregs, sizeof(fp->vregs)))
        return true;
    at += FPSIMD_SIZE;
    if (esr) {
        if (user_store(at, RECORD_HEAD(ESR_MAGIC, ESR_SIZE), 8) || user_store(at + 8, esr, 8))
            return true;
        at += ESR_SIZE;
    }
    return user_store(at, 0, 8);
}

int sigframe_push(struct trap_frame *f, const struct fp_state *fp, const struct sigframe_info *info)
{
    u64 link = ALIGN_DOWN(info->stack - 16, 16UL), base = link - AT_LINK;

    if (info->stack < FRAME_BYTES + 16)
        return -EFAULT;
    if (user_copy_to(base + AT_CONTEXT, &info->context, sizeof(info->context)) ||
        user_store(base + AT_FAULT, info->fault_address, 8) ||
        user_copy_to(base + AT_REGISTERS, f->regs, REGISTERS_SIZE) ||
        put_records(base + AT_RECORDS, fp, info->fault_esr) || user_store(link, f->regs[29], 8) ||
        user_store(link + 8, f->regs[30], 8))
        return -EFAULT;
    if (info->siginfo && put_siginfo(base, info->siginfo))
        return -EFAULT;

    f->regs[0] = info->signal;
    if (info->siginfo) {
        f->regs[1] = base + AT_SIGINFO;
        f->regs[2] = base + AT_CONTEXT;
    }
    f->regs[29] = link;
    f->regs[30] = info->restorer;
    f->sp = base;
    f->pc = info->handler;
    f->pstate &= ~(PSTATE_TCO | PSTATE_BTYPE);
    if (cpu_features.bti)
        f->pstate |= PSTATE_BTYPE_CALL;
    return 0;
}

/* The FP/SIMD record is the first in frames of ours, but a program may have built another order. */
static int pop_records(u64 at, struct fp_state *fp)
{
    u64 end = at + RECORDS_SIZE, head, control;
    bool fp_seen = false;

    for (;;) {
        u32 magic, size;

        if (end - at < sizeof(head) || user_load(at, &head, sizeof(head)))
            return -EFAULT;
        magic = (u32)head;
        size = head >> 32;
        if (!magic)
            return size || !fp_seen ? -EINVAL : 0;
        if (size < sizeof(head) || size % 16 || size > end - at)
            return -EINVAL;
        if (magic == FPSIMD_MAGIC) {
            if (fp_seen || size != FPSIMD_SIZE)
                return -EINVAL;
            if (user_load(at + 8, &control, sizeof(control)) ||
                user_copy_from(fp->vregs, at + 16, sizeof(fp->vregs)))
                return -EFAULT;
            fp->fpsr = (u32)control;
            fp->fpcr = control >> 32;
            fp_seen = true;
        } else if (magic != ESR_MAGIC) {
            return -EINVAL;
        }
        at += size;
    }
}

int sigframe_pop(struct trap_frame *f, struct fp_state *fp, struct sigframe_context *context)
{
    u64 base = f->sp, pstate;
    bool bad;

    if (base % 16)
        return -EINVAL;
    if (user_copy_from(context, base + AT_CONTEXT, sizeof(*context)))
        return -EFAULT;
    bad = user_copy_from(f->regs, base + AT_REGISTERS, REGISTERS_SIZE);
    pstate = f->pstate;
    f->pstate = pstate & PSTATE_USER_BITS;
    if (bad)
        return -EFAULT;
    if (pstate & (PSTATE_MODE | PSTATE_MASKS)) /* EL0, AArch64, nothing masked */
        return -EINVAL;
    return pop_records(base + AT_RECORDS, fp);
}

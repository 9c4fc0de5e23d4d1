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

#include "arch/cpu.h"
#include "arch/uaccess.h"
#include "lib/errno.h"
#include "lib/string.h"

#define FPSIMD_MAGIC 0x46508001
#define ESR_MAGIC 0x45535201
#define RECORDS_SIZE 4096

/* PSTATE bits that a frame may set: N Z C V, DIT, SSBS, BTYPE, TCO. */
#define PSTATE_USER_BITS                                                                     \
    (0xf0000000UL | 1UL << 25 | 1UL << 24 | 1UL << 12 | 3UL << 10)
#define PSTATE_BTYPE (3UL << 10)
#define PSTATE_BTYPE_CALL (2UL << 10)
#define PSTATE_TCO (1UL << 25)

struct record {
    u32 magic, size;
};

struct fpsimd_record {
    struct record head;
    u32 fpsr, fpcr;
    u64 vregs[64];
};

struct esr_record {
    struct record head;
    u64 esr;
};

/* ucontext_t without the records. */
struct user_context {
    u64 flags, link;
    u8 altstack[24];
    u64 mask;
    u8 unused[120];
    u64 align;
    u64 fault_address;
    u64 regs[31];
    u64 sp, pc, pstate;
    u64 align_records;
};

/* What is written of the records when all are there. */
struct user_records {
    struct fpsimd_record fpsimd;
    struct esr_record esr;
    struct record end;
};

struct user_frame_layout {
    u8 siginfo[128];
    struct user_context context;
    u8 records[RECORDS_SIZE];
    u64 frame_record[2];
};

_Static_assert(offsetof(struct user_context, fault_address) == 176, "uc_mcontext");
_Static_assert(offsetof(struct user_frame_layout, records) == 592, "__reserved");
_Static_assert(offsetof(struct user_frame_layout, frame_record) == 4688, "struct rt_sigframe");

static void fill_context(struct user_context *c, const struct trap_frame *f,
                         const struct sigframe_info *info)
{
    memset(c, 0, offsetof(struct user_context, regs));
    memcpy(c->altstack, info->altstack, sizeof(c->altstack));
    c->mask = info->mask;
    c->fault_address = info->fault_address;
    memcpy(c->regs, f->regs, sizeof(c->regs));
    c->sp = f->sp;
    c->pc = f->pc;
    c->pstate = f->pstate;
    c->align_records = 0;
}

/* The records; returns their bytes. */
static size_t fill_records(struct user_records *r, const struct fp_state *fp, u64 esr)
{
    struct record *end = &r->esr.head;

    r->fpsimd.head = (struct record){FPSIMD_MAGIC, sizeof(r->fpsimd)};
    r->fpsimd.fpsr = fp->fpsr;
    r->fpsimd.fpcr = fp->fpcr;
    memcpy(r->fpsimd.vregs, fp->vregs, sizeof(fp->vregs));
    if (esr) {
        r->esr.head = (struct record){ESR_MAGIC, sizeof(r->esr)};
        r->esr.esr = esr;
        end = &r->end;
    }
    *end = (struct record){0, 0};
    return (char *)(end + 1) - (char *)r;
}

/* siginfo_t: what the kernel has of it, and zeros. */
static bool put_siginfo(u64 base, const void *siginfo)
{
    return user_copy_to(base, siginfo, 48) || user_clear(base + 48, 128 - 48);
}

int sigframe_push(struct trap_frame *f, const struct fp_state *fp,
                  const struct sigframe_info *info)
{
    struct {
        struct user_context context;
        struct user_records records;
    } out;
    u64 record = ALIGN_DOWN(info->stack - 16, 16UL), link[2] = {f->regs[29], f->regs[30]};
    u64 base = record - offsetof(struct user_frame_layout, frame_record);
    u64 context = base + offsetof(struct user_frame_layout, context);
    size_t size;

    if (info->stack < sizeof(struct user_frame_layout) + 32)
        return -EFAULT;
    fill_context(&out.context, f, info);
    size = sizeof(out.context) + fill_records(&out.records, fp, info->fault_esr);
    if (user_copy_to(context, &out, size) || user_copy_to(record, link, sizeof(link)))
        return -EFAULT;
    if (info->siginfo && put_siginfo(base, info->siginfo))
        return -EFAULT;

    f->regs[0] = info->signal;
    if (info->siginfo) {
        f->regs[1] = base;
        f->regs[2] = context;
    }
    f->regs[29] = record;
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
    u64 end = at + RECORDS_SIZE;
    bool fp_seen = false;
    struct record head;

    for (;;) {
        if (end - at < sizeof(head) || user_copy_from(&head, at, sizeof(head)))
            return -EFAULT;
        if (!head.magic)
            return head.size || !fp_seen ? -EINVAL : 0;
        if (head.size < sizeof(head) || head.size % 16 || head.size > end - at)
            return -EINVAL;
        if (head.magic == FPSIMD_MAGIC) {
            if (fp_seen || head.size != sizeof(struct fpsimd_record))
                return -EINVAL;
            if (user_load32(at + 8, &fp->fpsr) || user_load32(at + 12, &fp->fpcr) ||
                user_copy_from(fp->vregs, at + 16, sizeof(fp->vregs)))
                return -EFAULT;
            fp_seen = true;
        } else if (head.magic != ESR_MAGIC) {
            return -EINVAL;
        }
        at += head.size;
    }
}

int sigframe_pop(struct trap_frame *f, struct fp_state *fp, u64 *mask, void *altstack)
{
    u64 base = f->sp;
    struct user_context c;

    if (base % 16)
        return -EINVAL;
    if (user_copy_from(&c, base + offsetof(struct user_frame_layout, context), sizeof(c)))
        return -EFAULT;
    /* EL0, AArch64, nothing masked: the rest of PSTATE is the kernel's business. */
    if (c.pstate & 0x1f || c.pstate & 0x3c0)
        return -EINVAL;
    memcpy(f->regs, c.regs, sizeof(c.regs));
    f->sp = c.sp;
    f->pc = c.pc;
    f->pstate = c.pstate & PSTATE_USER_BITS;
    *mask = c.mask;
    memcpy(altstack, c.altstack, sizeof(c.altstack));
    return pop_records(base + offsetof(struct user_frame_layout, records), fp);
}

void frame_restart_as(struct trap_frame *f, u32 number)
{
    frame_restart(f);
    f->regs[8] = number;
}

/*
 * For the tutorial's exercises: exceptions taken at EL1 on purpose and survived.
 */
#include "arch/demo.h"

#include "arch/arm64/image.h"
#include "arch/cpu.h"
#include "arch/trap.h"

#define BAD_ADDRESS 0xffff9f0000000000UL /* the kernel's half, in nobody's use */

/* [C] one demo, on one CPU */
static struct demo_exception *waiting;

bool demo_catch(struct trap_frame *f, u64 esr, u64 far)
{
    u32 class = ESR_EC(esr);

    if (likely(!waiting))
        return false;
    waiting->taken = true;
    waiting->esr = esr;
    waiting->elr = f->pc;
    waiting->far = far;
    waiting = NULL;
    f->pstate &= ~PSTATE_BTYPE;
    if (class == EC_IABORT || class == EC_PC_ALIGN)
        f->pc = f->regs[30];  /* a jump to nowhere: back to the caller */
    else if (class != EC_SVC) /* ELR is behind an SVC already */
        f->pc += 4;
    return true;
}

static void do_undefined(void)
{
    asm volatile("udf #0" ::: "memory");
}

static void do_svc(void)
{
    asm volatile("svc #0" ::: "memory");
}

static void do_brk(void)
{
    asm volatile("brk #1" ::: "memory");
}

static void do_read(void)
{
    *(volatile u64 *)BAD_ADDRESS;
}

static void do_write(void)
{
    *(volatile u64 *)_text_start = 0;
}

/* Acquire loads must be aligned even where others need not (B2.5.2). */
static void do_misaligned(void)
{
    u64 words[3] = {0};
    u64 value;

    asm volatile("ldaxr %0, [%1]" : "=r"(value) : "r"((char *)words + 4) : "memory");
    asm volatile("clrex");
}

static u32 data_word; /* not executable */

static void do_fetch(void)
{
    ((void (*)(void)) & data_word)();
}

static void do_jump(void)
{
    ((void (*)(void))((u64)_text_start + 2))();
}

static const struct {
    const char *name;
    u32 class;
    void (*act)(void);
} exceptions[] = {
    {"undefined instruction", EC_UNKNOWN, do_undefined},
    {"SVC", EC_SVC, do_svc},
    {"BRK", EC_BRK, do_brk},
    {"read where nothing is mapped", EC_DABORT, do_read},
    {"write to the kernel's text", EC_DABORT, do_write},
    {"misaligned exclusive load", EC_DABORT, do_misaligned},
    {"execution of data", EC_IABORT, do_fetch},
    {"jump to a misaligned address", EC_PC_ALIGN, do_jump},
};

bool demo_exception(u32 n, struct demo_exception *out)
{
    irqflags_t flags;

    if (n >= ARRAY_SIZE(exceptions))
        return false;
    *out = (struct demo_exception){exceptions[n].name, exceptions[n].class, false, 0, 0, 0};
    flags = irq_save();
    __atomic_store_n(&waiting, out, __ATOMIC_SEQ_CST);
    exceptions[n].act();
    __atomic_store_n(&waiting, NULL, __ATOMIC_SEQ_CST);
    irq_restore(flags);
    return true;
}

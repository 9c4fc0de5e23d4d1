/* The parts of the kernel image, by linker.ld. Addresses are as the code sees itself. */
#pragma once

#include "lib/types.h"

struct asid_slot;
struct trap_frame;

extern char _image_start[], _text_start[], _text_end[], _rodata_start[], _rodata_end[];
extern char _data_start[], _bss_end[], _heap_start[];
extern char _shadow_start[], _shadow_end[]; /* of the image, for the address sanitizer */
extern char _rela_start[], _rela_end[], _stack_low[], _stack_top[];
extern const char fallback_tree[];
extern char secondary_entry[], pen_entry[];

/* boot.S: how many CPUs entered by themselves, and whom of the pen's to let out. */
extern u64 boot_tickets;
extern struct pen_mail {
    u64 mpidr;
    void *idle;
} pen_mail;

/* Reads the boot CPU's ID registers into cpu_features. */
void cpu_features_init(void);

/* Exception classes (Arm ARM D17.2.37). */
enum {
    EC_UNKNOWN = 0x00,
    EC_WFX = 0x01,
    EC_FP_ACCESS = 0x07,
    EC_BTI = 0x0d,
    EC_ILLEGAL_STATE = 0x0e,
    EC_SVC = 0x15,
    EC_SYSREG = 0x18,
    EC_PAUTH = 0x1c,
    EC_IABORT_LOWER = 0x20,
    EC_IABORT = 0x21,
    EC_PC_ALIGN = 0x22,
    EC_DABORT_LOWER = 0x24,
    EC_DABORT = 0x25,
    EC_SP_ALIGN = 0x26,
    EC_FP = 0x2c,
    EC_SERROR = 0x2f,
    EC_BREAKPOINT = 0x30,
    EC_STEP = 0x32,
    EC_WATCHPOINT = 0x34,
    EC_BRK = 0x3c,
};

#define ESR_EC(esr) ((esr) >> 26 & 63)

/* Of PSTATE: by which kind of indirect branch the next instruction is reached (FEAT_BTI). */
#define PSTATE_BTYPE (3UL << 10)

/*
 * To be asked first by the handler of synchronous exceptions from the kernel: true when a demo
 * waits for one; then the frame was changed to go on behind it.
 */
bool demo_catch(struct trap_frame *f, u64 esr, u64 far);

/* uart.S: a character as it is, a string with \n as \r\n, 0x and 16 upper-case digits. */
void uart_putc(int c);
void uart_puts(const char *s);
void uart_puthex(u64 value);

/* tlb.c, of each CPU: what usercopy.S puts into TTBR0_EL1 with pan=sw. */
extern struct asid_slot asid_slot;

/* Offsets are from the field itself. */
struct alternative {
    s32 place;
    u32 feature, insn;
};
struct ex_entry {
    s32 insn, fixup;
};
extern const struct alternative _alternatives_start[], _alternatives_end[];
extern const struct ex_entry __ex_table_start[], __ex_table_end[];

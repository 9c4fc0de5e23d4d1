/* The parts of the kernel image, by linker.ld. Addresses are as the code sees itself. */
#pragma once

#include "lib/types.h"

struct trap_frame;

extern char _image_start[], _text_start[], _text_end[], _rodata_start[], _rodata_end[];
extern char _data_start[], _bss_end[], _heap_start[];
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

/*
 * To be asked first by the handler of synchronous exceptions from the kernel: true when a demo
 * waits for one; then the frame was changed to go on behind it.
 */
bool demo_catch(struct trap_frame *f, u64 esr, u64 far);

/* uart.S: a character as it is, a string with \n as \r\n, 0x and 16 upper-case digits. */
void uart_putc(int c);
void uart_puts(const char *s);
void uart_puthex(u64 value);

/* Offsets are from the field itself. */
struct pan_site {
    s32 place;
    u32 on; /* 1: user access ends here */
};
struct ex_entry {
    s32 insn, fixup;
};
extern const struct pan_site _pan_sites_start[], _pan_sites_end[];
extern const struct ex_entry __ex_table_start[], __ex_table_end[];

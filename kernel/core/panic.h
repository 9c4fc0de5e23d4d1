/*
 * The end: a kernel bug stops the machine with a report. Theory in core/panic.c.
 */
#pragma once

#include "lib/types.h"

struct thread_head;
struct trap_frame;

/*
 * Reports and stops: with exit=semihosting the emulator ends with 125; with panic=N the machine
 * restarts after N seconds (N < 0: at once); else all CPUs halt. Any context.
 */
void panic(const char *fmt, ...) __noreturn __cold __printf(1, 2);

/* The same with the registers of the place where it happened. */
void panic_at(const struct trap_frame *f, const char *fmt, ...) __noreturn __cold __printf(2, 3);

void assert_failed(const char *what, const char *file, int line) __noreturn __cold;

#define BUG() assert_failed("BUG", __FILE__, __LINE__)
#define assert(x)                                  \
    do {                                           \
        if (unlikely(!(x)))                        \
            assert_failed(#x, __FILE__, __LINE__); \
    } while (0)

/* Compiled in both builds, evaluated in debug builds. */
#if DEBUG
#define debug_assert(x) assert(x)
#else
#define debug_assert(x) ((void)sizeof(!(x)))
#endif

/* What the panic said, for a debugger or the test runner. Empty while all is well. */
#define EPITAPH_MAX 4096
extern char panic_epitaph[EPITAPH_MAX];

/* Has some CPU panicked? Loops that would wait for other CPUs give up then. */
bool panicking(void);

/* sched says how to name a thread; NULL or an empty answer: by address only. */
void panic_set_thread_name(const char *(*name)(const struct thread_head *head));

/* Prints to the console and the epitaph of a panic; a line with an address and its function. */
__printf(1, 2) void panic_print(const char *fmt, ...);
void panic_print_place(u64 pc);

/* The kernel's function around pc and the distance from its start; NULL when unknown. */
const char *symbol_name(u64 pc, u64 *offset);

/* Its table, from linker.ld; empty in the first link. */
extern const u32 __ksyms_start[], __ksyms_end[];
extern char _image_start[];

/* A lock was waited for too long: panics and names its holder. */
void panic_lock_timeout(const char *kind, const struct thread_head *holder) __noreturn __cold;

/* core: the receiver's side of IPI_STOP. */
void panic_stop_cpu(void) __noreturn;

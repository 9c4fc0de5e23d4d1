/*
 * demo=NAME: one of the tutorial's exercises, done by the parts that the kernel itself uses. Each
 * prints what a reader of the tutorial expects, ends with one line `verdict: PASS` or `verdict:
 * FAIL` and why, and powers off. Output goes straight to the UART (uart.S), as the tutorial's does.
 */
#include "main/demo/demo.h"

#include "arch/uart.h"
#include "dev/power/power.h"
#include "lib/format.h"
#include "lib/string.h"
#include "main/main_impl.h"

static const struct {
    const char *name;
    void (*run)(void);
} demos[] = {
    {"coop", demo_coop},   {"preempt", demo_preempt}, {"mmu", demo_mmu},
    {"fault", demo_fault}, {"heap", demo_heap},
};

static void emit(struct format_out *out, const char *text, size_t size)
{
    (void)out;
    uart_write(text, size);
}

static struct format_out uart_out = {emit};

void demo_print(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    format_v(&uart_out, fmt, args);
    va_end(args);
}

void demo_verdict(const char *why, ...)
{
    va_list args;

    demo_print(why ? "verdict: FAIL " : "verdict: PASS");
    if (why) {
        va_start(args, why);
        format_v(&uart_out, why, args);
        va_end(args);
    }
    demo_print("\n");
    power_off();
}

void demo_run(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(demos); i++) {
        if (strcmp(demos[i].name, name) == 0) {
            demo_print("demo: %s\n", name);
            demos[i].run();
            demo_verdict(NULL);
        }
    }
    demo_verdict("there is no demo named %s", name);
}

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

#define LINE_MAX 200

static const struct {
    const char *name;
    void (*run)(void);
} demos[] = {
    {"coop", demo_coop},   {"preempt", demo_preempt}, {"mmu", demo_mmu},
    {"fault", demo_fault}, {"heap", demo_heap},
};

void demo_print(const char *fmt, ...)
{
    char line[LINE_MAX];
    va_list args;

    va_start(args, fmt);
    format_buf_v(line, sizeof line, fmt, args);
    va_end(args);
    uart_puts(line);
}

void demo_verdict(const char *why, ...)
{
    char line[LINE_MAX];
    va_list args;

    if (!why) {
        uart_puts("verdict: PASS\n");
        power_off();
    }
    va_start(args, why);
    format_buf_v(line, sizeof line, why, args);
    va_end(args);
    demo_print("verdict: FAIL %s\n", line);
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

/*
 * On-target tests, beside the code that they test:
 *
 *     KTEST(list_add_keeps_order)
 *     {
 *         ktest_check(1 + 1 == 2);
 *     }
 *
 * They run in a kernel thread with the whole kernel up. A failed check is printed, and the
 * test goes on. A test whose name begins with fatal_ does not come back: "all" passes it over.
 */
#pragma once

#include "core/log.h"

struct ktest {
    const char *name;
    void (*run)(void);
};

#define KTEST(test)                                                                            \
    static void ktest_##test(void);                                                            \
    static const struct ktest ktest_entry_##test __used __section(".ktests") = {#test,         \
                                                                                ktest_##test}; \
    static void ktest_##test(void)

#define ktest_check(x)                          \
    do {                                        \
        if (unlikely(!(x)))                     \
            ktest_fail(__FILE__, __LINE__, #x); \
    } while (0)

void ktest_fail(const char *file, int line, const char *what);

/*
 * Runs the tests whose name matches a pattern ("all", a name, or with * anywhere), prints a line
 * for each and `ktest: N passed, N failed`. Returns how many failed. Sleeps as the tests do.
 */
u32 ktest_run(const char *pattern);

/* The linked table, from linker.ld. */
extern const struct ktest __ktests_start[], __ktests_end[];

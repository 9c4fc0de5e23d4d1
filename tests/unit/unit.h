/*
 * The host unit-test runner. UNIT(name) { ... } defines and registers a test; a failed CHECK is
 * printed with its place and the test counts as failed, but runs on. The arguments of the program
 * are substrings of test names (none: all tests). Exit status 0 only if something ran and all
 * that ran passed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unit {
    const char *file, *name;
    void (*run)(void);
    struct unit *next;
};

void unit_register(struct unit *unit);
void unit_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Random numbers that are the same in each run: every test begins from the same seed. */
uint64_t unit_random(void);

#define UNIT(id)                                                        \
    static void unit_run_##id(void);                                    \
    __attribute__((constructor)) static void unit_add_##id(void)        \
    {                                                                   \
        static struct unit unit = {__FILE__, #id, unit_run_##id, NULL}; \
        unit_register(&unit);                                           \
    }                                                                   \
    static void unit_run_##id(void)

#define CHECK(cond)                                     \
    do {                                                \
        if (!(cond))                                    \
            unit_fail(__FILE__, __LINE__, "%s", #cond); \
    } while (0)

/* Integers of any type. */
#define CHECK_EQ(have, want)                                                                      \
    do {                                                                                          \
        long long have_ = (long long)(have), want_ = (long long)(want);                           \
        if (have_ != want_)                                                                       \
            unit_fail(__FILE__, __LINE__, "%s is %lld (0x%llx), not %lld (0x%llx)", #have, have_, \
                      have_, want_, want_);                                                       \
    } while (0)

#define CHECK_STR(have, want)                                                \
    do {                                                                     \
        const char *have_ = (have), *want_ = (want);                         \
        if (!have_ || __builtin_strcmp(have_, want_))                        \
            unit_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #have, \
                      have_ ? have_ : "(NULL)", want_);                      \
    } while (0)

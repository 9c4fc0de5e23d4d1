/* Runs the on-target tests. */
#include "core/ktest.h"
#include "lib/string.h"

#define FATAL "fatal_" /* names of tests that do not come back begin so */

static const struct ktest *current; /* the one that runs now; they run one after the other */
static u32 failures;                /* of its checks [A] */

void ktest_fail(const char *file, int line, const char *what)
{
    bool first = __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) == 0;

    log_print(LOG_NOTICE | LOG_FORCE, "ktest: %s %s %s:%d %s", current->name,
              first ? "FAILED" : "also failed", file, line, what);
}

/* `*` stands for any number of characters. */
static bool matches(const char *pattern, const char *name)
{
    if (*pattern == '*')
        return matches(pattern + 1, name) || (*name && matches(pattern, name + 1));
    if (*pattern != *name)
        return false;
    return *name == 0 || matches(pattern + 1, name + 1);
}

/* "all" is every test that comes back. */
static bool is_wanted(const char *pattern, const struct ktest *test)
{
    if (strcmp(pattern, "all") == 0)
        return !matches(FATAL "*", test->name);
    return matches(pattern, test->name);
}

static bool run_one(const struct ktest *test)
{
    current = test;
    __atomic_store_n(&failures, 0, __ATOMIC_RELAXED);
    test->run();
    if (READ_ONCE(failures))
        return false;
    log_print(LOG_NOTICE | LOG_FORCE, "ktest: %s ok", test->name);
    return true;
}

u32 ktest_run(const char *pattern)
{
    u32 good = 0, bad = 0;

    for (const struct ktest *test = __ktests_start; test < __ktests_end; test++) {
        if (!is_wanted(pattern, test))
            continue;
        if (run_one(test))
            good++;
        else
            bad++;
    }
    if (good + bad == 0)
        log_print(LOG_NOTICE | LOG_FORCE, "ktest: no test is called %s", pattern);
    log_print(LOG_NOTICE | LOG_FORCE, "ktest: %u passed, %u failed", good, bad);
    return bad;
}

#include "unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct unit *first, **last = &first;
static const struct unit *current;
static int failures; /* of the current test */
static uint64_t random_state;

void unit_register(struct unit *unit)
{
    *last = unit;
    last = &unit->next;
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
    va_list args;

    if (++failures > 10) /* one cause often fails in a loop */
        return;
    printf("%s:%d: %s: ", file, line, current->name);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
}

/* splitmix64 */
uint64_t unit_random(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static bool is_wanted(const struct unit *unit, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(unit->name, argv[i]) || strstr(unit->file, argv[i]))
            return true;
    return argc <= 1;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (current = first; current; current = current->next) {
        if (!is_wanted(current, argc, argv))
            continue;
        failures = 0;
        random_state = 1;
        current->run();
        if (failures)
            printf("FAIL %s (%d checks)\n", current->name, failures);
        failures ? failed++ : passed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}

/*
 * demo=coop: eight tasks, as in the tutorial, take turns by yield(). Each says its letter and its
 * turn; one that returns is gone, and the others go on.
 */
#include "main/demo/demo.h"

#include "sched/thread.h"

#define TASKS 8
#define TURNS 4

static u32 next_letter; /* tasks run one at a time: no lock */
static char turns[TASKS * TURNS + 1];
static u32 turn_count;

static void task(void)
{
    u32 self = next_letter++;

    for (u32 turn = 1; turn <= TURNS; turn++) {
        demo_print("task %c: turn %u\n", 'A' + self, turn);
        if (turn_count < TASKS * TURNS)
            turns[turn_count++] = 'A' + self;
        yield();
    }
}

void demo_coop(void)
{
    yield(); /* with no task: safe, and nothing happens */
    for (u32 i = 0; i < TASKS; i++)
        if (task_create(task) < 0)
            demo_verdict("no memory for task %u", i);
    sched_start();
    demo_print("order: %s\n", turns);
    if (turn_count != TASKS * TURNS)
        demo_verdict("%u turns instead of %u", turn_count, TASKS * TURNS);
    for (u32 i = 0; i < turn_count; i++)
        if (turns[i] != (char)('A' + i % TASKS))
            demo_verdict("turn %u was %c's, not %c's", i, turns[i], (char)('A' + i % TASKS));
}

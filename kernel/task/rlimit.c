/* Resource limits. See rlimit.h. */
#include "task/rlimit.h"

#include "mm/page.h"
#include "task/task.h"

u64 rlimit_get(enum rlimit_which which)
{
    struct task *task = current_task();

    return task ? READ_ONCE(task->process->rlimits[which].soft) : RLIM_INFINITY;
}

/* Linux's: processes and pending signals grow with memory. */
void rlimit_defaults(struct rlimit limits[RLIMIT_COUNT])
{
    u64 threads = MAX_T(u64, pages_total() / 32, 64);

    for (int i = 0; i < RLIMIT_COUNT; i++)
        limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    limits[RLIMIT_STACK].soft = MIB(8);
    limits[RLIMIT_CORE].soft = 0;
    limits[RLIMIT_NPROC] = (struct rlimit){threads, threads};
    limits[RLIMIT_NOFILE] = (struct rlimit){1024, 4096};
    limits[RLIMIT_MEMLOCK] = (struct rlimit){MIB(8), MIB(8)};
    limits[RLIMIT_SIGPENDING] = (struct rlimit){threads, threads};
    limits[RLIMIT_MSGQUEUE] = (struct rlimit){819200, 819200};
    limits[RLIMIT_NICE] = (struct rlimit){0, 0};
    limits[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}

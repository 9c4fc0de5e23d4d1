/*
 * Allocation that may sleep.
 *
 * The allocators of mm take what is free and no more. Here a failure asks the shrinkers in turn,
 * which drop what can be made again (clean pages, unused names), then drains the caches of all
 * CPUs, then waits for RCU to free what waits for it, and only when all that gave nothing, asks the
 * hook that ends a process. A caller from atomic context gets what there is.
 */
#include "sched/reclaim.h"

#include "core/fail.h"
#include "core/ipi.h"
#include "core/percpu.h"
#include "core/rcu.h"
#include "mm/page.h"
#include "mm/vmalloc.h"
#include "sched/mutex.h"

#define RECLAIM_TARGET 64 /* pages asked for at a time */
#define RECLAIM_ROUNDS 8

static struct list shrinkers = LIST_INIT(shrinkers);
static struct mutex shrinkers_lock = MUTEX_INIT(shrinkers_lock, RANK_SLEEP_LEAF);
static struct thread *reclaimer; /* who is in the shrinkers [A] */
static bool (*oom_hook)(void);   /* [I] */

void shrinker_register(struct shrinker *shrinker)
{
    mutex_lock(&shrinkers_lock);
    list_add_tail(&shrinker->link, &shrinkers);
    mutex_unlock(&shrinkers_lock);
}

void reclaim_set_oom_hook(bool (*hook)(void))
{
    oom_hook = hook;
}

/*
 * The list only grows, and its nodes stay: it is walked without the lock, which callers may rank
 * above.
 */
size_t reclaim_pages(size_t target)
{
    struct shrinker *shrinker;
    size_t freed = 0;

    list_for_each_entry(shrinker, &shrinkers, link) {
        freed += shrinker->shrink(shrinker, target - freed);
        if (freed >= target)
            break;
    }
    return freed;
}

/* Gives memory back by whatever means `round` has come to; false when there is none left. */
static bool reclaim(u32 round)
{
    size_t freed;

    if (in_atomic() || READ_ONCE(reclaimer) == current_thread())
        return false;
    WRITE_ONCE(reclaimer, current_thread());
    freed = reclaim_pages(RECLAIM_TARGET);
    WRITE_ONCE(reclaimer, NULL);
    if (freed)
        return true;
    if (round == 0) {
        rcu_synchronize();
        smp_call_all(kmalloc_drain, NULL);
        stack_drain();
        return true;
    }
    return oom_hook && oom_hook();
}

#define retry(allocation)                                                     \
    ({                                                                        \
        void *result_ = NULL;                                                 \
        for (u32 round_ = 0; round_ < RECLAIM_ROUNDS && !result_; round_++) { \
            if (fail_alloc_injected() || !reclaim(round_))                    \
                break;                                                        \
            result_ = (allocation);                                           \
        }                                                                     \
        result_;                                                              \
    })

void *kmalloc_retry(size_t size)
{
    return size ? retry(kmalloc_any_nosleep(size)) : NULL;
}

void *kmem_cache_alloc_retry(struct kmem_cache *cache)
{
    return retry(kmem_cache_alloc_nosleep(cache));
}

struct page *page_alloc_retry(u32 order, u32 flags)
{
    return retry(page_alloc_nosleep(order, flags));
}

void *vmalloc(size_t size)
{
    void *area = vmalloc_nosleep(size);

    return area || !size ? area : retry(vmalloc_nosleep(size));
}

void *stack_alloc(void)
{
    void *stack = stack_alloc_nosleep();

    return stack ? stack : retry(stack_alloc_nosleep());
}

/*
 * Process numbers: allocation and look-up. See pid.h.
 *
 * Structures and invariants
 *   A namespace keeps its numbers twice: as bits in maps of 32768, made when first needed, for
 *   allocation and for listing in order; and as a hash of pid_number, for look-up under RCU.
 *   I1. A number's bit is set exactly while its pid has users.
 *   I2. A pid is on the hash chains exactly while it has users; the users hold one reference.
 *
 * Numbers are given out in a cycle, so that one comes back as late as possible; after the first
 * round those below 300 stay free for the daemons of the boot, as on Linux.
 *
 * Locking: ns->lock guards bits and chains. It is taken with IRQs masked, since the last user of
 * a session's number can be a terminal's interrupt.
 *
 * Rejected: a tree by number (look-up, allocation and listing in one structure, but three times
 * the instructions in fork), a plain array of pid_max pointers (32 MiB at the limit).
 */
#include "task/pid.h"

#include "core/panic.h"
#include "core/spinlock.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "sched/reclaim.h"
#include "task/task.h"

#define MAP_BITS     32768u
#define HASH_BITS    10
#define FIRST_REUSED 300

struct pid_namespace {
    struct spinlock lock;
    u32 last;                                 /* [L] given out last */
    u64 *maps[PID_MAX_LIMIT / MAP_BITS];      /* [L] NULL: all free */
    struct hlist_head chains[1 << HASH_BITS]; /* [L], read under RCU */
};

static u64 first_map[MAP_BITS / 64];

struct pid_namespace init_pid_ns = {
    .lock = SPINLOCK_INIT(RANK_PID),
    .maps = {first_map},
};
struct pid pid_zero = {
    .refs = REFCOUNT_INIT(1),
    .users = 1,
    .members = LIST_INIT(pid_zero.members),
    .exit = WAITQUEUE_INIT(pid_zero.exit),
    .numbers = {{.ns = &init_pid_ns}},
};
u32 pid_max = PID_MAX_DEFAULT;

/* The first free number in [from, end), from not 0, or 0; makes maps as needed. */
static u32 find_free(struct pid_namespace *ns, u32 from, u32 end)
{
    while (from < end) {
        u32 map = from / MAP_BITS, base = map * MAP_BITS;
        u32 bits = MIN(end - base, MAP_BITS);
        u32 bit;

        if (!ns->maps[map])
            ns->maps[map] = kmalloc_nosleep(MAP_BITS / 8);
        if (!ns->maps[map])
            return 0;
        bit = bitmap_find_next_zero(ns->maps[map], bits, from - base);
        if (bit < bits)
            return base + bit;
        from = base + MAP_BITS;
    }
    return 0;
}

/* Reserves the next number of the cycle; 0: none left. */
static u32 number_take_locked(struct pid_namespace *ns)
{
    u32 max = READ_ONCE(pid_max), number;

    number = find_free(ns, ns->last + 1, max);
    if (!number)
        number = find_free(ns, ns->last < FIRST_REUSED ? 1 : FIRST_REUSED, max);
    if (!number)
        return 0;
    ns->last = number;
    bitmap_set(ns->maps[number / MAP_BITS], number % MAP_BITS);
    return number;
}

static struct hlist_head *chain_of(struct pid_namespace *ns, u32 number)
{
    return &ns->chains[hash_u64_bits(number, HASH_BITS)];
}

int pid_alloc(struct pid **out)
{
    struct pid_namespace *ns = &init_pid_ns;
    struct pid *pid = *out = kmalloc(sizeof(*pid));
    u32 number;

    if (!pid)
        return -ENOMEM;
    ref_init(&pid->refs, 1);
    pid->users = 1;
    list_init(&pid->members);
    waitqueue_init(&pid->exit);
    spin_guard_irqsave(&ns->lock);
    number = number_take_locked(ns);
    if (!number) {
        kfree(pid);
        return -EAGAIN;
    }
    pid->numbers[0].number = number;
    pid->numbers[0].ns = ns;
    hlist_add_head_rcu(&pid->numbers[0].chain, chain_of(ns, number));
    return 0;
}

void pid_use(struct pid *pid)
{
    spin_guard_irqsave(&pid->numbers[0].ns->lock);

    assert(pid->users);
    pid->users++;
}

void pid_unuse(struct pid *pid)
{
    struct pid_namespace *ns = pid->numbers[0].ns;
    u32 number = pid->numbers[0].number;
    spin_guard_irqsave(&ns->lock);

    if (--pid->users)
        return;
    hlist_del(&pid->numbers[0].chain);
    bitmap_clear(ns->maps[number / MAP_BITS], number % MAP_BITS);
    pid_put(pid);
}

static void pid_free_rcu(struct rcu_head *head)
{
    kfree(container_of(head, struct pid, rcu));
}

DEFINE_REF_PUT_RCU(pid, pid_free_rcu)

/* find_get(): what find() finds, with a reference, unless its last one is gone. */
#define DEFINE_FIND_GET(type, find)                                       \
    struct type *find##_get(u32 number)                                   \
    {                                                                     \
        rcu_guard();                                                      \
        struct type *found = find(number);                                \
                                                                          \
        return found && ref_get_unless_zero(&found->refs) ? found : NULL; \
    }

struct pid *pid_find(u32 number)
{
    struct pid_number *n;

    hlist_for_each_entry_rcu(n, chain_of(&init_pid_ns, number), chain) {
        if (n->number == number)
            return container_of(n, struct pid, numbers[0]);
    }
    return NULL;
}

DEFINE_FIND_GET(pid, pid_find)

u32 pid_next(u32 number)
{
    struct pid_namespace *ns = &init_pid_ns;
    spin_guard_irqsave(&ns->lock);

    for (number = MAX(number, 1u); number < PID_MAX_LIMIT;) {
        u32 map = number / MAP_BITS, bit = MAP_BITS;

        if (ns->maps[map])
            bit = bitmap_find_next(ns->maps[map], MAP_BITS, number % MAP_BITS);
        if (bit < MAP_BITS)
            return map * MAP_BITS + bit;
        number = (map + 1) * MAP_BITS;
    }
    return 0;
}

u32 pid_last(void)
{
    return READ_ONCE(init_pid_ns.last);
}

struct task *task_find(u32 tid)
{
    struct pid *pid = pid_find(tid);

    return pid ? rcu_dereference(pid->task) : NULL;
}

DEFINE_FIND_GET(task, task_find)

struct process *process_find(u32 tgid)
{
    struct pid *pid = pid_find(tgid);

    return pid ? rcu_dereference(pid->process) : NULL;
}

DEFINE_FIND_GET(process, process_find)

/*
 * What must end in a panic: one attack a test, on each of the kernel's own defences; and what must
 * be reported as a lock-up. Names that begin with fatal_ are run only when they are asked for, one
 * a boot (tests/system/test_faults.py).
 */
#include "core/ktest.h"
#include "core/panic.h"
#include "core/spinlock.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "mm/vmalloc.h"
#include "arch/boot.h"
#include "arch/cpu.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "sched/wait.h"
#include "vm/space.h"

#define USER_PAGE 0x40000000UL
#define RET       0xd65f03c0 /* the instruction */

static struct spinlock first_lock = SPINLOCK_INIT(RANK_LEAF);

/* Where the compiler cannot see what an address is. */
static void *hide(const void *p)
{
    __auto_type volatile address = p;

    return (void *)address;
}

static void store(const void *at)
{
    *(volatile u32 *)hide(at) = 0;
}

static void call(const void *at)
{
    ((void (*)(void))hide(at))();
}

/* A page at USER_PAGE that a program may read, write and execute, with a RET in it. */
static void user_page(void)
{
    struct vm_space *space = vm_space_create();
    u32 ret = RET;

    vm_map(space, USER_PAGE, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
           MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, NULL, 0);
    vm_write_remote(space, USER_PAGE, &ret, sizeof ret);
    vm_space_use(space);
}

KTEST(fatal_write_text)
{
    store(ktest_run);
}

KTEST(fatal_write_constant)
{
    store("constant");
}

KTEST(fatal_write_sealed)
{
    store(_ro_init_start);
}

KTEST(fatal_write_text_in_linear_map)
{
    store(phys_to_virt((u64)ktest_run - boot_info.voffset));
}

KTEST(fatal_execute_data)
{
    static u32 code[16] = {RET};

    call(code);
}

KTEST(fatal_execute_heap)
{
    u32 *code = kmalloc_nosleep(64);

    *code = RET;
    call(code);
}

KTEST(fatal_read_user)
{
    user_page();
    (void)*(volatile u32 *)hide((void *)USER_PAGE);
}

KTEST(fatal_write_user)
{
    user_page();
    store((void *)USER_PAGE);
}

KTEST(fatal_execute_user)
{
    user_page();
    call((void *)USER_PAGE);
}

static void landing(void) {}

/* Behind the landing pad; where nobody minds there is a RET. */
KTEST(fatal_bti_landing)
{
    call((u32 *)landing + 1);
}

/* Returns to where it came from, by an address that nobody has signed. */
static __noinline void return_unsigned(void)
{
    u64 *record = hide(__builtin_frame_address(0));

    record[1] = unsigned_address(record[1]);
}

KTEST(fatal_pac_return)
{
    return_unsigned();
}

KTEST(fatal_null)
{
    (void)*(volatile u32 *)hide(NULL);
}

/* Each turn leaves something on the stack that is needed after the next. */
static u64 descend(volatile u64 *above)
{
    volatile u64 here[16] = {*above + 1};

    return *here ? descend(here) + here[0] : 0;
}

KTEST(fatal_stack_overflow)
{
    u64 top = 0;

    ktest_check(descend(&top) != 0);
}

KTEST(fatal_smashed_canary)
{
    char here[16];

    memset(hide(here), 0x5a, 48);
}

KTEST(fatal_vmalloc_overrun)
{
    char *area = vmalloc_nosleep(PAGE_SIZE);

    store(area + PAGE_SIZE);
}

KTEST(fatal_use_after_free)
{
    u64 *object = kmalloc_nosleep(64);

    kfree(object);
    memset(hide(object), 0, 64);
    for (u32 i = 0; i < 4096; i++)
        ktest_check(kmalloc_nosleep(64) != NULL);
}

KTEST(fatal_double_free)
{
    void *object = kmalloc_nosleep(64);

    kfree(object);
    kfree(hide(object));
}

KTEST(fatal_lock_twice)
{
    spin_lock(&first_lock);
    spin_lock(&first_lock);
}

static void hold_for_ever(void *unused)
{
    spin_lock(&first_lock);
    for (;;)
        cpu_relax();
}

/* Needs a second CPU: the holder never lets go. */
KTEST(fatal_lock_waited_for)
{
    thread_run("holder", hold_for_ever, NULL);
    while (!READ_ONCE(first_lock.holder))
        yield();
    spin_lock(&first_lock);
}

static void spin_for_ever(void *unused)
{
    for (;;)
        cpu_relax();
}

static void bind_to_first_cpu(void)
{
    struct cpumask first = cpumask_of(0);

    thread_set_affinity(current_thread(), &first);
}

static void wait_for_first_cpu(void *unused)
{
    bind_to_first_cpu();
    ktest_check(false); /* came there */
}

/* The other thread may run nowhere else. */
KTEST(fatal_cpu_without_a_switch)
{
    bind_to_first_cpu();
    preempt_disable();
    thread_run("waiter", wait_for_first_cpu, NULL);
    spin_for_ever(NULL);
}

static void mask_for_ever(void *unused)
{
    irq_disable();
    spin_for_ever(NULL);
}

/* Needs a second CPU, which notices. */
KTEST(fatal_cpu_without_interrupts)
{
    thread_run("deaf", mask_for_ever, NULL);
    sleep_until(TIMER_NEVER, false);
}

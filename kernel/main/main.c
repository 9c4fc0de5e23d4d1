/*
 * The bring-up, from top to bottom.
 *
 * kernel_main() runs on the boot CPU with IRQs masked and no other thread; it starts what must be
 * there before threads, then the other CPUs and the init thread, and becomes CPU 0's idle thread.
 * The rest comes up in that init thread, which at last becomes process 1.
 */
#include "main/main_impl.h"

#include "arch/uart.h"
#include "arch/upcall.h"
#include "core/clock.h"
#include "core/fail.h"
#include "core/irq.h"
#include "core/ktest.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/panic.h"
#include "core/param.h"
#include "core/percpu.h"
#include "core/random.h"
#include "core/rcu.h"
#include "dev/chardev.h"
#include "dev/driver.h"
#include "fs/vfs.h"
#include "io/file.h"
#include "mm/bump.h"
#include "mm/kasan.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "proc/proc.h"
#include "procfs/procfs.h"
#include "sched/smp.h"
#include "sched/thread.h"
#include "sched/work.h"
#include "task/task.h"
#include "vm/futex.h"
#include "vm/space.h"

static void init_thread(void *unused);

void kernel_main(paddr_t dtb)
{
    kasan_init();
    uart_init();
    tree_open(dtb);              /* the device tree, where the loader left it */
    param_init(tree_bootargs()); /* the kernel's arguments */
    log_init();
    banner();
    memory_init(); /* bump allocator, linear map, the tree's own copy */
    percpu_init(smp_find_cpus(machine_fdt()), mm_alloc);
    tree_seed_random(); /* before the first secret is drawn */
    random_bytes(kernel_key, sizeof kernel_key);
    cpu_protect_branches();
    page_init(); /* page frames: the end of the bump allocator */
    kmalloc_init();
    memory_release(); /* the tree's first place goes back */
    irq_init(kmalloc_any_nosleep);
    clock_init();
    sched_init(); /* this becomes CPU 0's idle thread */
    if (!driver_probe(DRIVER_IRQ))
        panic("the device tree names no interrupt controller that works");
    if (!driver_probe(DRIVER_TIMER))
        panic("the device tree names no timer that works");
    driver_probe(DRIVER_POWER); /* PSCI: needed to start the others */
    random_init();
    if (thread_run("init", init_thread, NULL))
        panic("no memory for the first thread");
    idle_loop();
}

/* In a thread, on the boot CPU; everything may sleep from here on. */
static void init_thread(void *unused)
{
    const char *pattern;

    smp_boot_secondaries();
    work_init();
    rcu_init();
    task_init();
    vm_init();
    futex_init();
    io_init();
    vfs_init();                  /* an empty tmpfs as / */
    devices_init();              /* null, zero, random, kmsg, terminals */
    driver_probe(DRIVER_DEVICE); /* UART, RTC, memory devices, terminals */
    procfs_init();
    proc_init();
    initramfs_load();
    kernel_seal(); /* written only while booting: read-only from now on */
    pattern = param_get("ktest");
    if (pattern)
        finish(ktest_run(pattern) ? 1 : 0);
    if (param_get("demo"))
        demo_run(param_get("demo"));
    fail_arm();  /* fail_alloc= and fail_io= count from here */
    init_exec(); /* process 1: does not come back */
}

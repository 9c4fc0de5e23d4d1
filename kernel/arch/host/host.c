/*
 * The door of the architecture, as far as unit tests on the host go through it: one CPU, no
 * interrupts, user memory that is the program's own. "Physical" memory at pa is host memory at the
 * base of the linear map + pa; the test maps it with host_ram().
 */
#include "arch/host/host.h"
#include "arch/counter.h"
#include "arch/cpu.h"
#include "arch/firmware.h"
#include "arch/host/os.h"
#include "arch/thread.h"
#include "arch/trap.h"
#include "arch/uaccess.h"
#include "arch/uart.h"
#include "lib/errno.h"
#include "lib/string.h"

static struct thread_head host_head = {.preempt_count = 0};

u64 host_irq_mask;
struct thread_head *host_current = &host_head;
struct cpu_features cpu_features = {.counter_hz = 1000000000};
u64 uart_base;
const struct trap_frame *trap_reported_frame;

/* What linker.ld gives the kernel. */
char __percpu_start[1], __percpu_end[1], _image_start[1];
const char __ktests_start[1], __ktests_end[1];
const u32 __ksyms_start[1], __ksyms_end[1]; /* a table of no entries */

void host_ram(paddr_t pa, u64 size)
{
    os_map(HOST_LINEAR_BASE + pa, size);
}

void page_zero(void *page)
{
    memset(page, 0, 4096);
}

void page_copy(void *to, const void *from)
{
    memcpy(to, from, 4096);
}

void cpu_halt(void)
{
    os_abort();
}

bool random_hw(u64 *out)
{
    (void)out;
    return false;
}

u64 counter_read(void)
{
    return os_clock_ns();
}

void timer_set(u64 deadline)
{
    (void)deadline;
}

enum conduit psci_conduit;

long firmware_call(enum conduit conduit, u64 function, u64 a, u64 b, u64 c)
{
    (void)conduit, (void)function, (void)a, (void)b, (void)c;
    return -1;
}

void uart_write(const char *text, size_t size)
{
    os_write(text, size);
}

/* User memory is the program's; the first page and what lies beyond USER_TOP fault. */
static bool user_ok(u64 addr, size_t n)
{
    return addr >= 4096 && n <= USER_TOP && addr <= USER_TOP - n;
}

size_t user_copy_from(void *to, u64 from, size_t n)
{
    if (n == 0 || !user_ok(from, n))
        return n;
    memcpy(to, (const void *)from, n);
    return 0;
}

size_t user_copy_to(u64 to, const void *from, size_t n)
{
    if (n == 0 || !user_ok(to, n))
        return n;
    memcpy((void *)to, from, n);
    return 0;
}

size_t user_clear(u64 to, size_t n)
{
    if (n == 0 || !user_ok(to, n))
        return n;
    memset((void *)to, 0, n);
    return 0;
}

__attribute__((no_sanitize("address"))) int host_user_load(u64 from, void *out, size_t size)
{
    if (!user_ok(from, size))
        return -EFAULT;
    for (size_t i = 0; i < size; i++)
        ((u8 *)out)[i] = ((const u8 *)from)[i];
    return 0;
}

int user_cmpxchg32(u64 addr, u32 old, u32 new_value, u32 *seen)
{
    if (!user_ok(addr, 4))
        return -EFAULT;
    *seen = old;
    __atomic_compare_exchange_n((u32 *)addr, seen, new_value, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
    return 0;
}

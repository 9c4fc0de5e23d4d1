/* On-target tests of core: locks and ranks, log, arguments, random numbers, calls, clock. */
#include "core/clock.h"
#include "core/held.h"
#include "core/ipi.h"
#include "core/irq.h"
#include "core/ktest.h"
#include "core/panic.h"
#include "core/param.h"
#include "core/percpu.h"
#include "core/random.h"
#include "core/refcount.h"
#include "core/seqlock.h"
#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/string.h"

KTEST(spinlock_knows_its_holder)
{
    struct spinlock lock;
    u32 before = current_head()->preempt_count;

    spin_init(&lock, RANK_LEAF);
    ktest_check(!spin_is_held(&lock));
    spin_lock(&lock);
    ktest_check(spin_is_held(&lock));
    ktest_check(current_head()->preempt_count == before + 1);
    spin_unlock(&lock);
    ktest_check(!spin_is_held(&lock));
    ktest_check(spin_trylock(&lock));
    ktest_check(!spin_try_acquire(&lock));
    spin_unlock(&lock);
    ktest_check(current_head()->preempt_count == before);
}

KTEST(spinlock_irqsave_masks_and_restores)
{
    struct spinlock lock;
    irqflags_t flags;

    spin_init(&lock, RANK_LEAF);
    ktest_check(!irqs_disabled());
    flags = spin_lock_irqsave(&lock);
    ktest_check(irqs_disabled());
    ktest_check(in_atomic());
    spin_unlock_irqrestore(&lock, flags);
    ktest_check(!irqs_disabled());
}

KTEST(held_locks_leave_in_any_order)
{
    struct held_locks held = {0};
    int a = 0, b = 0, c = 0;

    held_add(&held, &a, RANK_INODE, true, 0);
    held_add(&held, &b, RANK_SPACE, true, 0);
    held_add(&held, &c, RANK_WAIT, true, 0);
    held_remove(&held, &b);
    ktest_check(held.depth == 2);
    ktest_check(held.entries[1].lock == &c);
    held_remove(&held, &c);
    held_remove(&held, &a);
    ktest_check(held.depth == 0);
}

KTEST(held_turns_alone_allow_to_wait)
{
    struct held_locks held = {0};
    int turn = 0, inode = 0;

    ktest_check(held_may_wait(&held));
    held_add(&held, &turn, RANK_TURN, true, 0);
    ktest_check(held_may_wait(&held));
    held_add(&held, &inode, RANK_INODE, true, 0);
    ktest_check(!held_may_wait(&held));
    held_remove(&held, &turn);
    ktest_check(!held_may_wait(&held));
}

static struct spinlock counter_lock = SPINLOCK_INIT(RANK_LEAF);
static u64 counter;

static void count_under_lock(void *turns)
{
    for (u64 i = 0; i < (u64)turns; i++) {
        irqflags_t flags = spin_lock_irqsave(&counter_lock);

        WRITE_ONCE(counter, counter + 1);
        spin_unlock_irqrestore(&counter_lock, flags);
    }
}

/* All other CPUs count without being waited for, then this one; the lock loses no turn. */
KTEST(spinlock_excludes_cpus)
{
    u64 turns = 20000, expected = 0, limit;
    u32 cpu;

    counter = 0;
    for_each_online_cpu(cpu) {
        ktest_check(smp_call(cpu, count_under_lock, (void *)turns, false) == 0);
        expected += turns;
    }
    limit = clock_monotonic_ns() + 20 * NS_PER_SEC;
    while (READ_ONCE(counter) < expected && clock_monotonic_ns() < limit)
        cpu_relax();
    ktest_check(counter == expected);
}

static void note_cpu(void *seen)
{
    __atomic_or_fetch((u64 *)seen, BIT(cpu_id()), __ATOMIC_RELAXED);
}

KTEST(smp_call_reaches_each_cpu)
{
    u64 seen = 0, expected = 0;
    u32 cpu;

    for_each_online_cpu(cpu)
        if (cpu < 64)
            expected |= BIT(cpu);
    if (cpu_count > 64)
        return;
    smp_call_all(note_cpu, &seen);
    ktest_check(seen == expected);
    ktest_check(smp_call(cpu_count, note_cpu, &seen, true) == -ENXIO);
}

KTEST(percpu_copies_are_apart)
{
    u32 cpu;

    for_each_cpu(cpu)
        ktest_check(per_cpu(cpu_number, cpu) == cpu);
    preempt_disable();
    ktest_check(this_cpu(cpu_number) == cpu_id());
    preempt_enable();
}

KTEST(refcount_saturates)
{
    struct refcount ref = REFCOUNT_INIT(1);

    ref_get(&ref);
    ktest_check(!ref_put(&ref));
    ktest_check(ref_get_unless_zero(&ref));
    ktest_check(!ref_put(&ref));
    ktest_check(ref_put(&ref));
    ktest_check(!ref_get_unless_zero(&ref));
    ref_init(&ref, 0x7fffffff);
    ref_get(&ref);
    ref_get(&ref);
    ktest_check(ref_read(&ref) == REF_SATURATED);
    ktest_check(!ref_put(&ref));
}

KTEST(seqlock_reader_sees_the_writer)
{
    struct seqlock seq;
    u32 begin;
    irqflags_t flags;

    seq_init(&seq, RANK_LEAF);
    begin = seq_read_begin(&seq);
    ktest_check(!seq_read_retry(&seq, begin));
    flags = seq_write_lock(&seq);
    seq_write_unlock(&seq, flags);
    ktest_check(seq_read_retry(&seq, begin));
}

KTEST(clock_moves_on)
{
    u64 before = clock_monotonic_ns(), real = clock_realtime_ns(), after;

    do
        after = clock_monotonic_ns();
    while (after == before);
    ktest_check(after > before);
    ktest_check(time_page_monotonic(clock_page(), clock_counter_at(after)) >= after);
    clock_set_realtime(real + NS_PER_SEC);
    ktest_check(clock_realtime_ns() >= real + NS_PER_SEC);
    clock_set_realtime(clock_realtime_ns() - NS_PER_SEC);
}

KTEST(log_keeps_records)
{
    static struct log_record record;
    static char text[LOG_TEXT_MAX], line[LOG_LINE_MAX];
    struct log_reader reader;
    bool found = false;
    size_t size;

    log_seek_newest(&reader);
    log_print(LOG_DEBUG, "ktest record %d\n", 42);
    while (log_read(&reader, &record, text) == 0 && !found)
        found = record.size == 15 && memcmp(text, "ktest record 42", 15) == 0;
    ktest_check(found);
    size = log_format_syslog(&record, text, line);
    ktest_check(size > 18 && memcmp(line, "<7>[", 4) == 0 && line[size - 1] == '\n');
    log_format_kmsg(&record, text, line);
    ktest_check(memcmp(line, "7,", 2) == 0);
}

KTEST(log_readers_notice_what_was_lost)
{
    static struct log_record record;
    static char text[LOG_TEXT_MAX];
    struct log_reader reader;
    u64 first = 0;
    u32 lost = 0;

    log_seek_newest(&reader);
    for (size_t filled = 0; filled < 2 * log_capacity(); filled += 100)
        log_print(LOG_DEBUG, "%080d", 7);
    for (int result; (result = log_read(&reader, &record, text)) != -EAGAIN;) {
        lost += result == -EPIPE;
        if (result == 0 && first != 0 && record.sequence != first + 1)
            lost += 100;
        first = result == 0 ? record.sequence : 0;
    }
    ktest_check(lost == 1);
}

/* The words of Linux's rules; the machine's own arguments are put back. */
KTEST(param_reads_as_linux)
{
    static char saved[PARAM_MAX];

    str_copy(saved, param_text(), sizeof saved);
    param_init("quiet init=/a \"root=b c\" rdinit=\"x y\" FOO=1 single mod.x=1 init=/z max-cpus "
               "panic=-1 loglevel=0x5 -- last init=q");
    ktest_check(param_flag("quiet") && !param_flag("console"));
    ktest_check(strcmp(param_get("init"), "/z") == 0);
    ktest_check(strcmp(param_get("root"), "b c") == 0);
    ktest_check(strcmp(param_get("rdinit"), "x y") == 0);
    ktest_check(param_u64("loglevel", 7) == 5 && param_u64("panic", 3) == 3);
    ktest_check(strcmp(param_init_env(0), "FOO=1") == 0 && !param_init_env(1));
    ktest_check(strcmp(param_init_arg(0), "single") == 0);
    ktest_check(strcmp(param_init_arg(1), "max-cpus") == 0);
    ktest_check(strcmp(param_init_arg(2), "last") == 0);
    ktest_check(strcmp(param_init_arg(3), "init=q") == 0 && !param_init_arg(4));
    param_init(saved);
    ktest_check(strcmp(saved, param_text()) == 0);
}

KTEST(random_is_not_constant)
{
    u64 words[64], ones = 0;
    u8 bytes[1000];

    for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
        words[i] = random_u64();
        for (u32 j = 0; j < i; j++)
            ktest_check(words[i] != words[j]);
        for (u32 bit = 0; bit < 64; bit++)
            ones += words[i] >> bit & 1;
    }
    ktest_check(ones > 1700 && ones < 2400); /* 2048, 10 standard deviations either way */
    memset(bytes, 0, sizeof bytes);
    random_bytes(bytes, sizeof bytes);
    ktest_check(bytes[999] + bytes[998] + bytes[997] + bytes[996] != 0);
}

KTEST(symbols_name_a_function)
{
    u64 offset = 1;
    const char *name = symbol_name((u64)ktest_run, &offset);

    ktest_check(name && strcmp(name, "ktest_run") == 0 && offset == 0);
    ktest_check(symbol_name(4, &offset) == NULL);
}

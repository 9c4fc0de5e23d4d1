/*
 * The log.
 *
 * What it is: a ring of variable-sized records in bytes. Positions count bytes since boot, so a
 * position is never used twice and its place in the ring is position % RING_SIZE; a record may
 * wrap. Writing moves `tail` over the oldest records that stand in the way.
 *
 * Interface: log.h. Writers call log_print() in any context; readers have a position of their own
 * and find out when it was overwritten.
 *
 * Invariants:
 * I1. tail <= head <= tail + RING_SIZE; both are starts of records (head: of the next).
 * I2. `console` is a reader like others; it moves only under console_lock, in order.
 * I3. A record is written out by whoever holds console_lock after it was added: who fails the
 *     trylock leaves it to the holder, and the holder looks again after its release.
 *
 * Locking: ring_lock (RANK_LOG) guards the ring and is a leaf. console_lock (RANK_CONSOLE) is only
 * tried, so a sink that logs, or an interrupt in the middle of a sink, cannot deadlock. Sinks
 * may take locks of RANK_UART. In a panic no lock is taken and the UART is written directly.
 *
 * Waking readers: a record may be written where nothing can be woken (run queue locked), so
 * log_notify_pending is left for the end of the next interrupt, or done at once when possible.
 *
 * Rejected: a lock-free ring. The lock is held for a copy of some tens of bytes, and messages
 * are rare.
 */
#include "core/log.h"
#include "arch/uart.h"
#include "core/clock.h"
#include "core/param.h"
#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"

#define RING_SIZE    65536UL
#define ALIGN_RECORD 8

static char ring[RING_SIZE] __aligned(8);
static u64 ring_head, ring_tail; /* [L] ring_lock; log_unread() only looks */
static u64 next_sequence;        /* [L] ring_lock */
static struct spinlock ring_lock = SPINLOCK_INIT(RANK_LOG);

static struct spinlock console_lock = SPINLOCK_INIT(RANK_CONSOLE);
static struct log_reader console;            /* [L] console_lock */
static struct list sinks = LIST_INIT(sinks); /* [L] console_lock */
static u32 console_level = 7;                /* [A] */
static bool panic_mode;                      /* [A] */

bool log_debug_on;
bool log_notify_pending; /* [A] */
static void (*notify)(void);

static void ring_copy(u64 position, void *data, size_t size, bool in)
{
    size_t at = position % RING_SIZE, first = MIN(size, RING_SIZE - at);
    char *bytes = data;

    if (in) {
        memcpy(ring + at, bytes, first);
        memcpy(ring, bytes + first, size - first);
    } else {
        memcpy(bytes, ring + at, first);
        memcpy(bytes + first, ring, size - first);
    }
}

static u64 record_span(const struct log_record *record)
{
    return ALIGN_UP(sizeof *record + record->size, ALIGN_RECORD);
}

static void append_locked(struct log_record *record, const char *text)
{
    struct log_record old;
    u64 span = record_span(record);

    while (ring_head + span > ring_tail + RING_SIZE) {
        ring_copy(ring_tail, &old, sizeof old, false);
        ring_tail += record_span(&old);
    }
    record->sequence = next_sequence++;
    ring_copy(ring_head, record, sizeof *record, true);
    ring_copy(ring_head + sizeof *record, (char *)text, record->size, true);
    ring_head += span;
}

static int read_locked(struct log_reader *r, struct log_record *record, char *text)
{
    if (r->position < ring_tail) {
        r->position = ring_tail;
        return -EPIPE;
    }
    if (r->position >= ring_head)
        return -EAGAIN;
    ring_copy(r->position, record, sizeof *record, false);
    record->size = MIN_T(size_t, record->size, LOG_TEXT_MAX); /* a panic may find it half written */
    ring_copy(r->position + sizeof *record, text, record->size, false);
    r->position += record_span(record);
    return 0;
}

int log_read(struct log_reader *r, struct log_record *record, char *text)
{
    if (READ_ONCE(panic_mode))
        return read_locked(r, record, text);
    spin_guard_irqsave(&ring_lock);
    return read_locked(r, record, text);
}

bool log_unread(const struct log_reader *r)
{
    return READ_ONCE(r->position) < READ_ONCE(ring_head);
}

void log_seek_oldest(struct log_reader *r)
{
    r->position = 0;
}

void log_seek_newest(struct log_reader *r)
{
    spin_guard_irqsave(&ring_lock);
    r->position = ring_head;
}

size_t log_capacity(void)
{
    return RING_SIZE;
}

/* Ends a line whose first `at` bytes are in buf. */
static size_t format_text(const struct log_record *record, const char *text, char *buf, size_t at)
{
    memcpy(buf + at, text, record->size);
    buf[at + record->size] = '\n';
    return at + record->size + 1;
}

static size_t format_stamped(const struct log_record *record, const char *text, char *buf,
                             size_t at)
{
    u64 us = record->time_ns / NS_PER_US;

    at += format_buf(buf + at, LOG_LINE_MAX - at, "[%5lu.%06lu] ", us / 1000000, us % 1000000);
    return format_text(record, text, buf, at);
}

static u32 priority_of(const struct log_record *record)
{
    return (record->level & 7) | record->facility << 3;
}

size_t log_format_syslog(const struct log_record *record, const char *text, char *buf)
{
    size_t at = format_buf(buf, LOG_LINE_MAX, "<%u>", priority_of(record));

    return format_stamped(record, text, buf, at);
}

size_t log_format_kmsg(const struct log_record *record, const char *text, char *buf)
{
    size_t at = format_buf(buf, LOG_LINE_MAX, "%u,%lu,%lu,-;", priority_of(record),
                           record->sequence, record->time_ns / NS_PER_US);

    return format_text(record, text, buf, at);
}

static bool wanted_on_console(const struct log_record *record)
{
    return record->level & LOG_FORCE || record->level < READ_ONCE(console_level);
}

static void write_out(const char *line, size_t size)
{
    struct log_sink *sink;

    if (list_empty(&sinks) || READ_ONCE(panic_mode)) {
        uart_write(line, size);
        return;
    }
    list_for_each_entry(sink, &sinks, list)
        sink->write(sink, line, size);
}

/* Writes out what the console has not seen; its buffers are under console_lock. */
static void console_flush_locked(void)
{
    static struct log_record record;
    static char text[LOG_TEXT_MAX], line[LOG_LINE_MAX];
    int result;

    while ((result = log_read(&console, &record, text)) != -EAGAIN)
        if (result == 0 && wanted_on_console(&record))
            write_out(line, format_stamped(&record, text, line, 0));
}

/* I3 */
static void console_flush(void)
{
    irq_guard();
    while (READ_ONCE(console.position) < READ_ONCE(ring_head) && spin_trylock(&console_lock)) {
        console_flush_locked();
        spin_unlock(&console_lock);
        smp_mb(); /* the release before the look at ring_head */
    }
}

void log_notify_now(void)
{
    WRITE_ONCE(log_notify_pending, false);
    if (notify)
        notify();
}

void log_set_notify(void (*fn)(void))
{
    notify = fn;
}

static void add(u32 level, u32 facility, const char *text, size_t size)
{
    struct log_record record = {
        .time_ns = clock_monotonic_ns(),
        .thread = current_head()->spare,
        .size = MIN_T(size_t, size, LOG_TEXT_MAX),
        .level = level,
        .facility = facility,
    };
    irqflags_t flags;

    if (READ_ONCE(panic_mode)) {
        uart_write(text, record.size);
        uart_write("\n", 1);
        return;
    }
    flags = spin_lock_irqsave(&ring_lock);
    append_locked(&record, text);
    spin_unlock_irqrestore(&ring_lock, flags);
    console_flush();
    if (notify) {
        WRITE_ONCE(log_notify_pending, true);
        if (!in_atomic())
            log_notify_now();
    }
}

void log_print(u32 level, const char *fmt, ...)
{
    char text[LOG_TEXT_MAX];
    va_list args;
    size_t size;

    va_start(args, fmt);
    size = format_buf_v(text, sizeof text, fmt, args);
    va_end(args);
    size = MIN(size, sizeof text - 1);
    while (size > 0 && text[size - 1] == '\n')
        size--;
    add(level, 0, text, size);
}

void log_user(u32 level, const char *text, size_t size)
{
    add(level & 7, 1, text, size);
}

u32 log_console_level(void)
{
    return READ_ONCE(console_level);
}

void log_set_console_level(u32 level)
{
    WRITE_ONCE(console_level, level);
    WRITE_ONCE(log_debug_on, level > LOG_DEBUG);
}

void log_init(void)
{
    u32 level = param_flag("quiet") ? 4 : param_flag("debug") ? 8 : 7;

    log_set_console_level(MIN_T(u64, param_u64("loglevel", level), 15));
}

void log_sink_register(struct log_sink *sink)
{
    irqflags_t flags = spin_lock_irqsave(&console_lock);

    list_add_tail(&sink->list, &sinks);
    spin_unlock_irqrestore(&console_lock, flags);
    console_flush();
}

/*
 * Other CPUs may be anywhere, also stopped within the locks: none is taken. What the console has
 * not seen yet is written first, at worst garbled.
 */
void log_panic_begin(void)
{
    WRITE_ONCE(panic_mode, true);
    console_flush_locked();
}

/*
 * The kernel's log: a ring of records, read by syslog(2), /dev/kmsg and dmesg, and written out by
 * sinks. One call makes one record; it needs no newline. Any context. Theory in core/log.c.
 */
#pragma once

#include "lib/list.h"

enum log_level {
    LOG_EMERG,
    LOG_ALERT,
    LOG_CRIT,
    LOG_ERR,
    LOG_WARN,
    LOG_NOTICE,
    LOG_INFO,
    LOG_DEBUG,
    LOG_FORCE = 8, /* added: written out at any console level */
};

/* Are debug records wanted: loglevel=8. [A] */
extern bool log_debug_on;

__printf(2, 3) void log_print(u32 level, const char *fmt, ...);

#define log_emerg(...)  log_print(LOG_EMERG, __VA_ARGS__)
#define log_err(...)    log_print(LOG_ERR, __VA_ARGS__)
#define log_warn(...)   log_print(LOG_WARN, __VA_ARGS__)
#define log_notice(...) log_print(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)   log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                         \
    do {                                       \
        if (unlikely(READ_ONCE(log_debug_on))) \
            log_print(LOG_DEBUG, __VA_ARGS__); \
    } while (0)

/* As log_err, once for each place in the code. */
#define log_once(...)                                                 \
    do {                                                              \
        static bool log_done_;                                        \
        if (!__atomic_exchange_n(&log_done_, true, __ATOMIC_RELAXED)) \
            log_print(LOG_ERR, __VA_ARGS__);                          \
    } while (0)

#define LOG_TEXT_MAX 400                 /* bytes of text in one record; the rest is cut */
#define LOG_LINE_MAX (LOG_TEXT_MAX + 64) /* of a record in any printed form */

struct log_record {
    u64 sequence;
    u64 time_ns; /* monotonic */
    u32 thread;  /* spare of the writer's thread head: its id for debugging */
    u16 size;    /* of the text */
    u8 level;    /* enum log_level; LOG_FORCE kept */
    u8 facility; /* 0 kernel, 1 written by a program through /dev/kmsg */
};

/* Where records are written out. write() is called with IRQs masked, one CPU at a time. */
struct log_sink {
    void (*write)(struct log_sink *sink, const char *text, size_t size);
    struct list list;
};

/* From now on, each record that the console level lets through. The early sink goes then. */
void log_sink_register(struct log_sink *sink);

/* Reads quiet, loglevel= and debug; before that all but debug is written to the UART. */
void log_init(void);

/* Records of a level below this are written out. As the argument of syslog(2): 1 to 8. */
u32 log_console_level(void);
void log_set_console_level(u32 level);

/* A record that a program wrote to /dev/kmsg. */
void log_user(u32 level, const char *text, size_t size);

/* A reader's place. Zero: the oldest record. */
struct log_reader {
    u64 position; /* in bytes since boot */
};

/* Is there a record behind the reader, or was one overwritten that it had not read? */
bool log_unread(const struct log_reader *r);

/* The reader moves to the oldest or behind the newest record. */
void log_seek_oldest(struct log_reader *r);
void log_seek_newest(struct log_reader *r);

/*
 * Copies the reader's next record and its text (LOG_TEXT_MAX bytes of room) and moves on.
 * 0; -EAGAIN: no record yet; -EPIPE: some were overwritten, the reader is at the oldest now.
 */
int log_read(struct log_reader *r, struct log_record *record, char *text);

/* Bytes that the ring keeps at most. */
size_t log_capacity(void);

/* "<6>[   12.345678] text\n", as syslog(2) has it; returns the length, buf has LOG_LINE_MAX. */
size_t log_format_syslog(const struct log_record *record, const char *text, char *buf);

/* "6,12,12345678,-;text\n", as /dev/kmsg has it. */
size_t log_format_kmsg(const struct log_record *record, const char *text, char *buf);

/*
 * notify() is called after new records, outside any lock, where a wake-up is allowed; maybe late.
 */
void log_set_notify(void (*notify)(void));
extern bool log_notify_pending;
void log_notify_now(void);

/* A panic: from now on everything goes straight to the UART, without locks. */
void log_panic_begin(void);

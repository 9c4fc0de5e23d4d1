/*
 * Terminals: what stands between a serial driver (later a pty master) and the programs that have
 * /dev/ttyX open. The theory is in tty.c.
 */
#pragma once

#include "core/spinlock.h"
#include "dev/tty/ldisc.h"
#include "sched/mutex.h"
#include "sched/wait.h"
#include "sched/work.h"

struct file;
struct pgrp;
struct process;
struct session;
struct tty;

/* What a driver does. None sleeps except open, close and set_termios; NULL: nothing to do. */
struct tty_ops {
    size_t (*write)(struct tty *tty, const u8 *data, size_t n); /* bytes taken, may be fewer */
    size_t (*write_room)(struct tty *tty);
    size_t (*pending)(struct tty *tty);  /* bytes taken but not yet on the line */
    void (*flush)(struct tty *tty);      /* forget pending output */
    void (*unthrottle)(struct tty *tty); /* tty_receive() has room again */
    void (*set_termios)(struct tty *tty, const struct termios *old);
    void (*set_break)(struct tty *tty, bool on);
    int (*open)(struct tty *tty, struct file *file);
    void (*close)(struct tty *tty); /* the last file is closed */
    void (*hangup)(struct tty *tty);
};

#define TTY_RX_SIZE 1024 /* a power of two */

struct tty {
    const struct tty_ops *ops; /* [I] */
    void *driver;              /* [I] the driver's own */
    char name[16];             /* [I] "ttyAMA0" */
    u64 dev;                   /* [I] dev_t */
    struct list link;          /* of all registered terminals */
    struct mutex write_lock;   /* one writer at a time; before `lock`, which is below it */
    struct mutex lock;         /* [L] below: discipline, window, session, files */
    struct ldisc ldisc;
    struct winsize winsize;
    bool stopped;        /* output suspended: ^S, TCOOFF */
    bool peer_stopped;   /* IXOFF: the other side was sent STOP */
    bool exclusive;      /* TIOCEXCL */
    bool closed_by_peer; /* a pty's master has gone */
    u32 open_count;
    u32 hangup_count;        /* files that were opened under another count are dead */
    struct session *session; /* whose controlling terminal it is; counted, or NULL */
    struct pgrp *foreground; /* counted, or NULL */
    struct waitqueue read_wait, write_wait;
    struct work rx_work;     /* moves received bytes into the discipline */
    struct spinlock rx_lock; /* received bytes, from interrupt context */
    u32 rx_head, rx_tail;
    bool throttled;      /* the driver was told that there is no room */
    u16 rx[TTY_RX_SIZE]; /* byte, or'ed with LDISC_BREAK and LDISC_PARITY */
};

/*
 * Create the terminal `name` and its device node. 0 and *out, or -errno. The terminal exists
 * from then on for as long as the kernel runs.
 */
int tty_register(const char *name, u64 dev, const struct tty_ops *ops, void *driver,
                 struct tty **out);

/* Set up a terminal that has no node (pty ends). */
void tty_setup(struct tty *tty, const char *name, u64 dev, const struct tty_ops *ops, void *driver);

/* Make `file` a file of `tty`; the open of its device. 0 or -errno. Sleeps. */
int tty_open(struct tty *tty, struct file *file);

/*
 * The driver received bytes (or'ed with LDISC_BREAK, LDISC_PARITY). Returns how many were taken;
 * when fewer than n, ops->unthrottle will be called. Any context.
 */
size_t tty_receive(struct tty *tty, const u16 *bytes, size_t n);

/* How many bytes tty_receive() would take. 0: ops->unthrottle will be called. Any context. */
size_t tty_receive_room(struct tty *tty);

/* The driver has room for output again. Any context. */
void tty_write_wakeup(struct tty *tty);

/* The line went away: files die with end of file and EIO, the session gets SIGHUP. Sleeps. */
void tty_hangup(struct tty *tty);

struct fdt;

/*
 * Is the serial line `name`, at a node of the device tree, the console? By console=NAME, else by
 * /chosen/stdout-path, else the first that asks.
 */
bool console_wanted(const char *name, const struct fdt *fdt, int node);

/* What /dev/console opens; the first registered terminal until one is set. May be NULL. */
void console_set(struct tty *tty);
struct tty *console_tty(void);

/* The controlling terminal of a process as dev_t for /proc/PID/stat, its foreground group id. */
u64 tty_of_process(struct process *process, s32 *foreground);

/* Registers /dev/tty and /dev/console. */
void tty_init(void);

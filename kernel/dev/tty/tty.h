/*
 * Terminals: what stands between a serial driver (later a pty master) and the programs that have
 * /dev/ttyX open. The theory is in tty.c.
 */
#pragma once

#include "dev/chardev.h"
#include "dev/tty/ldisc.h"
#include "sched/mutex.h"
#include "sched/wait.h"
#include "sched/work.h"

struct fdt;
struct pid;
struct process;
struct tty;

/* What a driver does. None sleeps; `get` and `receive` are called in interrupts too. */
struct tty_ops {
    size_t (*write)(struct tty *tty, const u8 *data, size_t n); /* bytes taken, may be fewer */
    size_t (*write_room)(struct tty *tty);
    size_t (*pending)(struct tty *tty);        /* bytes taken but not yet on the line */
    void (*flush)(struct tty *tty);            /* forget pending output */
    bool (*get)(struct tty *tty, u16 *byte);   /* a received byte, LDISC_BREAK or _PARITY or'ed */
    void (*receive)(struct tty *tty, bool on); /* call tty_receive() when there is a byte, or not */
    void (*set_break)(struct tty *tty, bool on);
};

#define TTY_RX_SIZE 1024 /* a power of two */

struct tty {
    const struct tty_ops *ops; /* [I] */
    void *driver;              /* [I] the driver's own */
    struct chardev device;     /* [I] */
    char name[16];             /* [I] "ttyAMA0" */
    struct mutex write_lock;   /* one writer at a time; before `lock`, which is below it */
    struct mutex lock;         /* [L] below: discipline, window, session, files */
    struct ldisc ldisc;
    struct winsize winsize;
    bool stopped;      /* output suspended: ^S, TCOOFF */
    bool peer_stopped; /* IXOFF: the other side was sent STOP */
    bool exclusive;    /* TIOCEXCL */
    u32 open_count;
    u32 hangup_count;       /* files that were opened under another count are dead */
    struct pid *session;    /* whose controlling terminal it is; counted, or NULL */
    struct pid *foreground; /* counted, or NULL */
    struct waitqueue read_wait, write_wait;
    struct work rx_work;     /* moves received bytes into the discipline */
    struct spinlock rx_lock; /* received bytes, from interrupt context */
    u32 rx_head, rx_tail;
    u16 rx[TTY_RX_SIZE]; /* as `get` gives them */
};

/*
 * Create the terminal `name` and its device node. 0 and *out, or -ENOMEM. The terminal exists from
 * then on for as long as the kernel runs.
 */
int tty_register(const char *name, dev_t dev, const struct tty_ops *ops, void *driver,
                 struct tty **out);

/* The driver has received something: takes it by ops->get. Bytes taken. Any context. */
size_t tty_receive(struct tty *tty);

/* The driver has room for output again. Any context. */
void tty_write_wakeup(struct tty *tty);

/*
 * Is this serial line, at a node of the device tree, the console? By console=NAME, else by
 * /chosen/stdout-path, else the first that asks. Until one is, /dev/console is the first.
 */
bool console_claim(struct tty *tty, const struct fdt *fdt, int node);

/* The controlling terminal of a process as dev_t for /proc/PID/stat, its foreground group id. */
u64 tty_of_process(struct process *process, s32 *foreground);

/* Registers /dev/tty and /dev/console. */
void tty_init(void);

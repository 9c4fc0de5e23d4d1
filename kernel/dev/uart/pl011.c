/*
 * PL011 serial ports (Arm PrimeCell UART, DDI 0183G), by interrupts in both directions.
 *
 * Output goes through a ring: callers fill it, the FIFO is fed from it at once, and the transmit
 * interrupt goes on feeding while anything is left. The log uses the same ring, so that its lines
 * and programs' output keep their order; since a log line must get out whatever state the
 * system is in, it waits, for a bounded time, for room in the FIFO. Input goes to the terminal
 * until that has no room; then the receive interrupt is off, and the device holds bytes back.
 *
 *   I1  The transmit interrupt is unmasked exactly while the ring is not empty.
 *   I2  The receive interrupts are unmasked exactly while the port is open and not throttled.
 *   I3  No loop trusts the device to change a flag: each has a bound.
 *
 * Locking: `lock` with IRQs masked; it is a leaf, nothing is called with it held. Speed and format
 * of the line stay as firmware has set them.
 */
#include "core/irq.h"
#include "core/log.h"
#include "core/random.h"
#include "dev/chardev.h"
#include "dev/driver.h"
#include "dev/mmio.h"
#include "dev/tty/tty.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"

/* Registers, 3.2. */
#define UARTDR                 0x00
#define UARTFR                 0x18
#define UARTLCR_H              0x2c
#define UARTCR                 0x30
#define UARTIFLS               0x34
#define UARTIMSC               0x38
#define UARTMIS                0x40
#define UARTICR                0x44

#define DR_FRAMING             BIT(8)
#define DR_PARITY              BIT(9)
#define DR_BREAK               BIT(10)
#define FR_BUSY                BIT(3)
#define FR_RXFE                BIT(4)
#define FR_TXFF                BIT(5)
#define LCR_BREAK              BIT(0)
#define LCR_FIFO               BIT(4)
#define LCR_8BITS              (3 << 5)
#define CR_ENABLE              (BIT(0) | BIT(8) | BIT(9)) /* UART, transmitter, receiver */
#define IFLS_RX_HALF_TX_EIGHTH (2 << 3)
#define INT_RX                 BIT(4)
#define INT_TX                 BIT(5)
#define INT_TIMEOUT            BIT(6)
#define INT_RECEIVE            (INT_RX | INT_TIMEOUT)
#define INT_ALL                0x7ff

#define TX_SIZE                2048 /* a power of two */
#define RX_BATCH               32
#define RX_MAX                 256      /* bytes taken in one interrupt, I3 */
#define SPIN_MAX               1000000u /* looks at a flag before the device counts as dead, I3 */
#define TTY_MAJOR              204
#define TTY_MINOR              64

struct pl011 {
    void *registers; /* [I] */
    struct tty *tty; /* [I] */
    struct spinlock lock;
    u32 imsc; /* [L] the interrupt mask */
    u32 tx_head, tx_tail;
    bool open, throttled; /* [L] */
    bool dead;            /* [L] the transmitter does not move: output is dropped */
    struct log_sink sink;
    u8 tx[TX_SIZE]; /* [L] */
};

static u32 port_count; /* [A] */

static u32 reg_read(struct pl011 *port, u32 reg)
{
    return mmio_read32(port->registers, reg);
}

static void reg_write(struct pl011 *port, u32 reg, u32 value)
{
    mmio_write32(port->registers, reg, value);
}

static void set_mask_locked(struct pl011 *port, u32 bits, bool on)
{
    u32 imsc = on ? port->imsc | bits : port->imsc & ~bits;

    if (imsc != port->imsc) {
        port->imsc = imsc;
        reg_write(port, UARTIMSC, imsc);
    }
}

/* I2 */
static void receive_mask_locked(struct pl011 *port)
{
    set_mask_locked(port, INT_RECEIVE, port->open && !port->throttled);
}

/* ---- output ---- */

static u32 tx_used(const struct pl011 *port)
{
    return READ_ONCE(port->tx_head) - READ_ONCE(port->tx_tail);
}

/* Move from the ring to the FIFO what it takes; I1 holds after. */
static void feed_locked(struct pl011 *port)
{
    while (port->tx_head != port->tx_tail && !(reg_read(port, UARTFR) & FR_TXFF))
        reg_write(port, UARTDR, port->tx[port->tx_tail++ % TX_SIZE]);
    set_mask_locked(port, INT_TX, port->tx_head != port->tx_tail);
}

/* Make room for one byte by waiting for the FIFO. False: the device is dead. */
static bool wait_room_locked(struct pl011 *port)
{
    for (u32 i = 0; tx_used(port) == TX_SIZE; i++) {
        if (i == SPIN_MAX)
            port->dead = true;
        if (port->dead)
            return false;
        feed_locked(port);
    }
    return true;
}

static size_t pl011_write(struct tty *tty, const u8 *data, size_t n)
{
    struct pl011 *port = tty->driver;
    irqflags_t flags = spin_lock_irqsave(&port->lock);
    size_t done = 0;

    while (done < n) {
        if (tx_used(port) == TX_SIZE) {
            feed_locked(port);
            if (tx_used(port) == TX_SIZE)
                break;
        }
        port->tx[port->tx_head++ % TX_SIZE] = data[done++];
    }
    feed_locked(port);
    spin_unlock_irqrestore(&port->lock, flags);
    return done;
}

static size_t pl011_write_room(struct tty *tty)
{
    struct pl011 *port = tty->driver;

    return TX_SIZE - tx_used(port);
}

static size_t pl011_pending(struct tty *tty)
{
    return tx_used(tty->driver);
}

static void pl011_flush(struct tty *tty)
{
    struct pl011 *port = tty->driver;
    irqflags_t flags = spin_lock_irqsave(&port->lock);

    port->tx_tail = port->tx_head;
    set_mask_locked(port, INT_TX, false);
    spin_unlock_irqrestore(&port->lock, flags);
}

/* Write a part of the log: any context, IRQs masked. */
static void sink_write(struct log_sink *sink, const char *text, size_t size)
{
    struct pl011 *port = container_of(sink, struct pl011, sink);
    irqflags_t flags = spin_lock_irqsave(&port->lock);

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n' && wait_room_locked(port))
            port->tx[port->tx_head++ % TX_SIZE] = '\r';
        if (!wait_room_locked(port))
            break;
        port->tx[port->tx_head++ % TX_SIZE] = text[i];
    }
    feed_locked(port);
    spin_unlock_irqrestore(&port->lock, flags);
}

static void pl011_set_break(struct tty *tty, bool on)
{
    struct pl011 *port = tty->driver;
    irqflags_t flags = spin_lock_irqsave(&port->lock);
    u32 lcr = reg_read(port, UARTLCR_H);

    reg_write(port, UARTLCR_H, on ? lcr | LCR_BREAK : lcr & ~LCR_BREAK);
    spin_unlock_irqrestore(&port->lock, flags);
}

/* ---- input ---- */

/* One byte from the FIFO, marked as the terminal wants it; false: empty. */
static bool receive_byte(struct pl011 *port, u16 *byte)
{
    u32 data;

    if (reg_read(port, UARTFR) & FR_RXFE)
        return false;
    data = reg_read(port, UARTDR);
    *byte = data & 0xff;
    if (data & DR_BREAK)
        *byte |= LDISC_BREAK;
    else if (data & (DR_FRAMING | DR_PARITY))
        *byte |= LDISC_PARITY;
    return true;
}

static void pl011_unthrottle(struct tty *tty)
{
    struct pl011 *port = tty->driver;
    irqflags_t flags = spin_lock_irqsave(&port->lock);

    port->throttled = false;
    receive_mask_locked(port);
    spin_unlock_irqrestore(&port->lock, flags);
}

/* The terminal has no room: no receive interrupts until it says so. */
static void throttle(struct pl011 *port)
{
    irqflags_t flags = spin_lock_irqsave(&port->lock);

    port->throttled = true;
    receive_mask_locked(port);
    spin_unlock_irqrestore(&port->lock, flags);
    if (tty_receive_room(port->tty)) /* it said so before we were ready to hear it */
        pl011_unthrottle(port->tty);
}

/* Room is looked up first, so that no byte leaves the device which the terminal cannot take. */
static void receive(struct pl011 *port)
{
    u16 bytes[RX_BATCH];
    u32 total = 0;
    size_t n, room;

    do {
        room = MIN_T(size_t, tty_receive_room(port->tty), RX_BATCH);
        for (n = 0; n < room && receive_byte(port, &bytes[n]); n++)
            ;
        tty_receive(port->tty, bytes, n);
        total += n;
    } while (room && n == room && total < RX_MAX);
    if (room == 0)
        throttle(port);
    if (total)
        random_add_timing(total);
}

static void pl011_interrupt(void *arg)
{
    struct pl011 *port = arg;
    u32 pending = reg_read(port, UARTMIS);

    reg_write(port, UARTICR, pending & ~INT_RECEIVE); /* those two end by reading */
    if (pending & INT_RECEIVE)
        receive(port);
    if (pending & INT_TX) {
        irqflags_t flags = spin_lock_irqsave(&port->lock);

        feed_locked(port);
        spin_unlock_irqrestore(&port->lock, flags);
        if (tx_used(port) < TX_SIZE / 2)
            tty_write_wakeup(port->tty);
    }
}

/* ---- life ---- */

static void set_open(struct pl011 *port, bool open)
{
    irqflags_t flags = spin_lock_irqsave(&port->lock);

    port->open = open;
    receive_mask_locked(port);
    spin_unlock_irqrestore(&port->lock, flags);
}

static int pl011_open(struct tty *tty, struct file *file)
{
    (void)file;
    set_open(tty->driver, true);
    return 0;
}

static void pl011_close(struct tty *tty)
{
    set_open(tty->driver, false);
}

static const struct tty_ops pl011_ops = {
    .write = pl011_write,
    .write_room = pl011_write_room,
    .pending = pl011_pending,
    .flush = pl011_flush,
    .unthrottle = pl011_unthrottle,
    .set_break = pl011_set_break,
    .open = pl011_open,
    .close = pl011_close,
};

/* FIFOs on, interrupts off. LCR_H may be written only while the UART is off (3.3.7). */
static void pl011_setup(struct pl011 *port)
{
    reg_write(port, UARTIMSC, 0);
    for (u32 i = 0; i < SPIN_MAX && reg_read(port, UARTFR) & FR_BUSY; i++)
        ;
    if (!(reg_read(port, UARTLCR_H) & LCR_FIFO)) {
        reg_write(port, UARTCR, 0);
        reg_write(port, UARTLCR_H, LCR_FIFO | LCR_8BITS);
    }
    reg_write(port, UARTIFLS, IFLS_RX_HALF_TX_EIGHTH);
    reg_write(port, UARTICR, INT_ALL);
    reg_write(port, UARTCR, reg_read(port, UARTCR) | CR_ENABLE);
}

static int pl011_probe(const struct fdt *fdt, int node)
{
    u32 number = __atomic_fetch_add(&port_count, 1, __ATOMIC_RELAXED);
    int irq = irq_map_fdt(fdt, node, 0), err;
    struct pl011 *port;
    void *registers;
    char name[16];

    if (irq < 0)
        return irq;
    err = driver_map(fdt, node, 0, &registers);
    if (err)
        return err;
    port = kmalloc(sizeof(*port));
    if (!port)
        return -ENOMEM;
    port->registers = registers;
    spin_init(&port->lock, RANK_UART);
    pl011_setup(port);
    format_buf(name, sizeof(name), "ttyAMA%u", number);
    err = tty_register(name, MKDEV(TTY_MAJOR, TTY_MINOR + number), &pl011_ops, port, &port->tty);
    if (err)
        goto free;
    err = irq_request(irq, pl011_interrupt, port, port->tty->name);
    if (err)
        return err; /* the terminal exists for good: it takes output and gives no input */
    if (console_wanted(name, fdt, node)) {
        console_set(port->tty);
        port->sink.write = sink_write;
        log_sink_register(&port->sink);
    }
    return 0;
free:
    kfree(port);
    return err;
}

DRIVER(pl011, DRIVER_DEVICE, pl011_probe, "arm,pl011");

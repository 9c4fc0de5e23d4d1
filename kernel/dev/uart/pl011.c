/*
 * PL011 serial ports (Arm PrimeCell UART, DDI 0183G), by interrupts in both directions.
 *
 * Output goes through a ring: callers fill it, the FIFO is fed from it at once, and the transmit
 * interrupt goes on feeding while anything is left. The log uses the same ring, so that its lines
 * and programs' output keep their order; since a log line must get out whatever state the
 * system is in, it waits, for a bounded time, for room in the FIFO. Input goes to the terminal
 * while that wants it; else the receive interrupt is off, and the device holds bytes back.
 *
 *   I1  The transmit interrupt is unmasked exactly while the ring is not empty.
 *   I2  No loop trusts the device to change a flag: each has a bound.
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

#define TX_SIZE                2048     /* a power of two */
#define SPIN_MAX               1000000u /* looks at a flag before the device counts as dead, I2 */
#define TTY_MAJOR              204
#define TTY_MINOR              64

struct pl011 {
    void *registers; /* [I] */
    struct tty *tty; /* [I] */
    struct spinlock lock;
    u32 imsc; /* [L] the interrupt mask */
    u32 tx_head, tx_tail;
    bool dead; /* [L] the transmitter does not move: output is dropped */
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
    size_t done = 0;
    spin_guard_irqsave(&port->lock);

    feed_locked(port);
    for (; done < n && tx_used(port) < TX_SIZE; done++)
        port->tx[port->tx_head++ % TX_SIZE] = data[done];
    feed_locked(port);
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
    spin_guard_irqsave(&port->lock);

    port->tx_tail = port->tx_head;
    set_mask_locked(port, INT_TX, false);
}

/* Write a part of the log: any context, IRQs masked. */
static void sink_write(struct log_sink *sink, const char *text, size_t size)
{
    struct pl011 *port = container_of(sink, struct pl011, sink);
    spin_guard_irqsave(&port->lock);

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n' && wait_room_locked(port))
            port->tx[port->tx_head++ % TX_SIZE] = '\r';
        if (!wait_room_locked(port))
            break;
        port->tx[port->tx_head++ % TX_SIZE] = text[i];
    }
    feed_locked(port);
}

static void pl011_set_break(struct tty *tty, bool on)
{
    struct pl011 *port = tty->driver;
    u32 lcr;
    spin_guard_irqsave(&port->lock);

    lcr = reg_read(port, UARTLCR_H);
    reg_write(port, UARTLCR_H, on ? lcr | LCR_BREAK : lcr & ~LCR_BREAK);
}

/* ---- input ---- */

static bool pl011_get(struct tty *tty, u16 *byte)
{
    struct pl011 *port = tty->driver;
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

static void pl011_receive(struct tty *tty, bool on)
{
    struct pl011 *port = tty->driver;
    spin_guard_irqsave(&port->lock);

    set_mask_locked(port, INT_RECEIVE, on);
}

static void pl011_interrupt(void *arg)
{
    struct pl011 *port = arg;
    u32 pending = reg_read(port, UARTMIS);

    reg_write(port, UARTICR, pending & ~INT_RECEIVE); /* those two end by reading */
    if (pending & INT_RECEIVE)
        random_add_timing(tty_receive(port->tty));
    if (pending & INT_TX) {
        irqflags_t flags = spin_lock_irqsave(&port->lock);

        feed_locked(port);
        spin_unlock_irqrestore(&port->lock, flags);
        if (tx_used(port) < TX_SIZE / 2)
            tty_write_wakeup(port->tty);
    }
}

/* ---- life ---- */

static const struct tty_ops pl011_ops = {
    .write = pl011_write,
    .write_room = pl011_write_room,
    .pending = pl011_pending,
    .flush = pl011_flush,
    .get = pl011_get,
    .receive = pl011_receive,
    .set_break = pl011_set_break,
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
    if (err) {
        kfree(port);
        return err;
    }
    err = irq_request(irq, pl011_interrupt, port, port->tty->name);
    if (err)
        return err; /* the terminal exists for good: it takes output and gives no input */
    if (console_claim(port->tty, fdt, node)) {
        port->sink.write = sink_write;
        log_sink_register(&port->sink);
    }
    return 0;
}

DRIVER(pl011, DRIVER_DEVICE, pl011_probe, "arm,pl011");

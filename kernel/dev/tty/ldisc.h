/*
 * The line discipline: what a terminal makes of the bytes typed and the bytes written. Pure
 * logic, no locks, no kernel state: the tests run it on the host. The theory is in ldisc.c.
 */
#pragma once

#include "dev/tty/termios.h"

#define LDISC_SIZE      4096 /* input held; one line is at most LDISC_SIZE - 1 bytes and its end */
#define LDISC_ECHO_SIZE 4096

struct ldisc {
    struct termios termios;
    u32 head;  /* free-running: where the next byte goes */
    u32 canon; /* end of the last complete line; tail <= canon <= head (canonical mode) */
    u32 tail;  /* next byte to read */
    u32 echo_head, echo_tail;
    u32 column;       /* of the cursor */
    u32 canon_column; /* where the echo of the current line began */
    bool literal_next;
    bool erasing; /* inside \.../ of ECHOPRT */
    u8 input[LDISC_SIZE];
    u64 line_end[LDISC_SIZE / 64]; /* this byte ends a line; a 0 byte with it is an EOF mark */
    u8 echo[LDISC_ECHO_SIZE];      /* output that answers input, ready for the device */
};

/* What a received byte asks of the terminal; ldisc_receive() returns a set. */
#define LDISC_SIGINT       BIT(0)
#define LDISC_SIGQUIT      BIT(1)
#define LDISC_SIGTSTP      BIT(2)
#define LDISC_STOP         BIT(3) /* suspend output */
#define LDISC_START        BIT(4) /* resume output */
#define LDISC_READABLE     BIT(5) /* readers may find something */
#define LDISC_FLUSH_OUTPUT BIT(6) /* a signal character: drop output not yet sent */
#define LDISC_SIGNALS      (LDISC_SIGINT | LDISC_SIGQUIT | LDISC_SIGTSTP)

/* How a byte arrived: or'ed to it. */
#define LDISC_BREAK  0x100
#define LDISC_PARITY 0x200 /* or framing */

extern const struct termios termios_default;

void ldisc_init(struct ldisc *ld);

/* Take the new settings; data already typed follow the change of ICANON. */
void ldisc_set_termios(struct ldisc *ld, const struct termios *termios);

/* May another byte be received, or must the device hold it back until somebody reads? */
bool ldisc_can_receive(const struct ldisc *ld);

/* One byte from the line; returns LDISC_* events. `stopped`: output is suspended now. */
u32 ldisc_receive(struct ldisc *ld, u32 byte, bool stopped);

/* Is there something for a read that wants at least `min` bytes (raw mode), or a line? */
bool ldisc_readable(const struct ldisc *ld, size_t min);

/* Bytes that TIOCINQ reports. */
size_t ldisc_available(const struct ldisc *ld);

/*
 * Take at most `size` bytes. In canonical mode at most one line: *line_done says that its end was
 * passed (0 bytes with it: end of file). In raw mode whatever is there.
 */
size_t ldisc_read(struct ldisc *ld, u8 *dst, size_t size, bool *line_done);

/* Forget input not yet read. */
void ldisc_flush_input(struct ldisc *ld);

/*
 * Output processing: from src[n] into dst[room]; stops when room is short. Returns the bytes of
 * src consumed, *produced the bytes of dst.
 */
size_t ldisc_output(struct ldisc *ld, const u8 *src, size_t n, u8 *dst, size_t room,
                    size_t *produced);

/* Take at most `size` bytes of pending echo. */
size_t ldisc_echo_take(struct ldisc *ld, u8 *dst, size_t size);

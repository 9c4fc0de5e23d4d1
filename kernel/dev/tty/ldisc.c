/*
 * The line discipline of terminals (termios(3), ioctl_tty(2)).
 *
 * What it is: between the line and the reader it edits lines, recognises signal and flow
 * characters, and produces the echo; between the writer and the line it does output processing.
 * It is pure logic over struct ldisc: the terminal (tty.c) holds the lock, moves the bytes, and
 * does what the returned events ask.
 *
 * Interface: ldisc.h.
 *
 * Structures and invariants.
 *   I1  tail <= canon <= head as free-running counters, and head - tail <= LDISC_SIZE. In
 *       canonical mode [tail, canon) are complete lines and [canon, head) the line being edited;
 *       in raw mode canon has no meaning.
 *   I2  line_end has a bit only for bytes in [tail, canon). A byte 0 with that bit is an EOF
 *       mark: it ends a line and is never read. (No real line end is 0: that disables EOL.)
 *   I3  Plain bytes are stored only while head - tail < LDISC_SIZE - 1, so that the end of a
 *       line always fits. Without a complete line the surplus is dropped, as Linux does; with
 *       one, ldisc_can_receive() is false and the device holds its bytes back.
 *   I4  column follows the cursor as far as output processing sees it; it decides how many
 *       columns the erasing of a tab takes back, nothing that could harm.
 *
 * Echo goes into a ring of its own that the terminal drains ahead of program output; when nobody
 * takes it (output suspended), it is dropped at LDISC_ECHO_SIZE.
 *
 * Rejected: echo straight to the device (it may have no room, and the reader of the line must
 * not wait for it), a list of lines (a byte ring with end marks serves both modes), storing
 * operations instead of characters in the echo ring (only tab erasure needs a column that is
 * not known at once, and the column is tracked when the echo is made).
 */
#include "dev/tty/ldisc.h"

#include "lib/bitmap.h"
#include "lib/string.h"

#define CTRL(c) ((c)&037)

const struct termios termios_default = {
    .iflag = ICRNL | IXON,
    .oflag = OPOST | ONLCR,
    .cflag = B38400 | CS8 | CREAD | HUPCL,
    .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .cc = {[VINTR] = CTRL('C'),
           [VQUIT] = CTRL('\\'),
           [VERASE] = 0177,
           [VKILL] = CTRL('U'),
           [VEOF] = CTRL('D'),
           [VTIME] = 0,
           [VMIN] = 1,
           [VSTART] = CTRL('Q'),
           [VSTOP] = CTRL('S'),
           [VSUSP] = CTRL('Z'),
           [VREPRINT] = CTRL('R'),
           [VDISCARD] = CTRL('O'),
           [VWERASE] = CTRL('W'),
           [VLNEXT] = CTRL('V')},
    .ispeed = 38400,
    .ospeed = 38400,
};

#define iflag(ld, flag) ((ld)->termios.iflag & (flag))
#define oflag(ld, flag) ((ld)->termios.oflag & (flag))
#define lflag(ld, flag) ((ld)->termios.lflag & (flag))

/* Are there lines? EXTPROC leaves editing to the other end. */
static bool canonical(const struct ldisc *ld)
{
    return lflag(ld, ICANON) && !lflag(ld, EXTPROC);
}

/* Is c the special character `which`? 0 disables it. */
static bool is_cc(const struct ldisc *ld, u8 c, int which)
{
    return c && c == ld->termios.cc[which];
}

static bool is_control(u8 c)
{
    return c < 0x20 || c == 0x7f;
}

/* A UTF-8 byte that is not the first of its character, where input is UTF-8. */
static bool is_continuation(const struct ldisc *ld, u8 c)
{
    return iflag(ld, IUTF8) && (c & 0xc0) == 0x80;
}

static bool is_word(u8 c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c >= 0x80;
}

static u8 *input_at(struct ldisc *ld, u32 position)
{
    return &ld->input[position % LDISC_SIZE];
}

void ldisc_init(struct ldisc *ld)
{
    memset(ld, 0, sizeof(*ld));
    ld->termios = termios_default;
}

void ldisc_flush_input(struct ldisc *ld)
{
    ld->tail = ld->canon = ld->head;
    ld->erasing = false;
    ld->literal_next = false;
    memset(ld->line_end, 0, sizeof(ld->line_end));
}

void ldisc_set_termios(struct ldisc *ld, const struct termios *termios)
{
    bool mode_changes = (ld->termios.lflag ^ termios->lflag) & (ICANON | EXTPROC);

    ld->termios = *termios;
    if (!mode_changes)
        return;
    memset(ld->line_end, 0, sizeof(ld->line_end));
    ld->erasing = false;
    ld->literal_next = false;
    ld->canon = ld->tail;
    if (canonical(ld) && ld->head != ld->tail) { /* what was typed becomes a line */
        bitmap_set(ld->line_end, (ld->head - 1) % LDISC_SIZE);
        ld->canon = ld->head;
    }
}

/* ---- output ---- */

/* Process one byte of output into out[8]; returns how many bytes that makes. */
static size_t output_byte(struct ldisc *ld, u8 c, u8 *out)
{
    size_t n = 0;

    switch (oflag(ld, OPOST) ? c : 0) { /* 0 as any control character: it goes out as it is */
    case '\n':
        if (oflag(ld, ONLRET | ONLCR))
            ld->column = 0;
        if (oflag(ld, ONLCR))
            out[n++] = '\r';
        ld->canon_column = ld->column;
        break;
    case '\r':
        if (oflag(ld, ONOCR) && ld->column == 0)
            return 0;
        if (oflag(ld, OCRNL))
            c = '\n';
        if (c == '\r' || oflag(ld, ONLRET))
            ld->canon_column = ld->column = 0;
        break;
    case '\t': {
        u32 spaces = 8 - (ld->column & 7);

        ld->column += spaces;
        if ((ld->termios.oflag & TABDLY) == XTABS) {
            memset(out, ' ', spaces);
            return spaces;
        }
        break;
    }
    case '\b':
        if (ld->column)
            ld->column--;
        break;
    default:
        if (is_control(c) || !oflag(ld, OPOST))
            break;
        if (oflag(ld, OLCUC) && c >= 'a' && c <= 'z')
            c -= 'a' - 'A';
        if (!is_continuation(ld, c))
            ld->column++;
    }
    out[n++] = c;
    return n;
}

size_t ldisc_output(struct ldisc *ld, const u8 *src, size_t n, u8 *dst, size_t room,
                    size_t *produced)
{
    size_t in = 0, out = 0;

    if (!oflag(ld, OPOST)) {
        in = out = MIN(n, room);
        memcpy(dst, src, in);
    } else {
        while (in < n && room - out >= 8)
            out += output_byte(ld, src[in++], dst + out);
    }
    *produced = out;
    return in;
}

/* ---- echo ---- */

static void echo_raw(struct ldisc *ld, u8 c)
{
    if (ld->echo_head - ld->echo_tail < LDISC_ECHO_SIZE)
        ld->echo[ld->echo_head++ % LDISC_ECHO_SIZE] = c;
}

/* Echo as if a program had written it. */
static void echo_processed(struct ldisc *ld, u8 c)
{
    u8 out[8];
    size_t n = output_byte(ld, c, out);

    for (size_t i = 0; i < n; i++)
        echo_raw(ld, out[i]);
}

/* Echo a typed byte: control characters as ^X with ECHOCTL. */
static void echo_typed(struct ldisc *ld, u8 c)
{
    if (lflag(ld, ECHOCTL) && is_control(c) && c != '\t') {
        echo_raw(ld, '^');
        echo_raw(ld, c ^ 0100);
        ld->column += 2;
    } else {
        echo_processed(ld, c);
    }
}

/* Echo what takes the cursor back by a column. */
static void echo_back(struct ldisc *ld, const char *text)
{
    for (; *text; text++)
        echo_raw(ld, *text);
    if (ld->column)
        ld->column--;
}

/* Close the \.../ of ECHOPRT. */
static void finish_erasing(struct ldisc *ld)
{
    if (ld->erasing) {
        echo_raw(ld, '/');
        ld->column++;
        ld->erasing = false;
    }
}

size_t ldisc_echo_take(struct ldisc *ld, u8 *dst, size_t size)
{
    size_t n = MIN_T(size_t, ld->echo_head - ld->echo_tail, size);

    for (size_t i = 0; i < n; i++)
        dst[i] = ld->echo[ld->echo_tail++ % LDISC_ECHO_SIZE];
    return n;
}

/* ---- input ---- */

bool ldisc_can_receive(const struct ldisc *ld)
{
    u32 used = ld->head - ld->tail;

    if (used < LDISC_SIZE - 3) /* 3: what PARMRK makes of one byte */
        return true;
    return canonical(ld) && ld->canon == ld->tail;
}

static void store(struct ldisc *ld, u8 c)
{
    if (ld->head - ld->tail < LDISC_SIZE - 1) /* I3 */
        *input_at(ld, ld->head++) = c;
}

/* A data byte; \377 is doubled where PARMRK makes it special. */
static void store_data(struct ldisc *ld, u8 c)
{
    if (c == 0377 && iflag(ld, PARMRK) && !iflag(ld, ISTRIP))
        store(ld, c);
    store(ld, c);
}

/* End the line with c (0: an EOF mark). I3: there is room. */
static u32 end_line(struct ldisc *ld, u8 c)
{
    if (ld->head - ld->tail >= LDISC_SIZE)
        return 0;
    bitmap_set(ld->line_end, ld->head % LDISC_SIZE);
    *input_at(ld, ld->head++) = c;
    ld->canon = ld->head;
    return LDISC_READABLE;
}

/* Columns that the echo of c, which is no tab, takes. */
static u32 echo_width(const struct ldisc *ld, u8 c)
{
    if (is_control(c))
        return lflag(ld, ECHOCTL) ? 2 : 0;
    return !is_continuation(ld, c);
}

/* Columns that the tab at `position`, of the line being edited, took. */
static u32 tab_width(struct ldisc *ld, u32 position)
{
    u32 columns = 0;

    for (u32 at = position; at != ld->canon; at--) {
        u8 c = *input_at(ld, at - 1);

        if (c == '\t')
            return 8 - (columns & 7); /* what follows a tab begins at a multiple of 8 */
        columns += echo_width(ld, c);
    }
    return 8 - ((ld->canon_column + columns) & 7);
}

/* Echo the loss of the character whose `n` bytes, the first being c, were at `position`. */
static void echo_erased(struct ldisc *ld, u8 c, u32 position, u32 n, bool one)
{
    if (lflag(ld, ECHOPRT)) {
        if (!ld->erasing) {
            echo_raw(ld, '\\');
            ld->column++;
            ld->erasing = true;
        }
        echo_typed(ld, c);
        for (u32 i = 1; i < n; i++)
            echo_raw(ld, *input_at(ld, position + i));
    } else if (one && !lflag(ld, ECHOE)) {
        echo_typed(ld, ld->termios.cc[VERASE]);
    } else if (c == '\t') {
        for (u32 width = tab_width(ld, position); width; width--)
            echo_back(ld, "\b");
    } else {
        for (u32 width = echo_width(ld, c); width; width--)
            echo_back(ld, "\b \b");
    }
}

/* Forget the whole line where it is not rubbed out character by character. True: done. */
static bool kill_at_once(struct ldisc *ld)
{
    if (lflag(ld, ECHO) && lflag(ld, ECHOK) && lflag(ld, ECHOKE) && lflag(ld, ECHOE))
        return false;
    ld->head = ld->canon;
    if (lflag(ld, ECHO)) {
        finish_erasing(ld);
        echo_typed(ld, ld->termios.cc[VKILL]);
        if (lflag(ld, ECHOK))
            echo_processed(ld, '\n');
    }
    return true;
}

/* VERASE, VWERASE or VKILL, whichever cc `which` says. */
static void erase(struct ldisc *ld, int which)
{
    bool word_seen = false;

    if (ld->head == ld->canon || (which == VKILL && kill_at_once(ld)))
        return;
    while (ld->head != ld->canon) {
        u32 position = ld->head, n;
        u8 c;

        do {
            c = *input_at(ld, --position);
        } while (is_continuation(ld, c) && position != ld->canon);
        if (is_continuation(ld, c))
            break; /* no first byte: not a character */
        if (which == VWERASE) {
            if (is_word(c))
                word_seen = true;
            else if (word_seen)
                break;
        }
        n = ld->head - position;
        ld->head = position;
        if (lflag(ld, ECHO))
            echo_erased(ld, c, position, n, which == VERASE);
        if (which == VERASE)
            break;
    }
    if (ld->head == ld->canon)
        finish_erasing(ld);
}

static void reprint(struct ldisc *ld, u8 c)
{
    finish_erasing(ld);
    echo_typed(ld, c);
    echo_processed(ld, '\n');
    for (u32 at = ld->canon; at != ld->head; at++)
        echo_typed(ld, *input_at(ld, at));
}

/* A signal character: what it flushes, restarts and echoes. */
static u32 signal_events(struct ldisc *ld, u8 c, u32 signal, bool echo)
{
    u32 events = signal;

    if (!lflag(ld, NOFLSH)) {
        ldisc_flush_input(ld);
        ld->echo_tail = ld->echo_head;
        events |= LDISC_FLUSH_OUTPUT;
    }
    if (iflag(ld, IXON))
        events |= LDISC_START;
    if (echo && lflag(ld, ECHO))
        echo_typed(ld, c);
    return events;
}

static u32 receive_bad(struct ldisc *ld, u32 byte)
{
    u8 c = byte & LDISC_BREAK ? 0 : (u8)byte;

    if (byte & LDISC_BREAK) {
        if (iflag(ld, IGNBRK))
            return 0;
        if (iflag(ld, BRKINT))
            return signal_events(ld, 0, LDISC_SIGINT, false);
    } else if (iflag(ld, INPCK) && iflag(ld, IGNPAR)) {
        return 0;
    }
    if (!(byte & LDISC_BREAK) && !iflag(ld, INPCK)) {
        store_data(ld, c);
    } else if (iflag(ld, PARMRK)) {
        store(ld, 0377);
        store(ld, 0);
        store(ld, c);
    } else {
        store(ld, 0);
    }
    return lflag(ld, ICANON) ? 0 : LDISC_READABLE;
}

/* A byte that is nothing but data. */
static u32 receive_data(struct ldisc *ld, u8 c)
{
    if (lflag(ld, ECHO)) {
        finish_erasing(ld);
        if (c == '\n') {
            echo_processed(ld, c);
        } else {
            if (ld->canon == ld->head)
                ld->canon_column = ld->column;
            echo_typed(ld, c);
        }
    }
    store_data(ld, c);
    return lflag(ld, ICANON) ? 0 : LDISC_READABLE;
}

/* A byte of a line being edited: true when it was an editing character or a line's end. */
static bool receive_canonical(struct ldisc *ld, u8 c, u32 *events)
{
    bool extended = lflag(ld, IEXTEN);

    if (is_cc(ld, c, VERASE)) {
        erase(ld, VERASE);
    } else if (is_cc(ld, c, VKILL)) {
        erase(ld, VKILL);
    } else if (extended && is_cc(ld, c, VWERASE)) {
        erase(ld, VWERASE);
    } else if (extended && is_cc(ld, c, VLNEXT)) {
        ld->literal_next = true;
        if (lflag(ld, ECHO)) {
            finish_erasing(ld);
            if (lflag(ld, ECHOCTL)) {
                echo_raw(ld, '^');
                echo_raw(ld, '\b');
            }
        }
    } else if (extended && lflag(ld, ECHO) && is_cc(ld, c, VREPRINT)) {
        reprint(ld, c);
    } else if (c == '\n') {
        if (lflag(ld, ECHO | ECHONL))
            echo_processed(ld, c);
        *events |= end_line(ld, c);
    } else if (is_cc(ld, c, VEOF)) {
        *events |= end_line(ld, 0);
    } else if (is_cc(ld, c, VEOL) || (extended && is_cc(ld, c, VEOL2))) {
        if (lflag(ld, ECHO)) {
            if (ld->canon == ld->head)
                ld->canon_column = ld->column;
            echo_typed(ld, c);
        }
        *events |= end_line(ld, c);
    } else {
        return false;
    }
    return true;
}

/* The signal of c, or 0. */
static u32 signal_of(const struct ldisc *ld, u8 c)
{
    if (!lflag(ld, ISIG))
        return 0;
    if (is_cc(ld, c, VINTR))
        return LDISC_SIGINT;
    if (is_cc(ld, c, VQUIT))
        return LDISC_SIGQUIT;
    return is_cc(ld, c, VSUSP) ? LDISC_SIGTSTP : 0;
}

u32 ldisc_receive(struct ldisc *ld, u32 byte, bool stopped)
{
    u8 c = byte;
    u32 events = 0, signal;

    if (byte & (LDISC_BREAK | LDISC_PARITY))
        return receive_bad(ld, byte);
    if (iflag(ld, ISTRIP))
        c &= 0x7f;
    if (iflag(ld, IUCLC) && lflag(ld, IEXTEN) && c >= 'A' && c <= 'Z')
        c += 'a' - 'A';
    if (lflag(ld, EXTPROC)) {
        store(ld, c);
        return LDISC_READABLE;
    }
    if (ld->literal_next) {
        ld->literal_next = false;
        return receive_data(ld, c);
    }
    if (iflag(ld, IXON) && is_cc(ld, c, VSTART))
        return LDISC_START;
    if (iflag(ld, IXON) && is_cc(ld, c, VSTOP))
        return LDISC_STOP;
    signal = signal_of(ld, c);
    if (signal)
        return signal_events(ld, c, signal, true);
    if (stopped && iflag(ld, IXON) && iflag(ld, IXANY))
        events |= LDISC_START;
    if (c == '\r' && iflag(ld, IGNCR))
        return events;
    if (c == '\r' && iflag(ld, ICRNL))
        c = '\n';
    else if (c == '\n' && iflag(ld, INLCR))
        c = '\r';
    if (lflag(ld, ICANON) && receive_canonical(ld, c, &events))
        return events;
    return events | receive_data(ld, c);
}

/* ---- reading ---- */

bool ldisc_readable(const struct ldisc *ld, size_t min)
{
    if (canonical(ld))
        return ld->canon != ld->tail;
    return ld->head - ld->tail >= (min ? min : 1);
}

size_t ldisc_available(const struct ldisc *ld)
{
    size_t n = 0;

    if (!canonical(ld))
        return ld->head - ld->tail;
    for (u32 at = ld->tail; at != ld->canon; at++)
        n += ld->input[at % LDISC_SIZE] || !bitmap_test(ld->line_end, at % LDISC_SIZE);
    return n;
}

size_t ldisc_read(struct ldisc *ld, u8 *dst, size_t size, bool *line_done)
{
    bool lines = canonical(ld);
    u32 end = lines ? ld->canon : ld->head;
    size_t n = 0;

    *line_done = false;
    while (ld->tail != end) {
        u32 slot = ld->tail % LDISC_SIZE;
        bool ends = lines && bitmap_test(ld->line_end, slot);
        bool mark = ends && ld->input[slot] == 0; /* I2 */

        if (n == size && !mark)
            break;
        if (!mark)
            dst[n++] = ld->input[slot];
        ld->tail++;
        if (ends) {
            bitmap_clear(ld->line_end, slot);
            *line_done = true;
            break;
        }
    }
    if (!lines)
        ld->canon = ld->tail; /* I1 */
    return n;
}

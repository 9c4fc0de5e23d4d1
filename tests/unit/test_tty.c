/* The line discipline, driven as the terminal drives it. Its source is included: it has no
 * dependencies, and the tests want its invariants, which are in its own terms. */
#include <string.h>

#include "dev/tty/ldisc.c"
#include "unit.h"

#include "ldisc_invariants.h"

static struct ldisc ld;
static char echoed[16384];
static u32 seen; /* events since type_begin() */

static void begin(void)
{
    ldisc_init(&ld);
    seen = 0;
}

static void type_bytes(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        seen |= ldisc_receive(&ld, (u8)text[i], false);
    ldisc_check_invariants(&ld);
}

static void type(const char *text)
{
    type_bytes(text, strlen(text));
}

static const char *echo(void)
{
    size_t n = ldisc_echo_take(&ld, (u8 *)echoed, sizeof(echoed) - 1);

    echoed[n] = 0;
    return echoed;
}

static char line[LDISC_SIZE + 1];
static bool line_done;

static const char *read_line(size_t max)
{
    size_t n = ldisc_read(&ld, (u8 *)line, max, &line_done);

    line[n] = 0;
    return line;
}

static void set(u32 iflag_on, u32 lflag_on, u32 lflag_off)
{
    struct termios termios = ld.termios;

    termios.iflag |= iflag_on;
    termios.lflag = (termios.lflag | lflag_on) & ~lflag_off;
    ldisc_set_termios(&ld, &termios);
}

UNIT(tty_line)
{
    begin();
    type("hello");
    CHECK(!ldisc_readable(&ld, 1));
    type("\r");
    CHECK(seen & LDISC_READABLE);
    CHECK_STR(echo(), "hello\r\n");
    CHECK_EQ(ldisc_available(&ld), 6);
    CHECK_STR(read_line(100), "hello\n");
    CHECK(line_done);
    CHECK(!ldisc_readable(&ld, 1));
}

UNIT(tty_one_line_per_read)
{
    begin();
    type("ab\ncd\n");
    CHECK_STR(read_line(100), "ab\n");
    CHECK_STR(read_line(2), "cd");
    CHECK(!line_done);
    CHECK_STR(read_line(100), "\n");
}

UNIT(tty_erase_forms)
{
    begin();
    type("abc\177d");
    CHECK_STR(echo(), "abc\b \bd");
    type("\x15"); /* kill: rubbed out character by character */
    CHECK_STR(echo(), "\b \b\b \b\b \b");
    type("one two_2 \x17");
    CHECK_STR(echo(), "one two_2 \b \b\b \b\b \b\b \b\b \b\b \b");
    type("\x01\177"); /* a control character takes two columns */
    CHECK_STR(echo(), "^A\b \b\b \b");
    type("\n");
    CHECK_STR(read_line(100), "one \n");
    begin();
    type("\177\177\x15\x17");
    CHECK_STR(echo(), "");
}

UNIT(tty_erase_tab)
{
    begin();
    type("ab\t");
    echo();
    CHECK_EQ(ld.column, 8);
    type("\177");
    CHECK_STR(echo(), "\b\b\b\b\b\b");
    CHECK_EQ(ld.column, 2);
    type("\t\tx\177\177");
    echo();
    CHECK_EQ(ld.column, 8);
}

UNIT(tty_erase_utf8)
{
    begin();
    set(IUTF8, 0, 0);
    type("a\xc3\xa9\xe2\x82\xac");
    echo();
    CHECK_EQ(ld.column, 3);
    type("\177");
    CHECK_STR(echo(), "\b \b");
    type("\177\n");
    CHECK_STR(read_line(100), "a\n");
}

UNIT(tty_erase_without_rubout)
{
    begin();
    set(0, 0, ECHOE);
    type("ab\177\x15");
    CHECK_STR(echo(), "ab^?^U\r\n");
    begin();
    set(0, ECHOPRT, 0);
    type("abc\177\177x");
    CHECK_STR(echo(), "abc\\cb/x");
}

UNIT(tty_eof)
{
    begin();
    type("\x04");
    CHECK(ldisc_readable(&ld, 1));
    CHECK_EQ(ldisc_available(&ld), 0);
    CHECK_STR(read_line(100), "");
    CHECK(line_done);
    type("abc\x04");
    CHECK_STR(echo(), "abc");
    CHECK_STR(read_line(3), "abc"); /* the mark goes along: the next read is not an EOF */
    CHECK(line_done);
    CHECK(!ldisc_readable(&ld, 1));
}

UNIT(tty_signals)
{
    begin();
    type("abc\x03");
    CHECK(seen & LDISC_SIGINT);
    CHECK(seen & LDISC_FLUSH_OUTPUT);
    CHECK_STR(echo(), "^C");
    type("x\n");
    CHECK_STR(read_line(100), "x\n");
    begin();
    set(0, NOFLSH, 0);
    type("abc\x1a\x1c");
    CHECK((seen & LDISC_SIGNALS) == (LDISC_SIGTSTP | LDISC_SIGQUIT));
    CHECK(!(seen & LDISC_FLUSH_OUTPUT));
    CHECK_STR(echo(), "abc^Z^\\");
    type("\n");
    CHECK_STR(read_line(100), "abc\n");
    begin();
    set(0, 0, ISIG);
    type("\x03\n");
    CHECK_STR(read_line(100), "\x03\n");
}

UNIT(tty_literal_and_reprint)
{
    begin();
    type("a\x16\x03");
    CHECK(!(seen & LDISC_SIGNALS));
    CHECK_STR(echo(), "a^\b^C");
    type("\x12");
    CHECK_STR(echo(), "^R\r\na^C");
    type("\x16\r\n"); /* a literal carriage return is data and stays one */
    CHECK_STR(read_line(100), "a\x03\r\n");
}

UNIT(tty_flow)
{
    begin();
    type("\x13");
    CHECK(seen == LDISC_STOP);
    CHECK_EQ(ldisc_receive(&ld, 0x11, true), LDISC_START);
    set(IXANY, 0, 0);
    CHECK(ldisc_receive(&ld, 'x', true) & LDISC_START);
    CHECK(!(ldisc_receive(&ld, 'x', false) & LDISC_START));
}

UNIT(tty_raw)
{
    begin();
    set(0, 0, ICANON | ECHO | ISIG | IEXTEN);
    type("a\x03\r");
    CHECK_STR(echo(), "");
    CHECK(ldisc_readable(&ld, 3));
    CHECK(!ldisc_readable(&ld, 4));
    CHECK_STR(read_line(2), "a\x03");
    CHECK_STR(read_line(2), "\n");
}

UNIT(tty_mode_change)
{
    begin();
    set(0, 0, ICANON);
    type("abc");
    set(0, ICANON, 0); /* what was typed becomes a line */
    CHECK(ldisc_readable(&ld, 1));
    CHECK_STR(read_line(100), "abc");
    type("par");
    CHECK(!ldisc_readable(&ld, 1));
    set(0, 0, ICANON);
    CHECK_STR(read_line(100), "par");
}

UNIT(tty_long_line)
{
    begin();
    for (int i = 0; i < 5000; i++) {
        CHECK(ldisc_can_receive(&ld));
        type("x");
    }
    type("\n");
    echo();
    CHECK_STR(read_line(LDISC_SIZE) + 4090, "xxxxx\n");
    CHECK(line_done);
    type("a\n");
    for (int i = 0; i < 5000 && ldisc_can_receive(&ld); i++)
        type("y");
    CHECK(!ldisc_can_receive(&ld)); /* a line waits: the device must */
    CHECK_STR(read_line(100), "a\n");
    CHECK(ldisc_can_receive(&ld));
}

UNIT(tty_parity_and_break)
{
    begin();
    CHECK_EQ(ldisc_receive(&ld, LDISC_BREAK, false), 0);
    set(BRKINT, 0, 0);
    CHECK(ldisc_receive(&ld, LDISC_BREAK, false) & LDISC_SIGINT);
    begin();
    set(PARMRK | INPCK, 0, ICANON | ECHO);
    ldisc_receive(&ld, LDISC_PARITY | 'x', false);
    ldisc_receive(&ld, 0377, false);
    CHECK_EQ(ldisc_read(&ld, (u8 *)line, 100, &line_done), 5);
    CHECK(memcmp(line, "\377\0x\377\377", 5) == 0);
}

UNIT(tty_output)
{
    u8 out[64];
    size_t produced;

    begin();
    CHECK_EQ(ldisc_output(&ld, (const u8 *)"a\nb", 3, out, sizeof(out), &produced), 3);
    CHECK_EQ(produced, 4);
    CHECK(memcmp(out, "a\r\nb", 4) == 0);
    CHECK_EQ(ldisc_output(&ld, (const u8 *)"0123456789", 10, out, 9, &produced), 2);
    ld.termios.oflag |= XTABS;
    CHECK_EQ(ldisc_output(&ld, (const u8 *)"\rab\tc", 5, out, sizeof(out), &produced), 5);
    CHECK_EQ(produced, 10);
    ld.termios.oflag = OPOST | ONOCR | OCRNL;
    CHECK_EQ(ldisc_output(&ld, (const u8 *)"\rx\r", 3, out, sizeof(out), &produced), 3);
    ld.termios.oflag = 0;
    CHECK_EQ(ldisc_output(&ld, (const u8 *)"\n\n", 2, out, 1, &produced), 1);
}

/* Any bytes in any mode: the invariants hold, and what is read was typed or nothing. */
UNIT(tty_random)
{
    static const u32 lflags[] = {ICANON, ECHO,   ECHOE,   ECHOK,  ECHOKE, ECHOPRT,
                                 ISIG,   IEXTEN, ECHOCTL, NOFLSH, ECHONL, EXTPROC};
    static const u32 iflags[] = {ICRNL, INLCR, IGNCR, ISTRIP, IUTF8, IXON, IXANY, PARMRK, INPCK};
    u8 buf[300];
    size_t produced;

    begin();
    for (int i = 0; i < 200000; i++) {
        u64 r = unit_random();
        u32 byte = r >> 8 & 0xff;

        if (r % 4 == 0)
            byte = ld.termios.cc[(r >> 8) % 17];
        if (r % 512 == 1)
            byte |= LDISC_BREAK;
        if (r % 128 == 2)
            byte |= LDISC_PARITY;
        if (ldisc_can_receive(&ld))
            ldisc_receive(&ld, byte, r >> 40 & 1);
        if (r % 97 == 0)
            ldisc_read(&ld, buf, r >> 20 & 0xff, &line_done);
        if (r % 89 == 0)
            ldisc_echo_take(&ld, buf, sizeof(buf));
        if (r % 211 == 0)
            ldisc_output(&ld, (const u8 *)echoed, 200, buf, sizeof(buf), &produced);
        if (r % 1009 == 0) {
            struct termios termios = ld.termios;

            termios.lflag ^= lflags[(r >> 30) % ARRAY_SIZE(lflags)];
            termios.iflag ^= iflags[(r >> 35) % ARRAY_SIZE(iflags)];
            ldisc_set_termios(&ld, &termios);
        }
        ldisc_check_invariants(&ld);
    }
}

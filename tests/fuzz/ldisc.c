/*
 * The line discipline. The input is a session: its bytes are typed, but for those from 0xf0 on,
 * which do what else can happen to a terminal; their operands follow. As in the unit test the
 * source is included, for its own terms.
 */
#include "fuzz.h"

#include "dev/tty/ldisc.c"

#define CHECK(x)       assert(x)
#define CHECK_EQ(a, b) assert((a) == (b))
#include "../unit/ldisc_invariants.h"

enum { IFLAG = 0xf0, OFLAG, LFLAG, CC, READ, WRITE, ECHOED, FLUSH, BAD, STOPPED, REPEAT, OPS_END };

static struct ldisc ld;
static bool stopped;

static void check_invariants(void)
{
    ldisc_check_invariants(&ld);
    assert(ld.echo_head - ld.echo_tail <= LDISC_ECHO_SIZE);
}

/* As the device does: what cannot be received is held back. */
static void type(u32 byte)
{
    if (ldisc_can_receive(&ld))
        ldisc_receive(&ld, byte, stopped);
}

static void read_some(size_t size)
{
    u8 *to = malloc(size);
    bool readable = ldisc_readable(&ld, 1), line_done;
    size_t available = ldisc_available(&ld), n = ldisc_read(&ld, to, size, &line_done);

    assert(n <= size && n <= available);
    if (readable && size)
        assert(n || line_done);
    check_invariants();
    free(to);
}

static void write_some(const u8 *from, size_t size, size_t room)
{
    u8 *to = malloc(room);
    size_t made, taken = ldisc_output(&ld, from, size, to, room, &made);

    assert(taken <= size && made <= room);
    if (size && room >= 8)
        assert(taken);
    free(to);
}

static void take_echo(size_t size)
{
    u8 *to = malloc(size);

    assert(ldisc_echo_take(&ld, to, size) <= size);
    free(to);
}

/* One operation with operands a and b. Returns how many it has. */
static int operate(u8 op, u8 a, u8 b, const u8 *rest, size_t left)
{
    struct termios termios = ld.termios;

    switch (op) {
    case IFLAG: termios.iflag ^= 1u << a % 32; break;
    case OFLAG: termios.oflag ^= 1u << a % 32; break;
    case LFLAG: termios.lflag ^= 1u << a % 32; break;
    case CC: termios.cc[a % NCCS] = b; break;
    case READ: read_some(a * 16); return 1;
    case WRITE: write_some(rest, MIN(left, (size_t)a), b); return 2;
    case ECHOED: take_echo(a * 16); return 1;
    case FLUSH: ldisc_flush_input(&ld); return 0;
    case BAD: type(b | (a & 1 ? LDISC_BREAK : LDISC_PARITY)); return 2;
    case STOPPED: stopped = !stopped; return 0;
    case REPEAT:
        for (u32 i = 0; i < b * 32u; i++)
            type(a);
        return 2;
    }
    ldisc_set_termios(&ld, &termios);
    check_invariants();
    return op == CC ? 2 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u8 *session = exact_copy(data, size);

    ldisc_init(&ld);
    stopped = false;
    for (size_t i = 0; i < size; i++) {
        u8 a = i + 1 < size ? session[i + 1] : 0, b = i + 2 < size ? session[i + 2] : 0;
        size_t next = MIN(i + 3, size);

        if (session[i] >= IFLAG && session[i] < OPS_END)
            i += operate(session[i], a, b, session + next, size - next);
        else
            type(session[i]);
        assert(ld.head - ld.tail <= LDISC_SIZE);
    }
    check_invariants();
    while (ldisc_readable(&ld, 1))
        read_some(256);
    free(session);
    return 0;
}

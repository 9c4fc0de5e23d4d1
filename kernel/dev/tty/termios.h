/*
 * Terminal settings: the layouts and numbers of the arm64 Linux ABI (termios(3), ioctl_tty(2)).
 */
#pragma once

#include "lib/types.h"

enum { /* indices of cc[] */
       VINTR,
       VQUIT,
       VERASE,
       VKILL,
       VEOF,
       VTIME,
       VMIN,
       VSWTC,
       VSTART,
       VSTOP,
       VSUSP,
       VEOL,
       VREPRINT,
       VDISCARD,
       VWERASE,
       VLNEXT,
       VEOL2,
       NCCS = 19
};

/* iflag */
#define IGNBRK 0000001
#define BRKINT 0000002
#define IGNPAR 0000004
#define PARMRK 0000010
#define INPCK  0000020
#define ISTRIP 0000040
#define INLCR  0000100
#define IGNCR  0000200
#define ICRNL  0000400
#define IUCLC  0001000
#define IXON   0002000
#define IXANY  0004000
#define IXOFF  0010000
#define IUTF8  0040000

/* oflag */
#define OPOST  0000001
#define OLCUC  0000002
#define ONLCR  0000004
#define OCRNL  0000010
#define ONOCR  0000020
#define ONLRET 0000040
#define TABDLY 0014000
#define XTABS  0014000

/* cflag */
#define CBAUD        0010017
#define B38400       0000017
#define BOTHER       0010000
#define CS8          0000060
#define CREAD        0000200
#define HUPCL        0002000
#define CIBAUD_SHIFT 16

/* lflag */
#define ISIG    0000001
#define ICANON  0000002
#define ECHO    0000010
#define ECHOE   0000020
#define ECHOK   0000040
#define ECHONL  0000100
#define NOFLSH  0000200
#define TOSTOP  0000400
#define ECHOCTL 0001000
#define ECHOPRT 0002000
#define ECHOKE  0004000
#define IEXTEN  0100000
#define EXTPROC 0200000

struct termios { /* as TCGETS2 gives it; TCGETS gives all but the speeds */
    u32 iflag, oflag, cflag, lflag;
    u8 line;
    u8 cc[NCCS];
    u32 ispeed, ospeed;
};
#define TERMIOS1_SIZE 36
_Static_assert(offsetof(struct termios, ispeed) == TERMIOS1_SIZE, "TCGETS layout");

struct termio { /* TCGETA */
    u16 iflag, oflag, cflag, lflag;
    u8 line;
    u8 cc[8];
    u8 pad;
};

struct winsize {
    u16 rows, cols, xpixel, ypixel;
};

#define TCGETS      0x5401
#define TCSETS      0x5402
#define TCSETSF     0x5404
#define TCGETA      0x5405
#define TCSETA      0x5406
#define TCSETAF     0x5408
#define TCSBRK      0x5409
#define TCXONC      0x540a
#define TCFLSH      0x540b
#define TIOCEXCL    0x540c
#define TIOCNXCL    0x540d
#define TIOCSCTTY   0x540e
#define TIOCGPGRP   0x540f
#define TIOCSPGRP   0x5410
#define TIOCOUTQ    0x5411
#define TIOCSTI     0x5412
#define TIOCGWINSZ  0x5413
#define TIOCSWINSZ  0x5414
#define TIOCINQ     0x541b /* and FIONREAD */
#define TIOCNOTTY   0x5422
#define TIOCSETD    0x5423
#define TIOCGETD    0x5424
#define TCSBRKP     0x5425
#define TIOCSBRK    0x5427
#define TIOCCBRK    0x5428
#define TIOCGSID    0x5429
#define TCGETS2     0x802c542a
#define TCSETS2     0x402c542b
#define TCSETSF2    0x402c542d
#define TIOCGDEV    0x80045432
#define TIOCVHANGUP 0x5437
#define TIOCGEXCL   0x80045440

#define TCOOFF      0 /* TCXONC */
#define TCOON       1
#define TCIOFF      2
#define TCION       3
#define TCIFLUSH    0 /* TCFLSH */
#define TCOFLUSH    1
#define TCIOFLUSH   2

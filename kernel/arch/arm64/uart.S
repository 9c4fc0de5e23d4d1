/*
 * PL011 in assembly (DDI 0183): usable before C, before the MMU and in a panic.
 * uart_base is the address of its registers as seen now; 0 makes every call a no-op.
 */
#define UART_DR   0x00
#define UART_FR   0x18  /* bit 3 BUSY, bit 5 TXFF */
#define UART_IBRD 0x24
#define UART_FBRD 0x28
#define UART_LCRH 0x2c
#define UART_CR   0x30
#define UART_IMSC 0x38

    .text
/* uart_init(): 24 MHz / (16 x 115200) = 13 + 1/64: 13, 1. Clobbers x0-x1. */
    .global uart_init
uart_init:
    adrp    x0, uart_base
    ldr     x0, [x0, :lo12:uart_base]
    cbz     x0, 2f
    str     wzr, [x0, #UART_IMSC]
1:  ldr     w1, [x0, #UART_FR]      /* let what is being sent go out */
    tbnz    w1, #3, 1b
    str     wzr, [x0, #UART_CR]
    mov     w1, #13
    str     w1, [x0, #UART_IBRD]
    mov     w1, #1
    str     w1, [x0, #UART_FBRD]
    mov     w1, #0x70               /* 8 bits, FIFOs on; latches the divisors */
    str     w1, [x0, #UART_LCRH]
    mov     w1, #0x301              /* receive, transmit, enable */
    str     w1, [x0, #UART_CR]
2:  ret

/* uart_putc(w0 = character). Clobbers x1-x2. */
    .global uart_putc
uart_putc:
    adrp    x1, uart_base
    ldr     x1, [x1, :lo12:uart_base]
    cbz     x1, 2f
1:  ldr     w2, [x1, #UART_FR]
    tbnz    w2, #5, 1b
    strb    w0, [x1, #UART_DR]
2:  ret

/* uart_puts(x0 = string): \n goes out as \r\n. Clobbers x0-x3, x9. Calls uart_putc. */
    .global uart_puts
uart_puts:
    mov     x9, x30
    mov     x3, x0
1:  ldrb    w0, [x3], #1
    cbz     w0, 3f
    cmp     w0, #10
    b.ne    2f
    mov     w0, #13
    bl      uart_putc
    mov     w0, #10
2:  bl      uart_putc
    b       1b
3:  ret     x9

/* uart_puthex(x0 = value): 0x and 16 digits. Clobbers x0-x4, x9. Calls uart_putc. */
    .global uart_puthex
uart_puthex:
    mov     x9, x30
    mov     x3, x0
    mov     w0, #'0'
    bl      uart_putc
    mov     w0, #'x'
    bl      uart_putc
    mov     w4, #60
1:  lsr     x0, x3, x4
    and     w0, w0, #15
    cmp     w0, #10
    add     w1, w0, #'0'
    add     w0, w0, #'A' - 10
    csel    w0, w1, w0, lo
    bl      uart_putc
    subs    w4, w4, #4
    b.pl    1b
    ret     x9

    .section .data, "aw"
    .balign 8
    .global uart_base
uart_base:
    .quad   0x09000000              /* the fallback map, until a tree says otherwise */

/*
 * The PL011 in assembly (uart.S): the early console and the panic console.
 */
#pragma once

#include "lib/types.h"

/* Address of the registers, as the CPU sees them now: physical, then mapped. 0: no UART. */
extern u64 uart_base;

/* 115200 8N1, FIFOs on, interrupts masked (PL011 TRM DDI 0183). */
void uart_init(void);

/* Waits while the transmit FIFO is full, then writes c. */
void uart_putc(int c);

/* A string up to its NUL; \n as \r\n. */
void uart_puts(const char *s);

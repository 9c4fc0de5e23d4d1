/*
 * The PL011 in assembly (uart.S): the early console and the panic console.
 */
#pragma once

#include "lib/types.h"

/* Address of the registers, as the CPU sees them now: physical, then mapped. 0: no UART. */
extern u64 uart_base;

/* 115200 8N1, FIFOs on, interrupts masked (PL011 TRM DDI 0183). */
void uart_init(void);

/* Waits for room and writes each character, \n as \r\n. */
void uart_write(const char *text, size_t size);

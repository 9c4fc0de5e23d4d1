/*
 * Random numbers: ChaCha20 with fast key erasure, a key for each CPU. Theory in core/random.c.
 */
#pragma once

#include "lib/types.h"

/* Any context; never blocks. Before the generator is ready the bytes may be guessed. */
void random_bytes(void *out, size_t n);
u64 random_u64(void);

/* Mixes in data that is worth `bits` of entropy (0 when nobody knows). Any context. */
void random_add(const void *data, size_t n, u32 bits);

/* Mixes in the time of an event that an outsider cannot time exactly. Interrupt handlers. */
void random_add_timing(u64 event);

/* At least 256 bits were credited. */
bool random_ready(void);

/* Mixes in the CPU's source; logs when nothing has seeded the generator. */
void random_init(void);

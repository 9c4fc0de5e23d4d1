/*
 * The ChaCha20 block function (RFC 8439, section 2.3): a key and a counter in, 64 bytes of key
 * stream out. Constant in time and memory access; no SIMD.
 */
#pragma once

#include "lib/types.h"

#define CHACHA_KEY_SIZE   32
#define CHACHA_NONCE_SIZE 12
#define CHACHA_BLOCK_SIZE 64

struct chacha {
    u32 state[16]; /* 4 constants, 8 words of key, block counter, 3 words of nonce */
};

void chacha_init(struct chacha *chacha, const u8 key[CHACHA_KEY_SIZE], u32 counter,
                 const u8 nonce[CHACHA_NONCE_SIZE]);

/* Write the block of the present counter, and step the counter (modulo 2^32). */
void chacha_block(struct chacha *chacha, u8 out[CHACHA_BLOCK_SIZE]);

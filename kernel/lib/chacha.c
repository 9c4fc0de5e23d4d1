/*
 * ChaCha20 (RFC 8439, sections 2.1 to 2.3).
 */
#include "lib/chacha.h"

static u32 load_le32(const u8 *at)
{
    return (u32)at[0] | (u32)at[1] << 8 | (u32)at[2] << 16 | (u32)at[3] << 24;
}

static void store_le32(u8 *at, u32 value)
{
    at[0] = value;
    at[1] = value >> 8;
    at[2] = value >> 16;
    at[3] = value >> 24;
}

static u32 rotate_left(u32 value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

/* Section 2.1, on four words of the state. */
static __always_inline void quarter_round(u32 *x, int a, int b, int c, int d)
{
    x[a] += x[b];
    x[d] = rotate_left(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rotate_left(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rotate_left(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rotate_left(x[b] ^ x[c], 7);
}

void chacha_init(struct chacha *chacha, const u8 key[CHACHA_KEY_SIZE], u32 counter,
                 const u8 nonce[CHACHA_NONCE_SIZE])
{
    u32 *state = chacha->state;

    state[0] = 0x61707865; /* "expand 32-byte k" */
    state[1] = 0x3320646e;
    state[2] = 0x79622d32;
    state[3] = 0x6b206574;
    for (int i = 0; i < 8; i++)
        state[4 + i] = load_le32(key + 4 * i);
    state[12] = counter;
    for (int i = 0; i < 3; i++)
        state[13 + i] = load_le32(nonce + 4 * i);
}

void chacha_block(struct chacha *chacha, u8 out[CHACHA_BLOCK_SIZE])
{
    u32 x[16];

    for (int i = 0; i < 16; i++)
        x[i] = chacha->state[i];
    for (int round = 0; round < 20; round += 2) {
        quarter_round(x, 0, 4, 8, 12); /* columns */
        quarter_round(x, 1, 5, 9, 13);
        quarter_round(x, 2, 6, 10, 14);
        quarter_round(x, 3, 7, 11, 15);
        quarter_round(x, 0, 5, 10, 15); /* diagonals */
        quarter_round(x, 1, 6, 11, 12);
        quarter_round(x, 2, 7, 8, 13);
        quarter_round(x, 3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++)
        store_le32(out + 4 * i, x[i] + chacha->state[i]);
    chacha->state[12]++;
}

/*
 * ChaCha20 (RFC 8439, sections 2.1 to 2.3).
 */
#include "lib/chacha.h"
#include "lib/string.h"

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
    memcpy(&state[4], key, CHACHA_KEY_SIZE); /* the machine is little endian, as the words are */
    state[12] = counter;
    memcpy(&state[13], nonce, CHACHA_NONCE_SIZE);
}

void chacha_block(struct chacha *chacha, u8 out[CHACHA_BLOCK_SIZE])
{
    u32 x[16];

    memcpy(x, chacha->state, sizeof(x));
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
        x[i] += chacha->state[i];
    memcpy(out, x, sizeof(x));
    chacha->state[12]++;
}

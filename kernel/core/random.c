/*
 * Random numbers.
 *
 * What it is: a pool, which is a 256-bit ChaCha20 key that absorbs what drivers and firmware give,
 * and a generator for each CPU whose key is drawn from the pool. A generator makes a batch of
 * key stream, takes the first 32 bytes as its next key and hands out the rest, erasing what it
 * hands out (fast key erasure): who reads the memory later learns nothing of earlier numbers.
 *
 * Absorbing: each 32 bytes are xored into the key, and the key is replaced by the key stream that
 * it makes. Who does not know the key beforehand cannot steer it by chosen data.
 *
 * Structures and invariants:
 * I1. pool.key is never used to make output: a generator's key is the second half of a block of
 *     which the first half became the new pool key.
 * I2. A generator draws a new key when pool.generation is not its own. The generation rises with
 *     each seeding, so that early numbers do not outlive the lack of entropy.
 *
 * Locking: the pool by its lock (RANK_RANDOM, IRQs masked); a generator by its CPU, IRQs masked.
 *
 * Rejected: counting entropy down, and blocking readers: both protect against nothing once 256
 * bits were seen.
 */
#include "core/random.h"
#include "arch/counter.h"
#include "core/log.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "lib/chacha.h"
#include "lib/string.h"

#define READY_BITS    256
#define BATCH_BLOCKS  5
#define BATCH_BYTES   (BATCH_BLOCKS * CHACHA_BLOCK_SIZE - CHACHA_KEY_SIZE)
#define TIMING_EVENTS 64 /* mixed in together, and taken for one bit */

static struct {
    struct spinlock lock;
    u8 key[CHACHA_KEY_SIZE]; /* [L] */
    u32 bits;                /* credited, up to READY_BITS [L] */
    u32 generation;          /* [L]; read by generators [A] */
} pool = {.lock = SPINLOCK_INIT(RANK_RANDOM), .generation = 1};

struct generator { /* [C], IRQs masked */
    u8 key[CHACHA_KEY_SIZE];
    u8 batch[BATCH_BYTES];
    u32 left;       /* bytes at the end of batch that are not handed out */
    u32 generation; /* 0: never keyed */
    u64 timing;
    u32 timing_events;
};

static DEFINE_PERCPU(struct generator, generator);

/* The compiler may not drop this one. */
static void wipe(void *data, size_t size)
{
    memset(data, 0, size);
    barrier();
}

/* size: whole blocks, whose key stream under `key` goes to out. */
static void stream(const u8 *key, u8 *out, size_t size)
{
    static const u8 nonce[CHACHA_NONCE_SIZE];
    struct chacha chacha;

    chacha_init(&chacha, key, 0, nonce);
    for (size_t at = 0; at < size; at += CHACHA_BLOCK_SIZE)
        chacha_block(&chacha, out + at);
    wipe(&chacha, sizeof chacha);
}

/* The pool's next key, and 32 bytes for `out` when it is not NULL. (I1) */
static void pool_step_locked(u8 *out)
{
    u8 block[CHACHA_BLOCK_SIZE];

    stream(pool.key, block, sizeof block);
    memcpy(pool.key, block, CHACHA_KEY_SIZE);
    if (out)
        memcpy(out, block + CHACHA_KEY_SIZE, CHACHA_KEY_SIZE);
    wipe(block, sizeof block);
}

static void generator_refill(struct generator *g)
{
    u8 bytes[BATCH_BLOCKS * CHACHA_BLOCK_SIZE];

    if (g->generation != READ_ONCE(pool.generation)) {
        spin_guard_irqsave(&pool.lock);
        g->generation = pool.generation;
        pool_step_locked(g->key);
    }
    stream(g->key, bytes, sizeof bytes);
    memcpy(g->key, bytes, CHACHA_KEY_SIZE);
    memcpy(g->batch, bytes + CHACHA_KEY_SIZE, BATCH_BYTES);
    g->left = BATCH_BYTES;
    wipe(bytes, sizeof bytes);
}

/* At most BATCH_BYTES, IRQs masked for as long. */
static void random_some(u8 *out, size_t n)
{
    struct generator *g;
    u8 *from;

    irq_guard();
    g = &this_cpu(generator);
    if (g->left < n || g->generation != READ_ONCE(pool.generation))
        generator_refill(g);
    from = g->batch + BATCH_BYTES - g->left;
    memcpy(out, from, n);
    wipe(from, n);
    g->left -= n;
}

void random_bytes(void *out, size_t n)
{
    for (u8 *at = out; n > 0;) {
        size_t some = MIN_T(size_t, n, BATCH_BYTES);

        random_some(at, some);
        at += some;
        n -= some;
    }
}

u64 random_u64(void)
{
    u64 value;

    random_some((u8 *)&value, sizeof value);
    return value;
}

void random_add(const void *data, size_t n, u32 bits)
{
    spin_guard_irqsave(&pool.lock);
    bool was_ready = pool.bits >= READY_BITS;

    for (const u8 *at = data; n > 0;) {
        size_t some = MIN_T(size_t, n, CHACHA_KEY_SIZE);

        for (size_t i = 0; i < some; i++)
            pool.key[i] ^= at[i];
        pool_step_locked(NULL);
        at += some;
        n -= some;
    }
    pool.bits = MIN_T(u64, (u64)pool.bits + bits, READY_BITS);
    if (bits > 0 || !was_ready)
        WRITE_ONCE(pool.generation, pool.generation + 1 ? pool.generation + 1 : 1);
}

void random_add_timing(u64 event)
{
    struct generator *g = &this_cpu(generator);

    g->timing = (g->timing << 7 | g->timing >> 57) ^ counter_read() ^ event;
    if (++g->timing_events % TIMING_EVENTS == 0)
        random_add(&g->timing, sizeof g->timing, 1);
}

bool random_ready(void)
{
    return READ_ONCE(pool.bits) >= READY_BITS;
}

void random_init(void)
{
    u64 words[8] = {counter_read()};
    u32 got = 0;

    for (u32 i = 1; i < ARRAY_SIZE(words); i++)
        got += random_hw(&words[i]);
    random_add(words, sizeof words, got * 64);
    wipe(words, sizeof words);
    if (!random_ready())
        log_warn("random: no seed from firmware or CPU; numbers may be guessed until there is one");
}

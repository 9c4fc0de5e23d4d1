#include <pthread.h>
#include <stdlib.h>

#include "lib/errno.h"
#include "lib/xarray.h"
#include "unit.h"

static int nodes, allowed = -1; /* live nodes; allocations until one fails (-1: never) */

static void *node_alloc(size_t size)
{
    CHECK_EQ(size, XARRAY_NODE_SIZE);
    if (allowed == 0)
        return NULL;
    if (allowed > 0)
        allowed--;
    nodes++;
    return malloc(size); /* not zeroed */
}

static void node_release(void *node, size_t size)
{
    CHECK_EQ(size, XARRAY_NODE_SIZE);
    nodes--;
    free(node);
}

static const struct xarray_ops ops = {node_alloc, node_release};
static int values[1024];

UNIT(xarray_basic)
{
    struct xarray xa = {.ops = &ops};
    uint64_t at = 0;

    CHECK(!xa.root && !xa_load(&xa, 0) && !xa_load(&xa, ~0ull));
    CHECK(!xa_find(&xa, &at, ~0ull) && !xa_erase(&xa, 0) && !xa_erase(&xa, 77));
    CHECK_EQ(xa_store(&xa, 0, &values[0]), 0);
    CHECK_EQ(nodes, 0); /* index 0 alone needs none */
    CHECK(xa_load(&xa, 0) == &values[0] && !xa_load(&xa, 1));
    CHECK(xa_find(&xa, &at, 0) == &values[0] && at == 0);
    CHECK_EQ(xa_store(&xa, 63, &values[63]), 0);
    CHECK_EQ(nodes, 1);
    CHECK_EQ(xa_store(&xa, ~0ull, &values[9]), 0);
    CHECK(xa_load(&xa, 0) == &values[0] && xa_load(&xa, 63) == &values[63]);
    CHECK(xa_load(&xa, ~0ull) == &values[9] && !xa_load(&xa, ~0ull - 1) && !xa_load(&xa, 64));
    at = 64;
    CHECK(xa_find(&xa, &at, ~0ull) == &values[9] && at == ~0ull);
    CHECK(!xa_find_after(&xa, &at, ~0ull));
    at = 64;
    CHECK(!xa_find(&xa, &at, ~0ull - 1) && at == 64);
    CHECK(xa_erase(&xa, ~0ull) == &values[9]);
    CHECK_EQ(nodes, 11); /* of the way to 0 and 63 */
    CHECK(xa_erase(&xa, 63) == &values[63]);
    CHECK(xa_load(&xa, 0) == &values[0]);
    CHECK(xa_erase(&xa, 0) == &values[0]);
    CHECK(!xa.root);
    CHECK_EQ(nodes, 0);
}

/* Compare with a plain table of the indices that a test uses. */
#define USED 300

static void check_all(struct xarray *xa, const uint64_t *index, void **want, int used)
{
    uint64_t at, last = 0;
    void *value;
    int count = 0, present = 0;

    for (int i = 0; i < used; i++) {
        CHECK(xa_load(xa, index[i]) == want[i]);
        present += !!want[i];
    }
    xa_for_each(xa, at, value) {
        CHECK(count == 0 || at > last);
        CHECK(xa_load(xa, at) == value);
        last = at;
        count++;
    }
    CHECK_EQ(count, present);
}

static void random_operations(int bits)
{
    struct xarray xa = {.ops = &ops};
    uint64_t index[USED];
    void *want[USED] = {NULL};

    for (int i = 0; i < USED; i++) {
again:
        index[i] = unit_random() >> (64 - bits);
        if (unit_random() % 4 == 0 && i) /* neighbours too */
            index[i] = index[i - 1] + 1;
        for (int k = 0; k < i; k++)
            if (index[k] == index[i])
                goto again;
    }
    for (int round = 0; round < 3000; round++) {
        int i = unit_random() % USED;

        if (unit_random() % 100 < (round < 1500 ? 60 : 40)) {
            void *value = &values[unit_random() % 1024];
            int err;

            if (unit_random() % 8 == 0)
                allowed = unit_random() % 4; /* let a node allocation fail */
            err = xa_store(&xa, index[i], value);
            allowed = -1;
            CHECK(err == 0 || (err == -ENOMEM && !want[i]));
            if (!err)
                want[i] = value;
        } else {
            CHECK(xa_erase(&xa, index[i]) == want[i]);
            want[i] = NULL;
        }
        if (round % 50 == 0)
            check_all(&xa, index, want, USED);
    }
    check_all(&xa, index, want, USED);
    for (int i = 0; i < USED; i++)
        CHECK(xa_erase(&xa, index[i]) == want[i]);
    CHECK(!xa.root);
    CHECK_EQ(nodes, 0);
}

UNIT(xarray_random)
{
    random_operations(9);
    random_operations(13);
    random_operations(30);
    random_operations(64);
}

UNIT(xarray_erase_while_walking)
{
    struct xarray xa = {.ops = &ops};
    uint64_t at;
    void *value;
    int count = 0;

    for (int i = 0; i < 1000; i++)
        CHECK_EQ(xa_store(&xa, 3ull * i, &values[i]), 0);
    at = 100;
    CHECK(xa_find(&xa, &at, 101) == NULL && at == 100);
    CHECK(xa_find(&xa, &at, 102) == &values[34] && at == 102);
    xa_for_each(&xa, at, value)
        if (at % 2)
            CHECK(xa_erase(&xa, at) == value);
    xa_for_each(&xa, at, value)
        count++;
    CHECK_EQ(count, 500);
    xa_for_each(&xa, at, value)
        CHECK(xa_erase(&xa, at) == value);
    CHECK_EQ(nodes, 0);
    CHECK(!xa.root);
}

/* Readers without a lock against one writer; nodes are kept until the readers are done. */
static struct xarray shared;
static bool stop;
static void *graveyard[200000];
static int buried;

static void node_bury(void *node, size_t size)
{
    (void)size;
    graveyard[buried++] = node;
}

static void *reader(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        for (uint64_t i = 0; i < 1024; i++) {
            uint64_t index = i * i * i, at = index;
            void *value = xa_load(&shared, index);

            CHECK(value == &values[i] || (!value && i % 16));
            value = xa_find(&shared, &at, UINT64_MAX);
            CHECK(i > 1008 || (value && at >= index));
            CHECK(i % 16 || at == index);
        }
    return unused;
}

UNIT(xarray_readers_without_lock)
{
    static const struct xarray_ops bury = {node_alloc, node_bury};
    pthread_t threads[2];

    shared.ops = &bury;
    for (uint64_t i = 0; i < 64; i++) /* these stay */
        CHECK_EQ(xa_store(&shared, 16 * i * 16 * i * 16 * i, &values[16 * i]), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, reader, NULL), 0);
    for (int round = 0; round < 100000 && buried < 190000; round++) {
        uint64_t i = unit_random() % 1024;

        if (i % 16 == 0 || unit_random() % 2)
            CHECK_EQ(xa_store(&shared, i * i * i, &values[i]), 0);
        else
            xa_erase(&shared, i * i * i);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (uint64_t i = 0; i < 1024; i++)
        xa_erase(&shared, i * i * i);
    nodes -= buried;
    while (buried)
        free(graveyard[--buried]);
    CHECK_EQ(nodes, 0);
}

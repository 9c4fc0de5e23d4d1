/*
 * Reference counts that saturate: one that would overflow, or was used after it reached zero,
 * sticks at a high value, and its object leaks instead of being freed under a user.
 */
#pragma once

#include "lib/types.h"

struct refcount {
    u32 count; /* [A]; bit 31 set: saturated */
};

#define REFCOUNT_INIT(n) \
    {                    \
        n                \
    }
#define REF_SATURATED 0xc0000000u

/* Sets the count to REF_SATURATED and logs it once. */
void ref_saturate(struct refcount *ref);

static inline void ref_init(struct refcount *ref, u32 count)
{
    __atomic_store_n(&ref->count, count, __ATOMIC_RELAXED);
}

static inline u32 ref_read(const struct refcount *ref)
{
    return __atomic_load_n(&ref->count, __ATOMIC_RELAXED);
}

/* One more, by a caller that holds one. */
static inline void ref_get(struct refcount *ref)
{
    u32 old = __atomic_fetch_add(&ref->count, 1, __ATOMIC_RELAXED);

    if (unlikely((s32)old <= 0))
        ref_saturate(ref);
}

/* TYPE_get() of a `struct TYPE` that counts in `refs`: one more, and the struct, to be stored. */
#define DEFINE_REF_GET(type)                                    \
    static inline struct type *type##_get(struct type *counted) \
    {                                                           \
        ref_get(&counted->refs);                                \
        return counted;                                         \
    }

/* One more unless the object is on its way out: for look-ups under a lock or RCU. */
static inline bool ref_get_unless_zero(struct refcount *ref)
{
    u32 old = ref_read(ref);

    do {
        if (old == 0)
            return false;
        if (unlikely((s32)old < 0))
            return true;
    } while (!__atomic_compare_exchange_n(&ref->count, &old, old + 1, true, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED));
    return true;
}

/* One less. True: it was the last, and the caller frees the object. */
static inline bool ref_put(struct refcount *ref)
{
    u32 old = __atomic_fetch_sub(&ref->count, 1, __ATOMIC_ACQ_REL);

    if (likely((s32)old > 1))
        return false;
    if (likely(old == 1))
        return true;
    ref_saturate(ref);
    return false;
}

/*
 * TYPE_put() of a `struct TYPE` that counts in `refs`: one less; with the last, free(&rcu) is
 * called after a grace period (core/rcu.h).
 */
#define DEFINE_REF_PUT_RCU(type, free)     \
    void type##_put(struct type *counted)  \
    {                                      \
        if (ref_put(&counted->refs))       \
            rcu_call(&counted->rcu, free); \
    }

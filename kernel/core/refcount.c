/* What inline reference counts do when they go wrong. */
#include "core/refcount.h"
#include "core/log.h"

void ref_saturate(struct refcount *ref)
{
    __atomic_store_n(&ref->count, REF_SATURATED, __ATOMIC_RELAXED);
    log_once("a reference count left its range; its object is never freed");
}

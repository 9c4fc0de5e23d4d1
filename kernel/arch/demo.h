/*
 * What the tutorial's exercises need of the architecture: exceptions taken on purpose.
 */
#pragma once

#include "lib/types.h"

/* One exception on purpose. */
struct demo_exception {
    const char *name;   /* what is done */
    u32 expected_class; /* ESR_EL1.EC that must come */
    bool taken;
    u64 esr, elr, far;
};

/* Does number n, catches the exception, and tells. False: there is no number n. */
bool demo_exception(u32 n, struct demo_exception *out);

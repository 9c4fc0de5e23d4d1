/*
 * What the tutorial's exercises need of the architecture: exceptions taken on purpose, and the
 * tutorial's own memory map. For kernel/main/demo/.
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

/*
 * Puts the tutorial's map in TTBR0: physical 0 to 1 GiB as Device-nGnRnE (MAIR index 0), 1 to 2 GiB
 * as Normal write-back (index 1), address = physical address. Calls inside() with it in force, then
 * goes back. False when this kernel's RAM is not inside that map. `print` gets a line for each
 * step.
 */
bool demo_identity_map(void (*print)(const char *line), void (*inside)(void));

/* What only unit tests call. */
#pragma once

#include "lib/types.h"

/* Zeroed "RAM" at a physical address. */
void host_ram(paddr_t pa, u64 size);

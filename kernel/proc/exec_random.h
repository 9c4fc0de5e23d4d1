/* Whether addresses are randomized for a new program: norandmaps, ADDR_NO_RANDOMIZE. */
#pragma once

#include "core/param.h"
#include "task/task.h"

#define ADDR_NO_RANDOMIZE 0x40000

static inline bool exec_randomized(void)
{
    return !param_flag("norandmaps") && !(current_process()->personality & ADDR_NO_RANDOMIZE);
}

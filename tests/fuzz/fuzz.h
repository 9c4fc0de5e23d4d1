/*
 * What the fuzz targets share. Each target is one file with LLVMFuzzerTestOneInput(); build.sh
 * lists the kernel sources that go with it, and makes the first inputs. Beside what the sanitizers
 * see, a target asserts what the interface promises.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy in a block of its own size, so that reading behind it is seen. The caller frees. */
static inline void *exact_copy(const void *data, size_t size)
{
    void *copy = malloc(size);

    if (size)
        memcpy(copy, data, size);
    return copy;
}

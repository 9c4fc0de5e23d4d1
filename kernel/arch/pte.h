/*
 * Page-table entries, by the architecture's own file.
 */
#pragma once

#include "arch/arm64/pte.h"

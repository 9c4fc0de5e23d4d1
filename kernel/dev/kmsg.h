/*
 * Waiting for the log. Its records are read by core/log.h.
 */
#pragma once

#include "core/log.h"

/* Sleeps until log_unread(reader). 0 or -ERESTARTSYS. */
int kmsg_wait_unread(const struct log_reader *reader);

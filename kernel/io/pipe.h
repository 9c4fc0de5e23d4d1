/*
 * Pipes and FIFOs. The theory is in pipe.c.
 */
#pragma once

#include "lib/types.h"

struct file;
struct pipe;

#define PIPE_SIZE_DEFAULT 65536
#define PIPE_SIZE_MAX     1048576 /* without CAP_SYS_RESOURCE */
#define FIONREAD          0x541b  /* of regular files too */
#define PIPE_BUF          4096

/* A pipe with its read end in ends[0] and its write end in ends[1]. flags: O_NONBLOCK. 0/-ENOMEM */
int pipe_create(struct file *ends[2], u32 flags);

/*
 * Open a FIFO: makes `file` (mode and flags set, ops not) an end of the pipe that *slot, a member
 * of the inode, points at while the FIFO is open somewhere. Blocks for the other end as open(2)
 * says. 0, -ENXIO, -ERESTARTSYS, -ENOMEM. The file's release undoes it.
 */
int fifo_open(struct file *file, struct pipe **slot);

/* F_GETPIPE_SZ, F_SETPIPE_SZ: the size, or -EBADF (no pipe), -EBUSY, -EPERM, -EINVAL, -ENOMEM. */
long pipe_size_get(struct file *file);
long pipe_size_set(struct file *file, u64 size);

bool file_is_pipe(const struct file *file);

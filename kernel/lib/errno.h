/*
 * Error numbers: those of the generic Linux values, which arm64 programs see, that are in use; and
 * the codes by which a sleeping call tells the way back to user mode how to restart it (never seen
 * by programs).
 */
#pragma once

#include "lib/types.h"

#define EPERM        1   /* operation not permitted */
#define ENOENT       2   /* no such file or directory */
#define ESRCH        3   /* no such process */
#define EINTR        4   /* interrupted by a signal */
#define EIO          5   /* input/output error */
#define ENXIO        6   /* no such device or address */
#define E2BIG        7   /* argument list too long */
#define ENOEXEC      8   /* not an executable format */
#define EBADF        9   /* bad file descriptor */
#define ECHILD       10  /* no children to wait for */
#define EAGAIN       11  /* try again; would block */
#define ENOMEM       12  /* out of memory */
#define EACCES       13  /* permission denied */
#define EFAULT       14  /* bad address */
#define EBUSY        16  /* busy */
#define EEXIST       17  /* exists already */
#define EXDEV        18  /* crosses filesystems */
#define ENODEV       19  /* no such device, or it cannot do this */
#define ENOTDIR      20  /* not a directory */
#define EISDIR       21  /* is a directory */
#define EINVAL       22  /* invalid argument */
#define EMFILE       24  /* too many open files in the process */
#define ENOTTY       25  /* not a terminal; no such ioctl */
#define ETXTBSY      26  /* text file is busy */
#define EFBIG        27  /* file too large */
#define ENOSPC       28  /* no space left */
#define ESPIPE       29  /* cannot seek */
#define EROFS        30  /* read-only filesystem */
#define EMLINK       31  /* too many links */
#define EPIPE        32  /* no reader at the other end */
#define ERANGE       34  /* result does not fit */
#define EDEADLK      35  /* would deadlock */
#define ENAMETOOLONG 36  /* name too long */
#define ENOLCK       37  /* no locks available */
#define ENOSYS       38  /* no such system call */
#define ENOTEMPTY    39  /* directory not empty */
#define ELOOP        40  /* too many symbolic links */
#define ENODATA      61  /* no data; no such attribute */
#define ENOPKG       65  /* package not installed */
#define EOVERFLOW    75  /* value too large for its type */
#define ELIBBAD      80  /* shared library corrupted */
#define EOPNOTSUPP   95  /* operation not supported */
#define ETIMEDOUT    110 /* timed out */
#define EALREADY     114 /* in progress already */
#define ESTALE       116 /* stale file handle */

/* Internal: what signal delivery makes of an interrupted call. */
#define ERESTARTSYS           512 /* restart if the handler has SA_RESTART, else EINTR */
#define ERESTARTNOINTR        513 /* always restart */
#define ERESTARTNOHAND        514 /* restart only if no handler runs */
#define ERESTART_RESTARTBLOCK 516 /* restart by restart_syscall() */

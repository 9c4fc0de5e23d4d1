/*
 * Open files: what a file descriptor stands for. The theory is in file.c.
 */
#pragma once

#include "core/rcu.h"
#include "core/refcount.h"
#include "sched/mutex.h"

struct dentry;
struct dir_emit;
struct fdtable;
struct inode;
struct io_request;
struct iter;
struct mapping;
struct mount;
struct poll_table;

/* Open flags, arm64's values. */
#define O_ACCMODE   03
#define O_RDONLY    00
#define O_WRONLY    01
#define O_RDWR      02
#define O_CREAT     0100
#define O_EXCL      0200
#define O_NOCTTY    0400
#define O_TRUNC     01000
#define O_APPEND    02000
#define O_NONBLOCK  04000
#define O_DSYNC     010000
#define O_ASYNC     020000
#define O_DIRECTORY 040000
#define O_NOFOLLOW  0100000
#define O_DIRECT    0200000
#define O_LARGEFILE 0400000
#define O_NOATIME   01000000
#define O_CLOEXEC   02000000
#define O_SYNC      04010000
#define O_PATH      010000000
#define O_TMPFILE   (020000000 | O_DIRECTORY)

/* What may be done with an open file: file->mode. */
#define FMODE_READ       BIT(0) /* opened for reading */
#define FMODE_WRITE      BIT(1) /* opened for writing */
#define FMODE_LSEEK      BIT(2) /* has a position that may be set */
#define FMODE_PREAD      BIT(3) /* pread and pwrite make sense */
#define FMODE_PWRITE     BIT(4)
#define FMODE_ATOMIC_POS BIT(6)  /* the position is locked while it is used: regular files, dirs */
#define FMODE_PATH       BIT(7)  /* O_PATH: names a place, does no I/O */
#define FMODE_STREAM     BIT(8)  /* no position at all: lseek fails, reads pass pos 0 */
#define FMODE_WRITER     BIT(9)  /* fs: counted as a writer of its mount or inode */
#define FMODE_NO_WRITERS BIT(10) /* fs: denies writing to its inode */
#define FMODE_SEEKABLE   (FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE)

#define SEEK_SET         0
#define SEEK_CUR         1
#define SEEK_END         2
#define SEEK_DATA        3
#define SEEK_HOLE        4

/* Flags of one request; those that a file can ask for are the O_* bits themselves. */
#define IO_NONBLOCK O_NONBLOCK /* fail with -EAGAIN rather than sleep */
#define IO_APPEND   O_APPEND   /* write at the end of the file, whatever pos says */
#define IO_DSYNC    O_DSYNC    /* data reaches its backing before the call returns */
#define IO_HIPRI    BIT(0)

/*
 * One transfer. The callee moves bytes through `iter` from position `pos`, advances pos by what
 * it moved (files without a position leave it), and returns the byte count or -errno. `done` is
 * NULL for a synchronous request, which every callee must complete before it returns.
 */
struct io_request {
    struct file *file;
    struct iter *iter;
    loff_t pos;
    u32 flags; /* IO_* */
    void (*done)(struct io_request *req, ssize_t result);
};

/* All may sleep. A NULL entry gives the error that Linux gives. */
struct file_ops {
    ssize_t (*read)(struct io_request *req);
    ssize_t (*write)(struct io_request *req);
    loff_t (*seek)(struct file *file, loff_t offset, int whence); /* the new position or -errno */
    u32 (*poll)(struct file *file, struct poll_table *table);     /* POLL* that hold now */
    long (*ioctl)(struct file *file, u32 cmd, u64 arg);           /* -ENOTTY: not known */
    /*
     * May mmap(2) map the pages of file->mapping with this protection and these flags? 0 or -errno,
     * or 1: it is memory without a file after all. *size is set to where the file's size in bytes
     * stands, which faults read: pages wholly behind it give SIGBUS. NULL, as it was: no end. May
     * sleep; no lock of vm is held. A file without this entry is -ENODEV.
     */
    int (*mmap)(struct file *file, u32 prot, u32 flags, const u64 **size);
    int (*readdir)(struct file *file, struct dir_emit *emit);
    int (*fsync)(struct file *file, int datasync);
    int (*flush)(struct file *file);    /* at each close of a descriptor; its error is close()'s */
    void (*release)(struct file *file); /* the last reference is gone */
    int (*fallocate)(struct file *file, int mode, loff_t offset, loff_t len);
    int (*set_flags)(struct file *file, u32 flags); /* F_SETFL: may refuse */
    u32 stat_mode;    /* S_IFMT and permissions that fstat shows for a file without an inode */
    const char *name; /* of such a file in /proc/PID/fd: "pipe", "anon_inode:[eventfd]" */
};

/* A place: an entry, and the mount through which it is seen. Only fs looks behind it. */
struct path {
    struct mount *mount;
    struct dentry *dentry;
};

struct file {
    const struct file_ops *ops; /* [I] */
    struct refcount refs;       /* [A] */
    u32 mode;                   /* [I] FMODE_* */
    u32 flags;                  /* [A] O_*; F_SETFL changes some */
    u32 owner_signal;           /* F_SETSIG */
    loff_t pos;                 /* [L] pos_lock when FMODE_ATOMIC_POS; else whoever comes last */
    void *private;              /* [I] of ops */
    struct inode *inode;        /* [I] NULL: no inode */
    struct mapping *mapping;    /* [I] page cache, or NULL */
    struct mutex pos_lock;
    struct path path;    /* [I] counted by fs, which puts it by the hook of file.c */
    s32 owner_pid;       /* F_SETOWN: pid, or -pgrp */
    u64 id;              /* [I] without an inode: the number that fstat and /proc show */
    struct rcu_head rcu; /* free */
};

/*
 * A new open file with one reference, or NULL when memory is out. `flags` are O_*; O_ACCMODE
 * becomes FMODE_READ and FMODE_WRITE. Everything else is zero: the caller completes the mode.
 */
struct file *file_alloc(const struct file_ops *ops, u32 flags, void *private);

DEFINE_REF_GET(file)

/* A reference to a file found under RCU; false: it is being freed. */
static inline bool file_get_unless_zero(struct file *file)
{
    return ref_get_unless_zero(&file->refs);
}

/* The last reference is gone: I3 of file.c. */
void file_release(struct file *file);

/* Drop a reference. May sleep (the last one releases). */
static inline void file_put(struct file *file)
{
    if (ref_put(&file->refs))
        file_release(file);
}

DEFINE_SCOPED_PUT(file, struct file, file_put)

/*
 * Synchronous transfers at *pos, which advances; pos may be NULL for streams. Checks mode
 * (-EBADF) and that the operation exists (-EINVAL). Bytes moved or -errno.
 */
ssize_t file_read(struct file *file, struct iter *it, loff_t *pos);
ssize_t file_write(struct file *file, struct iter *it, loff_t *pos);

/* The same between kernel memory and position `pos`. */
ssize_t file_read_kernel(struct file *file, void *buf, size_t len, loff_t pos);
ssize_t file_write_kernel(struct file *file, const void *buf, size_t len, loff_t pos);

/* Sleeps until `cond` holds, as wait_event_interruptible(); -EAGAIN where IO_NONBLOCK forbids. */
#define io_wait_event(req, wq, cond) \
    ((req)->flags & IO_NONBLOCK ? ((cond) ? 0 : -EAGAIN) : wait_event_interruptible(wq, cond))

/* Do the bytes reach beyond the largest position? Linux answers -EINVAL then. */
static inline bool file_range_overflows(loff_t pos, size_t count)
{
    return (loff_t)((u64)pos + count) < 0;
}

/* The IO_* flags that a file's O_* flags ask for. */
static inline u32 file_io_flags(const struct file *file)
{
    return READ_ONCE(file->flags) & (IO_NONBLOCK | IO_APPEND | IO_DSYNC);
}

/* Does the position need pos_lock for a read(), write() or lseek() now? */
static inline bool file_pos_shared(const struct file *file)
{
    return file->mode & FMODE_ATOMIC_POS && ref_read(&file->refs) > 1;
}

/*
 * What each write to a regular file does first, under the lock that guards its size: position
 * by IO_APPEND, cut the iterator at RLIMIT_FSIZE (SIGXFSZ and -EFBIG when nothing fits) and at
 * `max_size`. 0 or -errno.
 */
int file_write_prepare(struct io_request *req, u64 size, u64 max_size);

/*
 * The seek of a file of `size` bytes without holes to report: all of SEEK_*. `max` is the
 * greatest position. Sets file->pos. The new position, -EINVAL, -EOVERFLOW or -ENXIO.
 */
loff_t file_seek_size(struct file *file, loff_t offset, int whence, u64 size, u64 max);

/* As an entry of file_ops. */
loff_t file_seek_none(struct file *file, loff_t offset, int whence); /* position stays; 0 */

/* lseek(2) proper: -ESPIPE for streams, then ops->seek. Takes pos_lock as needed. */
loff_t file_seek(struct file *file, loff_t offset, int whence);

/* The release of files whose private data is one object of kmalloc(). */
void file_free_private(struct file *file);

/* What io cannot do itself: fs sets these at boot, before the first file. */
extern struct file_hooks {
    void (*path_put)(struct file *file); /* drop path, inode and writer counts of a dying file */
    void (*closed)(struct file *file, struct fdtable *owner); /* POSIX locks end at close */
} file_hooks;

/* All of this floor: files, descriptor tables, page cache. After kmalloc, before any file. */
void io_init(void);

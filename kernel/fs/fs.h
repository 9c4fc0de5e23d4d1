/*
 * What the fs floor offers to bring-up and to the system calls, beside names and mounts.
 */
#pragma once

#include "lib/types.h"

struct fdtable;
struct filesystem;
struct file;
struct inode;
struct super_block;
struct seq;

/* vfs_init() calls these. */
void inode_init(void);
void tmpfs_init(void);
void devtmpfs_init(void);
void unnamed_init(void);

extern const struct file_ops tmpfs_file_ops; /* of regular files */

/* The mount function of tmpfs, for other types of its kind. */
int tmpfs_mount(const struct filesystem *type, char *options, struct super_block **out);

/* The console for fds 0 to 2 of init, whether or not the root has /dev/console. 0 or -ENXIO... */
int console_open(struct file **out);

/*
 * Unpack cpio archives, one after another, each plain or gzip, into the root directory. in_place:
 * `data` is the page-aligned built-in archive in the kernel image; pages of file data become the
 * files' pages. What is wrong with the archive makes one log line and -EINVAL; what came before
 * stays. May sleep.
 */
int initramfs_unpack(const void *data, size_t size, bool in_place);

/*
 * The gzip member at `data`: *out is its contents in vmalloc'ed memory (*out_size bytes), *used
 * its length. 0, -EINVAL, -ENOMEM.
 */
int gunzip(const u8 *data, size_t size, u8 **out, size_t *out_size, size_t *used);

/* memfd_create(2) */
#define MFD_CLOEXEC       1
#define MFD_ALLOW_SEALING 2
int memfd_create(const char *name, u32 flags, struct file **out);

#define F_ADD_SEALS         1033
#define F_GET_SEALS         1034
#define F_SEAL_SEAL         1
#define F_SEAL_SHRINK       2
#define F_SEAL_GROW         4
#define F_SEAL_WRITE        8
#define F_SEAL_FUTURE_WRITE 16
long file_seals(struct file *file, u32 cmd, u64 arg);

/* flock(2): operation LOCK_SH 1, LOCK_EX 2, LOCK_UN 8, with LOCK_NB 4. No file: -EBADF. Sleeps. */
int file_flock(struct file *file, u32 operation);

#define F_GETLK      5
#define F_SETLKW     7
#define F_OFD_GETLK  36
#define F_OFD_SETLKW 38

/* F_GETLK to F_SETLKW, F_OFD_*: `arg` is the user's struct flock. */
long file_lock_fcntl(struct file *file, u32 cmd, u64 arg);

/*
 * For an inode that has had locks: a descriptor of the table `closed_by` for the file was closed,
 * and its POSIX locks end; with NULL the file is released, and its flock and OFD locks end.
 */
void file_locks_drop(struct file *file, struct fdtable *closed_by);
void inode_locks_free(struct inode *inode);

/* The lines of /proc/locks. */
void file_locks_show(struct seq *seq);

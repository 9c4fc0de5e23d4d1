/*
 * Descriptors: close, dup, fcntl, ioctl, close_range, and what makes files without a name: pipes
 * and event counters.
 */
#include "core/uaccess.h"
#include "fs/fs.h"
#include "fs/namei.h"
#include "fs/vfs.h"
#include "io/eventfd.h"
#include "io/fdtable.h"
#include "io/pipe.h"
#include "lib/errno.h"
#include "sys/calls.h"
#include "task/cred.h"
#include "task/siginfo.h"

#define F_DUPFD         0
#define F_GETFD         1
#define F_SETFD         2
#define F_GETFL         3
#define F_SETFL         4
#define F_SETOWN        8
#define F_GETOWN        9
#define F_SETSIG        10
#define F_GETSIG        11
#define F_SETOWN_EX     15
#define F_GETOWN_EX     16
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ    1031
#define F_GETPIPE_SZ    1032
#define FD_CLOEXEC      1

#define FIBMAP          1
#define FIGETBSZ        2
#define FIONBIO         0x5421
#define FIONCLEX        0x5450
#define FIOCLEX         0x5451
#define FIOASYNC        0x5452
#define FIOQSIZE        0x5460

/* What F_SETFL changes; all else in its argument is ignored. */
#define SETFL_FLAGS (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

/* What open(2) used up. */
#define OPEN_ONLY_FLAGS (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)

long sys_close(u64 fd)
{
    long result = fd_close(fd);

    /* The descriptor is gone: a restart would close another one. */
    if (result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND)
        result = -EINTR;
    return result;
}

CALL(close_range, (u64 first, u64 last, u64 flags), fd_close_range(first, last, flags))

long sys_dup(u64 fd)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get_raw(fd);

    return ref.file ? fd_install(file_get(ref.file), 0, 0) : -EBADF;
}

long sys_dup3(u64 from, u64 to, u64 flags)
{
    if ((u32)flags & ~O_CLOEXEC || (u32)from == (u32)to)
        return -EINVAL;
    return fd_dup_to(from, to, flags);
}

/* ---- fcntl ---- */

static long set_status_flags(struct file *file, u32 flags)
{
    u32 old = READ_ONCE(file->flags);
    int err = 0;

    if (flags & ~old & O_NOATIME && file->inode && !inode_owner_ok(file->inode))
        return -EPERM;
    if (flags & ~old & O_DIRECT && !file->ops->set_flags)
        return -EINVAL;
    if (file->ops->set_flags)
        err = file->ops->set_flags(file, flags);
    if (!err)
        WRITE_ONCE(file->flags, (old & ~SETFL_FLAGS) | (flags & SETFL_FLAGS));
    return err;
}

/* struct f_owner_ex */
struct owner_abi {
    s32 type, id;
};

#define OWNER_PID  1
#define OWNER_PGRP 2

/* Who gets SIGIO. file->owner_pid has groups negative; a thread stands for its process. */
static long owner_set(struct file *file, u64 arg)
{
    struct owner_abi owner;

    if (copy_from_user(&owner, USER_PTR(arg), sizeof(owner)))
        return -EFAULT;
    if ((u32)owner.type > OWNER_PGRP)
        return -EINVAL;
    WRITE_ONCE(file->owner_pid, owner.type == OWNER_PGRP ? -owner.id : owner.id);
    return 0;
}

static long owner_get(struct file *file, u64 arg)
{
    s32 id = READ_ONCE(file->owner_pid);
    struct owner_abi owner = {OWNER_PID, id};

    if (id < 0)
        owner = (struct owner_abi){OWNER_PGRP, -id};
    return copy_to_user(USER_PTR(arg), &owner, sizeof(owner));
}

static long duplicate(struct file *file, u32 from, u32 flags)
{
    if (from >= MIN_T(u64, rlimit_get(RLIMIT_NOFILE), FD_MAX))
        return -EINVAL;
    return fd_install(file_get(file), from, flags);
}

static long signal_set(struct file *file, u64 signal)
{
    if (signal > SIGNAL_MAX)
        return -EINVAL;
    WRITE_ONCE(file->owner_signal, signal);
    return 0;
}

static long fcntl_file(struct file *file, u32 cmd, u64 arg)
{
    switch (cmd) {
    case F_SETFL: return set_status_flags(file, arg);
    case F_GETLK ... F_SETLKW:
    case F_OFD_GETLK ... F_OFD_SETLKW: return file_lock_fcntl(file, cmd, arg);
    case F_ADD_SEALS:
    case F_GET_SEALS: return file_seals(file, cmd, arg);
    case F_SETOWN: WRITE_ONCE(file->owner_pid, (s32)arg); return 0;
    case F_GETOWN: return READ_ONCE(file->owner_pid);
    case F_SETOWN_EX: return owner_set(file, arg);
    case F_GETOWN_EX: return owner_get(file, arg);
    case F_SETSIG: return signal_set(file, arg);
    case F_GETSIG: return READ_ONCE(file->owner_signal);
    case F_SETPIPE_SZ: return pipe_size_set(file, (u32)arg);
    case F_GETPIPE_SZ: return pipe_size_get(file);
    }
    return -EINVAL;
}

/* O_PATH files have the commands that concern the descriptor or read the file's flags. */
long sys_fcntl(u64 fd, u64 cmd, u64 arg)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get_raw(fd);

    if (!ref.file)
        return -EBADF;
    switch ((u32)cmd) {
    case F_DUPFD: return duplicate(ref.file, arg, 0);
    case F_DUPFD_CLOEXEC: return duplicate(ref.file, arg, O_CLOEXEC);
    case F_GETFD: return fd_cloexec_get(fd);
    case F_SETFD: return fd_cloexec_set(fd, arg & FD_CLOEXEC);
    case F_GETFL: return READ_ONCE(ref.file->flags) & ~OPEN_ONLY_FLAGS;
    }
    return ref.file->mode & FMODE_PATH ? -EBADF : fcntl_file(ref.file, cmd, arg);
}

/* ---- ioctl ---- */

static long set_nonblock(struct file *file, bool on)
{
    if (on)
        __atomic_fetch_or(&file->flags, O_NONBLOCK, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&file->flags, ~O_NONBLOCK, __ATOMIC_RELAXED);
    return 0;
}

/* FIGETBSZ: the block size of the file system. */
static long block_size(struct file *file, u64 arg)
{
    struct kstat st;

    file_getattr(file, &st);
    return put_user_u32(USER_PTR(arg), st.blksize);
}

/* FIBMAP: no file system here has its blocks on a device. */
static long block_map(u64 arg)
{
    u32 block;

    if (!cred_has_cap(CAP_SYS_RAWIO))
        return -EPERM;
    return get_user_u32(USER_PTR(arg), &block) ? -EFAULT : -EINVAL;
}

/* What the kind of file decides. FIONREAD of a regular file: what is left behind the position. */
static long file_ioctl(struct file *file, u32 cmd, u64 arg)
{
    u32 mode = file->inode ? file->inode->mode : 0;

    if (cmd == FIOQSIZE && (S_ISREG(mode) || S_ISDIR(mode)))
        return put_user_u64(USER_PTR(arg), READ_ONCE(file->inode->size));
    if (cmd == FIONREAD && S_ISREG(mode))
        return put_user_u32(USER_PTR(arg), READ_ONCE(file->inode->size) - file->pos);
    if (cmd == FIBMAP && S_ISREG(mode))
        return block_map(arg);
    return file->ops->ioctl ? file->ops->ioctl(file, cmd, arg) : -ENOTTY;
}

long sys_ioctl(u64 fd, u64 cmd, u64 arg)
{
    struct fd_ref ref __scoped(fd) = fd_ref_get(fd);
    u32 on = 0;

    if (!ref.file)
        return -EBADF;
    if (((u32)cmd == FIONBIO || (u32)cmd == FIOASYNC) && get_user_u32(USER_PTR(arg), &on))
        return -EFAULT;
    switch ((u32)cmd) {
    case FIOCLEX:
    case FIONCLEX: return fd_cloexec_set(fd, (u32)cmd == FIOCLEX);
    case FIGETBSZ: return block_size(ref.file, arg);
    case FIONBIO: return set_nonblock(ref.file, on);
    case FIOASYNC: return on ? -ENOTTY : 0; /* no file sends SIGIO yet: it can only be off */
    }
    return file_ioctl(ref.file, cmd, arg);
}

/* ---- new files ---- */

long sys_pipe2(u64 addr, u64 flags)
{
    struct file *ends[2];
    s32 fds[2];
    int err;

    if ((u32)flags & ~(O_CLOEXEC | O_NONBLOCK | O_EXCL))
        return -EINVAL;
    if ((u32)flags & O_EXCL) /* a notification pipe */
        return -ENOPKG;
    err = pipe_create(ends, flags);
    if (err)
        return err;
    fds[0] = fd_reserve(flags);
    fds[1] = fds[0] < 0 ? fds[0] : fd_reserve(flags);
    err = fds[1] < 0 ? fds[1] : copy_to_user(USER_PTR(addr), fds, sizeof(fds));
    for (int i = 0; i < 2; i++) {
        if (!err) {
            fd_publish(fds[i], ends[i]);
            continue;
        }
        if (fds[i] >= 0)
            fd_unreserve(fds[i]);
        file_put(ends[i]);
    }
    return err;
}

long sys_eventfd2(u64 count, u64 flags)
{
    struct file *file;
    int err;

    if ((u32)flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    err = eventfd_create(count, flags, &file);
    return err ? err : fd_install(file, 0, flags);
}

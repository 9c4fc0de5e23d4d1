/* Credentials across an exec: set-id files, capabilities(7) "Transformation ... execve()". */
#include "fs/mount.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "proc/exec_impl.h"
#include "task/cred.h"
#include "task/task.h"

static void apply_set_id(struct exec *e, struct cred *cred)
{
    const struct inode *inode = e->file->inode;
    u32 mode = READ_ONCE(inode->mode);

    if (e->file->path.mount->flags & MS_NOSUID || self_task()->flags & TASK_NO_NEW_PRIVS)
        return;
    if (mode & S_ISUID)
        cred->euid = inode->uid;
    if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        cred->egid = inode->gid;
}

static void apply_capabilities(struct cred *cred, bool changed_id)
{
    if (changed_id)
        cred->cap_ambient = 0;
    if (!(cred->securebits & SECBIT_NOROOT) && (!cred->euid || !cred->uid)) {
        cred->cap_permitted = cred->cap_bounding | cred->cap_inheritable;
        cred->cap_effective = !cred->euid ? cred->cap_permitted : cred->cap_ambient;
    } else {
        cred->cap_permitted = cred->cap_ambient;
        cred->cap_effective = cred->cap_ambient;
    }
    cred->securebits &= ~SECBIT_KEEP_CAPS;
    cred->suid = cred->fsuid = cred->euid;
    cred->sgid = cred->fsgid = cred->egid;
}

/* The fields that an exec may change. */
static bool same(const struct cred *a, const struct cred *b)
{
    return a->euid == b->euid && a->egid == b->egid && a->suid == b->suid && a->sgid == b->sgid &&
           a->fsuid == b->fsuid && a->fsgid == b->fsgid && a->securebits == b->securebits &&
           a->cap_effective == b->cap_effective && a->cap_permitted == b->cap_permitted &&
           a->cap_ambient == b->cap_ambient;
}

int exec_cred_prepare(struct exec *e)
{
    const struct cred *old = current_cred();
    struct cred new = *old;

    apply_set_id(e, &new);
    apply_capabilities(&new, new.euid != old->euid || new.egid != old->egid);
    e->secure = new.uid != new.euid || new.gid != new.egid ||
                (new.uid &&new.cap_effective & ~new.cap_ambient);
    if (same(&new, old))
        return 0;
    e->cred = cred_copy();
    if (!e->cred)
        return -ENOMEM;
    e->cred->euid = new.euid;
    e->cred->egid = new.egid;
    e->cred->suid = new.suid;
    e->cred->sgid = new.sgid;
    e->cred->fsuid = new.fsuid;
    e->cred->fsgid = new.fsgid;
    e->cred->securebits = new.securebits;
    e->cred->cap_effective = new.cap_effective;
    e->cred->cap_permitted = new.cap_permitted;
    e->cred->cap_ambient = new.cap_ambient;
    return 0;
}

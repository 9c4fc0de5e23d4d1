/*
 * Running another program.
 *
 * What it is
 *   execve(2): the file is opened and looked at ("#!" lines lead to another file, at most five
 *   times), a whole new address space is built with the program, its interpreter, the vDSO and
 *   its first stack, and only then does the process let go of what it was. So a program that cannot
 *   be run, malformed files included, costs the caller nothing but an error.
 *
 * Stages
 *   1. strings and file      exec_strings_*(), file_open_exec()
 *   2. which program         find_program(): scripts, ELF header and segments
 *   3. the new space         build_space()
 *   4. the other threads     become_single(): they are gone even if it fails after that, which
 *                            only a fatal signal can make it do
 *   5. commit                commit(): nothing in it fails
 *
 * The flags of a process that other floors look at while it execs (credentials, space, files)
 * change one by one, each as a whole: a look from /proc meets either program's.
 */
#include "proc/exec.h"

#include "arch/trap.h"
#include "core/percpu.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/vfs.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "proc/exec_impl.h"
#include "proc/exit.h"
#include "proc/timers.h"
#include "sched/reclaim.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"
#include "vm/futex.h"
#include "vm/space.h"

/* execve(2), "Limits on size of arguments and environment": a quarter of the stack's limit. */
#define ARG_LIMIT_MIN (32 * 4096UL)
#define ARG_LIMIT_MAX (6 * 1024 * 1024UL)

/* The first bytes of a file into e->head. */
static int read_head(struct exec *e, struct file *file)
{
    ssize_t got;

    memset(e->head, 0, sizeof(e->head));
    got = file_read_kernel(file, e->head, EXEC_HEAD_SIZE, 0);
    if (got < 0)
        return got;
    e->head_size = got;
    return 0;
}

/* Follows "#!" lines until e->file is an ELF program, and reads its segments. */
static int find_program(struct exec *e)
{
    const char *path = e->name;

    for (int depth = 0;; depth++) {
        const char *interpreter;
        struct file *next;
        int error = read_head(e, e->file);

        if (error)
            return error;
        if (e->head_size < 2 || e->head[0] != '#' || e->head[1] != '!') {
            e->main.file = e->file;
            return elf_read(&e->main, e->head, e->head_size);
        }
        if (depth == EXEC_DEPTH_MAX)
            return -ELOOP;
        error = exec_script(e, path, &interpreter);
        if (error)
            return error;
        error = file_open_exec(AT_FDCWD, interpreter, 0, &next);
        if (error)
            return error;
        file_put(e->file);
        e->file = next;
        path = NULL; /* the interpreter, if it is a script itself, is the first argument */
    }
}

/* Opens and reads the interpreter that PT_INTERP names, if it does. */
static int find_interpreter(struct exec *e)
{
    struct exec_image *image = &e->interpreter;
    char *path __scoped(kmalloc) = kmalloc(PATH_MAX + 16);
    int error;

    if (!path)
        return -ENOMEM;
    error = elf_interpreter(&e->main, path, PATH_MAX);
    if (error > 0) {
        e->dynamic = true;
        error = file_open_exec(AT_FDCWD, path, 0, &image->file);
        if (!error)
            error = read_head(e, image->file);
        if (!error)
            error = elf_read(image, e->head, e->head_size);
        if (error == -ENOEXEC)
            error = -ELIBBAD;
    }
    return error;
}

/* ---- The new program's credentials: capabilities(7), "Transformation ... execve()" ---- */

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

/* e->cred, where something changes, and e->secure. 0 or -ENOMEM. */
static int prepare_cred(struct exec *e)
{
    const struct cred *old = current_cred();
    struct cred new = *old;

    apply_set_id(e, &new);
    apply_capabilities(&new, new.euid != old->euid || new.egid != old->egid);
    e->secure = new.uid != new.euid || new.gid != new.egid ||
                (new.uid &&new.cap_effective & ~new.cap_ambient);
    if (!memcmp(&new, old, sizeof(new)))
        return 0;
    e->cred = cred_copy_of(&new);
    return e->cred ? 0 : -ENOMEM;
}

/* ---- The new space ---- */

static int build_space(struct exec *e)
{
    struct exec_image *first = e->dynamic ? &e->interpreter : &e->main;
    struct vm_space *space = e->space = vm_space_create();
    int error;

    if (!space)
        return -ENOMEM;
    error = elf_read_note(first); /* an interpreter reads the program's */
    if (!error)
        error = elf_load(&e->main, space, false);
    if (!error && e->dynamic)
        error = elf_load(&e->interpreter, space, true);
    if (error)
        return error;
    space->exe = file_get(e->file);
    e->entry = first->header.entry + first->bias;
    error = vm_vdso_map(space);
    return error ? error : exec_stack_build(e);
}

/* ---- The process without what was the old program's ---- */

static bool alone(const struct process *process, const struct task *self)
{
    return READ_ONCE(process->threads.next) == &self->thread_link &&
           READ_ONCE(self->thread_link.next) == &process->threads;
}

/* The number and the place of the leader, which has left the process. */
static void take_leadership(struct process *process, struct task *self)
{
    struct task *old = process->leader;
    struct pid *pid = self->pid;
    spin_guard_irqsave(&process_tree_lock);

    WRITE_ONCE(pid->task, NULL);
    self->tid = process->tgid;
    self->pid = pid_get(process->pid);
    self->start_ns = process->start_ns;
    rcu_assign(process->pid->task, self);
    process->leader = task_get(self);
    pid_unuse(pid);
    pid_put(pid);
    task_put(old);
}

/* The caller becomes the only thread and the leader. 0 or -EAGAIN. */
static int become_single(void)
{
    struct task *self = self_task();
    struct process *process = self->process;
    irqflags_t flags;
    bool gone;

    if (alone(process, self) && process->leader == self)
        return 0;
    flags = spin_lock_irqsave(&process->lock);
    if (process->flags & PROCESS_GROUP_EXIT || process->exec_task) {
        spin_unlock_irqrestore(&process->lock, flags);
        return -EAGAIN;
    }
    process->exec_task = self;
    signal_kill_threads_locked(process, self);
    spin_unlock_irqrestore(&process->lock, flags);
    while (!(gone = alone(process, self)) && !signal_fatal_pending()) {
        thread_set_state(THREAD_STOPPED);
        if (!alone(process, self) && !signal_fatal_pending())
            schedule();
    }
    thread_set_state(THREAD_RUNNING);
    if (gone && process->leader != self)
        take_leadership(process, self);
    flags = spin_lock_irqsave(&process->lock); /* also waits for the last one to let go of it */
    process->exec_task = NULL;
    spin_unlock_irqrestore(&process->lock, flags);
    return gone ? 0 : -EAGAIN;
}

/* Actions and descriptors of the caller's own; so far nothing is lost. 0 or -ENOMEM. */
static int unshare(struct exec *e)
{
    struct sighand *own = current_process()->sighand;

    if (ref_read(&own->refs) > 1) {
        e->sighand = sighand_alloc(own);
        if (!e->sighand)
            return -ENOMEM;
    }
    return ref_read(&self_task()->files->refs) > 1 ? fdtable_unshare() : 0;
}

/* e->sighand for the shared table, which e lets go. */
static void change_sighand(struct exec *e, struct process *process)
{
    spin_guard_irqsave(&process->lock);
    struct sighand *shared = process->sighand;

    process->sighand = e->sighand;
    e->sighand = shared;
}

/* Signals, timers, memory-bound registrations: what does not survive an exec. */
static void reset_task(struct exec *e, struct task *self)
{
    struct process *process = self->process;

    if (e->sighand)
        change_sighand(e, process);
    sighand_reset(process->sighand);
    posix_timers_delete_all();
    self->altstack = (struct sigaltstack){.flags = SS_DISABLE};
    self->clear_tid = self->set_tid = USER_PTR(0);
    self->robust_list = USER_PTR(0);
    self->rseq = (struct task_rseq){0};
    self->rseq_cpu = CPU_MAX;
    self->restart.restart = NULL;
    self->fault_address = self->fault_esr = 0;
    self->unknown_logged = 0;
    self->flags &= ~TASK_FORKED;
    spin_guard_irqsave(&process_tree_lock);
    process->flags |= PROCESS_EXECED;
    process->exit_signal = SIGCHLD;
}

static void set_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    str_copy(current_thread()->name, slash ? slash + 1 : path, sizeof(current_thread()->name));
}

/* Past here the process is the new program. */
static void commit(struct exec *e)
{
    struct task *self = self_task();

    if (self->space)
        futex_task_exit(self);
    task_set_space(self, e->space);
    e->space = NULL;
    task_vfork_done(self);
    reset_task(e, self);
    fdtable_exec();
    if (e->cred) {
        cred_install(e->cred);
        e->cred = NULL;
    }
    self->process->dumpable = !e->secure;
    set_name(e->name);
    *user_frame(self) = (struct trap_frame){.pc = e->entry, .sp = e->stack, .syscall = -1};
    user_tls_set(0);
    task_keys_reset(KEYS_ALL);
    self->thread.head.keys_off = 0;
    memset(&self->fp_state, 0, sizeof(self->fp_state));
    thread_fp_changed();
}

/* Stages 2 to 5 of an exec whose file and strings are there. */
static int exec_run(struct exec *e)
{
    int error =
        e->argc ? 0 : exec_strings_prepend(e, "", false); /* a program may count on argv[0] */

    if (!error)
        error = find_program(e);
    if (!error)
        error = find_interpreter(e);
    if (!error)
        error = prepare_cred(e);
    if (!error)
        error = build_space(e);
    if (!error)
        error = unshare(e);
    if (!error)
        error = become_single();
    if (!error)
        commit(e);
    return error;
}

static struct exec *exec_begin(const char *name)
{
    struct exec *e = kmalloc(sizeof(*e));

    if (!e)
        return NULL;
    e->name = name;
    e->limit = MAX(MIN(rlimit_get(RLIMIT_STACK) / 4, ARG_LIMIT_MAX), ARG_LIMIT_MIN);
    return e;
}

static void scoped_end_exec(struct exec **exec)
{
    struct exec *e = *exec;

    if (!e)
        return;
    vm_space_put(e->space);
    if (e->cred)
        cred_put(e->cred);
    sighand_put(e->sighand);
    kfree(e->main.segments);
    kfree(e->interpreter.segments);
    if (e->interpreter.file) {
        file_allow_write(e->interpreter.file); /* its mappings keep the file, not the denial */
        file_put(e->interpreter.file);
    }
    if (e->file)
        file_put(e->file);
    exec_strings_free(e);
    kfree(e);
}

int exec_user(int at_fd, struct user_ptr path, struct user_ptr argv, struct user_ptr envp,
              u32 at_flags)
{
    struct user_path name __scoped(user_path);
    int error = user_path_get(&name, path);
    struct exec *e __scoped(exec) = error ? NULL : exec_begin(name.text);

    if (!e)
        return error ? error : -ENOMEM;
    error = exec_strings_user(e, &e->argc, argv);
    if (!error)
        error = exec_strings_user(e, &e->envc, envp);
    if (!error)
        error = file_open_exec(at_fd, name.text, at_flags, &e->file);
    return error ? error : exec_run(e);
}

int exec_kernel(const char *path, const char *const *argv, const char *const *envp)
{
    struct exec *e __scoped(exec) = exec_begin(path);
    int error;

    if (!e)
        return -ENOMEM;
    error = file_open_exec(AT_FDCWD, path, 0, &e->file);
    if (!error)
        error = exec_strings_kernel(e, &e->argc, argv);
    if (!error)
        error = exec_strings_kernel(e, &e->envc, envp);
    return error ? error : exec_run(e);
}

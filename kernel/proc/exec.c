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
 *   4. the other threads     exec_become_single(): they are gone even if 4 fails after that, which
 *                            only a fatal signal can make it do
 *   5. commit                commit(): nothing in it fails
 *
 * The flags of a process that other floors look at while it execs (credentials, space, files)
 * change one by one, each as a whole: a look from /proc meets either program's.
 */
#include "proc/exec.h"

#include "arch/trap.h"
#include "fs/namei.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "proc/exec_impl.h"
#include "sched/reclaim.h"
#include "task/cred.h"
#include "task/pid.h"
#include "task/task.h"
#include "vm/futex.h"
#include "vm/space.h"

#define ARG_LIMIT_MIN (32 * 4096UL)
#define ARG_LIMIT_MAX (6 * 1024 * 1024UL)

/* execve(2), "Limits on size of arguments and environment". */
static size_t string_limit(void)
{
    u64 limit = MIN(rlimit_get(RLIMIT_STACK) / 4, ARG_LIMIT_MAX);

    return MAX(limit, ARG_LIMIT_MIN);
}

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
    char *path = kmalloc(PATH_MAX + 16);
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
    kfree(path);
    return error;
}

static void set_layout(struct exec *e)
{
    struct vm_space *space = e->space;
    const struct exec_image *image = &e->main;

    space->code_start = image->code_start;
    space->code_end = image->code_end;
    space->data_start = image->data_start;
    space->data_end = image->data_end;
    vm_set_brk(space, image->end);
    space->exe = file_get(e->file);
}

static int build_space(struct exec *e)
{
    int error;

    e->space = vm_space_create();
    if (!e->space)
        return -ENOMEM;
    error = elf_load(&e->main, e->space, false);
    if (!error && e->dynamic)
        error = elf_load(&e->interpreter, e->space, true);
    if (error)
        return error;
    set_layout(e);
    e->stack_prot = elf_stack_prot(&e->main);
    error = vm_vdso_map(e->space);
    if (!error)
        error = exec_stack_build(e);
    e->entry = e->dynamic ? e->interpreter.header.entry + e->interpreter.bias
                          : e->main.header.entry + e->main.bias;
    return error;
}

/* Leaves the old space for the new one. */
static void switch_space(struct exec *e)
{
    struct task *self = self_task();
    struct vm_space *old = self->space;

    if (old)
        futex_task_exit(self);
    task_lock(self);
    self->space = e->space;
    task_unlock(self);
    vm_space_use(e->space);
    e->space = NULL;
    task_vfork_done(self);
    if (old) {
        struct process *process = self->process;

        process->usage.max_rss =
            MAX(process->usage.max_rss, MAX(old->peak_rss, vm_rss_pages(old)) * 4);
        vm_space_put(old);
    }
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

    switch_space(e);
    exec_reset_task();
    fdtable_exec(self->files);
    if (e->cred) {
        cred_install(e->cred);
        e->cred = NULL;
    }
    self->process->dumpable = !e->secure;
    set_name(e->name);
    *user_frame(&self->thread.head) =
        (struct trap_frame){.pc = e->entry, .sp = e->stack, .syscall = -1};
    user_tls_set(0);
    memset(&self->fp_state, 0, sizeof(self->fp_state));
    thread_fp_changed();
}

/* Stages 2 to 5 of an exec whose file and strings are there. */
static int exec_run(struct exec *e)
{
    int error;

    if (!e->args.count) { /* a program may count on argv[0] */
        error = exec_strings_add(e, &e->args, "");
        if (error)
            return error;
    }
    error = find_program(e);
    if (!error)
        error = find_interpreter(e);
    if (!error)
        error = exec_cred_prepare(e);
    if (!error)
        error = build_space(e);
    if (!error)
        error = exec_unshare();
    if (!error)
        error = exec_become_single();
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
    e->limit = string_limit();
    return e;
}

static void exec_end(struct exec *e)
{
    if (e->space)
        vm_space_put(e->space);
    if (e->cred)
        cred_put(e->cred);
    elf_release(&e->main);
    elf_release(&e->interpreter);
    if (e->interpreter.file) {
        file_allow_write(e->interpreter.file); /* its mappings keep the file, not the denial */
        file_put(e->interpreter.file);
    }
    if (e->file)
        file_put(e->file);
    exec_strings_free(&e->args);
    exec_strings_free(&e->envs);
    kfree(e);
}

int exec_user(int at_fd, struct user_ptr path, struct user_ptr argv, struct user_ptr envp,
              u32 at_flags)
{
    struct user_path name;
    struct exec *e;
    int error = user_path_get(&name, path);

    if (error)
        return error;
    e = exec_begin(name.text);
    if (!e) {
        user_path_put(&name);
        return -ENOMEM;
    }
    error = exec_strings_user(e, &e->args, argv);
    if (!error)
        error = exec_strings_user(e, &e->envs, envp);
    if (!error)
        error = file_open_exec(at_fd, name.text, at_flags, &e->file);
    if (!error)
        error = exec_run(e);
    exec_end(e);
    user_path_put(&name);
    return error;
}

int exec_kernel(const char *path, const char *const *argv, const char *const *envp)
{
    struct exec *e = exec_begin(path);
    int error;

    if (!e)
        return -ENOMEM;
    error = file_open_exec(AT_FDCWD, path, 0, &e->file);
    if (!error)
        error = exec_strings_kernel(e, &e->args, argv);
    if (!error)
        error = exec_strings_kernel(e, &e->envs, envp);
    if (!error)
        error = exec_run(e);
    exec_end(e);
    return error;
}

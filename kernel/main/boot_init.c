/*
 * The end of the bring-up: the banner, the archives, and process 1.
 */
#include "main/main_impl.h"

#include "arch/boot.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/panic.h"
#include "core/param.h"
#include "fs/fs.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "proc/exec.h"
#include "proc/fork.h"
#include "dev/power/power.h"
#include "sched/thread.h"
#include "task/task.h"

#define INIT_STRINGS 64 /* arguments, and environment strings, that init can be given */

void banner(void)
{
    const struct boot_info *b = &boot_info;
    const char *pan = param_get("pan"); /* boot_early() has looked for pan=sw */

    log_info("Ashlar %s", init_uts_ns.names.release);
    log_info("DTB at: 0x%016lX", b->x0);
    if (b->fallback)
        log_info("no device tree: fallback map");
    else if (b->dtb != b->x0)
        log_info("device tree found at 0x%016lX", b->dtb);
    log_info("MMU enabled!");
    log_info("entered at EL%lu, image at %#lx", b->entry_level, b->image);
    if (pan && strcmp(pan, "sw"))
        log_warn("pan=%s is not known and ignored: pan=sw is", pan);
}

/* The loader's archive replaces the one that is built in, whose pages are used in place. */
void initramfs_load(void)
{
    size_t builtin_size = __initramfs_end - __initramfs_start;
    paddr_t start, end;

    if (memory_initrd(&start, &end)) {
        initramfs_unpack(phys_to_virt(start), end - start, false);
        page_release(ALIGN_UP(start, PAGE_SIZE), ALIGN_DOWN(end, PAGE_SIZE));
        return;
    }
    if (builtin_size)
        initramfs_unpack(__initramfs_start, builtin_size, true);
}

/* Descriptors 0, 1 and 2 of init are the console, whether the archive has /dev/console or not. */
static void open_console(void)
{
    struct file *console;
    int err = console_open(&console);

    if (err) {
        log_warn("no console for init: error %d", -err);
        return;
    }
    for (int i = 0; i < 3; i++)
        fd_install(i ? file_get(console) : console, 0, 0);
}

static const char *init_argv[INIT_STRINGS + 2], *init_envp[INIT_STRINGS + 3];

static void collect_strings(void)
{
    u32 n;

    for (n = 0; n < INIT_STRINGS && param_init_arg(n); n++)
        init_argv[n + 1] = param_init_arg(n);
    init_envp[0] = "HOME=/";
    init_envp[1] = "TERM=linux";
    for (n = 0; n < INIT_STRINGS && param_init_env(n); n++)
        init_envp[n + 2] = param_init_env(n);
}

/* Becomes the program, or says why not; then false. */
static bool try_init(const char *path)
{
    int err;

    init_argv[0] = path;
    err = exec_kernel(path, init_argv, init_envp);
    if (err && err != -ENOENT)
        log_err("cannot run %s: error %d", path, -err);
    return !err;
}

/*
 * The choice of Linux: rdinit= or /init in the archive, then init=, then the usual places. Returns
 * to user mode.
 */
static void init_task(void *unused)
{
    static const char *const places[] = {"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
    const char *first = param_get("rdinit"), *named = param_get("init");

    open_console();
    collect_strings();
    if (try_init(first ? first : "/init") || (named && try_init(named)))
        return;
    if (named)
        panic("the requested init %s cannot be run", named);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (try_init(places[i]))
            return;
    panic("no working init found: pass init= to the kernel, or an initrd");
}

void init_exec(void)
{
    process_start_init(init_task);
    thread_exit();
}

void finish(int status)
{
    machine_exit_status = status;
    power_off();
}

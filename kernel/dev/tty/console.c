/*
 * The console: which terminal /dev/console means, and the nodes that stand for a terminal by role:
 * /dev/console and /dev/tty.
 */
#include "dev/tty/tty_impl.h"

#include "core/panic.h"
#include "core/param.h"
#include "dev/chardev.h"
#include "lib/errno.h"
#include "lib/fdt.h"
#include "lib/string.h"

#define TTYAUX_MAJOR 5

static struct tty *chosen; /* [I] once the drivers have been probed */
static bool one_asked;     /* some line has been given the console */

void console_set(struct tty *tty)
{
    chosen = tty;
}

struct tty *console_tty(void)
{
    return chosen ? chosen : tty_first();
}

/* The node that /chosen/stdout-path names, or -errno. */
static int stdout_node(const struct fdt *fdt)
{
    int node = fdt_path(fdt, "/chosen");
    const char *path = node >= 0 ? fdt_string(fdt, node, "stdout-path") : NULL;

    return path ? fdt_path(fdt, path) : -ENOENT;
}

bool console_wanted(const char *name, const struct fdt *fdt, int node)
{
    const char *param = param_get("console");
    bool wanted;

    if (param && str_skip_prefix(param, "tty")) {
        const char *rest = str_skip_prefix(param, name);

        wanted = rest && (*rest == 0 || *rest == ',');
    } else {
        int named = stdout_node(fdt);

        wanted = named >= 0 ? named == node : !one_asked;
    }
    one_asked |= wanted;
    return wanted;
}

static int console_device_open(struct file *file)
{
    struct tty *tty = console_tty();

    return tty ? tty_open_as(tty, file, true, true) : -ENODEV;
}

static int own_tty_open(struct file *file)
{
    struct tty *tty = current_tty();

    return tty ? tty_open_as(tty, file, false, true) : -ENXIO;
}

void tty_init(void)
{
    int err;

    tty_job_init();
    err = chardev_register(MKDEV(TTYAUX_MAJOR, 0), "tty", 0666, own_tty_open);
    if (!err)
        err = chardev_register(MKDEV(TTYAUX_MAJOR, 1), "console", 0600, console_device_open);
    assert(!err);
}

/*
 * The console: which terminal /dev/console means, and the nodes that stand for a terminal by role:
 * /dev/console and /dev/tty.
 */
#include "dev/tty/tty_impl.h"

#include "core/param.h"
#include "lib/errno.h"
#include "lib/fdt.h"
#include "lib/string.h"

static struct tty *console; /* [I] once the drivers have been probed: the lines ask one by one */
static bool taken;          /* by a line that was told so */

/* The node that /chosen/stdout-path names, or -errno. */
static int stdout_node(const struct fdt *fdt)
{
    const char *path = fdt_string(fdt, fdt_path(fdt, "/chosen"), "stdout-path");

    return path ? fdt_path(fdt, path) : -ENOENT;
}

bool console_claim(struct tty *tty, const struct fdt *fdt, int node)
{
    const char *param = param_get("console");
    bool wanted;

    if (param && str_skip_prefix(param, "tty")) {
        const char *rest = str_skip_prefix(param, tty->name);

        wanted = rest && (*rest == 0 || *rest == ',');
    } else {
        int named = stdout_node(fdt);

        wanted = named >= 0 ? named == node : !taken;
    }
    taken |= wanted;
    if (wanted || !console)
        console = tty;
    return wanted;
}

static int console_open(struct chardev *device, struct file *file)
{
    return console ? tty_open_as(console, file, true, true) : -ENODEV;
}

static int own_tty_open(struct chardev *device, struct file *file)
{
    struct tty *tty = current_tty();

    return tty ? tty_open_as(tty, file, false, true) : -ENXIO;
}

static struct chardev console_device = {
    .dev = MKDEV(5, 1), .name = "console", .mode = 0600, .open = console_open};
static struct chardev own_tty_device = {
    .dev = MKDEV(5, 0), .name = "tty", .mode = 0666, .open = own_tty_open};

void tty_init(void)
{
    tty_job_init();
    chardev_register(&own_tty_device);
    chardev_register(&console_device);
}

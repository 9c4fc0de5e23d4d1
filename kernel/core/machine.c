/* The machine's device tree and how it is to end. */
#include "core/machine.h"
#include "core/param.h"
#include "lib/fdt.h"
#include "lib/string.h"

static struct fdt tree;
static bool have_tree;

u8 machine_exit_status;

const struct fdt *machine_fdt(void)
{
    return have_tree ? &tree : NULL;
}

int machine_set_fdt(const void *blob, size_t max)
{
    int error = fdt_open(&tree, blob, max);

    have_tree = error == 0;
    return error;
}

bool machine_semihosting(void)
{
    const char *exit = param_get("exit");

    return exit && strcmp(exit, "semihosting") == 0;
}

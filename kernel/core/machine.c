/* The machine's device tree and how it is to end. */
#include "core/machine.h"
#include "arch/firmware.h"
#include "core/param.h"
#include "lib/fdt.h"
#include "lib/string.h"

/* Of the semihosting specification: the call, and the reason with which a program ends. */
#define SYS_EXIT                     0x18
#define ADP_STOPPED_APPLICATION_EXIT 0x20026

static struct fdt tree;

u32 machine_exit_status;

const struct fdt *machine_fdt(void)
{
    return &tree;
}

int machine_set_fdt(const void *blob, size_t max)
{
    return fdt_open(&tree, blob, max);
}

void machine_exit(u8 status)
{
    const u64 exited[2] = {ADP_STOPPED_APPLICATION_EXIT, status};
    const char *exit = param_get("exit");

    if (exit && strcmp(exit, "semihosting") == 0)
        firmware_call(CONDUIT_SEMIHOSTING, SYS_EXIT, (u64)exited, 0, 0);
}

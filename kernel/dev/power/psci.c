/*
 * PSCI (Arm DEN0022), the firmware's interface for power: how to call it comes from the tree's
 * /psci node and from nowhere else. Starting CPUs is arch_cpu_start()'s; ending the machine is
 * here.
 */
#include "arch/cpu.h"
#include "arch/firmware.h"
#include "core/log.h"
#include "core/machine.h"
#include "dev/driver.h"
#include "dev/power/power.h"
#include "lib/errno.h"
#include "lib/string.h"

#define PSCI_SYSTEM_OFF   0x84000008
#define PSCI_SYSTEM_RESET 0x84000009

static int psci_probe(const struct fdt *fdt, int node)
{
    const char *method = fdt_string(fdt, node, "method");

    if (method && strcmp(method, "hvc") == 0)
        psci_conduit = CONDUIT_HVC;
    else if (method && strcmp(method, "smc") == 0)
        psci_conduit = CONDUIT_SMC;
    else
        return -EINVAL;
    return 0;
}

/* "arm,psci" alone is version 0.1, whose function numbers are the tree's: not supported. */
DRIVER(psci, DRIVER_POWER, psci_probe, "arm,psci-1.0", "arm,psci-0.2");

static void end(u64 function) __noreturn;
static void end(u64 function)
{
    machine_exit(machine_exit_status);
    firmware_call(psci_conduit, function, 0, 0, 0);
    log_emerg("the firmware did not end the machine; it is halted");
    cpu_halt();
}

void power_off(void)
{
    end(PSCI_SYSTEM_OFF);
}

void power_restart(void)
{
    end(PSCI_SYSTEM_RESET);
}

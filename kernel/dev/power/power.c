/*
 * Ending the machine, by the first of these that it has:
 *   - the emulator's exit (semihosting), when the command line says that it is there;
 *   - PSCI (Arm DEN0022), the firmware's interface for power. How to call it comes from the tree's
 *     /psci node and from nowhere else. Starting CPUs by it is arch_cpu_start()'s;
 *   - where the kernel entered at EL3 and so there is no firmware, the GPIO line of a gpio-poweroff
 *     or gpio-restart node that the tree gives to the secure side: a PL061 (Arm DDI 0190).
 * A machine with none of them is halted with a message.
 */
#include "arch/boot.h"
#include "arch/cpu.h"
#include "arch/firmware.h"
#include "core/log.h"
#include "core/machine.h"
#include "dev/driver.h"
#include "dev/mmio.h"
#include "dev/power/power.h"
#include "lib/errno.h"
#include "lib/string.h"

#define PSCI_SYSTEM_OFF   0x84000008
#define PSCI_SYSTEM_RESET 0x84000009

/* PL061: bits 9:2 of a data register's address are the mask of the lines that a store changes. */
#define PL061_DATA(line) (4u << (line))
#define PL061_DIR        0x400
#define PL061_LINES      8
#define GPIO_ACTIVE_LOW  1u

/* Where the kernel has taken EL2 nobody answers HVC, and where it has taken EL3, nobody SMC. */
static int psci_probe(const struct fdt *fdt, int node)
{
    const char *method = fdt_string(fdt, node, "method");

    if (boot_info.entry_level == 3)
        return -ENODEV;
    if (!method)
        return -EINVAL;
    if (boot_info.entry_level == 2 || strcmp(method, "smc") == 0)
        psci_conduit = CONDUIT_SMC;
    else if (strcmp(method, "hvc") == 0)
        psci_conduit = CONDUIT_HVC;
    else
        return -EINVAL;
    return 0;
}

/* "arm,psci" alone is version 0.1, whose function numbers are the tree's: not supported. */
DRIVER(psci, DRIVER_POWER, psci_probe, "arm,psci-1.0", "arm,psci-0.2");

/* Makes the line of the first node with this compatible active, if we can. */
static void gpio_activate(const char *compatible)
{
    const struct fdt *fdt = machine_fdt();
    int node = fdt_find_compatible(fdt, -1, compatible), gpio;
    u32 phandle, line, flags;
    paddr_t base;

    if (node < 0 || fdt_u32(fdt, node, "gpios", 0, &phandle) ||
        fdt_u32(fdt, node, "gpios", 1, &line) || fdt_u32(fdt, node, "gpios", 2, &flags) ||
        line >= PL061_LINES)
        return;
    gpio = fdt_phandle(fdt, phandle);
    if (gpio < 0 || !fdt_compatible(fdt, gpio, "arm,pl061") || fdt_reg(fdt, gpio, 0, &base, NULL))
        return;
    secure_write32(base + PL061_DIR, 1u << line);
    secure_write32(base + PL061_DATA(line), flags & GPIO_ACTIVE_LOW ? 0 : 1u << line);
}

static void end(u64 function, const char *gpio) __noreturn;
static void end(u64 function, const char *gpio)
{
    machine_exit(machine_exit_status);
    firmware_call(psci_conduit, function, 0, 0, 0);
    gpio_activate(gpio);
    log_emerg("nothing here can end the machine; it is halted");
    cpu_halt();
}

void power_off(void)
{
    end(PSCI_SYSTEM_OFF, "gpio-poweroff");
}

void power_restart(void)
{
    end(PSCI_SYSTEM_RESET, "gpio-restart");
}

/*
 * The PL031 real-time clock (Arm DDI 0224C): a counter of seconds since 1970. Read once, at boot;
 * from then on wall-clock time is kept by the counter.
 */
#include "core/clock.h"
#include "dev/driver.h"
#include "dev/mmio.h"

#define RTCDR 0x000 /* data */

static int pl031_probe(const struct fdt *fdt, int node)
{
    void *registers;
    int error = driver_map(fdt, node, 0, &registers);

    if (error < 0)
        return error;
    clock_set_realtime((u64)mmio_read32(registers, RTCDR) * NS_PER_SEC);
    return 0;
}

DRIVER(pl031, DRIVER_DEVICE, pl031_probe, "arm,pl031");

/*
 * demo=fault: each class of exception that the kernel can cause to itself, caught, and reported
 * with the three registers that the tutorial's exception_report() shows.
 */
#include "main/demo/demo.h"

#include "arch/demo.h"

void demo_fault(void)
{
    struct demo_exception e;

    for (u32 n = 0; demo_exception(n, &e); n++) {
        if (!e.taken)
            demo_verdict("%s caused no exception", e.name);
        demo_print("%s: class 0x%02lx  ESR 0x%08lx  ELR 0x%016lx  FAR 0x%016lx\n", e.name,
                   e.esr >> 26 & 63, e.esr, e.elr, e.far);
        if ((e.esr >> 26 & 63) != e.expected_class)
            demo_verdict("%s: class 0x%02lx instead of 0x%02x", e.name, e.esr >> 26 & 63,
                         e.expected_class);
    }
}

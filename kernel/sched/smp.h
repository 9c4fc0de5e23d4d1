/*
 * The other CPUs: which the machine has, and their start. Theory in smp.c.
 */
#pragma once

#include "lib/types.h"

struct fdt;
struct thread_head;

/*
 * Reads the cpu nodes of the tree in their order, the boot CPU first, at most
 * `max` of them (maxcpus=); returns how many. main hands the count to percpu_init().
 */
u32 smp_find_cpus(const struct fdt *fdt);

/* The affinity of a CPU, as in its MPIDR and its node's reg. */
u64 smp_cpu_mpidr(u32 cpu);

/* Adds fn to what each secondary CPU runs when it starts, and runs it on this CPU now. */
void smp_add_cpu_start(void (*fn)(void));

/* Starts all CPUs but the boot CPU, one by one; one that does not come is logged and left out. */
void smp_boot_secondaries(void);

/*
 * The order of all locks. A lock may be taken when its rank is above that of every lock held, or
 * equal to the highest one and its address above that one's. Locks that sleep stand before those
 * that spin. docs/LOCKS.md is made from this file: one line an entry, with what the lock guards.
 */
#pragma once

enum lock_rank {
    /* Locks that sleep. */
    RANK_TURN,         /* whose turn it is, however long; signals end the wait for it */
    RANK_FILE_POS,     /* a file's position */
    RANK_SEQ,          /* the text of an open generated file */
    RANK_MOUNT,        /* the tree of mounts */
    RANK_RENAME,       /* one rename between directories at a time in a filesystem */
    RANK_TTY,          /* a terminal's settings and input line */
    RANK_INODE_PARENT, /* a directory's entries */
    RANK_INODE,        /* an inode's contents and attributes, below its directory */
    RANK_PIPE,         /* a pipe's ring */
    RANK_SPACE,        /* an address space's regions */
    RANK_SLEEP_LEAF,   /* sleeping locks under which no other sleeping lock is taken */

    /* Locks that spin. */
    RANK_SPIN_FIRST, /* taken with no other spinning lock held */
    RANK_FUTEX,      /* one bucket of futex waiters */
    RANK_REGIONS,    /* the regions that map a file */
    RANK_MAPPING,    /* the index of a file's cached pages */
    RANK_DENTRY,     /* a directory entry, parents by address or before children */
    RANK_FDTABLE,    /* changes of a table of open files */
    RANK_TASK_LIST,  /* processes, groups and sessions, and their links */
    RANK_PID,        /* the numbers of tasks */
    RANK_PROCESS,    /* one process: its signals, threads, times */
    RANK_TASK,       /* one task's own fields */
    RANK_TTY_BUFFER, /* characters on their way from or to a line */
    RANK_FILE,       /* an open file's own fields, eventfd counters */
    RANK_WAIT,       /* a queue of waiters */
    RANK_MUTEX,      /* the waiters of a sleeping lock */
    RANK_WORK,       /* pending work */
    RANK_TIMER,      /* the timers of a CPU */
    RANK_RUNQUEUE,   /* the runnable threads of a CPU, by address */
    RANK_VMALLOC,    /* areas of kernel address space */
    RANK_STACKS,     /* spare kernel stacks */
    RANK_SLAB,       /* the slabs of a cache */
    RANK_SECTION,    /* descriptors of page frames, made as memory is needed */
    RANK_KERNEL_MAP, /* the kernel's page table */
    RANK_FRAMES,     /* free page frames */
    RANK_IRQ,        /* interrupt lines */
    RANK_RANDOM,     /* the pool of random numbers */
    RANK_CLOCK,      /* changes of the time of day */
    RANK_LEAF,       /* no lock is taken under it but those of messages, which may come anywhere */
    RANK_CONSOLE,    /* writing messages out */
    RANK_UART,       /* a serial port's transmitter */
    RANK_LOG,        /* the ring of messages */
};

/*
 * User address spaces: regions, page faults, and what mmap(2) and its family do to them.
 * Theory in vm/space.c.
 *
 * All calls here may sleep and take space->lock, except where it says otherwise. Addresses and
 * lengths come unchecked from programs: these functions check them. They return 0 or more, or
 * -errno as Linux's call of that name.
 */
#pragma once

#include "core/refcount.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "mm/pagetable.h"
#include "sched/mutex.h"

struct fault;
struct file;
struct mapping;
struct user_ptr;

#define PROT_NONE           0
#define PROT_READ           1
#define PROT_WRITE          2
#define PROT_EXEC           4
#define PROT_BTI            16 /* indirect branches into it must land on pads */
#define PROT_GROWSDOWN      0x01000000

#define MAP_SHARED          0x01
#define MAP_PRIVATE         0x02
#define MAP_SHARED_VALIDATE 0x03
#define MAP_TYPE            0x0f
#define MAP_FIXED           0x10
#define MAP_ANONYMOUS       0x20
#define MAP_GROWSDOWN       0x0100
#define MAP_LOCKED          0x2000
#define MAP_NORESERVE       0x4000
#define MAP_POPULATE        0x8000
#define MAP_NONBLOCK        0x10000
#define MAP_HUGETLB         0x40000
#define MAP_FIXED_NOREPLACE 0x100000

#define MREMAP_MAYMOVE      1
#define MREMAP_FIXED        2
#define MREMAP_DONTUNMAP    4

#define VM_USER_END         (1UL << 48)    /* first address that no program may use */
#define VM_MIN_ADDRESS      0x1000UL       /* mmap_min_addr: below only CAP_SYS_RAWIO */
#define VM_GUARD_GAP        (256 * 4096UL) /* kept free below a region that grows down */
#define VM_MAX_REGIONS      65530          /* max_map_count */
#define VM_AUXV_WORDS       52

/* Region flags. */
enum vm_flags {
    VM_SHARED = 1,    /* stores go to the mapping, not to a private copy */
    VM_GROWSDOWN = 2, /* a fault just below it makes it grow */
    VM_LOCKED = 4,    /* mlock: populated, counted */
    VM_NORESERVE = 8,
    VM_PHYSICAL = 16,    /* maps the physical pages from `first_page` on, uncounted */
    VM_NEVER_WRITE = 32, /* of a file not open for writing and shared, or the vDSO: no PROT_WRITE */
    VM_NO_FORK = 64,     /* MADV_DONTFORK */
    VM_WIPE_FORK = 128,  /* MADV_WIPEONFORK */
    VM_NO_DUMP = 256,    /* MADV_DONTDUMP */
    VM_NOTIFY = 512,     /* shared file whose filesystem wants to hear of the first store */
    VM_HAS_PRIVATE = 1024, /* some page in it may be its own; anonymous without it: never touched */
};

/* One run of pages with one backing and one protection. All fields [L] of the space. */
struct vm_region {
    u64 start, end;
    u32 prot, flags;
    struct rb_node node; /* space->tree, by start */
    u64 gap, gap_max;    /* free bytes below it; the most of any region of its subtree */
    struct list order;   /* space->regions, by start */
    struct vm_space *space;
    struct file *file;       /* a reference; NULL: anonymous private, or VM_PHYSICAL */
    struct mapping *mapping; /* of the file; NULL as above */
    const u64 *size; /* of the file in bytes, behind which faults are SIGBUS; NULL: no end */
    u64 first_page;  /* index in the mapping, or physical page number, of `start` */
    struct list mapping_link; /* mapping->regions */
    u64 zap_pass;             /* last vm_unmap_mapping() pass that saw it */
    const char *name;         /* for /proc/PID/maps: "[vdso]"; NULL: by file or kind */
};

enum vm_rss { RSS_ANON, RSS_FILE, RSS_SHMEM, RSS_KINDS };

struct vm_space {
    struct mutex lock;
    struct refcount refs;                      /* users: tasks, /proc readers [A] */
    struct page_table pt;                      /* entries [L] */
    struct rb_root tree;                       /* [L] */
    struct list regions;                       /* the same in order [L] */
    struct list dead;                          /* taken out, to be freed after the unlock [L] */
    struct vm_region *last;                    /* where the last look-up ended, or NULL [L] */
    u32 region_count;                          /* [L] */
    u32 membarrier;                            /* registered membarrier(2) commands [A] */
    bool lock_future;                          /* mlockall(MCL_FUTURE) [L] */
    u64 mmap_base;                             /* top of the area where addresses are chosen [I] */
    u64 total_pages;                           /* in regions [L] */
    u64 data_pages;                            /* private writable ones, stack aside [L] */
    u64 stack_pages, exec_pages, locked_pages; /* [L] */
    u64 rss[RSS_KINDS];                        /* pages present; read without the lock [L] */
    u64 peak_rss, peak_total;                  /* [L] */
    u64 brk_start, brk;                        /* [L] */
    /* Set by exec before the program runs, read by procfs. */
    u64 code_start, code_end, data_start, data_end, stack_start;
    u64 arg_start, arg_end, env_start, env_end;
    u64 vdso;         /* where the vDSO's ELF header is; 0: none */
    struct file *exe; /* a reference, or NULL; dropped with the space */
    u64 auxv[VM_AUXV_WORDS];
};

/* /proc/sys/kernel/randomize_va_space: 0 none, 1 all but the heap, 2 all. [A] */
extern u32 vm_randomize;

void vm_init(void);

/* A random multiple of the page size below 2^bits pages; 0 where nothing is to be randomized
 * (norandmaps, personality(ADDR_NO_RANDOMIZE), vm_randomize 0). */
u64 vm_random_offset(u32 bits);

/* An empty space with one reference, its mmap area placed by the caller's limits. NULL: ENOMEM. */
struct vm_space *vm_space_create(void);

/* fork: a copy of `from` with private pages shared copy-on-write. 0 or -ENOMEM. */
int vm_space_clone(struct vm_space *from, struct vm_space **out);

DEFINE_REF_GET(vm_space)

/*
 * Drops a reference; the last one unmaps all and frees. The caller's CPU leaves the table first.
 * NULL does nothing.
 */
void vm_space_put(struct vm_space *space);

DEFINE_SCOPED_PUT(space, struct vm_space, vm_space_put)

/*
 * Makes `space` the one of the running thread: sets thread->page_table and loads it (exec, the
 * first start of init). NULL: the thread has no user memory any more (exit). No references move.
 */
void vm_space_use(struct vm_space *space);

/* mmap(2): file NULL with MAP_ANONYMOUS; offset in bytes. Takes its own reference on the file. */
long vm_map(struct vm_space *space, u64 addr, u64 len, u32 prot, u32 flags, struct file *file,
            u64 offset);
int vm_unmap(struct vm_space *space, u64 addr, u64 len);
int vm_protect(struct vm_space *space, u64 addr, u64 len, u32 prot);
long vm_remap(struct vm_space *space, u64 old, u64 old_len, u64 new_len, u32 flags, u64 new_addr);

/* brk(2): the break after the call, which is the old one when it cannot be set. */
u64 vm_brk(struct vm_space *space, u64 brk);

/* Where the heap begins (exec; randomized here unless told not to). */
void vm_set_brk(struct vm_space *space, u64 end_of_data);

int vm_advise(struct vm_space *space, u64 addr, u64 len, int advice);
int vm_sync(struct vm_space *space, u64 addr, u64 len, int flags);
int vm_mincore(struct vm_space *space, u64 addr, u64 len, struct user_ptr vec);
int vm_lock(struct vm_space *space, u64 addr, u64 len, bool on, bool populate);
int vm_lock_all(struct vm_space *space, u32 flags);

/*
 * Faults in [addr, addr+len). need 0: for writing where the region allows it, passing by what
 * cannot be had; else like that access (PROT_READ, PROT_WRITE) to each page, until one fails with
 * an error of fault_in(). -EINTR on a signal.
 */
int vm_populate(struct vm_space *space, u64 addr, u64 len, u32 need);

/*
 * Repairs a fault at a user address. 0: run the instruction again. Else a signal (SIGSEGV, SIGBUS,
 * or SIGKILL when there is no memory) and its si_code in *code. Sleeps: a fault taken with
 * preemption or IRQs off is not to come here.
 */
int vm_fault(struct vm_space *space, const struct fault *fault, int *code);

/*
 * The main stack: a region of 132 KiB that grows down to RLIMIT_STACK, at the top of the space
 * less a random offset. *top is where it ends. `prot` is PROT_READ|PROT_WRITE, and PROT_EXEC
 * when the program's PT_GNU_STACK asks for it. 0 or -ENOMEM.
 */
int vm_stack_setup(struct vm_space *space, u32 prot, u64 *top);

/* Maps [vvar] and [vdso]; sets space->vdso. 0 or -errno. */
int vm_vdso_map(struct vm_space *space);

/* Where the signal trampoline (__kernel_rt_sigreturn) is in this space; 0 without a vDSO. */
u64 vm_sigreturn_address(const struct vm_space *space);

/*
 * Copies between a kernel buffer and the memory of any space, faulting pages in; writing breaks
 * copy-on-write. Returns the bytes copied, short at the first page that cannot be had, -EFAULT when
 * that is the first.
 */
ssize_t vm_read_remote(struct vm_space *space, u64 addr, void *buf, size_t len);
ssize_t vm_write_remote(struct vm_space *space, u64 addr, const void *buf, size_t len);

/* The region that holds addr, or the first above it; NULL when none. Caller holds space->lock. */
struct vm_region *vm_region_at_or_above(struct vm_space *space, u64 addr);

/* The region after `region` in order, or NULL. Caller holds space->lock. */
struct vm_region *vm_region_next(const struct vm_region *region);

/* Name for /proc/PID/maps of a region without a file path: "[heap]", "[stack]"; "" for none. */
const char *vm_region_name(const struct vm_region *region);

static inline u64 vm_rss_pages(const struct vm_space *space)
{
    return space->rss[RSS_ANON] + space->rss[RSS_FILE] + space->rss[RSS_SHMEM];
}

/*
 * User address spaces.
 *
 * What it is. A struct vm_space is what the threads of a process share as their memory: regions
 * (which addresses mean what) and a page table (which pages are there now). Nothing is there until
 * it is touched; a fault looks the address up and brings the page in.
 *
 * Interface: vm/space.h. This file makes, copies and ends spaces; region.c keeps the tree, pages.c
 * the entries of ranges, fault.c brings pages in, map.c places regions (mmap, munmap, mprotect,
 * mremap, brk, stack, vDSO), advise.c is madvise, msync, mincore and mlock, mapped.c ties regions
 * to files.
 *
 * Kinds of regions. Anonymous private: pages of zeros. File, private or shared: pages of a struct
 * mapping (the page cache), which a private region copies at the first store. Shared anonymous
 * memory is a file without a name. Physical: pages of the kernel's image (vDSO), not counted.
 *
 * Invariants
 *   I1  Regions do not overlap, are never empty, and start and end at page boundaries.
 *   I2  A page is mapped only where a region is, with no more access than region->prot gives.
 *   I3  Each counted entry holds one reference on its page. PTE_PRIVATE marks the space's own
 *       copies; only in a region with VM_HAS_PRIVATE can there be any, and an anonymous region
 *       without it has no page tables of its own either.
 *   I4  A private page is writable in an entry only while that entry is its sole user: fork takes
 *       the write access away from both sides, a store to it copies or takes it over.
 *   I5  Pages are freed after the flush that removed the last translation to them.
 *   I6  rss[RSS_ANON] counts the entries with PTE_PRIVATE, the other two those of files.
 *
 * Locking. space->lock (a mutex) guards regions, entries and totals. It nests inside inode locks (a
 * write() faults while it holds one), so nothing under it may release a file: regions taken out are
 * collected and freed after the unlock. mapping->regions_lock nests inside it and guards only the
 * list. Entries are written under the mutex alone, so a page-table walk needs no lock of its own.
 *
 * Life cycle: vm_space_create (exec) or vm_space_clone (fork) -> used by tasks, each with a
 * reference -> vm_space_put of the last: page_table_retire, pages and tables freed without any
 * flush, since no CPU can carry its ASID any more (arch/arm64/tlb.c).
 *
 * Rejected: a lock for each page table or region (threads of one program that fault at the same
 * time wait for each other here, but a fault takes three atomics less); reverse maps of anonymous
 * pages (no swap); copying file pages at fork (a fault maps sixteen again, most children exec);
 * the zero page (fault.c).
 */
#include "vm/space.h"

#include "core/param.h"
#include "core/random.h"
#include "io/mapping.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "task/rlimit.h"
#include "task/task.h"
#include "vm/space_impl.h"

#define ADDR_NO_RANDOMIZE 0x0040000 /* personality(2) */

static struct kmem_cache *space_cache; /* [I] */

u32 vm_randomize = 2;

void vm_init(void)
{
    space_cache = kmem_cache_create("vm_space", sizeof(struct vm_space), 0);
    region_cache_init();
    if (param_flag("norandmaps"))
        vm_randomize = 0;
    mapping_set_unmap_hook(mapping_unmap);
    vdso_init();
}

u64 vm_random_offset(u32 bits)
{
    struct task *task = current_task();

    if (!READ_ONCE(vm_randomize))
        return 0;
    if (task && task->process->personality & ADDR_NO_RANDOMIZE)
        return 0;
    return (random_u64() & (BIT(bits) - 1)) << PAGE_SHIFT;
}

/* Addresses are chosen from here down: below the most that the stack may take. */
static u64 mmap_base(void)
{
    u64 stack = MAX(rlimit_get(RLIMIT_STACK), MIB(128)), room = BIT(STACK_RANDOM_BITS + PAGE_SHIFT);
    u64 random = vm_random_offset(MMAP_RANDOM_BITS);

    stack = MIN(stack, VM_USER_END / 6 * 5);
    return ALIGN_DOWN(VM_USER_END - stack - VM_GUARD_GAP - (random ? room : 0) - random, PAGE_SIZE);
}

static struct vm_space *space_alloc(void)
{
    struct vm_space *space = kmem_cache_alloc(space_cache);

    if (!space)
        return NULL;
    while (pt_init(&space->pt))
        if (!memory_make_room()) {
            kmem_cache_free(space_cache, space);
            return NULL;
        }
    mutex_init(&space->lock, RANK_SPACE);
    ref_init(&space->refs, 1);
    list_init(&space->regions);
    list_init(&space->dead);
    return space;
}

struct vm_space *vm_space_create(void)
{
    struct vm_space *space = space_alloc();

    if (space)
        space->mmap_base = mmap_base();
    return space;
}

static int clone_regions(struct vm_space *from, struct vm_space *to, bool *flush)
{
    struct vm_region *region, *copy;
    int error = 0;

    list_for_each_entry(region, &from->regions, order) {
        if (region->flags & VM_NO_FORK) {
            space_account(to, region, region_pages(region), -1);
            continue;
        }
        copy = region_new(region);
        if (!copy)
            return -ENOMEM;
        copy->flags &= ~VM_LOCKED;
        region_link(to, copy);
        if (region->flags & VM_WIPE_FORK)
            copy->flags &= ~VM_HAS_PRIVATE;
        else if (region->flags & VM_HAS_PRIVATE)
            error = pages_share(from, to, region, flush);
        if (error)
            return error;
    }
    return 0;
}

int vm_space_clone(struct vm_space *from, struct vm_space **out)
{
    struct vm_space *to = space_alloc();
    bool flush = false;
    int error;

    if (!to)
        return -ENOMEM;
    /* Unmap passes find `to` by its regions from now on: both locks, by address. */
    mutex_lock(&MIN(from, to)->lock);
    mutex_lock(&MAX(from, to)->lock);
    memcpy(&to->mmap_base, &from->mmap_base, sizeof(*to) - offsetof(struct vm_space, mmap_base));
    memset(to->rss, 0, sizeof(to->rss));
    to->peak_rss = 0;
    if (to->exe)
        file_get(to->exe);
    error = clone_regions(from, to, &flush);
    to->locked_pages = 0;
    if (flush) /* I4, before anybody else runs in either */
        tlb_flush_range(&from->pt, 0, VM_USER_END, true);
    mutex_unlock(&to->lock);
    mutex_unlock(&from->lock);
    if (error) {
        vm_space_put(to);
        return error;
    }
    *out = to;
    return 0;
}

/* Nobody can reach it: pages go without a flush, tables as soon as their last region has gone. */
static void space_destroy(struct vm_space *space)
{
    struct vm_region *region, *next;
    void *tables = NULL;

    page_table_retire(&space->pt);
    list_for_each_entry_safe(region, next, &space->regions, order) {
        bool last = &next->order == &space->regions;

        pages_release(space, region, region->start, region->end);
        pt_detach_tables(&space->pt, region->start, region->end, 0,
                         last ? VM_USER_END : next->start, &tables);
        region_discard(region);
    }
    pt_free_tables(tables);
    pt_destroy(&space->pt);
    if (space->exe)
        file_put(space->exe);
    kmem_cache_free(space_cache, space);
}

void vm_space_put(struct vm_space *space)
{
    if (space && ref_put(&space->refs))
        space_destroy(space);
}

void vm_space_use(struct vm_space *space)
{
    thread_set_page_table(space ? &space->pt : NULL);
}

const char *vm_region_name(const struct vm_region *region)
{
    const struct vm_space *space = region->space;

    if (region->name)
        return region->name;
    if (region->file)
        return "";
    if (region->start <= space->brk && region->end >= space->brk_start &&
        space->brk > space->brk_start)
        return "[heap]";
    if (region->start <= space->stack_start && region->end >= space->stack_start)
        return "[stack]";
    return "";
}

/*
 * Page faults: bringing in the page behind an address.
 *
 * The space's mutex is held from the look-up of the region to the store of the entry, so that two
 * threads that touch one page meet here one after the other, and the second finds the entry there.
 * A file page may leave its file meanwhile (truncate): its `mapping` is looked at under the mutex
 * before the store, and whoever took it out comes by to unmap it afterwards, under the mutex.
 *
 * Copy-on-write: a page of its own (PTE_PRIVATE) that is mapped read-only in a writable region is
 * shared since a fork unless its reference count is 1; nobody can raise that count from 1 but
 * through this space, hence under the mutex.
 *
 * A read of memory never written makes a page at once: the zero page that others map for it saves
 * memory for what is only read, and costs a second fault for what is then written, which is
 * nearly all.
 */
#include "arch/trap.h"
#include "io/mapping.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/reclaim.h"
#include "task/rlimit.h"
#include "task/task.h"
#include "vm/space_impl.h"

#define AROUND (16 * PAGE_SIZE) /* cached pages of this aligned window are mapped with one fault */

/* The entry for a page of the space's own. The mask tells the compiler what cannot be set. */
static inline pte_t own_entry(const struct vm_region *region, const struct page *page)
{
    return pte_make(page_to_phys(page), (region->prot & VM_PROT_KEPT) | PT_USER | PT_PRIVATE);
}

static int fault_anonymous(struct vm_region *region, pte_t *entry)
{
    struct page *page = page_alloc(0, PA_ZERO);

    if (unlikely(!page))
        return -ENOMEM;
    pte_store(entry, own_entry(region, page));
    rss_add(region->space, RSS_ANON, 1);
    return 0;
}

/* Device or kernel pages: no counts. */
static int fault_physical(struct vm_region *region, u64 addr, pte_t *entry)
{
    pte_store(entry, pte_make(region_index(region, addr) << PAGE_SHIFT,
                              region->prot | PT_USER | PT_SPECIAL));
    return 0;
}

/* Bytes of file behind `region`'s pages end here; an index at or above has no page. */
static u64 end_index(const struct vm_region *region)
{
    return region->size ? bytes_to_pages(ALIGN_UP(READ_ONCE(*region->size), PAGE_SIZE))
                        : UINT64_MAX;
}

/* Maps a page of the file, whose reference the entry takes over. */
static void map_file_page(struct vm_region *region, pte_t *entry, struct page *page, bool write)
{
    u32 prot = region_entry_prot(region, false);

    if (write)
        prot |= PROT_WRITE; /* VM_NOTIFY, and told already */
    if (prot & PROT_EXEC)
        page_sync_code(page);
    pte_store(entry, pte_make(page_to_phys(page), prot));
    rss_add(region->space, region_rss_kind(region), 1);
}

/* Maps what is in the cache around addr, and stays within its last-level table. */
static void map_around(struct vm_region *region, u64 addr, pte_t *entry, u64 pages)
{
    u64 window = ALIGN_DOWN(addr, AROUND), va = MAX(region->start, window);
    u64 end = MIN(region->end, window + AROUND), index = region_index(region, va);
    u32 prot = region_entry_prot(region, false);
    pte_t bits = pte_make(0, prot);
    u64 count = MIN(bytes_to_pages(end - va), pages - MIN(pages, index));
    struct page *found[AROUND / PAGE_SIZE];
    s64 mapped = 0;

    entry -= bytes_to_pages(addr - va);
    mapping_find_pages(region->mapping, index, count, found);
    for (u64 i = 0; i < count; i++, entry++) {
        struct page *page = found[i];

        if (!page)
            continue;
        if (pte_present(*entry) || unlikely(READ_ONCE(page->mapping) != region->mapping)) {
            page_put(page);
            continue;
        }
        if (prot & PROT_EXEC)
            page_sync_code(page);
        pte_store(entry, bits | page_to_phys(page));
        mapped++;
    }
    rss_add(region->space, region_rss_kind(region), mapped);
}

/* The page of the file at addr with a reference, made or read as needed. */
static int get_file_page(struct vm_region *region, u64 addr, u32 flags, struct page **out)
{
    u64 index = region_index(region, addr);
    int error;

    do { /* again when it was truncated away between the look-up and here */
        if (index >= end_index(region))
            return -ENXIO;
        error = mapping_get_page(region->mapping, index, flags, out);
        if (error)
            return error;
        if (likely(READ_ONCE((*out)->mapping) == region->mapping))
            return 0;
        page_put(*out);
    } while (true);
}

/* A store to a page that is not the space's alone: the entry gets a copy of it. */
static int fault_copy(struct vm_region *region, u64 addr, pte_t *entry, const struct page *from)
{
    struct page *page = page_alloc(0, 0);

    if (unlikely(!page))
        return -ENOMEM;
    page_copy(page_to_virt(page), page_to_virt(from));
    if (region->prot & PROT_EXEC)
        page_sync_code(page);
    region->flags |= VM_HAS_PRIVATE;
    pte_update(&region->space->pt, addr, entry, own_entry(region, page));
    rss_add(region->space, RSS_ANON, 1);
    return 0;
}

/* The same for a page of a private file mapping that has not been there. */
static int fault_file_private(struct vm_region *region, u64 addr, pte_t *entry)
{
    struct page *from;
    int error = get_file_page(region, addr, 0, &from);

    if (error == -ENOENT) { /* a hole */
        region->flags |= VM_HAS_PRIVATE;
        return fault_anonymous(region, entry);
    }
    if (!error) {
        error = fault_copy(region, addr, entry, from);
        page_put(from);
    }
    return error;
}

static int fault_file(struct vm_region *region, u64 addr, pte_t *entry, u32 need)
{
    struct page *page;
    bool write = need & PROT_WRITE;
    u64 pages = end_index(region);
    int error;

    if (write && region_private(region))
        return fault_file_private(region, addr, entry);
    if (region_index(region, addr) >= pages)
        return -ENXIO;
    if (!write || !(region->flags & VM_NOTIFY)) {
        map_around(region, addr, entry, pages);
        if (pte_present(*entry))
            return 0;
    }
    error = get_file_page(region, addr, MAPPING_CREATE | (write ? MAPPING_DIRTY : 0), &page);
    if (!error)
        map_file_page(region, entry, page, write);
    return error;
}

/* A store to a page that is there, read-only, in a region that allows stores. */
static int fault_write(struct vm_region *region, u64 addr, pte_t *entry)
{
    struct vm_space *space = region->space;
    pte_t pte = *entry;
    struct page *old = phys_to_page(pte_pa(pte)), *page;
    int error;

    if (!region_private(region)) { /* VM_NOTIFY: the filesystem hears of the first store */
        error = get_file_page(region, addr, MAPPING_CREATE | MAPPING_DIRTY, &page);
        if (error)
            return error;
        page_put(page); /* still the one that is mapped, or truncate unmaps it */
        pte_update(&space->pt, addr, entry, pte_writeable(pte));
        return 0;
    }
    if (pte_private(pte) && ref_read(&old->refs) == 1) {
        pte_update(&space->pt, addr, entry, pte_writeable(pte));
        return 0;
    }
    error = fault_copy(region, addr, entry, old);
    if (error)
        return error;
    rss_add(space, pte_private(pte) ? RSS_ANON : region_rss_kind(region), -1);
    page_put(old);
    return 0;
}

/* May the stack `region` grow down to hold addr? Then it does. */
static int stack_grow(struct vm_space *space, struct vm_region *region, u64 addr)
{
    u64 start = ALIGN_DOWN(addr, PAGE_SIZE), pages = bytes_to_pages(region->start - start);
    struct vm_region *prev = region_prev(region);
    u64 floor = prev ? prev->end : VM_MIN_ADDRESS;

    if (prev && prev->prot & VM_PROT_MASK && !(prev->flags & VM_GROWSDOWN))
        floor += VM_GUARD_GAP;
    if (start < floor || region->end - start > rlimit_get(RLIMIT_STACK))
        return -EFAULT;
    if (space_check_limits(space, region->prot, region->flags, pages))
        return -EFAULT;
    region_resize(region, start, region->end);
    space_account(space, region, pages, 1);
    return 0;
}

static bool allowed(const struct vm_region *region, u32 need)
{
    if (need & PROT_READ) /* all that is accessible can be read */
        return region->prot & VM_PROT_MASK;
    return region->prot & need;
}

int fault_in(struct vm_space *space, u64 addr, u32 need)
{
    struct vm_region *region = vm_region_at_or_above(space, addr);
    pte_t *entry, pte;
    int error;

    if (unlikely(!region))
        return -EFAULT;
    if (unlikely(addr < region->start)) {
        if (!(region->flags & VM_GROWSDOWN))
            return -EFAULT;
        error = stack_grow(space, region, addr);
        if (error)
            return error;
    }
    if (unlikely(!allowed(region, need)))
        return -EACCES;
    if (region_anonymous(region))
        region->flags |= VM_HAS_PRIVATE; /* before a table is made for it: I3 */
    entry = entry_make(space, addr);
    if (unlikely(!entry))
        return -ENOMEM;
    pte = *entry;
    if (pte_present(pte)) {
        if (need & PROT_WRITE && !pte_writable(pte))
            return fault_write(region, addr, entry);
        return 0; /* another thread was first */
    }
    if (likely(region_anonymous(region)))
        return fault_anonymous(region, entry);
    if (region->flags & VM_PHYSICAL)
        return fault_physical(region, addr, entry);
    return fault_file(region, addr & ~PAGE_MASK, entry, need);
}

static int fault_signal(int error, int *code)
{
    switch (error) {
    case -EFAULT: *code = SEGV_MAPERR; return SIGSEGV;
    case -EACCES: *code = SEGV_ACCERR; return SIGSEGV;
    case -ENOMEM: *code = SI_KERNEL; return SIGKILL;
    default: /* behind the end of the file, no space or a failed device behind it */
        *code = BUS_ADRERR;
        return SIGBUS;
    }
}

int vm_fault(struct vm_space *space, const struct fault *fault, int *code)
{
    u32 need = fault->exec ? PROT_EXEC : fault->write ? PROT_WRITE : PROT_READ;
    int error;

    *code = SEGV_MAPERR;
    if (unlikely(fault->address >= VM_USER_END))
        return SIGSEGV;
    mutex_lock(&space->lock);
    error = fault_in(space, fault->address, need);
    mutex_unlock(&space->lock);
    return likely(!error) ? 0 : fault_signal(error, code);
}

int vm_populate(struct vm_space *space, u64 addr, u64 len, u32 need)
{
    for (u64 end = addr + len; addr < end; addr += PAGE_SIZE) {
        struct vm_region *region;
        int error;

        if (thread_signalled())
            return -EINTR;
        space_guard(space); /* page by page, to let others in */
        if (need) {
            error = fault_in(space, addr, need);
            if (error)
                return error;
            continue;
        }
        region = vm_region_at_or_above(space, addr);
        if (!region || region->start >= end)
            return 0;
        addr = MAX(addr, region->start);
        if (fault_in(space, addr,
                     region_private(region) && region->prot & PROT_WRITE ? PROT_WRITE : PROT_READ))
            addr = region->end - PAGE_SIZE; /* nothing to be had here */
    }
    return 0;
}

/* The page at addr with a reference, made accessible as `need` says, or NULL. */
static struct page *remote_page(struct vm_space *space, u64 addr, u32 need)
{
    pte_t *entry;

    space_guard(space);
    if (fault_in(space, addr, need))
        return NULL;
    entry = pt_find(&space->pt, addr);
    if (!entry || !pte_present(*entry) || pte_special(*entry))
        return NULL;
    page_get(phys_to_page(pte_pa(*entry)));
    return phys_to_page(pte_pa(*entry));
}

static ssize_t remote_copy(struct vm_space *space, u64 addr, char *buf, size_t len, u32 need)
{
    size_t done = 0;

    while (done < len && addr + done < VM_USER_END) {
        u64 offset = (addr + done) & PAGE_MASK, part = MIN(len - done, PAGE_SIZE - offset);
        struct page *page __scoped(page) = remote_page(space, addr + done, need);
        char *at;

        if (!page)
            break;
        at = (char *)page_to_virt(page) + offset;
        if (need & PROT_WRITE) {
            memcpy(at, buf + done, part);
            __atomic_and_fetch(&page->flags, ~PG_ICACHE_CLEAN, __ATOMIC_RELAXED);
            icache_sync(at, part); /* a breakpoint, perhaps */
        } else {
            memcpy(buf + done, at, part);
        }
        done += part;
    }
    return done || !len ? (ssize_t)done : -EFAULT;
}

ssize_t vm_read_remote(struct vm_space *space, u64 addr, void *buf, size_t len)
{
    return remote_copy(space, addr, buf, len, PROT_READ);
}

ssize_t vm_write_remote(struct vm_space *space, u64 addr, const void *buf, size_t len)
{
    return remote_copy(space, addr, (char *)buf, len, PROT_WRITE);
}

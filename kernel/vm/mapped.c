/*
 * What ties regions to the pages of files: unmapping what a file loses, and memory shared through
 * no file.
 */
#include "io/mapping.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "vm/space_impl.h"

static u64 zap_passes; /* [A] */

/* A space with a reference that maps the file in a region not seen in this pass, or NULL. */
static struct vm_space *space_find(struct mapping *mapping, u64 pass)
{
    struct vm_region *region;

    spin_guard(&mapping->regions_lock);
    list_for_each_entry(region, &mapping->regions, mapping_link)
        if (READ_ONCE(region->zap_pass) != pass && ref_get_unless_zero(&region->space->refs))
            return region->space;
    return NULL; /* those without references are being torn down: nobody can see their pages */
}

static void space_unmap(struct vm_space *space, struct mapping *mapping, u64 first, u64 last,
                        u64 pass)
{
    struct vm_region *region;

    list_for_each_entry(region, &space->regions, order) {
        u64 pages = region_pages(region), low, high;

        if (region->mapping != mapping)
            continue;
        WRITE_ONCE(region->zap_pass, pass);
        if (last < region->first_page || first >= region->first_page + pages)
            continue;
        low = MAX(first, region->first_page) - region->first_page;
        high = MIN(last - region->first_page, pages - 1) + 1;
        pages_zap(space, region->start + low * PAGE_SIZE, region->start + high * PAGE_SIZE);
    }
}

/*
 * The space's lock comes before regions_lock, so the list cannot be held over the work: each pass
 * marks what it has done and starts over. A region that appears meanwhile is seen too, or it
 * appeared after the pages had left the file.
 */
void mapping_unmap(struct mapping *mapping, u64 first, u64 last)
{
    u64 pass = __atomic_add_fetch(&zap_passes, 1, __ATOMIC_RELAXED);
    struct vm_space *space;

    while ((space = space_find(mapping, pass))) {
        mutex_lock(&space->lock);
        space_unmap(space, mapping, first, last, pass);
        mutex_unlock(&space->lock);
        vm_space_put(space);
    }
}

struct shared_memory {
    struct mapping mapping;
    u64 size;
};

static void shared_memory_release(struct file *file)
{
    struct shared_memory *memory = file->private;

    mapping_destroy(&memory->mapping);
    kfree(memory);
}

static int shared_memory_mmap(struct file *file, u32 prot, u32 flags, const u64 **size)
{
    struct shared_memory *memory = file->private;

    *size = &memory->size;
    return 0;
}

static const struct mapping_ops memory_ops;
static const struct file_ops shared_memory_ops = {
    .mmap = shared_memory_mmap,
    .release = shared_memory_release,
};

struct file *shared_memory_create(u64 bytes)
{
    struct shared_memory *memory = kmalloc(sizeof(*memory));
    struct file *file;

    if (!memory)
        return NULL;
    memory->size = bytes;
    mapping_init(&memory->mapping, &memory_ops, memory);
    file = file_alloc(&shared_memory_ops, O_RDWR, memory);
    if (!file) {
        kfree(memory);
        return NULL;
    }
    file->mapping = &memory->mapping;
    return file;
}

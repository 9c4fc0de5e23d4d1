/*
 * The regions of a space: a tree by address that also knows its gaps.
 *
 * Each region records the free bytes below it (`gap`) and, for its subtree, the largest of them
 * (`gap_max`), so that the highest hole of a size is found in logarithmic time. A region that grows
 * down claims VM_GUARD_GAP below itself: that much is not counted as free. Besides the tree, the
 * regions hang on a list in order, for neighbours and for walks of all. All of it is [L] of the
 * space; a region of a file is also on mapping->regions under mapping->regions_lock.
 */
#include "core/panic.h"
#include "io/mapping.h"
#include "lib/errno.h"
#include "mm/kmalloc.h"
#include "sched/reclaim.h"
#include "task/rlimit.h"
#include "vm/space_impl.h"

static struct kmem_cache *region_cache; /* [I] */

void region_cache_init(void)
{
    region_cache = kmem_cache_create("vm_region", sizeof(struct vm_region), 0);
}

struct vm_region *region_new(const struct vm_region *like)
{
    struct vm_region *region = kmem_cache_alloc(region_cache);

    if (!region)
        return NULL;
    *region = *like;
    if (region->file)
        file_get(region->file);
    return region;
}

static void region_free(struct vm_region *region)
{
    if (region->file)
        file_put(region->file);
    kmem_cache_free(region_cache, region);
}

void space_unlock(struct vm_space *space)
{
    struct vm_region *region, *next;
    struct list dead = LIST_INIT(dead);

    if (likely(list_empty(&space->dead))) {
        mutex_unlock(&space->lock);
        return;
    }
    list_splice_tail(&space->dead, &dead);
    mutex_unlock(&space->lock);
    list_for_each_entry_safe(region, next, &dead, order)
        region_free(region);
}

static void mapping_unlink(struct vm_region *region)
{
    if (!region->mapping)
        return;
    spin_guard(&region->mapping->regions_lock);
    list_del(&region->mapping_link);
}

void region_discard(struct vm_region *region)
{
    mapping_unlink(region);
    region_free(region);
}

static struct vm_region *region_of(struct rb_node *node)
{
    return rb_entry(node, struct vm_region, node);
}

struct vm_region *vm_region_next(const struct vm_region *region)
{
    if (region->order.next == &region->space->regions)
        return NULL;
    return list_entry(region->order.next, struct vm_region, order);
}

struct vm_region *region_prev(const struct vm_region *region)
{
    if (region->order.prev == &region->space->regions)
        return NULL;
    return list_entry(region->order.prev, struct vm_region, order);
}

struct vm_region *region_before(struct vm_space *space, struct vm_region *next)
{
    return next ? region_prev(next) : list_last(&space->regions, struct vm_region, order);
}

/* Where free space below a region ends: a stack keeps a guard below itself. */
static u64 gap_top(const struct vm_region *region)
{
    if (!(region->flags & VM_GROWSDOWN))
        return region->start;
    return region->start > VM_GUARD_GAP ? region->start - VM_GUARD_GAP : 0;
}

static void augment(struct rb_node *node)
{
    struct vm_region *region = region_of(node);
    u64 max = region->gap;

    if (node->left)
        max = MAX(max, region_of(node->left)->gap_max);
    if (node->right)
        max = MAX(max, region_of(node->right)->gap_max);
    region->gap_max = max;
}

/* After a change next to it: recompute the gap, and upward as far as something changes. */
static void gap_update(struct vm_region *region)
{
    struct vm_region *prev = region_prev(region);
    u64 below = prev ? prev->end : 0, top = gap_top(region);
    struct rb_node *node = &region->node;

    region->gap = top > below ? top - below : 0;
    for (; node; node = rb_parent(node)) {
        u64 old = region_of(node)->gap_max;

        augment(node);
        if (region_of(node)->gap_max == old)
            break;
    }
}

struct vm_region *vm_region_at_or_above(struct vm_space *space, u64 addr)
{
    struct vm_region *found = space->last, *region;
    struct rb_node *node = space->tree.node;

    if (likely(found && addr - found->start < found->end - found->start))
        return found;
    found = NULL;
    while (node) {
        region = region_of(node);
        if (addr >= region->end) {
            node = node->right;
            continue;
        }
        found = region;
        if (addr >= region->start)
            break;
        node = node->left;
    }
    if (found)
        space->last = found;
    return found;
}

void region_link(struct vm_space *space, struct vm_region *region)
{
    struct rb_node **link = &space->tree.node, *parent = NULL;
    struct vm_region *prev = NULL, *next;

    while (*link) {
        parent = *link;
        if (region->start < region_of(parent)->start) {
            link = &parent->left;
        } else {
            prev = region_of(parent);
            link = &parent->right;
        }
    }
    region->space = space;
    list_add(&region->order, prev ? &prev->order : &space->regions);
    region->gap = gap_top(region) - MIN(gap_top(region), prev ? prev->end : 0);
    rb_insert_augmented(&space->tree, &region->node, parent, link, augment);
    next = vm_region_next(region);
    if (next)
        gap_update(next);
    space->region_count++;
    if (region->mapping) {
        spin_guard(&region->mapping->regions_lock);
        list_add_tail(&region->mapping_link, &region->mapping->regions);
    }
}

void region_remove(struct vm_region *region)
{
    struct vm_region *next = vm_region_next(region);
    struct vm_space *space = region->space;

    mapping_unlink(region);
    if (space->last == region)
        space->last = NULL;
    list_del(&region->order);
    rb_erase_augmented(&space->tree, &region->node, augment);
    if (next)
        gap_update(next);
    space->region_count--;
    list_add_tail(&region->order, &space->dead);
}

void region_resize(struct vm_region *region, u64 start, u64 end)
{
    bool moved_end = region->end != end;
    struct vm_region *next = vm_region_next(region);

    region->end = end;
    if (region->start != start) {
        region->start = start;
        gap_update(region);
    }
    if (moved_end && next)
        gap_update(next);
}

/* Could `low` and `high`, of which one ends where the other starts, be one region? */
static bool joinable(const struct vm_region *low, const struct vm_region *high)
{
    if (low->end != high->start || low->prot != high->prot || low->file != high->file ||
        ((low->flags ^ high->flags) & ~VM_HAS_PRIVATE) || low->name != high->name ||
        low->flags & VM_GROWSDOWN)
        return false;
    return region_anonymous(low) || low->first_page + region_pages(low) == high->first_page;
}

/* The pages of `high` become part of `low`, its neighbour. */
static void join(struct vm_region *low, struct vm_region *high)
{
    u64 end = high->end;

    low->flags |= high->flags & VM_HAS_PRIVATE;
    region_remove(high);
    region_resize(low, low->start, end);
}

int region_add(struct vm_space *space, const struct vm_region *proto)
{
    struct vm_region *next = vm_region_at_or_above(space, proto->start);
    struct vm_region *prev = region_before(space, next), *region;

    if (prev && joinable(prev, proto)) {
        prev->flags |= proto->flags & VM_HAS_PRIVATE;
        region_resize(prev, prev->start, proto->end);
    } else if (next && joinable(proto, next)) {
        next->flags |= proto->flags & VM_HAS_PRIVATE;
        next->first_page = proto->first_page;
        region_resize(next, proto->start, next->end);
    } else {
        region = region_new(proto);
        if (!region)
            return -ENOMEM;
        region_link(space, region);
    }
    space_account(space, proto, region_pages(proto), 1);
    return 0;
}

int region_split(struct vm_region *region, u64 addr)
{
    struct vm_region *high = region_new(region);

    if (!high)
        return -ENOMEM;
    debug_assert(region->start < addr && addr < region->end);
    high->start = addr;
    high->flags &= ~VM_GROWSDOWN;
    high->first_page = region_index(region, addr);
    region_resize(region, region->start, addr);
    region_link(region->space, high);
    return 0;
}

int region_change(struct vm_region *region, u64 low, u64 high, u32 prot, u32 flags)
{
    struct vm_space *space = region->space;
    struct vm_region *prev, *next;
    bool protect = region->prot != prot;

    if (region->start < low) {
        if (region_split(region, low))
            return -ENOMEM;
        region = vm_region_next(region);
    }
    if (region->end > high && region_split(region, high))
        return -ENOMEM;
    space_account(space, region, region_pages(region), -1);
    region->prot = prot;
    region->flags = flags;
    space_account(space, region, region_pages(region), 1);
    if (protect)
        pages_protect(region, low, high);
    next = vm_region_next(region);
    if (next && joinable(region, next))
        join(region, next);
    prev = region_prev(region);
    if (prev && joinable(prev, region))
        join(prev, region);
    return 0;
}

int regions_walk(struct vm_space *space, u64 start, u64 end, bool skip_holes,
                 int (*each)(struct vm_region *region, u64 low, u64 high, const void *arg),
                 const void *arg)
{
    bool hole = false;

    while (start < end) {
        struct vm_region *region = vm_region_at_or_above(space, start);
        u64 low, high;
        int error;

        hole |= !region || region->start > start;
        if (!region || region->start >= end || (hole && !skip_holes))
            break;
        low = MAX(start, region->start);
        high = start = MIN(end, region->end);
        error = each(region, low, high, arg);
        if (error)
            return error;
    }
    return hole ? -ENOMEM : 0;
}

bool range_free(struct vm_space *space, u64 start, u64 end)
{
    struct vm_region *region = vm_region_at_or_above(space, start);

    return !region || end <= gap_top(region);
}

/*
 * Looks at the gaps of a subtree from the top down, passing by subtrees without one that is large
 * enough: right subtree, the gap below the region itself, left subtree.
 */
static u64 gap_search(struct rb_node *node, u64 len, u64 low, u64 high)
{
    struct vm_region *region;
    u64 top, bottom, found = 0;

    if (!node || region_of(node)->gap_max < len)
        return 0;
    region = region_of(node);
    if (region->end < high)
        found = gap_search(node->right, len, low, high);
    if (found)
        return found;
    top = MIN(gap_top(region), high);
    bottom = MAX(gap_top(region) - region->gap, low);
    if (top > bottom && top - bottom >= len)
        return top - len;
    return region->start > low ? gap_search(node->left, len, low, high) : 0;
}

u64 gap_find(struct vm_space *space, u64 len, u64 low, u64 high)
{
    struct vm_region *last = list_last(&space->regions, struct vm_region, order);
    u64 bottom = MAX(low, last ? last->end : 0);

    if (bottom <= high && high - bottom >= len)
        return high - len;
    return gap_search(space->tree.node, len, low, high);
}

void space_account(struct vm_space *space, const struct vm_region *region, u64 pages, s64 sign)
{
    u64 delta = pages * sign;

    space->total_pages += delta;
    if (region->flags & VM_LOCKED)
        space->locked_pages += delta;
    if (region->flags & VM_GROWSDOWN)
        space->stack_pages += delta;
    else if ((region->prot & PROT_WRITE) && region_private(region))
        space->data_pages += delta;
    else if (region->file && region->prot & PROT_EXEC)
        space->exec_pages += delta;
    space->peak_total = MAX(space->peak_total, space->total_pages);
}

int space_check_limits(const struct vm_space *space, u32 prot, u32 flags, u64 pages)
{
    bool counted = prot & PROT_WRITE && !(flags & (VM_SHARED | VM_PHYSICAL | VM_GROWSDOWN));

    if (space->total_pages + pages > bytes_to_pages(rlimit_get(RLIMIT_AS)))
        return -ENOMEM;
    if (counted && space->data_pages + pages > bytes_to_pages(rlimit_get(RLIMIT_DATA)))
        return -ENOMEM;
    /* The obvious overcommit alone is refused: more at once than the machine has. */
    if (counted && !(flags & VM_NORESERVE) && pages > pages_total())
        return -ENOMEM;
    return 0;
}

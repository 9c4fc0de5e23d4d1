/*
 * The address sanitizer's side of the slab: objects with redzones, and their history.
 *
 * What it is: objects lie further apart than they are large (kasan_stride), and what is between
 * them is a redzone, at whose end stands who allocated the object and who freed it. Only what was
 * asked for is unmarked while the object is out, to the byte. A freed object is marked and kept in
 * a ring of this CPU, so that it is not handed out again at once, as the slab would; it is freed
 * really when the ring comes round. The slab does that with marked objects, and is not checked
 * itself.
 *
 * An access before an object's first byte is caught where another object's redzone is in front: not
 * at the first of a slab, which keeps the alignment that kmalloc promises.
 *
 * Locking: an object's notes belong to who allocates or frees it; the ring to this CPU, IRQs
 * masked.
 */
#include "core/percpu.h"
#include "mm/kasan_impl.h"
#include "mm/page.h"
#include "mm/pagetable.h"
#include "mm/vmalloc.h"

#define RING_SIZE 256 /* objects: 1 MiB of the largest at most */

/* The end of an object's redzone. */
struct notes {
    u64 allocated[KASAN_TRACE], freed[KASAN_TRACE];
    u32 size; /* asked for */
    u32 spare;
};

static struct cache {
    const char *name;         /* [I] */
    u32 asked, stride, order; /* [I] */
    u64 kept;                 /* objects in the rings [A] */
} caches[256];                /* by number, as struct page has it */

struct ring {
    u32 next;                 /* [C] */
    void *objects[RING_SIZE]; /* from here on the oldest; NULL: none [C] */
};

static DEFINE_PERCPU(struct ring, ring);

u32 kasan_stride(u32 size, u32 align)
{
    return ALIGN_UP(size + (u32)sizeof(struct notes), MAX(align, size & -size));
}

void kasan_cache(u32 number, const char *name, u32 asked, u32 stride, u32 order)
{
    caches[number] = (struct cache){.name = name, .asked = asked, .stride = stride, .order = order};
}

static struct notes *notes_of(u64 start, u32 stride)
{
    return (struct notes *)(start + stride - sizeof(struct notes));
}

bool kasan_find_object(u64 at, struct kasan_object *object)
{
    struct page *page = virt_to_page((void *)at);
    struct cache *cache;
    struct notes *notes;
    u64 base;

    if (at - LINEAR_BASE >= VMALLOC_BASE - LINEAR_BASE ||
        kernel_translate((u64)page) == PADDR_NONE || !page->slab)
        return false;
    cache = &caches[page->slab];
    base = (u64)page_to_virt((struct page *)ALIGN_DOWN((u64)page, sizeof *page << cache->order));
    at = base + (at - base) / cache->stride * cache->stride;
    notes = notes_of(at, cache->stride);
    *object = (struct kasan_object){at,          notes->size,      cache->stride,
                                    cache->name, notes->allocated, notes->freed};
    return true;
}

/* The return addresses of those who led here; the records of frames are those of AAPCS64. */
static void trace(u64 *pcs, const void *frame)
{
    const struct thread_head *head = current_head();
    u64 at = (u64)frame, low = (u64)head->stack_low;

    for (u32 i = 0; i < KASAN_TRACE; i++) {
        bool inside = at >= low && at + 16 <= (u64)head->stack_high && at % 8 == 0;

        pcs[i] = inside ? unsigned_address(((const u64 *)at)[1]) : 0;
        low = at + 1;
        at = inside ? *(const u64 *)at : 0;
    }
}

void *kasan_alloc(void *object, size_t size)
{
    struct cache *cache;
    struct notes *notes;

    if (!object)
        return NULL;
    cache = &caches[virt_to_page(object)->slab];
    notes = notes_of((u64)object, cache->stride);
    notes->size = size ? size : cache->asked;
    trace(notes->allocated, __builtin_frame_address(0));
    kasan_poison(object, cache->stride, KASAN_REDZONE);
    kasan_unpoison(object, notes->size);
    return object;
}

/* Puts an object (or NULL) into this CPU's ring in place of the oldest, which comes back. */
static void *ring_turn(void *object)
{
    struct ring *r;
    void *oldest;

    irq_guard();
    r = &this_cpu(ring);
    oldest = r->objects[r->next];
    r->objects[r->next] = object;
    r->next = (r->next + 1) % RING_SIZE;
    return oldest;
}

void *kasan_free(void *object)
{
    u64 pc = (u64)__builtin_return_address(0);
    struct kasan_object found;
    void *oldest;

    if (!object || !kasan_find_object((u64)object, &found))
        return object;
    if (*(s8 *)KASAN_SHADOW(object) < 0 || (u64)object != found.start)
        kasan_report((u64)object, 0,
                     (u64)object == found.start ? "double free" : "free of what is no object", true,
                     pc);
    trace((u64 *)found.freed, *(void **)__builtin_frame_address(0)); /* from kfree()'s caller on */
    kasan_poison(object, found.stride, KASAN_FREE_OBJECT);
    __atomic_fetch_add(&caches[virt_to_page(object)->slab].kept, 1, __ATOMIC_RELAXED);
    oldest = ring_turn(object);
    if (oldest)
        __atomic_fetch_sub(&caches[virt_to_page(oldest)->slab].kept, 1, __ATOMIC_RELAXED);
    return oldest;
}

void *kasan_expel(void)
{
    void *oldest = NULL;

    for (u32 i = 0; i < RING_SIZE && !oldest; i++)
        oldest = ring_turn(NULL);
    if (oldest)
        __atomic_fetch_sub(&caches[virt_to_page(oldest)->slab].kept, 1, __ATOMIC_RELAXED);
    return oldest;
}

u64 kasan_kept(u32 cache)
{
    return __atomic_load_n(&caches[cache].kept, __ATOMIC_RELAXED);
}

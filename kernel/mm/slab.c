/*
 * Kernel memory by the byte.
 *
 * What it is: caches of objects of one size, cut from slabs of 1 to 8 pages, with an array of free
 * objects for each CPU and cache in front. kmalloc() is 13 such caches by size; what is larger
 * than the largest comes as whole pages.
 *
 * Interface: kmalloc.h. All memory that is handed out is zero: objects are zeroed when they are
 * freed, so that secrets do not wait in free memory and allocation has nothing to clear.
 *
 * Structures:
 * - A CPU's array fills a 256-byte slot aligned to its size. `top` points at its last object, or at
 *   a NULL below the first: empty is found when the NULL is loaded, full when the next place would
 *   be aligned to 256. Under fault injection, which counts every allocation, the NULL is in the
 *   last place: the array is empty and full.
 * - A slab is described by its first page: private is the first free object, private2 how many
 *   objects are out and how many were ever out. Each of its pages has the cache's number in `slab`.
 *
 * Invariants:
 * I1. A free object is zero but for its first word, its mark, which is its address xor a secret of
 *     the boot, and, in a slab's list, its second, the link, which is hidden likewise. So an object
 *     freed twice is found at the second kfree(), one that was written after it was freed when it
 *     is handed out again, and an overwritten link leads nowhere that an attacker could choose.
 * I2. A slab is in its cache's partial list exactly when it has an object left.
 * I3. An interrupt handler does not touch the CPU's array, which the code below it may be
 *     changing; kmalloc_drain() does, when that code is not in its fast path.
 *
 * Locking: the cache's lock (RANK_SLAB, IRQs masked) guards its slabs. Pages are allocated and
 * freed under it.
 *
 * Life of an object: never out -> (slab_take) in an array -> (slab_alloc) in use -> (slab_free) in
 * an array -> (slab_put) in its slab's list.
 *
 * Rejected: links through the objects of a CPU's list (they would have to be hidden and checked in
 * the fast path, and counted besides); colouring (caches today do not need it).
 */
#include "mm/kmalloc.h"
#include "core/fail.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/random.h"
#include "core/spinlock.h"
#include "mm/kasan.h"
#include "mm/page.h"

#define CACHES_MAX  64
#define ARRAY_SLOTS 29
#define ALIGN_MIN   16UL

struct object {
    u64 mark; /* I1 */
    u64 link; /* I1 */
};

struct array {
    struct object **top;
    u64 secret;                        /* of the boot [I] */
    u64 size;                          /* of an object [I] */
    struct object *slots[ARRAY_SLOTS]; /* from the first one used on; the one below is NULL */
} __aligned(256);
_Static_assert(sizeof(struct array) == 256, "full is found by alignment");

struct kmem_cache {
    struct spinlock lock;
    struct list partial; /* slabs that have objects left [L] */
    const char *name;
    u32 size;     /* from one object to the next [I] */
    u32 number;   /* [I] */
    u32 order;    /* of a slab [I] */
    u32 per_slab; /* objects [I] */
    u32 capacity; /* of a CPU's array [I] */
    u32 empty;    /* slabs of which no object is out [L] */
    u64 out;      /* objects in use or in arrays [L] */
    u64 slabs;    /* [L] */
};

static struct kmem_cache caches[CACHES_MAX]; /* number 0 is none */
static u32 cache_count = 1;                  /* at boot, by one CPU */
static u64 secret;                           /* [I] */

static DEFINE_PERCPU(struct array[CACHES_MAX], arrays);

static const u16 class_sizes[KMALLOC_CLASSES] = {16,  32,  48,  64,  96,   128, 192,
                                                 256, 384, 512, 768, 1024, 2048};
static const char *const class_names[KMALLOC_CLASSES] = {
    "kmalloc-16",  "kmalloc-32",  "kmalloc-48",  "kmalloc-64",  "kmalloc-96",
    "kmalloc-128", "kmalloc-192", "kmalloc-256", "kmalloc-384", "kmalloc-512",
    "kmalloc-768", "kmalloc-1k",  "kmalloc-2k"};

static u64 hidden(const void *place, u64 value)
{
    return value ^ secret ^ (u64)place;
}

static u32 slab_out(const struct page *slab)
{
    return (u32)slab->private2;
}

static u32 slab_fresh(const struct page *slab)
{
    return slab->private2 >> 32;
}

static bool slab_full(const struct kmem_cache *cache, const struct page *slab)
{
    return slab_out(slab) == cache->per_slab;
}

/* An object of the slab, which has one, marked as free and without link. */
static struct object *slab_take_locked(struct kmem_cache *cache, struct page *slab)
{
    struct object *object = (struct object *)slab->private;

    if (slab_out(slab) == 0)
        cache->empty--;
    if (object) {
        slab->private = hidden(&object->link, object->link);
        object->link = 0;
    } else {
        object = page_to_virt(slab) + (u64)slab_fresh(slab) * cache->size;
        object->mark = hidden(object, 0);
        slab->private2 += 1UL << 32;
    }
    slab->private2++;
    cache->out++;
    if (slab_full(cache, slab))
        list_del(&slab->list); /* I2 */
    return object;
}

static void slab_free_locked(struct kmem_cache *cache, struct page *slab)
{
    list_del(&slab->list);
    cache->empty--;
    cache->slabs--;
    for (u32 i = 0; i < 1U << cache->order; i++)
        slab[i].slab = 0;
    page_free(slab, cache->order);
}

static void slab_put_locked(struct kmem_cache *cache, struct object *object)
{
    struct page *page = virt_to_page(object);
    struct page *slab = (struct page *)ALIGN_DOWN((u64)page, sizeof *page << cache->order);

    if (slab_full(cache, slab))
        list_add(&slab->list, &cache->partial);
    object->link = hidden(&object->link, slab->private);
    slab->private = (u64)object;
    slab->private2--;
    cache->out--;
    if (slab_out(slab) == 0 && ++cache->empty > 1)
        slab_free_locked(cache, slab);
}

static struct page *slab_new_locked(struct kmem_cache *cache)
{
    struct page *slab = page_alloc_nosleep(cache->order, PA_ZERO);

    if (!slab)
        return NULL;
    for (u32 i = 0; i < 1U << cache->order; i++)
        slab[i].slab = cache->number;
    slab->mapping = cache;
    kasan_poison(page_to_virt(slab), PAGE_SIZE << cache->order, KASAN_REDZONE);
    list_add(&slab->list, &cache->partial);
    cache->slabs++;
    cache->empty++;
    return slab;
}

static struct object *take_locked(struct kmem_cache *cache, bool grow)
{
    struct page *slab = list_first(&cache->partial, struct page, list);

    if (!slab && grow)
        slab = slab_new_locked(cache);
    return slab ? slab_take_locked(cache, slab) : NULL;
}

static u32 array_count(const struct kmem_cache *cache, const struct array *array)
{
    return array->top - &array->slots[ARRAY_SLOTS - 1 - cache->capacity];
}

/* Not declared to be without return: so that the fast paths need no frame to call them. */
static __cold __noinline void *bad_alloc(const void *object)
{
    panic("slab: object %p was written after its kfree", object);
}

static __cold __noinline void bad_free(const void *object)
{
    panic("kfree: object %p is free already", object);
}

/* Ends the fast path. From the slabs; fills half of the CPU's array by the way. */
static __noinline void *alloc_slow(u64 number)
{
    struct kmem_cache *cache = &caches[number];
    struct object *object, *more;
    irqflags_t flags;

    preempt_fast_end();
    if (fail_alloc())
        return NULL;
    flags = spin_lock_irqsave(&cache->lock);
    object = take_locked(cache, true);
    if (object && !in_irq()) {
        struct array *array = &this_cpu(arrays)[number];

        while (array_count(cache, array) < (cache->capacity + 1) / 2 &&
               (more = take_locked(cache, false)))
            *++array->top = more;
    }
    spin_unlock_irqrestore(&cache->lock, flags);
    if (!object)
        return NULL;
    if (object->mark != hidden(object, 0))
        return bad_alloc(object);
    object->mark = 0;
    return object;
}

void *slab_alloc_nosleep(u64 number)
{
    u32 count = preempt_save();
    struct array *array = &this_cpu(arrays)[number];
    struct object *object = *array->top;

    if (unlikely(!object || count & PREEMPT_IRQ))
        return alloc_slow(number);
    array->top--;
    if (unlikely(object->mark != (array->secret ^ (u64)object)))
        return bad_alloc(object);
    object->mark = 0;
    if (unlikely(preempt_restore(count)))
        return preempt_check_value(object);
    return object;
}

/*
 * Ends the fast path: the CPU's array is full, or this is a handler. The object is zero but for its
 * mark.
 */
static __noinline void free_slow(u64 number, struct object *object)
{
    struct kmem_cache *cache = &caches[number];

    preempt_fast_end();
    spin_guard_irqsave(&cache->lock);
    slab_put_locked(cache, object);
    if (!in_irq()) {
        struct array *array = &this_cpu(arrays)[number];

        while (array_count(cache, array) > cache->capacity / 2)
            slab_put_locked(cache, *array->top--);
    }
}

/* size is a multiple of 16. */
static __always_inline void zero_object(u64 *word, u64 size)
{
    u64 *end = (u64 *)((char *)word + size);

    if (size & 16) {
        word[0] = word[1] = 0;
        word += 2;
    }
    if (size & 32) {
        word[0] = word[1] = word[2] = word[3] = 0;
        word += 4;
    }
    for (; word < end; word += 8) {
        word[0] = word[1] = word[2] = word[3] = 0;
        word[4] = word[5] = word[6] = word[7] = 0;
    }
}

static __noinline void free_big(void *object, struct page *page)
{
    if (!object)
        return;
    if (!(page->flags & PG_KMALLOC) || (u64)object & PAGE_MASK)
        panic("kfree: %p is no object of kmalloc", object);
    page_free(page, page->order);
}

static __always_inline void slab_free(u64 number, struct object *object)
{
    u32 count = preempt_save();
    struct array *array = &this_cpu(arrays)[number];
    u64 mark = array->secret ^ (u64)object;
    struct object **next;

    if (unlikely(object->mark == mark)) {
        bad_free(object);
        return;
    }
    zero_object((u64 *)object, array->size);
    object->mark = mark;
    next = array->top + 1;
    if (unlikely(IS_ALIGNED((u64)next, sizeof *array) || count & PREEMPT_IRQ)) {
        free_slow(number, object);
        return;
    }
    *next = object;
    array->top = next;
    if (unlikely(preempt_restore(count)))
        preempt_check();
}

void kfree(void *object)
{
    struct page *page;

    object = kasan_free(object);
    page = virt_to_page(object);
    if (unlikely(!object || page->slab == 0))
        free_big(object, page);
    else
        slab_free(page->slab, object);
}

void *kmalloc_any_nosleep(size_t size)
{
    struct page *page;

    if (size <= KMALLOC_CLASS_MAX)
        return size ? kasan_alloc(slab_alloc_nosleep(kmalloc_class(size) + 1), size) : NULL;
    page = page_alloc_nosleep(page_order(size), PA_ZERO);
    if (!page)
        return NULL;
    page->flags = PG_KMALLOC;
    kasan_poison(page_to_virt(page), PAGE_SIZE << page->order, KASAN_REDZONE);
    kasan_unpoison(page_to_virt(page), size);
    return page_to_virt(page);
}

/* The smallest slab that holds 4 objects, or wastes less than an eighth; at most 8 pages. */
static u32 slab_order(u32 size)
{
    u32 order = 0;

    while (order < 3 && (PAGE_SIZE << order) / size < 4 &&
           (PAGE_SIZE << order) % size > (PAGE_SIZE << order) / 8)
        order++;
    return MAX(order, page_order(size));
}

static void cache_init(struct kmem_cache *cache, const char *name, u32 size, u32 number, u32 stride)
{
    u32 cpu;

    spin_init(&cache->lock, RANK_SLAB);
    list_init(&cache->partial);
    cache->name = name;
    cache->size = stride;
    cache->number = number;
    cache->order = slab_order(stride);
    cache->per_slab = (PAGE_SIZE << cache->order) / stride;
    cache->capacity = fail_alloc_wanted() ? 0
                      : size <= 256       ? 28
                      : size <= 512       ? 16
                      : size <= 1024      ? 12
                                          : 8;
    for_each_cpu(cpu) {
        struct array *array = &per_cpu(arrays, cpu)[number];

        array->secret = secret;
        array->size = size;
        array->top = &array->slots[ARRAY_SLOTS - 1 - cache->capacity];
    }
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
    struct kmem_cache *cache = &caches[cache_count];
    size_t asked = size;

    align = MAX(align, ALIGN_MIN);
    size = ALIGN_UP(MAX(size, ALIGN_MIN), align);
    if (cache_count == CACHES_MAX || size > 8 * PAGE_SIZE || align > PAGE_SIZE)
        panic("kmem_cache_create(%s): too many caches, or objects too large", name);
    cache_init(cache, name, size, cache_count, kasan_stride(size, align));
    kasan_cache(cache_count, name, asked, cache->size, cache->order);
    cache_count++;
    return cache;
}

void kmalloc_init(void)
{
    secret = random_u64();
    for (u32 i = 0; i < KMALLOC_CLASSES; i++)
        kmem_cache_create(class_names[i], class_sizes[i], 0);
}

void *kmem_cache_alloc_nosleep(struct kmem_cache *cache)
{
    return kasan_alloc(slab_alloc_nosleep(cache->number), 0);
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
    debug_assert(virt_to_page(object)->slab == cache->number);
    if (KASAN)
        kfree(object); /* which may free another one in its place */
    else
        slab_free(cache->number, object);
}

bool kmem_cache_info(u32 n, struct kmem_info *info)
{
    struct kmem_cache *cache = &caches[n + 1];
    u32 cpu;

    if (n + 1 >= cache_count)
        return false;
    spin_guard_irqsave(&cache->lock);
    *info = (struct kmem_info){
        .name = cache->name,
        .size = cache->size,
        .active = cache->out,
        .total = cache->slabs * cache->per_slab,
        .pages = cache->slabs << cache->order,
    };
    for_each_cpu(cpu)
        info->active -= array_count(cache, &per_cpu(arrays, cpu)[cache->number]);
    info->active -= kasan_kept(cache->number);
    return true;
}

void kmalloc_drain(void *unused __maybe_unused)
{
    void *object;

    while ((object = kasan_expel()))
        slab_free(virt_to_page(object)->slab, object);
    for (u32 number = 1; number < cache_count; number++) {
        struct kmem_cache *cache = &caches[number];
        struct array *array;
        struct page *slab, *next;

        spin_guard_irqsave(&cache->lock);
        array = &this_cpu(arrays)[number];
        while (array_count(cache, array) > 0 && !preempt_in_fast()) /* I3 */
            slab_put_locked(cache, *array->top--);
        list_for_each_entry_safe(slab, next, &cache->partial, list)
            if (slab_out(slab) == 0)
                slab_free_locked(cache, slab);
    }
}

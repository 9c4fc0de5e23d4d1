/*
 * What the allocators tell the address sanitizer (make KASAN=1; else all this is nothing). Theory
 * in mm/kasan.c and mm/kasan_heap.c. Nothing here sleeps; any context.
 */
#pragma once

#include "lib/kasan.h"

struct page;

/* Shadow of memory that nobody may touch; of stacks (0xf1 to 0xf8) it is the compiler's. */
enum kasan_poison {
    KASAN_FREE_PAGE = 0xff,
    KASAN_FREE_OBJECT = 0xfe,
    KASAN_REDZONE = 0xfd, /* between objects, and behind the size that was asked for */
    KASAN_GLOBAL = 0xf9,
    KASAN_STACK_SCOPE = 0xf8,
    KASAN_STACK_LEFT = 0xf1,
};

#if KASAN
/* Globals get their redzones: the first act of kernel_main(). */
void kasan_init(void);

/* Reserves the physical memory of the shadow of all RAM, and maps it once the RAM is mapped. */
void kasan_reserve(void);
void kasan_map_ram(void);

/* [start, start+size) may not be touched from now on; may be touched. start: a multiple of 8. */
void kasan_poison(const void *start, u64 size, enum kasan_poison why);
void kasan_unpoison(const void *start, u64 size);

/* Shadow for a vmalloc area or stack, kept for ever. False: no memory. */
bool kasan_map_area(u64 start, u64 size);

/* Pages of such shadow. */
u64 kasan_area_pages(void);

/*
 * A cache has been made: objects of `asked` bytes, `stride` apart, in slabs of 2^order pages. Where
 * the stride is from: room for a redzone behind `size`.
 */
void kasan_cache(u32 number, const char *name, u32 asked, u32 stride, u32 order);
u32 kasan_stride(u32 size, u32 align);

/* An object (or NULL) goes out to somebody who asked for `size` bytes; 0: for the cache's own. */
void *kasan_alloc(void *object, size_t size);

/* Is given an object to free (or NULL), and returns another one to be freed instead, or NULL. */
void *kasan_free(void *object);

/* One more that this CPU keeps from use after its free; NULL: none. And how many of a cache. */
void *kasan_expel(void);
u64 kasan_kept(u32 cache);
#else
#define kasan_init()                                    ((void)0)
#define kasan_reserve()                                 ((void)0)
#define kasan_map_ram()                                 ((void)0)
#define kasan_poison(start, size, why)                  ((void)(start))
#define kasan_unpoison(start, size)                     ((void)(start))
#define kasan_map_area(start, size)                     true
#define kasan_cache(number, name, asked, stride, order) ((void)(asked))
#define kasan_stride(size, align)                       (size)
#define kasan_alloc(object, size)                       (object)
#define kasan_free(object)                              (object)
#define kasan_expel()                                   NULL
#define kasan_kept(cache)                               0
#endif

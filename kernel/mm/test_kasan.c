/*
 * Accesses that the address sanitizer must report, one a boot: tests/system/test_builds.py has what
 * each says. In builds with KASAN=1 only.
 */
#include "core/ktest.h"
#include "core/uaccess.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "mm/vmalloc.h"

/* Where the compiler cannot see what an address is. */
static char *hide(const void *p)
{
    const void *volatile address = p;

    return (char *)address;
}

static volatile char sink;

static void store(const void *at)
{
    *(volatile char *)hide(at) = 0;
}

static void load(const void *at)
{
    sink = *(volatile char *)hide(at);
}

KTEST(fatal_kasan_heap_right)
{
    store((char *)kmalloc_nosleep(20) + 20);
}

/* Of 33 objects one is not the first of its slab. */
KTEST(fatal_kasan_heap_left)
{
    for (u32 i = 0; i < 33; i++) {
        char *object = kmalloc_nosleep(100);

        if ((u64)object % PAGE_SIZE)
            load(object - 1);
    }
}

KTEST(fatal_kasan_heap_big)
{
    store((char *)kmalloc_nosleep(5000) + 5000);
}

KTEST(fatal_kasan_cache)
{
    store((char *)kmem_cache_alloc_nosleep(kmem_cache_create("kasan", 73, 0)) + 73);
}

KTEST(fatal_kasan_use_after_free)
{
    char *object = kmalloc_nosleep(64);

    kfree(object);
    load(object + 9);
}

KTEST(fatal_kasan_double_free)
{
    char *object = kmalloc_nosleep(64);

    kfree(object);
    kfree(hide(object));
}

KTEST(fatal_kasan_free_inside)
{
    kfree(hide((char *)kmalloc_nosleep(64) + 16));
}

KTEST(fatal_kasan_page_after_free)
{
    struct page *page = page_alloc_nosleep(0, 0);

    page_free(page, 0);
    store(page_to_virt(page));
}

KTEST(fatal_kasan_vmalloc)
{
    store((char *)vmalloc_nosleep(100) + 100);
}

KTEST(fatal_kasan_stack)
{
    char here[13];

    store(hide(here) + 13);
}

KTEST(fatal_kasan_scope)
{
    char *kept;

    {
        char here[16];

        kept = hide(here);
        *kept = 1;
    }
    load(kept);
}

KTEST(fatal_kasan_global)
{
    static char global[21];

    load(hide(global) + 21);
}

KTEST(fatal_kasan_string)
{
    char *text = kmalloc_nosleep(10);

    memset(text, 'a', 10);
    ktest_check(strlen(hide(text)) == 10);
}

/* The kernel's side of a copy to a program. */
KTEST(fatal_kasan_copy)
{
    char *buffer = kmalloc_nosleep(40);

    ktest_check(copy_to_user(USER_PTR(0x1000), hide(buffer), 41) != 0);
}

/*
 * On-target tests of address spaces: in a kernel thread, which borrows a space where the hardware
 * is to look at it.
 */
#include "arch/uaccess.h"
#include "core/clock.h"
#include "core/ktest.h"
#include "lib/time_page.h"
#include "arch/vdso.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "vm/space_impl.h"

#define AT            0x40000000UL
#define RW            (PROT_READ | PROT_WRITE)
#define FIXED_PRIVATE (MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS)

static void put_word(struct vm_space *space, u64 addr, u32 value)
{
    ktest_check(vm_write_remote(space, addr, &value, 4) == 4);
}

static u32 get_word(struct vm_space *space, u64 addr)
{
    u32 value = ~0u;

    ktest_check(vm_read_remote(space, addr, &value, 4) == 4);
    return value;
}

KTEST(vm_demand_zero_and_unmap)
{
    struct vm_space *space = vm_space_create();

    ktest_check(vm_map(space, AT, MIB(4), RW, FIXED_PRIVATE, NULL, 0) == (long)AT);
    ktest_check(vm_rss_pages(space) == 0);
    ktest_check(get_word(space, AT + MIB(2)) == 0);
    put_word(space, AT, 7);
    ktest_check(get_word(space, AT) == 7);
    ktest_check(space->rss[RSS_ANON] == 2);
    ktest_check(vm_unmap(space, AT + PAGE_SIZE, MIB(4) - 2 * PAGE_SIZE) == 0);
    ktest_check(space->rss[RSS_ANON] == 1 && space->region_count == 2);
    ktest_check(vm_read_remote(space, AT + MIB(2), &(u32){0}, 4) == -EFAULT);
    ktest_check(!pt_find(&space->pt, AT + MIB(2)) || !*pt_find(&space->pt, AT + MIB(2)));
    vm_space_put(space);
}

KTEST(vm_clone_copies_at_the_first_store)
{
    struct vm_space *parent = vm_space_create(), *child;
    struct page *page;

    vm_map(parent, AT, MIB(1), RW, FIXED_PRIVATE, NULL, 0);
    put_word(parent, AT, 1);
    page = phys_to_page(pte_pa(*pt_find(&parent->pt, AT)));
    ktest_check(vm_space_clone(parent, &child) == 0);
    ktest_check(ref_read(&page->refs) == 2);
    ktest_check(!pte_writable(*pt_find(&parent->pt, AT)));
    ktest_check(get_word(child, AT) == 1);
    put_word(child, AT, 2);
    ktest_check(get_word(parent, AT) == 1 && get_word(child, AT) == 2);
    ktest_check(ref_read(&page->refs) == 1);
    put_word(parent, AT, 3); /* sole user again: no copy */
    ktest_check(phys_to_page(pte_pa(*pt_find(&parent->pt, AT))) == page);
    vm_space_put(child);
    ktest_check(get_word(parent, AT) == 3);
    vm_space_put(parent);
}

KTEST(vm_shared_memory_is_shared)
{
    struct vm_space *parent = vm_space_create(), *child;

    ktest_check(vm_map(parent, AT, MIB(1), RW, MAP_FIXED | MAP_SHARED | MAP_ANONYMOUS, NULL, 0) >
                0);
    put_word(parent, AT, 1);
    ktest_check(vm_space_clone(parent, &child) == 0);
    put_word(child, AT, 2);
    ktest_check(get_word(parent, AT) == 2);
    vm_space_put(parent);
    ktest_check(get_word(child, AT) == 2);
    vm_space_put(child);
}

KTEST(vm_protect_splits_and_joins)
{
    struct vm_space *space = vm_space_create();

    vm_map(space, AT, 8 * PAGE_SIZE, RW, FIXED_PRIVATE, NULL, 0);
    ktest_check(vm_protect(space, AT + PAGE_SIZE, PAGE_SIZE, PROT_READ) == 0);
    ktest_check(space->region_count == 3);
    ktest_check(vm_write_remote(space, AT + PAGE_SIZE, "x", 1) == -EFAULT);
    ktest_check(vm_protect(space, AT + PAGE_SIZE, PAGE_SIZE, RW) == 0);
    ktest_check(space->region_count == 1);
    ktest_check(vm_protect(space, AT, 16 * PAGE_SIZE, RW) == -ENOMEM);
    ktest_check(vm_map(space, AT, PAGE_SIZE, RW, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS,
                       NULL, 0) == -EEXIST);
    vm_space_put(space);
}

KTEST(vm_hardware_sees_mappings)
{
    struct vm_space *space = vm_space_create();
    u32 word = 0;

    vm_map(space, AT, MIB(1), RW, FIXED_PRIVATE | MAP_POPULATE, NULL, 0);
    vm_space_use(space);
    ktest_check(user_store(AT, 42, 4) == 0 && user_load(AT, &word, sizeof(word)) == 0 &&
                word == 42);
    ktest_check(get_word(space, AT) == 42);
    ktest_check(vm_protect(space, AT, PAGE_SIZE, PROT_READ) == 0);
    ktest_check(user_store(AT, 43, 4) == -EFAULT);
    ktest_check(user_load(AT, &word, sizeof(word)) == 0 && word == 42);
    ktest_check(vm_unmap(space, AT, PAGE_SIZE) == 0);
    ktest_check(user_load(AT, &word, sizeof(word)) == -EFAULT);
    vm_space_use(NULL);
    ktest_check(user_load(AT + PAGE_SIZE, &word, sizeof(word)) == -EFAULT);
    vm_space_put(space);
}

/* More spaces than an 8-bit ASID tells apart, each with its own word at the same address. */
KTEST(vm_asids_are_never_confused)
{
    static struct vm_space *spaces[300];
    u32 bits = cpu_features.asid_bits, word, wrong = 0;

    cpu_features.asid_bits = 8;
    for (u32 i = 0; i < ARRAY_SIZE(spaces); i++) {
        spaces[i] = vm_space_create();
        vm_map(spaces[i], AT, PAGE_SIZE, RW, FIXED_PRIVATE, NULL, 0);
        put_word(spaces[i], AT, i);
    }
    for (u32 pass = 0; pass < 3; pass++)
        for (u32 i = 0; i < ARRAY_SIZE(spaces); i++) {
            vm_space_use(spaces[i * 7 % ARRAY_SIZE(spaces)]);
            wrong += user_load(AT, &word, sizeof(word)) || word != i * 7 % ARRAY_SIZE(spaces);
        }
    ktest_check(wrong == 0);
    vm_space_use(NULL);
    for (u32 i = 0; i < ARRAY_SIZE(spaces); i++)
        vm_space_put(spaces[i]);
    cpu_features.asid_bits = bits;
}

KTEST(vm_vdso_is_mapped)
{
    struct vm_space *space = vm_space_create();
    const struct time_page *page;
    u32 word;

    ktest_check(vm_vdso_map(space) == 0);
    vm_populate(space, space->vdso - PAGE_SIZE, 2 * PAGE_SIZE, 0);
    vm_space_use(space);
    ktest_check(user_load(space->vdso, &word, sizeof(word)) == 0 &&
                word == 0x464c457f); /* \177ELF */
    ktest_check(user_load(vm_sigreturn_address(space), &word, sizeof(word)) == 0 &&
                word == 0xd2801168);
    page = clock_page();
    ktest_check(user_load(space->vdso - PAGE_SIZE + offsetof(struct time_page, frequency), &word,
                          sizeof(word)) == 0 &&
                word == page->frequency);
    ktest_check(user_store(space->vdso, 0, 4) == -EFAULT);
    vm_space_use(NULL);
    ktest_check(vm_protect(space, space->vdso, PAGE_SIZE, RW) == -EACCES);
    vm_space_put(space);
}

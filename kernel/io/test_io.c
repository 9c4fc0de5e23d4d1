/* On-target tests of this floor: the page cache, pipes, event counters. */
#include "core/clock.h"
#include "core/ktest.h"
#include "io/eventfd.h"
#include "io/file.h"
#include "io/iter.h"
#include "io/mapping.h"
#include "io/pipe.h"
#include "io/poll.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "sched/thread.h"
#include "sched/wait.h"

static ssize_t cache_write(struct mapping *m, u64 pos, const void *buf, size_t n)
{
    struct iter it;

    iter_kernel(&it, buf, n);
    return mapping_write(m, &it, pos);
}

static ssize_t cache_read(struct mapping *m, u64 pos, void *buf, size_t n, u64 size)
{
    struct iter it;

    iter_kernel(&it, buf, n);
    return mapping_read(m, &it, pos, size);
}

KTEST(mapping_memory)
{
    struct mapping *m = kmalloc(sizeof(*m));
    char buf[64];

    mapping_init(m, NULL, NULL);
    ktest_check(cache_write(m, 4090, "0123456789", 10) == 10); /* two pages */
    ktest_check(m->page_count == 2);
    ktest_check(cache_write(m, 40 * PAGE_SIZE, "x", 1) == 1);
    ktest_check(cache_read(m, 4088, buf, 64, 4100) == 12);
    ktest_check(memcmp(buf,
                       "\0\0"
                       "0123456789",
                       12) == 0);
    ktest_check(cache_read(m, 20 * PAGE_SIZE, buf, 4, 41 * PAGE_SIZE) == 4 && buf[0] == 0);
    ktest_check(cache_read(m, 100, buf, 64, 100) == 0);
    ktest_check(mapping_seek(m, 2 * PAGE_SIZE, 41 * PAGE_SIZE, true) == 40 * (loff_t)PAGE_SIZE);
    ktest_check(mapping_seek(m, 0, 41 * PAGE_SIZE, false) == 2 * (loff_t)PAGE_SIZE);
    ktest_check(mapping_seek(m, 3 * PAGE_SIZE, 4 * PAGE_SIZE, true) == -ENXIO);
    mapping_truncate(m, 4093);
    ktest_check(m->page_count == 1);
    ktest_check(cache_read(m, 4088, buf, 64, 4096) == 8); /* zero behind the new end */
    ktest_check(memcmp(buf,
                       "\0\0"
                       "012\0\0\0",
                       8) == 0);
    mapping_punch(m, 4091, 4092);
    ktest_check(cache_read(m, 4090, buf, 3, 4096) == 3 && memcmp(buf,
                                                                 "0\0"
                                                                 "2",
                                                                 3) == 0);
    mapping_destroy(m);
    ktest_check(m->page_count == 0 && !m->pages.root);
    kfree(m);
}

static u32 fills;

static int fill_page(struct mapping *mapping, struct page *page)
{
    (void)mapping;
    fills++;
    memset(page_to_virt(page), 'a' + page->index, PAGE_SIZE);
    return 0;
}

static int write_back(struct mapping *mapping, struct page *page)
{
    (void)mapping;
    return page->index == 9 ? -EIO : 0;
}

static const struct mapping_ops backed_ops = {.fill = fill_page, .writeback = write_back};

/* The charge of a page gives another the time to make it. */
static int charge_late(struct mapping *mapping)
{
    static bool within;
    struct page *page = NULL;

    if (within)
        return 0;
    within = true;
    ktest_check(mapping_get_page(mapping, 3, MAPPING_CREATE, &page) == 0);
    within = false;
    if (page)
        page_put(page);
    return 0;
}

static const struct mapping_ops contended_ops = {.charge = charge_late};

KTEST(mapping_two_make_a_page)
{
    struct mapping *m = kmalloc(sizeof(*m));
    struct page *page;

    mapping_init(m, &contended_ops, NULL);
    ktest_check(mapping_get_page(m, 3, MAPPING_CREATE, &page) == 0);
    ktest_check(m->page_count == 1 && ref_read(&page->refs) == 2);
    page_put(page);
    mapping_destroy(m);
    kfree(m);
}

KTEST(mapping_backed)
{
    struct mapping *m = kmalloc(sizeof(*m));
    char buf[4];

    mapping_init(m, &backed_ops, NULL);
    fills = 0;
    ktest_check(cache_read(m, PAGE_SIZE, buf, 2, 10 * PAGE_SIZE) == 2 && buf[0] == 'b');
    ktest_check(cache_read(m, PAGE_SIZE, buf, 2, 10 * PAGE_SIZE) == 2 && fills == 1);
    ktest_check(cache_write(m, 2 * PAGE_SIZE + 1, "X", 1) == 1 && fills == 2);
    ktest_check(cache_read(m, 2 * PAGE_SIZE, buf, 3, 10 * PAGE_SIZE) == 3);
    ktest_check(memcmp(buf, "cXc", 3) == 0);
    reclaim_pages(1000000); /* the first look takes the second chance away */
    reclaim_pages(1000000);
    ktest_check(m->page_count == 1); /* the dirty one */
    ktest_check(mapping_sync(m) == 0);
    reclaim_pages(1000000);
    reclaim_pages(1000000);
    ktest_check(m->page_count == 0);
    ktest_check(cache_write(m, 9 * PAGE_SIZE, "Y", 1) == 1 && mapping_sync(m) == -EIO);
    mapping_destroy(m);
    kfree(m);
}

static ssize_t file_in(struct file *file, const void *buf, size_t n)
{
    return file_write_kernel(file, buf, n, 0);
}

static ssize_t file_out(struct file *file, void *buf, size_t n)
{
    return file_read_kernel(file, buf, n, 0);
}

KTEST(pipe_ring)
{
    char *big = kmalloc(PIPE_SIZE_DEFAULT + 1), buf[16];
    struct file *ends[2];

    ktest_check(pipe_create(ends, O_NONBLOCK) == 0);
    ktest_check(file_out(ends[0], buf, 4) == -EAGAIN);
    ktest_check(file_in(ends[1], "abc", 3) == 3);
    ktest_check(file_out(ends[0], buf, 2) == 2 && memcmp(buf, "ab", 2) == 0);
    ktest_check(file_in(ends[1], "def", 3) == 3);
    ktest_check(file_out(ends[0], buf, 16) == 4 && memcmp(buf, "cdef", 4) == 0);
    memset(big, 'z', PIPE_SIZE_DEFAULT);
    ktest_check(file_in(ends[1], big, PIPE_SIZE_DEFAULT + 1) == PIPE_SIZE_DEFAULT);
    ktest_check(file_in(ends[1], big, 1) == -EAGAIN);
    ktest_check(!(file_poll(ends[1], NULL) & POLLOUT));
    ktest_check(pipe_size_set(ends[0], PAGE_SIZE) == -EBUSY);
    ktest_check(file_out(ends[0], big, PIPE_SIZE_DEFAULT - 10) == PIPE_SIZE_DEFAULT - 10);
    ktest_check(file_in(ends[1], big, PIPE_BUF) == PIPE_BUF);
    ktest_check(pipe_size_set(ends[0], 3 * PAGE_SIZE) == 4 * PAGE_SIZE);
    ktest_check(file_out(ends[0], big, PIPE_SIZE_DEFAULT) == PIPE_BUF + 10);
    ktest_check(big[0] == 'z' && big[PIPE_BUF + 9] == 'z');
    ktest_check(file_in(ends[1], "w", 1) == 1);
    file_put(ends[1]);
    ktest_check(file_poll(ends[0], NULL) == (POLLIN | POLLRDNORM | POLLHUP));
    ktest_check(file_out(ends[0], buf, 16) == 1);
    ktest_check(file_out(ends[0], buf, 16) == 0);
    file_put(ends[0]);
    kfree(big);
}

/* The first and the last bytes of a full ring may lie in one page. */
KTEST(pipe_full_in_mid_page)
{
    char *big = kmalloc(PIPE_SIZE_DEFAULT);
    struct file *ends[2];
    u32 wrong = 0;

    for (u32 size = PIPE_SIZE_DEFAULT; size <= 2 * PIPE_SIZE_DEFAULT; size += PIPE_SIZE_DEFAULT) {
        ktest_check(pipe_create(ends, O_NONBLOCK) == 0);
        for (u32 i = 0; i < PIPE_SIZE_DEFAULT; i++)
            big[i] = i * 31 / 7;
        ktest_check(file_in(ends[1], big, 5000) == 5000);
        ktest_check(file_out(ends[0], big, 4999) == 4999);
        ktest_check(file_in(ends[1], big, PIPE_SIZE_DEFAULT - 1) == PIPE_SIZE_DEFAULT - 1);
        if (size != PIPE_SIZE_DEFAULT)
            ktest_check(pipe_size_set(ends[0], size) == size);
        ktest_check(file_out(ends[0], big, PIPE_SIZE_DEFAULT) == PIPE_SIZE_DEFAULT);
        for (u32 i = 1; i < PIPE_SIZE_DEFAULT; i++)
            wrong += big[i] != (char)((i - 1) * 31 / 7);
        ktest_check(wrong == 0);
        file_put(ends[0]);
        file_put(ends[1]);
    }
    kfree(big);
}

static struct completion writer_done;

static void slow_writer(void *end)
{
    char byte = 0;

    for (int i = 0; i < 3 * PIPE_SIZE_DEFAULT; i += PIPE_SIZE_DEFAULT / 8) {
        char *part = kmalloc(PIPE_SIZE_DEFAULT / 8);

        memset(part, byte++, PIPE_SIZE_DEFAULT / 8);
        ktest_check(file_in(end, part, PIPE_SIZE_DEFAULT / 8) == PIPE_SIZE_DEFAULT / 8);
        kfree(part);
    }
    file_put(end);
    completion_done(&writer_done);
}

KTEST(pipe_blocks_and_wakes)
{
    struct file *ends[2];
    u64 total = 0;
    char buf[1000];
    ssize_t n;

    completion_init(&writer_done);
    ktest_check(pipe_create(ends, 0) == 0);
    ktest_check(thread_run("pipe writer", slow_writer, ends[1]) == 0);
    while ((n = file_out(ends[0], buf, sizeof(buf))) > 0) {
        ktest_check(buf[0] == (char)(total / (PIPE_SIZE_DEFAULT / 8)));
        total += n;
    }
    ktest_check(n == 0 && total == 3 * PIPE_SIZE_DEFAULT);
    completion_wait(&writer_done);
    file_put(ends[0]);
}

KTEST(eventfd_counts)
{
    struct file *file;
    u64 value = 5;

    ktest_check(eventfd_create(2, EFD_SEMAPHORE | O_NONBLOCK, &file) == 0);
    ktest_check(file_poll(file, NULL) == (POLLIN | POLLOUT));
    ktest_check(file_out(file, &value, 8) == 8 && value == 1);
    ktest_check(file_out(file, &value, 8) == 8 && value == 1);
    ktest_check(file_out(file, &value, 8) == -EAGAIN);
    value = UINT64_MAX;
    ktest_check(file_in(file, &value, 8) == -EINVAL);
    value = UINT64_MAX - 1;
    ktest_check(file_in(file, &value, 8) == 8);
    ktest_check(file_poll(file, NULL) == POLLIN);
    value = 1;
    ktest_check(file_in(file, &value, 8) == -EAGAIN);
    ktest_check(file_in(file, &value, 7) == -EINVAL);
    file_put(file);
}

KTEST(iter_segments)
{
    char a[3], b[5], c[4];
    struct iovec iov[] = {{(u64)a, 3}, {0, 0}, {(u64)b, 5}, {(u64)c, 4}};
    struct iter it;

    iter_iovec(&it, iov, 4, 10, false);
    ktest_check(iter_copy_to(&it, "0123456", 7) == 7 && it.left == 3);
    ktest_check(iter_clear(&it, 100) == 3);
    ktest_check(memcmp(a, "012", 3) == 0 && memcmp(b, "3456\0", 5) == 0);
    iter_iovec(&it, iov, 4, 12, false);
    iter_truncate(&it, 4);
    ktest_check(iter_copy_from(&it, c, 4) == 4 && memcmp(c, "0123", 4) == 0);
}

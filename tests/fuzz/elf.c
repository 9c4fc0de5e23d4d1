/*
 * The ELF loader. The input is the file; in place of the address space stands one that takes what
 * vm_map() would take, and checks that what the loader writes was mapped before. The source is
 * included: its functions see the stand-ins as they see vm.
 */
#include "fuzz.h"

#include "fs/vfs.h"
#include "proc/elf.c"

#define SPACE_MIN 0x10000UL        /* a program may map nothing below */
#define PLACE_AT  0x7f0000000000UL /* where what is not fixed goes */

static const u8 *file;
static size_t file_size;
static u64 mapped_start, mapped_end; /* by the last call */

ssize_t file_read_kernel(struct file *unused, void *buf, size_t len, loff_t pos)
{
    (void)unused;
    assert(pos >= 0 && pos <= INT64_MAX - (loff_t)len);
    if ((u64)pos >= file_size)
        return 0;
    len = MIN(len, file_size - (size_t)pos);
    memcpy(buf, file + pos, len);
    return len;
}

/* The checks that vm/map.c makes; what the loader must not even ask is required. */
long vm_map(struct vm_space *space, u64 addr, u64 len, u32 prot, u32 flags, struct file *unused,
            u64 offset)
{
    (void)space, (void)unused;
    assert(len && !(offset & PAGE_MASK) && !(addr & PAGE_MASK) && offset <= INT64_MAX - len);
    assert(!(prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_BTI)));
    if (!(flags & MAP_FIXED))
        addr = PLACE_AT;
    if (len > VM_USER_END || addr > VM_USER_END || ALIGN_UP(len, PAGE_SIZE) > VM_USER_END - addr)
        return -ENOMEM;
    if (addr < SPACE_MIN)
        return -EPERM;
    mapped_start = addr;
    mapped_end = addr + ALIGN_UP(len, PAGE_SIZE);
    return addr;
}

int vm_unmap(struct vm_space *space, u64 addr, u64 len)
{
    (void)space;
    assert(addr == mapped_start && ALIGN_UP(addr + len, PAGE_SIZE) == mapped_end);
    return 0;
}

ssize_t vm_write_remote(struct vm_space *space, u64 addr, const void *buf, size_t len)
{
    static u8 sink[PAGE_SIZE];

    (void)space;
    assert(len <= PAGE_SIZE && addr >= mapped_start && addr + len <= mapped_end);
    memcpy(sink, buf, len);
    return len;
}

u64 vm_random_offset(u32 bits)
{
    return (0x5a5a5a5a5a5aUL & ((1UL << bits) - 1)) << PAGE_SHIFT;
}

void vm_set_brk(struct vm_space *space, u64 end_of_data)
{
    (void)space;
    assert(end_of_data <= VM_USER_END);
}

static void load(const struct exec_image *read, bool is_interpreter)
{
    struct exec_image image = *read;
    struct vm_space space;

    memset(&space, 0, sizeof(space));
    if (elf_load(&image, &space, is_interpreter))
        return;
    assert(!(image.bias & PAGE_MASK));
    assert(space.code_start <= space.code_end && space.code_end <= VM_USER_END);
    assert(space.data_end <= VM_USER_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t head_size = MIN(size, (size_t)EXEC_HEAD_SIZE);
    u8 *head = exact_copy(data, head_size);
    char *path = malloc(PATH_MAX);
    struct exec_image image;

    memset(&image, 0, sizeof(image));
    file = data;
    file_size = size;
    if (elf_read(&image, head, head_size) == 0) {
        int length = elf_interpreter(&image, path, PATH_MAX);

        if (length > 0)
            assert(length <= PATH_MAX && path[length - 1] == 0);
        assert(!(elf_stack_prot(&image) & ~(PROT_READ | PROT_WRITE | PROT_EXEC)));
        if (elf_read_note(&image) == 0) {
            load(&image, false);
            load(&image, true);
        }
    }
    kfree(image.segments);
    free(path);
    free(head);
    return 0;
}

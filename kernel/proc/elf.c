/*
 * Loading ELF programs.
 *
 * Nothing in the file is trusted: each number is checked before it is used, and an address that
 * the address space does not allow is refused by vm_map(). The new space is not the running one
 * yet, so that any failure only drops it.
 */
#include "proc/exec_impl.h"

#include "io/file.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "sched/reclaim.h"
#include "vm/space.h"

#define SEGMENT_TABLE_MAX 65536
/* Position-independent programs begin within 1 TiB from here, far from mmap area and stack. */
#define DYNAMIC_BASE        0xaaaaaaaaa000UL
#define DYNAMIC_RANDOM_BITS 28

static char zeros[PAGE_SIZE]; /* never written */

static bool header_ok(const struct elf_header *h)
{
    static const u8 ident[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

    return !memcmp(h->ident, ident, sizeof(ident)) && h->machine == ELF_AARCH64 &&
           (h->type == ELF_EXECUTABLE || h->type == ELF_DYNAMIC) &&
           h->segment_size == sizeof(struct elf_segment) && h->segment_count &&
           h->segment_count * sizeof(struct elf_segment) <= SEGMENT_TABLE_MAX;
}

/* All `size` bytes at an offset of the file. 0, -ENOEXEC, -EIO. */
static int read_whole(struct exec_image *image, void *to, size_t size, u64 offset)
{
    ssize_t got;

    if (offset > INT64_MAX - size)
        return -ENOEXEC;
    got = file_read_kernel(image->file, to, size, offset);
    if (got < 0)
        return got;
    return (size_t)got == size ? 0 : -ENOEXEC;
}

int elf_read(struct exec_image *image, const u8 *head, size_t head_size)
{
    struct elf_header *h = &image->header;
    size_t size;

    if (head_size < sizeof(*h))
        return -ENOEXEC;
    memcpy(h, head, sizeof(*h));
    if (!header_ok(h))
        return -ENOEXEC;
    size = h->segment_count * sizeof(struct elf_segment);
    image->segments = kmalloc(size);
    if (!image->segments)
        return -ENOMEM;
    if (h->segment_offset > head_size || size > head_size - h->segment_offset)
        return read_whole(image, image->segments, size, h->segment_offset);
    memcpy(image->segments, head + h->segment_offset, size);
    return 0;
}

#define for_each_segment(s, image, kind)                                                    \
    for (s = (image)->segments; s < (image)->segments + (image)->header.segment_count; s++) \
        if (s->type == (kind))

int elf_interpreter(struct exec_image *image, char *buf, size_t size)
{
    struct elf_segment *s;
    int error;

    for_each_segment(s, image, ELF_INTERPRETER) {
        if (s->file_size < 2 || s->file_size > size)
            return -ENOEXEC;
        error = read_whole(image, buf, s->file_size, s->offset);
        if (!error && buf[s->file_size - 1])
            error = -ENOEXEC;
        return error ? error : (int)s->file_size;
    }
    return 0;
}

u32 elf_stack_prot(const struct exec_image *image)
{
    const struct elf_segment *s;

    for_each_segment(s, image, ELF_GNU_STACK) {
        if (s->flags & ELF_X)
            return PROT_READ | PROT_WRITE | PROT_EXEC;
    }
    return PROT_READ | PROT_WRITE;
}

/* ---- What an image says of itself in its note (Linux Extensions to gABI) ---- */

#define NOTE_MAX          1024
#define NOTE_PROPERTIES   5          /* NT_GNU_PROPERTY_TYPE_0 */
#define PROPERTY_FEATURES 0xc0000000 /* GNU_PROPERTY_AARCH64_FEATURE_1_AND: 4 bytes */
#define FEATURE_BTI       1

struct elf_note {
    u32 name_size, size, type;
    char name[4];
};

struct elf_property {
    u32 type, size;
};

/* The properties, sorted by type and each padded to 8 bytes, into image. 0 or -ENOEXEC. */
static int parse_properties(struct exec_image *image, const u8 *at, size_t size)
{
    struct elf_property p = {0};
    u32 last, features;

    for (bool first = true; size; first = false) {
        last = p.type;
        if (size < sizeof(p))
            return -ENOEXEC;
        memcpy(&p, at, sizeof(p));
        at += sizeof(p), size -= sizeof(p);
        if (p.size > size || ALIGN_UP(p.size, 8U) > size || (!first && p.type <= last))
            return -ENOEXEC;
        if (p.type == PROPERTY_FEATURES) {
            if (p.size != sizeof(features))
                return -ENOEXEC;
            memcpy(&features, at, sizeof(features));
            image->guarded = features & FEATURE_BTI;
        }
        at += ALIGN_UP(p.size, 8U), size -= ALIGN_UP(p.size, 8U);
    }
    return 0;
}

/* Sets image->guarded. 0, -ENOEXEC, -ENOMEM, -EIO. */
static int read_note(struct exec_image *image, const struct elf_segment *s)
{
    struct elf_note note;
    u8 *buf __scoped(kmalloc) = NULL;
    ssize_t got;

    if (s->file_size > NOTE_MAX || s->offset > INT64_MAX - NOTE_MAX)
        return -ENOEXEC;
    buf = kmalloc(NOTE_MAX);
    if (!buf)
        return -ENOMEM;
    got = file_read_kernel(image->file, buf, s->file_size, s->offset);
    if (got <= 0)
        return got ? got : -EIO;
    if (got <= (ssize_t)sizeof(note))
        return -ENOEXEC;
    memcpy(&note, buf, sizeof(note));
    if (note.name_size != sizeof(note.name) || note.type != NOTE_PROPERTIES ||
        memcmp(note.name, "GNU", sizeof(note.name)) || note.size > got - sizeof(note))
        return -ENOEXEC;
    return parse_properties(image, buf + sizeof(note), note.size);
}

int elf_read_note(struct exec_image *image)
{
    struct elf_segment *s;

    for_each_segment(s, image, ELF_GNU_PROPERTY)
        return read_note(image, s);
    return 0;
}

/* The extent of all segments before the bias, and their alignment. 0 or -ENOEXEC. */
static int measure(const struct exec_image *image, u64 *low, u64 *high, u64 *align)
{
    const struct elf_segment *s;

    *low = UINT64_MAX;
    *high = 0;
    *align = PAGE_SIZE;
    for_each_segment(s, image, ELF_LOAD) {
        if (s->file_size > s->memory_size || s->memory_size > VM_USER_END ||
            s->vaddr > VM_USER_END - s->memory_size || s->offset > INT64_MAX - VM_USER_END ||
            (s->vaddr ^ s->offset) & PAGE_MASK)
            return -ENOEXEC;
        *low = MIN(*low, ALIGN_DOWN(s->vaddr, PAGE_SIZE));
        *high = MAX(*high, ALIGN_UP(s->vaddr + s->memory_size, PAGE_SIZE));
        if (s->align > *align && !(s->align & (s->align - 1)) && s->align <= GIB(1))
            *align = s->align;
    }
    return *high > *low ? 0 : -ENOEXEC;
}

/* Where the image goes: sets the bias. 0 or -errno. */
static int place(struct exec_image *image, struct vm_space *space, bool is_interpreter)
{
    u64 low, high, align;
    int error = measure(image, &low, &high, &align);
    long at;

    if (error)
        return error;
    if (image->header.type == ELF_EXECUTABLE) {
        image->bias = 0;
    } else if (is_interpreter) {
        at = vm_map(space, 0, high - low + align - PAGE_SIZE, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);
        if (at < 0)
            return at;
        error = vm_unmap(space, at, high - low + align - PAGE_SIZE);
        if (error)
            return error;
        image->bias = ALIGN_UP((u64)at, align) - low;
    } else {
        image->bias = ALIGN_DOWN(DYNAMIC_BASE + vm_random_offset(DYNAMIC_RANDOM_BITS), align) - low;
    }
    return high + image->bias <= VM_USER_END ? 0 : -ENOMEM; /* vm_map() sees no empty segment */
}

static u32 segment_prot(const struct exec_image *image, const struct elf_segment *s)
{
    u32 code = image->guarded ? PROT_EXEC | PROT_BTI : PROT_EXEC;

    return (s->flags & ELF_R ? PROT_READ : 0) | (s->flags & ELF_W ? PROT_WRITE : 0) |
           (s->flags & ELF_X ? code : 0);
}

/* The part of a segment that is beyond the file's bytes: zeros. */
static int map_zeros(struct vm_space *space, u64 from, u64 to, u32 prot, bool shares_page)
{
    u64 page_end = ALIGN_UP(from, PAGE_SIZE);
    ssize_t done;
    long at;

    if (shares_page && prot & PROT_WRITE && page_end > from) {
        done = vm_write_remote(space, from, zeros, page_end - from);
        if (done < 0 || (u64)done != page_end - from)
            return -EFAULT;
    }
    from = shares_page ? page_end : ALIGN_DOWN(from, PAGE_SIZE);
    to = ALIGN_UP(to, PAGE_SIZE);
    if (to <= from)
        return 0;
    at = vm_map(space, from, to - from, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0);
    return MIN(at, 0L);
}

static int map_segment(struct exec_image *image, struct vm_space *space,
                       const struct elf_segment *s)
{
    u64 start = s->vaddr + image->bias, file_end = start + s->file_size;
    u64 lead = start & PAGE_MASK;
    u32 prot = segment_prot(image, s);
    long at;

    if (s->file_size) {
        at = vm_map(space, start - lead, s->file_size + lead, prot, MAP_PRIVATE | MAP_FIXED,
                    image->file, s->offset - lead);
        if (at < 0)
            return at;
    }
    if (s->memory_size == s->file_size)
        return 0;
    return map_zeros(space, file_end, start + s->memory_size, prot, s->file_size != 0);
}

/* What procfs and brk(2) are to know of the program's segment. */
static void note_ranges(const struct exec_image *image, struct vm_space *space,
                        const struct elf_segment *s)
{
    u64 start = s->vaddr + image->bias, file_end = start + s->file_size;

    if (s->flags & ELF_X) {
        space->code_start = space->code_start ? MIN(space->code_start, start) : start;
        space->code_end = MAX(space->code_end, file_end);
    } else {
        space->data_start = MAX(space->data_start, start);
        space->data_end = MAX(space->data_end, file_end);
    }
}

int elf_load(struct exec_image *image, struct vm_space *space, bool is_interpreter)
{
    u64 table = image->header.segment_offset, end = 0;
    struct elf_segment *s;
    int error = place(image, space, is_interpreter);

    if (error)
        return error;
    for_each_segment(s, image, ELF_LOAD) {
        error = map_segment(image, space, s);
        if (error)
            return error;
        if (table >= s->offset && table - s->offset < s->file_size)
            image->segments_at = s->vaddr + image->bias + (table - s->offset);
        end = MAX(end, s->vaddr + image->bias + s->memory_size);
        if (!is_interpreter)
            note_ranges(image, space, s);
    }
    if (!is_interpreter)
        vm_set_brk(space, end);
    return 0;
}

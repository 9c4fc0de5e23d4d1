/* What the files of exec share. */
#pragma once

#include "core/uaccess.h"

struct cred;
struct file;
struct sighand;
struct vm_space;

/* ---- ELF-64 Object File Format, elf(5): what the loader reads ---- */

#define ELF_EXECUTABLE 2
#define ELF_DYNAMIC    3
#define ELF_AARCH64    183

struct elf_header {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, segment_offset, section_offset;
    u32 flags;
    u16 header_size, segment_size, segment_count;
    u16 section_size, section_count, section_names;
};

#define ELF_LOAD         1
#define ELF_INTERPRETER  3
#define ELF_GNU_STACK    0x6474e551
#define ELF_GNU_PROPERTY 0x6474e553

#define ELF_X            1
#define ELF_W            2
#define ELF_R            4

struct elf_segment {
    u32 type, flags;
    u64 offset, vaddr, paddr, file_size, memory_size, align;
};

_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_segment) == 56, "ELF-64");

/* ---- An exec ---- */

#define EXEC_HEAD_SIZE   512 /* of a file that is looked at first */
#define EXEC_SCRIPT_HEAD 256 /* of it for "#!" */
#define EXEC_DEPTH_MAX   5

/* An ELF file and where it lies in the new space. */
struct exec_image {
    struct file *file;
    struct elf_header header;
    struct elf_segment *segments; /* header.segment_count of them */
    u64 bias;                     /* address less p_vaddr */
    u64 segments_at;              /* user address of the table, 0 if not loaded */
    bool guarded;                 /* its code lands on pads: mapped with PROT_BTI */
};

/* One exec under way. */
struct exec {
    const char *name;      /* as given, for AT_EXECFN and comm */
    struct file *file;     /* the program; after "#!" the interpreter */
    char *strings;         /* arguments, then environment, each with its NUL */
    size_t size, capacity; /* of strings, in bytes */
    u32 argc, envc;
    size_t limit; /* for all strings and pointers */
    size_t head_size;
    u8 head[EXEC_HEAD_SIZE + 8];
    struct exec_image main, interpreter;
    bool dynamic; /* there is an interpreter */
    struct vm_space *space;
    u64 entry, stack;        /* of the new program */
    struct cred *cred;       /* new credentials, NULL: unchanged */
    struct sighand *sighand; /* the process's own table of actions, NULL: it has one */
    bool secure;             /* AT_SECURE */
};

/* exec_stack.c: append strings and count them in *count. 0, -EFAULT, -E2BIG, -ENOMEM. */
int exec_strings_user(struct exec *e, u32 *count, struct user_ptr array);
int exec_strings_kernel(struct exec *e, u32 *count, const char *const *array);
/* Puts an argument in front; with drop_first in place of the first. */
int exec_strings_prepend(struct exec *e, const char *text, bool drop_first);
void exec_strings_free(struct exec *e);

/* Rewrites the arguments for a "#!" line in e->head; *interpreter is in e->head. 0, -ENOEXEC... */
int exec_script(struct exec *e, const char *path, const char **interpreter);

/* Arguments, environment and auxiliary vector on the new stack; sets e->stack. 0 or -errno. */
int exec_stack_build(struct exec *e);

/* elf.c. Reads and checks header and segments: 0, -ENOEXEC, -ENOMEM, -EIO. */
int elf_read(struct exec_image *image, const u8 *head, size_t head_size);
/* The interpreter's path out of PT_INTERP, at most PATH_MAX bytes into buf: length, 0 for none. */
int elf_interpreter(struct exec_image *image, char *buf, size_t size);
/*
 * Reads PT_GNU_PROPERTY, if there is one, and sets image->guarded when all code lands on pads. 0,
 * -ENOEXEC for a note that is no such note, -EIO, -ENOMEM.
 */
int elf_read_note(struct exec_image *image);
/*
 * Maps all segments. An interpreter goes where vm puts it; the program's extents go to the space.
 * 0 or -errno.
 */
int elf_load(struct exec_image *image, struct vm_space *space, bool is_interpreter);
/* What PT_GNU_STACK says. */
u32 elf_stack_prot(const struct exec_image *image);

/* What the files of exec share. */
#pragma once

#include "core/uaccess.h"
#include "proc/elf.h"

struct cred;
struct file;
struct vm_space;

/* Strings one after another, each with its NUL. */
struct exec_strings {
    char *data;
    size_t size, capacity;
    u32 count;
};

#define EXEC_HEAD_SIZE   512 /* of a file that is looked at first */
#define EXEC_SCRIPT_HEAD 256 /* of it for "#!" */
#define EXEC_DEPTH_MAX   5

/* An ELF file and where it lies in the new space. */
struct exec_image {
    struct file *file;
    struct elf_header header;
    struct elf_segment *segments; /* header.segment_count of them */
    u64 bias;                     /* address less p_vaddr */
    u64 low, end;                 /* lowest address, end of memory, biased */
    u64 code_start, code_end, data_start, data_end;
    u64 segments_at; /* user address of the table, 0 if not loaded */
};

/* One exec under way. */
struct exec {
    const char *name;  /* as given, for AT_EXECFN and comm */
    struct file *file; /* the program; after "#!" the interpreter */
    struct exec_strings args, envs;
    size_t limit; /* for all strings and pointers */
    size_t head_size;
    u8 head[EXEC_HEAD_SIZE + 8];
    struct exec_image main, interpreter;
    bool dynamic; /* there is an interpreter */
    u32 stack_prot;
    struct vm_space *space;
    u64 entry, stack;  /* of the new program */
    struct cred *cred; /* new credentials, NULL: unchanged */
    bool secure;       /* AT_SECURE */
};

/* exec_strings.c. 0, -EFAULT, -E2BIG, -ENOMEM. */
int exec_strings_user(struct exec *e, struct exec_strings *s, struct user_ptr array);
int exec_strings_kernel(struct exec *e, struct exec_strings *s, const char *const *array);
int exec_strings_add(struct exec *e, struct exec_strings *s, const char *text);
/* Puts `text` in front; with drop_first in place of the first string. */
int exec_strings_prepend(struct exec *e, struct exec_strings *s, const char *text, bool drop_first);
void exec_strings_free(struct exec_strings *s);
void *exec_memory_alloc(size_t size);
void exec_memory_free(void *memory, size_t size);

/* Rewrites the arguments for a "#!" line in e->head; *interpreter is in e->head. 0, -ENOEXEC... */
int exec_script(struct exec *e, const char *path, const char **interpreter);

/* exec_stack.c: arguments, environment and auxiliary vector; sets e->stack. 0 or -errno. */
int exec_stack_build(struct exec *e);

/* exec_cred.c: e->cred and e->secure by the file's set-id bits and the rules of capabilities. */
int exec_cred_prepare(struct exec *e);

/* elf.c. Reads and checks header and segments: 0, -ENOEXEC, -ENOMEM, -EIO. */
int elf_read(struct exec_image *image, const u8 *head, size_t head_size);
/* The interpreter's path out of PT_INTERP, at most PATH_MAX bytes into buf: length, 0 for none. */
int elf_interpreter(struct exec_image *image, char *buf, size_t size);
/* Maps all segments. is_interpreter: where vm puts it. 0 or -errno. */
int elf_load(struct exec_image *image, struct vm_space *space, bool is_interpreter);
/* What PT_GNU_STACK says. */
u32 elf_stack_prot(const struct exec_image *image);
void elf_release(struct exec_image *image);

/* exec_thread.c: the caller becomes the only thread and the leader. 0 or -EAGAIN. */
int exec_become_single(void);
/* Signals, timers, memory-bound registrations: what does not survive an exec. */
void exec_reset_task(void);
int exec_unshare(void);

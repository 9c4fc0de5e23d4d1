/*
 * What a new program finds on its stack, and the "#!" lines that change its arguments (execve(2),
 * "Interpreter scripts" and "Limits on size of arguments and environment").
 *
 * From its SP upward: argc, argv and NULL, envp and NULL, the auxiliary vector (getauxval(3)),
 * padding, 16 random bytes, the platform's name, the strings of arguments, environment and file
 * name, and a zero word at the very top.
 */
#include "proc/exec_impl.h"

#include "arch/cpu.h"
#include "arch/sigframe.h"
#include "arch/trap.h"
#include "core/random.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/vmalloc.h"
#include "sched/reclaim.h"
#include "task/task.h"
#include "task/signal.h"
#include "vm/space.h"

#define STRING_MAX     (32 * 4096UL) /* MAX_ARG_STRLEN */
#define FIRST_CAPACITY 1024UL
#define KMALLOC_LIMIT  (32 * 1024UL)

/* ---- Strings ---- */

static void *memory_alloc(size_t size)
{
    return size <= KMALLOC_LIMIT ? kmalloc(size) : vmalloc(size);
}

static void memory_free(void *memory, size_t size)
{
    if (size <= KMALLOC_LIMIT)
        kfree(memory);
    else
        vfree(memory);
}

void exec_strings_free(struct exec *e)
{
    memory_free(e->strings, e->capacity);
}

/* Room for `more` bytes behind what is there. */
static int reserve(struct exec *e, size_t more)
{
    size_t capacity = MAX(e->capacity, FIRST_CAPACITY);
    char *strings;

    while (capacity < e->size + more)
        capacity *= 2;
    if (capacity == e->capacity)
        return 0;
    strings = memory_alloc(capacity);
    if (!strings)
        return -ENOMEM;
    memcpy(strings, e->strings, e->capacity); /* a string under way may stand behind size */
    memory_free(e->strings, e->capacity);
    e->strings = strings;
    e->capacity = capacity;
    return 0;
}

/* Counts one more string, of `size` bytes, against the limit. */
static int account(struct exec *e, u32 *count, size_t size)
{
    e->size += size;
    *count += 1;
    return e->size + (e->argc + e->envc) * 8UL > e->limit ? -E2BIG : 0;
}

static int add_user(struct exec *e, u32 *count, struct user_ptr text)
{
    size_t size = 0;

    for (;;) {
        size_t room;
        ssize_t got;
        int error = reserve(e, size + 64);

        if (error)
            return error;
        room = MIN(e->capacity - e->size - size, STRING_MAX - size);
        got = strncpy_from_user(e->strings + e->size + size, user_ptr_add(text, size), room);
        if (got < 0)
            return -EFAULT;
        if ((size_t)got < room)
            return account(e, count, size + got + 1);
        size += room;
        if (size >= STRING_MAX)
            return -E2BIG;
    }
}

int exec_strings_user(struct exec *e, u32 *count, struct user_ptr array)
{
    if (user_ptr_null(array))
        return 0;
    for (;; array = user_ptr_add(array, 8)) {
        u64 at;
        int error = get_user_u64(array, &at);

        if (error || !at)
            return error;
        error = add_user(e, count, USER_PTR(at));
        if (error)
            return error;
        if (*count % 64 == 0 && signal_fatal_pending())
            return -ERESTARTNOHAND;
    }
}

static int append(struct exec *e, u32 *count, const char *text)
{
    size_t size = strlen(text) + 1;
    int error = reserve(e, size);

    if (error)
        return error;
    memcpy(e->strings + e->size, text, size);
    return account(e, count, size);
}

int exec_strings_kernel(struct exec *e, u32 *count, const char *const *array)
{
    int error = 0;

    for (; *array && !error; array++)
        error = append(e, count, *array);
    return error;
}

int exec_strings_prepend(struct exec *e, const char *text, bool drop_first)
{
    size_t size = strlen(text) + 1, skip = 0;
    int error = reserve(e, size);

    if (error)
        return error;
    if (drop_first && e->argc) {
        skip = strlen(e->strings) + 1;
        e->argc--;
    }
    memmove(e->strings + size, e->strings + skip, e->size - skip);
    memcpy(e->strings, text, size);
    e->size -= skip;
    return account(e, &e->argc, size);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/*
 * "#!" [blanks] interpreter [blanks argument]: the argument is the rest of the line, its trailing
 * blanks cut. Only the first 256 bytes are looked at, of which a line without an end has 255; an
 * interpreter's name that does not end within them is refused. path NULL: the first string is the
 * script's name already.
 */
int exec_script(struct exec *e, const char *path, const char **interpreter)
{
    char *line = (char *)e->head + 2, *end, *name, *name_end, *argument;
    size_t size = MIN_T(size_t, e->head_size, EXEC_SCRIPT_HEAD);
    int error;

    end = memchr(line, '\n', size - 2);
    if (!end) {
        end = (char *)e->head + MIN_T(size_t, size, EXEC_SCRIPT_HEAD - 1);
        for (name = line; name < end && blank(*name); name++)
            ;
        while (name < end && !blank(*name) && *name)
            name++;
        if (name == end && size == EXEC_SCRIPT_HEAD && !blank(*name) && *name)
            return -ENOEXEC;
    }
    while (end > line && blank(end[-1]))
        end--;
    *end = 0; /* head has room behind */
    for (name = line; blank(*name); name++)
        ;
    if (!*name)
        return -ENOEXEC;
    for (name_end = name; *name_end && !blank(*name_end); name_end++)
        ;
    for (argument = name_end; blank(*argument); argument++)
        ;
    error = path ? exec_strings_prepend(e, path, true) : 0;
    if (!error && *argument)
        error = exec_strings_prepend(e, argument, false);
    *name_end = 0;
    if (!error)
        error = exec_strings_prepend(e, name, false);
    *interpreter = name;
    return error;
}

/* ---- The stack ---- */

enum auxv_type {
    AT_NULL = 0,
    AT_PHDR = 3,
    AT_PHENT = 4,
    AT_PHNUM = 5,
    AT_PAGESZ = 6,
    AT_BASE = 7,
    AT_FLAGS = 8,
    AT_ENTRY = 9,
    AT_UID = 11,
    AT_EUID = 12,
    AT_GID = 13,
    AT_EGID = 14,
    AT_PLATFORM = 15,
    AT_HWCAP = 16,
    AT_CLKTCK = 17,
    AT_SECURE = 23,
    AT_RANDOM = 25,
    AT_HWCAP2 = 26,
    AT_EXECFN = 31,
    AT_SYSINFO_EHDR = 33,
    AT_MINSIGSTKSZ = 51,
};

#define AUXV_MAX         24 /* entries, AT_NULL included */
#define RANDOM_SIZE      16
#define STACK_FIRST_SIZE (32 * 4096UL) /* what vm_stack_setup() maps at least */

static const char platform[8] = "aarch64";

_Static_assert(AUXV_MAX * 2 <= VM_AUXV_WORDS, "space->auxv");

/* Where everything goes. */
struct layout {
    u64 top;           /* end of the stack */
    u64 name, strings; /* the name is the last of the strings */
    u64 platform, random;
    u64 words; /* argc and on: the program's SP */
};

static void lay_out(const struct exec *e, struct layout *l)
{
    size_t words = 1 + e->argc + 1 + e->envc + 1 + 2 * AUXV_MAX;

    l->name = l->top - 8 - (strlen(e->name) + 1);
    l->strings = l->name - e->size;
    l->platform = ALIGN_DOWN(l->strings - sizeof(platform), 16UL);
    l->random = l->platform - RANDOM_SIZE;
    l->words = ALIGN_DOWN(l->random - words * 8, 16UL);
}

/* Appends the addresses of `count` strings, of which the first lies at *at, and NULL. */
static u64 *put_pointers(u64 *out, const char **text, u32 count, u64 *at)
{
    for (; count; count--) {
        size_t size = strlen(*text) + 1;

        *out++ = *at;
        *at += size;
        *text += size;
    }
    *out++ = 0;
    return out;
}

static u64 *put_aux(u64 *out, enum auxv_type type, u64 value)
{
    out[0] = type;
    out[1] = value;
    return out + 2;
}

static u64 *put_auxv(u64 *out, const struct exec *e, const struct layout *l)
{
    const struct exec_image *image = &e->main;
    const struct cred *cred = e->cred ? e->cred : current_cred();

    if (e->space->vdso)
        out = put_aux(out, AT_SYSINFO_EHDR, e->space->vdso);
    out = put_aux(out, AT_MINSIGSTKSZ, SIGFRAME_MIN_STACK);
    out = put_aux(out, AT_HWCAP, cpu_features.hwcap);
    out = put_aux(out, AT_PAGESZ, 4096);
    out = put_aux(out, AT_CLKTCK, 100);
    out = put_aux(out, AT_PHDR, image->segments_at);
    out = put_aux(out, AT_PHENT, sizeof(struct elf_segment));
    out = put_aux(out, AT_PHNUM, image->header.segment_count);
    out = put_aux(out, AT_BASE, e->dynamic ? e->interpreter.bias : 0);
    out = put_aux(out, AT_FLAGS, 0);
    out = put_aux(out, AT_ENTRY, image->header.entry + image->bias);
    out = put_aux(out, AT_UID, cred->uid);
    out = put_aux(out, AT_EUID, cred->euid);
    out = put_aux(out, AT_GID, cred->gid);
    out = put_aux(out, AT_EGID, cred->egid);
    out = put_aux(out, AT_SECURE, e->secure);
    out = put_aux(out, AT_RANDOM, l->random);
    out = put_aux(out, AT_HWCAP2, cpu_features.hwcap2);
    out = put_aux(out, AT_EXECFN, l->name);
    out = put_aux(out, AT_PLATFORM, l->platform);
    return put_aux(out, AT_NULL, 0);
}

/* The whole in one buffer, whose first byte is for l->words. */
static void fill(const struct exec *e, const struct layout *l, char *buf)
{
    u64 *out = (u64 *)buf, *auxv, at = l->strings;
    const char *text = e->strings;

    *out++ = e->argc;
    out = put_pointers(out, &text, e->argc, &at);
    e->space->arg_start = l->strings;
    e->space->arg_end = e->space->env_start = at;
    e->space->env_end = l->name;
    auxv = put_pointers(out, &text, e->envc, &at);
    out = put_auxv(auxv, e, l);
    memcpy(e->space->auxv, auxv, (char *)out - (char *)auxv);
    random_bytes(buf + (l->random - l->words), RANDOM_SIZE);
    memcpy(buf + (l->platform - l->words), platform, sizeof(platform));
    memcpy(buf + (l->strings - l->words), e->strings, e->size);
    memcpy(buf + (l->name - l->words), e->name, strlen(e->name) + 1);
}

/* Makes the stack reach down to `low`, beyond the size it begins with. 0 or -E2BIG. */
static int grow(struct vm_space *space, u64 low)
{
    struct fault fault = {.address = low, .kind = FAULT_TRANSLATION, .write = true, .user = true};
    int code;

    return vm_fault(space, &fault, &code) ? -E2BIG : 0;
}

int exec_stack_build(struct exec *e)
{
    struct vm_space *space = e->space;
    struct layout l;
    size_t size;
    ssize_t done;
    char *buf;
    int error = vm_stack_setup(space, elf_stack_prot(&e->main), &l.top);

    if (error)
        return error;
    lay_out(e, &l);
    size = l.top - l.words;
    if (size > STACK_FIRST_SIZE)
        error = grow(space, l.words);
    if (error)
        return error;
    buf = memory_alloc(size);
    if (!buf)
        return -ENOMEM;
    fill(e, &l, buf);
    done = vm_write_remote(space, l.words, buf, size);
    memory_free(buf, size);
    if (done < 0 || (size_t)done != size)
        return -ENOMEM;
    e->stack = space->stack_start = l.words;
    return 0;
}

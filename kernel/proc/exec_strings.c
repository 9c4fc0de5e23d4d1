/* The strings of an exec, and "#!" lines (execve(2), "Interpreter scripts" and "Limits"). */
#include "proc/exec_impl.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/vmalloc.h"
#include "sched/reclaim.h"
#include "task/signal.h"

#define STRING_MAX     (32 * 4096UL) /* MAX_ARG_STRLEN */
#define FIRST_CAPACITY 1024UL
#define KMALLOC_LIMIT  (32 * 1024UL)

void *exec_memory_alloc(size_t size)
{
    return size <= KMALLOC_LIMIT ? kmalloc(size) : vmalloc(size);
}

void exec_memory_free(void *memory, size_t size)
{
    if (!memory)
        return;
    if (size <= KMALLOC_LIMIT)
        kfree(memory);
    else
        vfree(memory);
}

void exec_strings_free(struct exec_strings *s)
{
    exec_memory_free(s->data, s->capacity);
    *s = (struct exec_strings){0};
}

/* Room for `more` bytes behind what is there. */
static int reserve(struct exec_strings *s, size_t more)
{
    size_t capacity = MAX(s->capacity, FIRST_CAPACITY);
    char *data;

    while (capacity < s->size + more)
        capacity *= 2;
    if (capacity == s->capacity)
        return 0;
    data = exec_memory_alloc(capacity);
    if (!data)
        return -ENOMEM;
    memcpy(data, s->data, s->capacity); /* a string under way may stand behind size */
    exec_memory_free(s->data, s->capacity);
    s->data = data;
    s->capacity = capacity;
    return 0;
}

/* Counts the last string, of `size` bytes, against the limit. */
static int account(struct exec *e, struct exec_strings *s, size_t size)
{
    s->size += size;
    s->count++;
    return e->args.size + e->envs.size + (e->args.count + e->envs.count) * 8UL > e->limit ? -E2BIG
                                                                                          : 0;
}

static int add_user(struct exec *e, struct exec_strings *s, struct user_ptr text)
{
    size_t size = 0;

    for (;;) {
        size_t room;
        ssize_t got;
        int error = reserve(s, size + 64);

        if (error)
            return error;
        room = MIN(s->capacity - s->size - size, STRING_MAX - size);
        got = strncpy_from_user(s->data + s->size + size, user_ptr_add(text, size), room);
        if (got < 0)
            return -EFAULT;
        if ((size_t)got < room)
            return account(e, s, size + got + 1);
        size += room;
        if (size >= STRING_MAX)
            return -E2BIG;
    }
}

int exec_strings_user(struct exec *e, struct exec_strings *s, struct user_ptr array)
{
    if (user_ptr_null(array))
        return 0;
    for (;; array = user_ptr_add(array, 8)) {
        u64 at;
        int error = get_user_u64(array, &at);

        if (error || !at)
            return error;
        error = add_user(e, s, USER_PTR(at));
        if (error)
            return error;
        if (s->count % 64 == 0 && signal_fatal_pending())
            return -ERESTARTNOHAND;
    }
}

int exec_strings_add(struct exec *e, struct exec_strings *s, const char *text)
{
    size_t size = strlen(text) + 1;
    int error = reserve(s, size);

    if (error)
        return error;
    memcpy(s->data + s->size, text, size);
    return account(e, s, size);
}

int exec_strings_kernel(struct exec *e, struct exec_strings *s, const char *const *array)
{
    int error = 0;

    for (; *array && !error; array++)
        error = exec_strings_add(e, s, *array);
    return error;
}

int exec_strings_prepend(struct exec *e, struct exec_strings *s, const char *text, bool drop_first)
{
    size_t size = strlen(text) + 1, skip = 0;
    int error = reserve(s, size);

    if (error)
        return error;
    if (drop_first && s->count) {
        skip = strlen(s->data) + 1;
        s->count--;
    }
    memmove(s->data + size, s->data + skip, s->size - skip);
    memcpy(s->data, text, size);
    s->size -= skip;
    return account(e, s, size);
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
    error = path ? exec_strings_prepend(e, &e->args, path, true) : 0;
    if (!error && *argument)
        error = exec_strings_prepend(e, &e->args, argument, false);
    *name_end = 0;
    if (!error)
        error = exec_strings_prepend(e, &e->args, name, false);
    *interpreter = name;
    return error;
}

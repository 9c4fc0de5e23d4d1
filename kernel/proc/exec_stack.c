/*
 * The stack that a program begins with, from its SP upward: argc, argv and NULL, envp and NULL,
 * the auxiliary vector (getauxval(3)), padding, 16 random bytes, the platform's name, the strings
 * of arguments, environment and file name, and a zero word at the very top.
 */
#include "proc/exec_impl.h"

#include "arch/cpu.h"
#include "arch/sigframe.h"
#include "arch/trap.h"
#include "core/random.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "task/cred.h"
#include "vm/space.h"

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
    u64 top;              /* end of the stack */
    u64 name, envs, args; /* strings */
    u64 platform, random;
    u64 words; /* argc and on: the program's SP */
};

static void lay_out(const struct exec *e, struct layout *l)
{
    size_t words = 1 + e->args.count + 1 + e->envs.count + 1 + 2 * AUXV_MAX;

    l->name = l->top - 8 - (strlen(e->name) + 1);
    l->envs = l->name - e->envs.size;
    l->args = l->envs - e->args.size;
    l->platform = ALIGN_DOWN(l->args - sizeof(platform), 16UL);
    l->random = l->platform - RANDOM_SIZE;
    l->words = ALIGN_DOWN(l->random - words * 8, 16UL);
}

/* Appends the addresses of the strings in s, which lie from `at` on, and NULL. */
static u64 *put_pointers(u64 *out, const struct exec_strings *s, u64 at)
{
    const char *text = s->data;

    for (u32 i = 0; i < s->count; i++) {
        size_t size = strlen(text) + 1;

        *out++ = at;
        at += size;
        text += size;
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
    u64 *out = (u64 *)buf, *auxv;

    *out++ = e->args.count;
    out = put_pointers(out, &e->args, l->args);
    auxv = put_pointers(out, &e->envs, l->envs);
    out = put_auxv(auxv, e, l);
    memcpy(e->space->auxv, auxv, (char *)out - (char *)auxv);
    random_bytes(buf + (l->random - l->words), RANDOM_SIZE);
    memcpy(buf + (l->platform - l->words), platform, sizeof(platform));
    memcpy(buf + (l->args - l->words), e->args.data, e->args.size);
    memcpy(buf + (l->envs - l->words), e->envs.data, e->envs.size);
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
    int error = vm_stack_setup(space, e->stack_prot, &l.top);

    if (error)
        return error;
    lay_out(e, &l);
    size = l.top - l.words;
    if (size > STACK_FIRST_SIZE)
        error = grow(space, l.words);
    if (error)
        return error;
    buf = exec_memory_alloc(size);
    if (!buf)
        return -ENOMEM;
    fill(e, &l, buf);
    done = vm_write_remote(space, l.words, buf, size, false);
    exec_memory_free(buf, size);
    if (done < 0 || (size_t)done != size)
        return -ENOMEM;
    space->stack_start = l.words;
    space->arg_start = l.args;
    space->arg_end = space->env_start = l.envs;
    space->env_end = l.name;
    e->stack = l.words;
    return 0;
}

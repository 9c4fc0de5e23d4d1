/*
 * What the address sanitizer says before the panic: what was done where and by whom, and what is
 * known of the memory: the object with those who allocated and freed it, the global, the frame.
 */
#include "arch/cpu.h"
#include "core/panic.h"
#include "lib/format.h"
#include "mm/kasan_impl.h"
#include "mm/pagetable.h"

#define FRAME_MAGIC 0x41b58ab3UL /* the first word of a frame with redzones */
#define FRAME_MAX   4096UL       /* how far below it is looked for */

static char text[2048]; /* of the only report */
static size_t text_size;
static bool reported; /* [A] */
static u64 wanted;    /* the address whose global is looked for */

__printf(1, 2) static void say(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    text_size += format_buf_v(text + text_size, sizeof text - text_size, fmt, args);
    text_size = MIN(text_size, sizeof text - 1);
    va_end(args);
}

static void say_place(u64 pc)
{
    u64 offset;
    const char *name = symbol_name(pc - 4, &offset);

    say("[<%016lx>] %s+0x%lx", pc, name ? name : "?", name ? offset + 4 : 0);
}

static void say_trace(const char *what, const u64 *pcs)
{
    if (pcs[0])
        say("\n%s by", what);
    for (u32 i = 0; i < KASAN_TRACE && pcs[i]; i++) {
        say("\n  ");
        say_place(pcs[i]);
    }
}

static void say_object(u64 at, struct kasan_object *object)
{
    struct kasan_object next;

    /* The one behind is meant when that is nearer. */
    if (at > object->start + (object->size + object->stride) / 2 &&
        kasan_find_object(object->start + object->stride, &next))
        *object = next;
    say("\nat offset %ld of the object of %u bytes at 0x%lx, cache %s", (s64)(at - object->start),
        object->size, object->start, object->cache);
    say_trace("allocated", object->allocated);
    say_trace("last freed", object->freed);
}

/* Is it one of these globals, with the redzone behind it? */
static void say_global(const struct kasan_global *globals, size_t count)
{
    for (const struct kasan_global *g = globals; g < globals + count; g++)
        if (wanted - g->start < g->size_with_redzone)
            say("\nat offset %lu of the global %s of %lu bytes in %s", wanted - g->start, g->name,
                g->size, g->module);
}

/* The compiler begins a frame with a magic word, the list of its variables, and its function. */
static void say_frame(u64 at)
{
    for (u64 base = ALIGN_DOWN(at, 16); base > at - FRAME_MAX; base -= 16) {
        const u64 *frame = (const u64 *)base;

        if (*(const u8 *)KASAN_SHADOW(base) != KASAN_STACK_LEFT || frame[0] != FRAME_MAGIC)
            continue;
        say("\nat offset %lu of a frame; its variables (count; offset, size, length of name, "
            "name:line): %s\nthe frame of ",
            at - base, (const char *)frame[1]);
        say_place(frame[2] + 4);
        return;
    }
}

static const char *kind_of(u8 mark)
{
    switch (mark) {
    case KASAN_FREE_PAGE: return "use of a free page";
    case KASAN_FREE_OBJECT: return "use after free";
    case KASAN_REDZONE: return "heap out of bounds";
    case KASAN_GLOBAL: return "global out of bounds";
    case KASAN_STACK_SCOPE: return "stack use after scope";
    case KASAN_STACK_LEFT ... KASAN_STACK_SCOPE - 1: return "stack out of bounds";
    default: return "out of bounds"; /* of what ends with its page */
    }
}

/* The byte that says why: of a granule that may be touched in part, that of the next. */
static u8 mark_of(u64 at)
{
    u8 mark = *(const u8 *)KASAN_SHADOW(at);

    return mark < 8 ? *(const u8 *)KASAN_SHADOW(at + 8) : mark;
}

void kasan_report(u64 at, u64 size, const char *what, bool write, u64 pc)
{
    u8 mark = mark_of(at);
    struct kasan_object object;

    if (panicking() || __atomic_exchange_n(&reported, true, __ATOMIC_RELAXED))
        return;
    say("KASAN: %s", what ? what : kind_of(mark));
    if (size)
        say(": %s of %lu byte%s", write ? "write" : "read", size, size == 1 ? "" : "s");
    say(", first bad at 0x%016lx, by\n  ", at);
    say_place(pc);
    if (kasan_find_object(at, &object)) {
        say_object(at, &object);
    } else if (mark == KASAN_GLOBAL) {
        wanted = at;
        kasan_walk_globals(say_global);
    } else if (mark >= KASAN_STACK_LEFT && mark <= KASAN_STACK_SCOPE) {
        say_frame(at);
    }
    panic("%s", text);
}

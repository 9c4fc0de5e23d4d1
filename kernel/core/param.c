/*
 * Kernel arguments. The text is cut in place into words that end with NUL, one after the other;
 * looking one up walks them all, which happens a few dozen times in a boot.
 */
#include "core/param.h"
#include "core/log.h"
#include "lib/string.h"

/* The words that the kernel takes for itself; all others are init's. */
static const char *const known[] = {
    "init",    "rdinit",     "root",     "rootfstype", "rootflags", "rootwait",   "ro",
    "rw",      "console",    "quiet",    "debug",      "loglevel",  "maxcpus",    "panic",
    "nokaslr", "norandmaps", "ktest",    "demo",       "exit",      "fail_alloc", "fail_io",
    "pan",     "earlycon",   "noinitrd", "initrd",     "nohz",      "nosmp",
};

static char text[PARAM_MAX];  /* as given [I] */
static char words[PARAM_MAX]; /* [I] */
static char *words_end = words;
static char *init_words; /* where those behind "--" begin; NULL: none [I] */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Takes the quotes off a word: around the whole, or around the value. */
static void unquote(char *word)
{
    char *equals = strchr(word, '='), *from = word;
    size_t size = strlen(word);

    if (*word != '"') {
        if (!equals || equals[1] != '"')
            return;
        from = equals + 1;
    }
    if (size > 1 && word[size - 1] == '"' && word + size - 1 > from)
        word[size - 1] = 0;
    memmove(from, from + 1, strlen(from + 1) + 1);
}

/* Copies the next word of `from` to the end of the list; returns what follows it. */
static const char *take_word(const char *from)
{
    char *word = words_end;
    bool quoted = false;

    for (; *from && (quoted || !is_space(*from)); from++) {
        if (*from == '"')
            quoted = !quoted;
        *words_end++ = *from;
    }
    *words_end = 0;
    unquote(word);
    words_end = word + strlen(word) + 1;
    if (!init_words && strcmp(word, "--") == 0)
        init_words = words_end;
    return from;
}

void param_init(const char *bootargs)
{
    const char *from = text;

    if (bootargs && str_copy(text, bootargs, sizeof text) < 0)
        log_warn("kernel arguments beyond %u bytes are cut off", PARAM_MAX - 1);
    words_end = words;
    init_words = NULL;
    while (*from) {
        while (is_space(*from))
            from++;
        if (*from)
            from = take_word(from);
    }
}

const char *param_text(void)
{
    return text;
}

/* The value when the word's name is `name` ("" without one), or NULL. */
static const char *match(const char *word, const char *name)
{
    for (; *name; word++, name++)
        if (*word != *name && !(*word == '-' && *name == '_'))
            return NULL;
    return *word == '=' ? word + 1 : *word == 0 ? word : NULL;
}

static char *next_word(char *word)
{
    return word + strlen(word) + 1;
}

const char *param_get(const char *name)
{
    char *end = init_words ? init_words : words_end;
    const char *value, *found = NULL;

    for (char *word = words; word < end; word = next_word(word))
        if ((value = match(word, name)))
            found = value;
    return found;
}

bool param_flag(const char *name)
{
    return param_get(name) != NULL;
}

u64 param_u64(const char *name, u64 fallback)
{
    const char *value = param_get(name);
    u64 number;

    return value && str_to_u64(value, 0, &number, NULL) == 0 ? number : fallback;
}

enum destination { KERNEL, INIT_ARG, INIT_ENV };

/* Words like module.option=1 belong to parts that are not there: dropped, as Linux does. */
static enum destination destination(char *word)
{
    char *dot = strchr(word, '.'), *equals = strchr(word, '=');

    if (init_words && word >= init_words)
        return INIT_ARG;
    if (strcmp(word, "--") == 0 || *word == 0)
        return KERNEL;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (match(word, known[i]))
            return KERNEL;
    if (dot && (!equals || dot < equals))
        return KERNEL;
    return equals ? INIT_ENV : INIT_ARG;
}

static const char *nth(u32 n, enum destination where)
{
    for (char *word = words; word < words_end; word = next_word(word))
        if (destination(word) == where && n-- == 0)
            return word;
    return NULL;
}

const char *param_init_arg(u32 n)
{
    return nth(n, INIT_ARG);
}

const char *param_init_env(u32 n)
{
    return nth(n, INIT_ENV);
}

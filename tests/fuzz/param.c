/* The kernel's arguments: any text, as every reader of them asks. */
#include "core/param.h"
#include "fuzz.h"

static const char *const names[] = {"init", "console", "panic", "maxcpus", "no_such", "ro", ""};

static volatile u64 sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    u32 words = 0;

    memcpy(text, data, size);
    text[size] = 0;
    param_init(text);
    assert(strlen(param_text()) < PARAM_MAX);
    assert(strncmp(param_text(), text, PARAM_MAX - 1) == 0);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *value = param_get(names[i]);

        assert(param_flag(names[i]) == (value != NULL));
        if (value)
            assert(strlen(value) < PARAM_MAX);
        sink += param_u64(names[i], 1);
    }
    for (const char *word; (word = param_init_arg(words)); words++)
        sink += strlen(word);
    for (u32 i = 0; param_init_env(i); i++, words++)
        assert(strchr(param_init_env(i), '='));
    assert(words <= PARAM_MAX / 2 + 1);
    free(text);
    return 0;
}

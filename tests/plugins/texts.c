/*
 * texts.c - kernels whose outputs are texts; like any plugin it knows the public header only. No inputs; outputs y, said
 * (text), v[2], log (text); blocks of 3, after `ms` milliseconds an item.
 *   says      said = "item I said\n" and I % 50 lines more; with bytes that are no UTF-8 where I % 11 == 5, of 300,000
 *             bytes where I % 97 == 42; log only where I % 3 == 0; items with I % 10 == 7 fail after that
 *   retries   as SHEAF_TEST_FAIL in the environment says: items with an odd index fail `once`, at the first attempt,
 *             `always` or `never`; with the first two, log = "a first attempt" at the first attempt
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sheaf/kernel.h>

enum { SAID = 1, LOG = 3, LARGE = 300000 };

static const struct sheaf_field outputs[] = {
    {.name = "y", .type = SHEAF_FLOAT64, .width = 1},
    {.name = "said", .type = SHEAF_TEXT, .width = 1},
    {.name = "v", .type = SHEAF_INT32, .width = 2},
    {.name = "log", .type = SHEAF_TEXT, .width = 1},
};

static const struct sheaf_param params[] = {
    {.name = "ms", .type = SHEAF_INT64, .initial = "0", .unit = "ms", .help = "sleep an item"},
};

static int open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    int64_t *ms = malloc(sizeof *ms);
    if (ms == NULL)
        return setup->refuse(setup, "no memory");
    *ms = setup->params[0].integer;
    *self = ms;
    shape->n_outputs = 4;
    shape->outputs = outputs;
    shape->block = 3;
    return 0;
}

static void set_numbers(const void *self, const struct sheaf_block *block, int64_t k) {
    const int64_t ms = *(const int64_t *)self, item = block->first + k;
    struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000L};
    nanosleep(&pause, NULL);
    ((double *)block->out[0])[k] = 0.5 * (double)item;
    ((int32_t *)block->out[2])[2 * k] = (int32_t)item;
    ((int32_t *)block->out[2])[2 * k + 1] = (int32_t)-item;
}

static int says(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    char *text = malloc(LARGE + 4096);
    if (text == NULL)
        return -1;
    for (int64_t k = 0; k < block->n; k++) {
        const int64_t item = block->first + k;
        size_t n = (size_t)sprintf(text, "item %lld said\n", (long long)item);
        for (int64_t line = 0; line < item % 50; line++)
            n += (size_t)sprintf(text + n, "line %lld\n", (long long)line);
        if (item % 11 == 5)
            n += (size_t)sprintf(text + n, "a byte \xff, gr\xc3\xb6\xc3\x9f"
                                           "e");
        if (item % 97 == 42) {
            memset(text + n, 'x', LARGE);
            n += LARGE;
        }
        set_numbers(self, block, k);
        context->emit_text(context, k, SAID, text, n);
        if (item % 3 == 0)
            context->emit_text(context, k, LOG, text, 5);
        if (item % 10 == 7)
            context->fail(context, k, "item %lld failed", (long long)item);
    }
    free(text);
    return 0;
}

static int retries(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    const char *fails = getenv("SHEAF_TEST_FAIL"); /* once: at the first attempt; always; or none */
    for (int64_t k = 0; fails != NULL && k < block->n; k++) {
        const int64_t item = block->first + k;
        const int always = strcmp(fails, "always") == 0, first = context->attempt == 1;
        set_numbers(self, block, k);
        if (first && strcmp(fails, "never") != 0)
            context->emit_text(context, k, LOG, "a first attempt", 15);
        if (item % 2 == 1 && (always || (first && strcmp(fails, "once") == 0)))
            context->fail(context, k, "item %lld is odd", (long long)item);
    }
    return 0;
}

#define KERNEL(NAME, SUMMARY)                                                                                          \
    SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_##NAME = {                                                     \
        .head = SHEAF_KERNEL(NAME),                                                                                    \
        .version = "1",                                                                                                \
        .summary = SUMMARY,                                                                                            \
        .n_params = 1,                                                                                                 \
        .params = params,                                                                                              \
        .open = open,                                                                                                  \
        .close = free,                                                                                                 \
        .map = NAME,                                                                                                   \
    }
KERNEL(says, "texts of all sizes");
KERNEL(retries, "a text at the first attempt only");

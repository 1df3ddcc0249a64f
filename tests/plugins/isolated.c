/*
 * isolated.c - a kernel whose items end, or hang, the process that computes them, for `isolate: true`; like any plugin it
 * knows the public header only. Inputs x and, if it is there, word (text); outputs y = 2 x + 1, said (text) = "x is X,
 * WORD\n"; blocks of `block`. The item with
 * x == `at` does, up to attempt number `until`, as `how` says:
 *   segv     dies
 *   exit     ends with exit code 7
 *   loop     never comes back
 *   orphan   dies, and leaves a process behind in a session of its own
 *   closed   closes all descriptors and never comes back
 *   returns  makes map return `code`
 *   back     is given back, after it was failed
 *   blames   fails the whole block, with a message, and the item
 *   opening  dies already in open, but not where the run itself opens the kernel
 *   closing  never comes back from close, but where the run itself closes the kernel
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <sheaf/kernel.h>

struct isolated {
    double at;
    char how[16];
    int64_t until, code;
};

static const struct sheaf_field inputs[] = {
    {.name = "x", .type = SHEAF_FLOAT64, .width = 1},
    {.name = "word", .type = SHEAF_TEXT, .width = 1, .flags = SHEAF_OPTIONAL},
};
static const struct sheaf_field outputs[] = {
    {.name = "y", .type = SHEAF_FLOAT64, .width = 1},
    {.name = "said", .type = SHEAF_TEXT, .width = 1},
};
static const struct sheaf_param params[] = {
    {.name = "at", .type = SHEAF_FLOAT64, .initial = "nan", .help = "the item with this x ends the process"},
    {.name = "how", .type = SHEAF_TEXT, .initial = "segv", .help = "in this way"},
    {.name = "until", .type = SHEAF_INT64, .initial = "1000", .help = "the last attempt that does"},
    {.name = "block", .type = SHEAF_INT64, .initial = "1", .help = "items of a block"},
    {.name = "code", .type = SHEAF_INT64, .initial = "5", .help = "what map returns"},
};

static bool is_own_process(void) {
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    return strcmp(name, "sheaf") != 0;
}

static int open_isolated(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    struct isolated *mine = malloc(sizeof *mine);
    if (mine == NULL)
        return setup->refuse(setup, "no memory");
    mine->at = setup->params[0].number;
    strncpy(mine->how, setup->params[1].text, sizeof mine->how - 1);
    mine->how[sizeof mine->how - 1] = '\0';
    mine->until = setup->params[2].integer;
    mine->code = setup->params[4].integer;
    if (strcmp(mine->how, "opening") == 0 && is_own_process())
        raise(SIGSEGV);
    *self = mine;
    shape->n_outputs = 2;
    shape->outputs = outputs;
    shape->block = setup->params[3].integer;
    return 0;
}

static void hang(void) {
    volatile int forever = 1;
    while (forever) {
    }
}

static void close_isolated(void *self) {
    struct isolated *mine = self;
    if (strcmp(mine->how, "closing") == 0 && is_own_process())
        hang();
    free(mine);
}

static void die(const char *how) {
    if (strcmp(how, "exit") == 0)
        exit(7);
    if (strcmp(how, "loop") == 0)
        hang();
    for (int fd = 0; strcmp(how, "closed") == 0; fd++)
        if (close(fd) != 0 && fd > 1000)
            hang();
    if (strcmp(how, "orphan") == 0 && fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    raise(SIGSEGV);
}

static void say(const struct sheaf_context *context, const struct sheaf_block *block, int64_t k, double x) {
    const struct sheaf_text none = {"no word", 7}, *words = block->in[1], *word = words != NULL ? &words[k] : &none;
    char text[128];
    int n = snprintf(text, sizeof text, "x is %g, %.*s\n", x, (int)word->length, word->data);
    context->emit_text(context, k, 1, text, (size_t)n);
}

static int map_isolated(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    const struct isolated *mine = self;
    for (int64_t k = 0; k < block->n; k++) {
        const double x = ((const double *)block->in[0])[k];
        const bool meant = x == mine->at && context->attempt <= mine->until;
        say(context, block, k, x);
        ((double *)block->out[0])[k] = 2 * x + 1;
        if (meant && strcmp(mine->how, "returns") == 0)
            return (int)mine->code;
        if (meant && strcmp(mine->how, "back") == 0) {
            context->fail(context, k, "not so");
            context->give_back(context, k);
        } else if (meant && strcmp(mine->how, "blames") == 0) {
            context->fail(context, SHEAF_WHOLE_BLOCK, "all of item %lld", (long long)(block->first + k));
            context->fail(context, k, "item %lld itself", (long long)(block->first + k));
        } else if (meant) {
            die(mine->how);
        }
    }
    return 0;
}

SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_isolated = {
    .head = SHEAF_KERNEL(isolated),
    .version = "1",
    .summary = "ends the process, or hangs",
    .n_params = 5,
    .params = params,
    .n_inputs = 2,
    .inputs = inputs,
    .open = open_isolated,
    .close = close_isolated,
    .map = map_isolated,
};

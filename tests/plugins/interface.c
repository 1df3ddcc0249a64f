/*
 * interface.c - kernels for the interface itself; like any plugin it knows the public header only. No inputs unless said;
 * output y = index.
 * Refused when opened, since they are not for this Sheaf:
 *   earlier          of interface 1
 *   longer           a table with a member more
 *   wide_fields, thin_fields, wide_params   fields or params of another size
 *   table_flag, shape_flag, input_flag, output_flag   an unknown flag there; output_flag: one that is for inputs
 *   misnamed         its table has another name
 *   refuses_text     by refuse_text
 * Run:
 *   made             its table comes from a function
 *   says             items that fail, or end, by what takes no format: index 1 to 4; of block 1
 *   returns          map returns the param `value`
 *   threads          y = 1 where all is right with what thread_open stored: it was made by this thread, with the thread's
 *                    number, the shared data and the number of threads; thread_open and thread_close add a line to the
 *                    file `log`, and are never at work at a time; `refuse: 1` makes thread_open refuse
 *   reads            y = the number in the file `table`, plus that in the file `more`, if any
 *   stops            from index `from` on an item waits until should_stop, and is given back, while SHEAF_TEST_STOP is set
 *   warns            in open, and for each odd item; with `each: 1` for each item another text
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sheaf/kernel.h>

static const struct sheaf_field y[] = {{.name = "y", .type = SHEAF_INT64, .width = 1}};

static int y_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    (void)setup;
    (void)self;
    shape->n_outputs = 1;
    shape->outputs = y;
    return 0;
}

static int y_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    (void)context;
    for (int64_t k = 0; k < block->n; k++)
        ((int64_t *)block->out[0])[k] = block->first + k;
    return SHEAF_OK;
}

#define TABLE(NAME, ...)                                                                                               \
    SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_##NAME = {                                                     \
        .head = SHEAF_KERNEL(NAME), .version = "1", __VA_ARGS__}

/* --- not for this Sheaf -------------------------------------------------------------------------------------------- */

/* A head with sizes of its own. */
#define HEAD(NAME, ABI, TABLE_MORE, FIELD_MORE, PARAM_MORE)                                                            \
    SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_##NAME = {                                                     \
        .head = {ABI, sizeof(struct sheaf_kernel) TABLE_MORE, sizeof(struct sheaf_field) FIELD_MORE,                   \
                 sizeof(struct sheaf_param) PARAM_MORE, #NAME},                                                        \
        .version = "1",                                                                                                \
        .open = y_open,                                                                                                \
        .map = y_map,                                                                                                  \
    }
HEAD(earlier, 1, +0, +0, +0);
HEAD(longer, SHEAF_KERNEL_ABI, +8, +0, +0);
HEAD(wide_fields, SHEAF_KERNEL_ABI, +0, +8, +0);
HEAD(thin_fields, SHEAF_KERNEL_ABI, +0, -8, +0);
HEAD(wide_params, SHEAF_KERNEL_ABI, +0, +0, +8);

TABLE(table_flag, .flags = 0x40, .open = y_open, .map = y_map);

static int shape_flag_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    shape->flags = SHEAF_PURE | 0x80;
    return y_open(setup, shape, self);
}
TABLE(shape_flag, .open = shape_flag_open, .map = y_map);

static const struct sheaf_field x[] = {{.name = "x", .type = SHEAF_FLOAT64, .width = 1, .flags = 0x20}};
TABLE(input_flag, .n_inputs = 1, .inputs = x, .open = y_open, .map = y_map);

static const struct sheaf_field optional_y[] = {
    {.name = "y", .type = SHEAF_INT64, .width = 1, .flags = SHEAF_OPTIONAL}};
static int output_flag_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    (void)setup;
    (void)self;
    shape->n_outputs = 1;
    shape->outputs = optional_y;
    return 0;
}
TABLE(output_flag, .open = output_flag_open, .map = y_map);

SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_misnamed = {
    .head = SHEAF_KERNEL(another), .version = "1", .open = y_open, .map = y_map};

static int refuses_text_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    static const char why[] = {'1', '0', '0', '%', 's', ' ', 'n', 'o', '!'}; /* not terminated */
    (void)shape;
    (void)self;
    return setup->refuse_text(setup, why, sizeof why - 1);
}
TABLE(refuses_text, .open = refuses_text_open, .map = y_map);

/* --- run ----------------------------------------------------------------------------------------------------------- */

SHEAF_EXPORT const struct sheaf_kernel *sheaf_kernel_made_table(void);
const struct sheaf_kernel *sheaf_kernel_made_table(void) {
    static struct sheaf_kernel table = {.head = SHEAF_KERNEL(made), .version = "1"};
    table.open = y_open;
    table.map = y_map;
    return &table;
}

static int says_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    y_map(self, context, block);
    if (block->first == 1)
        context->fail_text(context, 0, "90 %d and more", 9);
    if (block->first == 2)
        context->end_text(context, 0, SHEAF_TIMED_OUT, "slow", 4);
    if (block->first == 3)
        context->end_text(context, 0, SHEAF_CRASHED, "\xc3\xa4rgerlich", 7);
    if (block->first == 4) {
        context->fail_text(context, SHEAF_WHOLE_BLOCK, "all of it", 9);
        return SHEAF_BLOCK_FAILED;
    }
    return SHEAF_OK;
}
TABLE(says, .open = y_open, .map = says_map);

static const struct sheaf_param value[] = {{.name = "value", .type = SHEAF_INT64, .initial = "0"}};
static int returns_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    int32_t *mine = malloc(sizeof *mine);
    if (mine == NULL)
        return setup->refuse(setup, "no memory");
    *mine = (int32_t)setup->params[0].integer;
    *self = mine;
    return y_open(setup, shape, self);
}
static int returns_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    y_map(self, context, block);
    return *(const int32_t *)self;
}
TABLE(returns, .n_params = 1, .params = value, .open = returns_open, .close = free, .map = returns_map);

/* --- threads ------------------------------------------------------------------------------------------------------- */

struct threads {
    char log[1024];
    int32_t n_threads;
    int refuse;
};

struct own {
    pthread_t thread;
    int32_t number, slot, n_threads;
    int64_t shared;
};

static atomic_int at_door;

static int threads_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    struct threads *mine = calloc(1, sizeof *mine);
    if (mine == NULL)
        return setup->refuse(setup, "no memory");
    strncpy(mine->log, setup->params[0].text, sizeof mine->log - 1);
    mine->refuse = setup->params[1].integer != 0;
    mine->n_threads = setup->n_threads;
    *self = mine;
    return y_open(setup, shape, self);
}

static size_t threads_bytes(const void *self) {
    (void)self;
    return sizeof(int64_t);
}

static int threads_prepare(const void *self, const struct sheaf_setup *setup, void *memory) {
    (void)self;
    (void)setup;
    *(int64_t *)memory = 4711;
    return 0;
}

/* One write of a line: whole, whoever else writes. */
static void add_line(const struct threads *mine, const char *what, int32_t slot) {
    FILE *file = fopen(mine->log, "a");
    if (file == NULL)
        return;
    fprintf(file, "%s %d\n", what, (int)slot);
    fclose(file);
}

static int threads_thread_open(const void *self, const struct sheaf_setup *setup, void **thread_self) {
    const struct threads *mine = self;
    struct own *own = malloc(sizeof *own);
    if (own == NULL || mine->refuse || atomic_fetch_add(&at_door, 1) != 0) {
        free(own);
        return setup->refuse(setup, "no context on device %d", (int)setup->slot);
    }
    *own = (struct own){pthread_self(), setup->thread, setup->slot, setup->n_threads, *(const int64_t *)setup->shared};
    *thread_self = own;
    add_line(mine, "open", setup->slot);
    atomic_fetch_sub(&at_door, 1);
    return 0;
}

static void threads_thread_close(const void *self, void *thread_self) {
    struct own *own = thread_self;
    const int alone = atomic_fetch_add(&at_door, 1) == 0 && pthread_equal(own->thread, pthread_self());
    add_line(self, alone ? "close" : "mixed up", own->slot);
    atomic_fetch_sub(&at_door, 1);
    free(own);
}

static int threads_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    const struct threads *mine = self;
    const struct own *own = context->thread_self;
    const int right = pthread_equal(own->thread, pthread_self()) && own->number == context->thread &&
                      own->slot == context->slot && own->n_threads == mine->n_threads && own->number >= 0 &&
                      own->number < mine->n_threads && own->shared == 4711;
    for (int64_t k = 0; k < block->n; k++)
        ((int64_t *)block->out[0])[k] = right;
    return SHEAF_OK;
}

static const struct sheaf_param threads_params[] = {{.name = "log", .type = SHEAF_TEXT},
                                                    {.name = "refuse", .type = SHEAF_INT64, .initial = "0"}};
TABLE(threads, .n_params = 2, .params = threads_params, .open = threads_open, .close = free,
      .shared_bytes = threads_bytes, .prepare = threads_prepare, .thread_open = threads_thread_open,
      .thread_close = threads_thread_close, .map = threads_map);

/* --- files --------------------------------------------------------------------------------------------------------- */

static int64_t read_number(const char *path) {
    FILE *file = *path ? fopen(path, "r") : NULL;
    long long number = 0;
    if (file != NULL && fscanf(file, "%lld", &number) != 1)
        number = -1;
    if (file != NULL)
        fclose(file);
    return number;
}

static int reads_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    int64_t *mine = malloc(sizeof *mine);
    if (mine == NULL)
        return setup->refuse(setup, "no memory");
    *mine = read_number(setup->params[0].text) + read_number(setup->params[1].text);
    *self = mine;
    return y_open(setup, shape, self);
}

static int reads_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)context;
    for (int64_t k = 0; k < block->n; k++)
        ((int64_t *)block->out[0])[k] = *(const int64_t *)self;
    return SHEAF_OK;
}

static const struct sheaf_param reads_params[] = {{.name = "table", .type = SHEAF_FILE},
                                                  {.name = "more", .type = SHEAF_FILE, .initial = ""}};
TABLE(reads, .n_params = 2, .params = reads_params, .open = reads_open, .close = free, .map = reads_map);

/* --- stopping ------------------------------------------------------------------------------------------------------ */

static int stops_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    int64_t *mine = malloc(sizeof *mine);
    if (mine == NULL)
        return setup->refuse(setup, "no memory");
    *mine = setup->params[0].integer;
    shape->block = setup->params[1].integer;
    *self = mine;
    return y_open(setup, shape, self);
}

static int stops_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    const struct timespec pause = {0, 10000000};
    y_map(self, context, block);
    for (int64_t k = 0; k < block->n; k++)
        if (block->first + k >= *(const int64_t *)self && getenv("SHEAF_TEST_STOP") != NULL) {
            while (!context->should_stop(context))
                nanosleep(&pause, NULL);
            context->give_back(context, k);
        }
    return SHEAF_OK;
}

static const struct sheaf_param stops_params[] = {{.name = "from", .type = SHEAF_INT64},
                                                  {.name = "block", .type = SHEAF_INT64, .initial = "1"}};
TABLE(stops, .n_params = 2, .params = stops_params, .open = stops_open, .close = free, .map = stops_map);

/* --- warning ------------------------------------------------------------------------------------------------------- */

static int warns_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    int64_t *mine = malloc(sizeof *mine);
    if (mine == NULL)
        return setup->refuse(setup, "no memory");
    *mine = setup->params[0].integer;
    *self = mine;
    setup->warn(setup, "each is %lld", (long long)*mine);
    setup->warn_text(setup, "opened now", 6);
    return y_open(setup, shape, self);
}

static int warns_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    y_map(self, context, block);
    if (block->first % 2 == 1)
        context->warn_text(context, "an odd item", 11);
    if (*(const int64_t *)self != 0)
        context->warn(context, "item %lld", (long long)block->first);
    return SHEAF_OK;
}

static const struct sheaf_param warns_params[] = {{.name = "each", .type = SHEAF_INT64, .initial = "0"}};
TABLE(warns, .n_params = 1, .params = warns_params, .open = warns_open, .close = free, .map = warns_map);

/*
 * hostile.c - kernels that test the contract of sheaf/kernel.h: wrong tables and declarations that must be refused,
 * failures that must stay the item's own, and kernels that check what the engine promises. One shared object,
 * `kernel: …/hostile.so:NAME`; like any plugin it knows the public header only.
 *
 * Refused when opened:
 *   bad_width, negative_width, no_outputs, twice, reserved, bad_name, null_name, huge_block, wrong_abi, small_struct,
 *   refuses, refuses_silently, bad_prepare (by prepare)
 * Run (input `x`, float64, unless said otherwise):
 *   nan            y = NaN; the item is done
 *   fails          y = x; blocks of 4
 *                    x < 0      the item fails, with a message of 10,000 characters, line ends and % signs among them
 *                    x == 13    the whole block fails, with a message
 *                    x == 14    the whole block fails, without one
 *                    x == 97    the same, by fail() alone, with an empty message
 *                    x == 99    fail() is called for rows that do not exist; the whole block fails
 *   slow           y = 2 x + 1, after `ms` milliseconds an item; items from 20 on wait until there is the file that
 *                  SHEAF_TEST_GATE in the environment names
 *   poison         y = 2 x + 1, after `ms` milliseconds; the item with x == `at` ends the program as `how` says: segv,
 *                  fpe, abort, overflow (of the stack), exit, kill (by SIGKILL); blocks of `block`
 *   uneven         y[3] = x + first index of the block, place in the block, index; work grows with the index; blocks
 *                  of 7
 *   poke           i = floor(x): f64[1] = x; f32[2], i64[3], i32[4], u8[5] = 10 i + j for column j (modulo 256 in u8);
 *                  writes the padding too, and fails the item where alignment, padding or scratch are not as promised;
 *                  blocks of 20
 *   shared_check   y = x; every call checks all of 1 MB of shared data
 *   impure_serial  no input; y = index; fails the block if two calls overlap
 *   draws          no input; u[7] = the first uniform numbers of the item, two of them one at a time, and raw[2] = the next
 *                  bits; blocks of `block`; slip = -1 or 1 draws for an item before or behind the block
 *   text_in        input `word`, text: length, and checksum (FNV-1a, 32 bits)
 *   line_in        the same of input `line`
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sheaf/kernel.h>

/* A table with the usual beginning. */
#define KERNEL(NAME, SUMMARY, ...)                                                                                     \
    SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_##NAME = {                                                     \
        .head = SHEAF_KERNEL(NAME),                                                                                    \
        .version = "1",                                                                                                \
        .summary = SUMMARY,                                                                                            \
        __VA_ARGS__,                                                                                                   \
    }

#define FIELD(NAME, TYPE, WIDTH)                                                                                       \
    { .name = NAME, .type = TYPE, .width = WIDTH }

static const struct sheaf_field input_x[] = {FIELD("x", SHEAF_FLOAT64, 1)};
static const struct sheaf_field output_y[] = {FIELD("y", SHEAF_FLOAT64, 1)};

static void sleep_ms(int64_t ms) {
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000L};
    while (nanosleep(&left, &left) != 0) {
    }
}

static bool aligned(const void *memory) {
    return (uintptr_t)memory % 64 == 0;
}

/* ------------------------------------------------------------------------------------------ wrong declarations */

static int never_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    (void)block;
    context->fail(context, SHEAF_WHOLE_BLOCK, "this kernel should never have been run");
    return -1;
}

/* A kernel without inputs that declares these outputs. */
#define DECLARES(NAME, SUMMARY, N_OUTPUTS, BLOCK, ...)                                                                 \
    static const struct sheaf_field NAME##_outputs[] = {__VA_ARGS__};                                                  \
    static int NAME##_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {                  \
        (void)setup;                                                                                                   \
        (void)self;                                                                                                    \
        shape->n_outputs = N_OUTPUTS;                                                                                  \
        shape->outputs = NAME##_outputs;                                                                               \
        shape->block = BLOCK;                                                                                          \
        return 0;                                                                                                      \
    }                                                                                                                  \
    KERNEL(NAME, SUMMARY, .open = NAME##_open, .map = never_map)

DECLARES(bad_width, "an output of width 0", 1, 1, FIELD("y", SHEAF_FLOAT64, 0));
DECLARES(negative_width, "an output of width -3", 1, 1, FIELD("y", SHEAF_FLOAT64, -3));
DECLARES(no_outputs, "no outputs", 0, 1, FIELD("y", SHEAF_FLOAT64, 1));
DECLARES(twice, "two outputs of one name", 2, 1, FIELD("y", SHEAF_FLOAT64, 1), FIELD("y", SHEAF_INT32, 1));
DECLARES(reserved, "an output called status", 1, 1, FIELD("status", SHEAF_UINT8, 1));
DECLARES(bad_name, "an output called a/b", 1, 1, FIELD("a/b", SHEAF_FLOAT64, 1));
DECLARES(null_name, "an output without a name", 1, 1, FIELD(NULL, SHEAF_FLOAT64, 1));
DECLARES(huge_block, "blocks of 2^62 items", 1, INT64_MAX / 2, FIELD("y", SHEAF_FLOAT64, 1));

static int y_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    (void)setup;
    (void)self;
    shape->n_outputs = 1;
    shape->outputs = output_y;
    return 0;
}

SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_wrong_abi = {
    .head = {999, sizeof(struct sheaf_kernel), sizeof(struct sheaf_field), sizeof(struct sheaf_param), "wrong_abi"},
    .version = "1",
    .summary = "compiled against another interface",
    .open = y_open,
    .map = never_map,
};

SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_small_struct = {
    .head = {SHEAF_KERNEL_ABI, (uint32_t)offsetof(struct sheaf_kernel, open), sizeof(struct sheaf_field),
             sizeof(struct sheaf_param), "small_struct"},
    .version = "1",
    .summary = "a table that ends before its functions",
    .open = y_open,
    .map = never_map,
};

/* ---------------------------------------------------------------------------------------------------- refusals */

static int refuses_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    (void)shape;
    (void)self;
    return setup->refuse(setup, "mood is %s: only cheerful jobs are taken", setup->params[0].text);
}

static const struct sheaf_param refuses_params[] = {
    {.name = "mood", .type = SHEAF_TEXT, .initial = "sour", .help = "any"},
};
KERNEL(refuses, "open refuses, saying why", .n_params = 1, .params = refuses_params, .open = refuses_open,
       .map = never_map);

static int refuses_silently_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    (void)setup;
    (void)shape;
    (void)self;
    return -1;
}

KERNEL(refuses_silently, "open returns -1 and says nothing", .open = refuses_silently_open, .map = never_map);

static size_t bad_prepare_bytes(const void *self) {
    (void)self;
    return 64;
}

static int bad_prepare_prepare(const void *self, const struct sheaf_setup *setup, void *memory) {
    (void)self;
    memset(memory, 0xEE, 64);
    return setup->refuse(setup, "the table of %d entries cannot be computed", 64);
}

KERNEL(bad_prepare, "prepare refuses", .open = y_open, .shared_bytes = bad_prepare_bytes,
       .prepare = bad_prepare_prepare, .map = never_map);

/* --------------------------------------------------------------------------------------------- failing and NaN */

static int nan_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    (void)context;
    double *y = block->out[0];
    for (int64_t k = 0; k < block->n; k++)
        y[k] = (double)NAN;
    return 0;
}

KERNEL(nan, "writes NaN", .n_inputs = 1, .inputs = input_x, .open = y_open, .map = nan_map);

static int fails_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    shape->block = 4;
    return y_open(setup, shape, self);
}

static void fail_at_length(const struct sheaf_context *context, int64_t k) {
    static const char pattern[] = "100%s of %n nothing\nnext line\r\n\t%%";
    char message[10001];
    for (size_t i = 0; i < sizeof message - 1; i++)
        message[i] = pattern[i % (sizeof pattern - 1)];
    message[sizeof message - 1] = '\0';
    context->fail(context, k, "%s", message);
}

static int fails_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    const double *x = block->in[0];
    double *y = block->out[0];
    for (int64_t k = 0; k < block->n; k++) {
        y[k] = x[k];
        if (x[k] == 13) {
            context->fail(context, SHEAF_WHOLE_BLOCK, "item %lld is unlucky", (long long)(block->first + k));
            return SHEAF_BLOCK_FAILED;
        }
        if (x[k] == 14)
            return SHEAF_BLOCK_FAILED;
        if (x[k] == 97)
            context->fail(context, SHEAF_WHOLE_BLOCK, "%s", "");
        if (x[k] < 0)
            fail_at_length(context, k);
        if (x[k] == 99) {
            context->fail(context, block->n, "the row behind the last");
            context->fail(context, block->n_padded + 1000, "far behind the last row");
            context->fail(context, -2, "before the first row");
            context->fail(context, INT64_MAX, "nowhere");
            context->fail(context, INT64_MIN, "nowhere");
        }
    }
    return 0;
}

KERNEL(fails, "fails items and blocks, as x says", .n_inputs = 1, .inputs = input_x, .open = fails_open,
       .map = fails_map);

/* ---------------------------------------------------------------------------------------------- slow and uneven */

static int number_open(const struct sheaf_setup *setup, void **self) {
    int64_t number = setup->params[0].integer;
    if (number < 0)
        return setup->refuse(setup, "the parameter is %lld: it must not be negative", (long long)number);
    int64_t *mine = malloc(sizeof *mine);
    if (mine == NULL)
        return setup->refuse(setup, "no memory");
    *mine = number;
    *self = mine;
    return 0;
}

static void number_close(void *self) {
    free(self);
}

static int slow_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    shape->flags = SHEAF_PURE;
    return y_open(setup, shape, self) == 0 ? number_open(setup, self) : -1;
}

static void wait_for_gate(void) {
    const char *gate = getenv("SHEAF_TEST_GATE");
    while (gate != NULL && access(gate, F_OK) != 0)
        sleep_ms(1);
}

static int slow_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)context;
    const int64_t *ms = self;
    const double *x = block->in[0];
    double *y = block->out[0];
    for (int64_t k = 0; k < block->n; k++) {
        if (block->first + k >= 20)
            wait_for_gate();
        sleep_ms(*ms);
        y[k] = 2 * x[k] + 1;
    }
    return 0;
}

static const struct sheaf_param slow_params[] = {
    {.name = "ms", .type = SHEAF_INT64, .initial = "1", .unit = "ms", .help = "sleep an item"},
};
KERNEL(slow, "sleeps", .n_params = 1, .params = slow_params, .n_inputs = 1, .inputs = input_x, .open = slow_open,
       .close = number_close, .map = slow_map);

/* --------------------------------------------------------------------------------------------------------- poison */

struct poison {
    int64_t ms;
    double at;
    char how[16];
};

static int poison_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    struct poison *mine = malloc(sizeof *mine);
    if (mine == NULL)
        return setup->refuse(setup, "no memory");
    mine->ms = setup->params[0].integer;
    mine->at = setup->params[1].number;
    strncpy(mine->how, setup->params[2].text, sizeof mine->how - 1);
    mine->how[sizeof mine->how - 1] = '\0';
    shape->flags = SHEAF_PURE;
    shape->block = setup->params[3].integer;
    *self = mine;
    return y_open(setup, shape, self);
}

/* Uses a frame each time, until there is no stack left. */
static double overflow(double x) {
    volatile double frame[512];
    frame[0] = x;
    return x > -1e300 ? overflow(frame[0] - 1) + frame[0] : frame[0];
}

static double die(const char *how) {
    if (strcmp(how, "segv") == 0)
        raise(SIGSEGV);
    if (strcmp(how, "fpe") == 0)
        raise(SIGFPE);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "exit") == 0)
        exit(0);
    if (strcmp(how, "kill") == 0)
        kill(getpid(), SIGKILL);
    return overflow(0);
}

static int poison_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)context;
    const struct poison *p = self;
    const double *x = block->in[0];
    double *y = block->out[0];
    for (int64_t k = 0; k < block->n; k++) {
        if (p->ms > 0)
            sleep_ms(p->ms);
        y[k] = x[k] == p->at ? die(p->how) : 2 * x[k] + 1;
    }
    return 0;
}

static const struct sheaf_param poison_params[] = {
    {.name = "ms", .type = SHEAF_INT64, .initial = "1", .unit = "ms", .help = "sleep an item"},
    {.name = "at", .type = SHEAF_FLOAT64, .initial = "nan", .help = "the item with this x ends the program"},
    {.name = "how", .type = SHEAF_TEXT, .initial = "segv", .help = "in this way"},
    {.name = "block", .type = SHEAF_INT64, .initial = "1", .help = "items of a block"},
};
KERNEL(poison, "ends the program", .n_params = 4, .params = poison_params, .n_inputs = 1, .inputs = input_x,
       .open = poison_open, .close = number_close, .map = poison_map);

static const struct sheaf_field uneven_outputs[] = {FIELD("y", SHEAF_FLOAT64, 3)};

static int uneven_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    shape->n_outputs = 1;
    shape->outputs = uneven_outputs;
    shape->block = 7;
    return number_open(setup, self);
}

static int uneven_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)context;
    const int64_t *work = self;
    const double *x = block->in[0];
    double *y = block->out[0];
    for (int64_t k = 0; k < block->n; k++) {
        volatile int64_t turns = *work * (block->first + k);
        while (turns > 0)
            turns = turns - 1;
        y[3 * k] = x[k] + (double)block->first;
        y[3 * k + 1] = (double)k;
        y[3 * k + 2] = (double)(block->first + k);
    }
    return 0;
}

static const struct sheaf_param uneven_params[] = {
    {.name = "work", .type = SHEAF_INT64, .initial = "20", .help = "turns of an empty loop, times the index"},
};
KERNEL(uneven, "later items cost more", .n_params = 1, .params = uneven_params, .n_inputs = 1, .inputs = input_x,
       .open = uneven_open, .close = number_close, .map = uneven_map);

/* ----------------------------------------------------------------------------------------------- random numbers */

enum { U = 7, RAW = 2 };
static const struct sheaf_field draws_outputs[] = {FIELD("u", SHEAF_FLOAT64, U), FIELD("raw", SHEAF_INT64, RAW)};

struct draws {
    int64_t slip;
};

static int draws_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    struct draws *mine = malloc(sizeof *mine);
    if (mine == NULL)
        return setup->refuse(setup, "no memory");
    mine->slip = setup->params[1].integer;
    *self = mine;
    shape->n_outputs = 2;
    shape->outputs = draws_outputs;
    shape->block = setup->params[0].integer;
    return 0;
}

static int draws_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    const struct draws *mine = self;
    double *u = block->out[0];
    int64_t *raw = block->out[1];
    struct sheaf_random stream;
    for (int64_t k = 0; k < block->n_padded; k++) { /* there is room, and a stream, for the padding too */
        uint64_t bits[RAW];
        context->random(context, k, &stream);
        context->uniform(&stream, 1, &u[U * k]);
        context->uniform(&stream, 1, &u[U * k + 1]);
        context->uniform(&stream, U - 2, &u[U * k + 2]);
        context->bits(&stream, RAW, bits);
        memcpy(&raw[RAW * k], bits, sizeof bits);
    }
    if (mine->slip != 0)
        context->random(context, mine->slip < 0 ? -1 : block->n_padded, &stream);
    return 0;
}

static const struct sheaf_param draws_params[] = {
    {.name = "block", .type = SHEAF_INT64, .initial = "1", .help = "items of a block"},
    {.name = "slip", .type = SHEAF_INT64, .initial = "0", .help = "-1, 0 or 1"},
};
KERNEL(draws, "draws random numbers", .n_params = 2, .params = draws_params, .open = draws_open, .close = number_close,
       .map = draws_map);

/* ------------------------------------------------------------------------------------- what the engine promises */

enum { F64, F32, I64, I32, U8, N_POKE };
static const struct sheaf_field poke_outputs[N_POKE] = {
    [F64] = FIELD("f64", SHEAF_FLOAT64, 1), [F32] = FIELD("f32", SHEAF_FLOAT32, 2),
    [I64] = FIELD("i64", SHEAF_INT64, 3),   [I32] = FIELD("i32", SHEAF_INT32, 4),
    [U8] = FIELD("u8", SHEAF_UINT8, 5),
};
static const size_t poke_row_bytes[N_POKE] = {8, 2 * 4, 3 * 8, 4 * 4, 5};

#define POKE_SCRATCH 1000
#define POISON 0xEE

static int poke_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    (void)setup;
    (void)self;
    shape->n_outputs = N_POKE;
    shape->outputs = poke_outputs;
    shape->block = 20;
    shape->scratch_bytes = POKE_SCRATCH;
    shape->flags = SHEAF_PURE;
    return 0;
}

/* What is not as the header promises, or NULL. Nothing has been written yet. */
static const char *broken_promise(const struct sheaf_context *context, const struct sheaf_block *block) {
    if (context->struct_size < sizeof *context || block->struct_size < sizeof *block)
        return "a struct is smaller than its declaration";
    if (block->first < 0 || block->n < 1 || block->n > 20 || block->first % 20 != 0)
        return "the block is not at its boundaries";
    if (block->n_padded != (block->n + 15) / 16 * 16)
        return "n_padded is not n rounded up to 16";
    if (!aligned(block->in[0]))
        return "the input is not aligned";
    if (context->scratch == NULL || !aligned(context->scratch))
        return "scratch is missing or not aligned";
    if (context->shared != NULL || context->shared_bytes != 0)
        return "shared data where there is none";
    const double *x = block->in[0];
    for (int64_t k = block->n; k < block->n_padded; k++)
        if (memcmp(&x[k], &x[block->n - 1], sizeof *x) != 0)
            return "the padding does not repeat the last item";
    for (int f = 0; f < N_POKE; f++)
        if (block->out[f] == NULL || !aligned(block->out[f]))
            return "an output is not aligned";
    return NULL;
}

/* Fills every byte of every output with the field's own number, padding and all, and looks for overlaps. */
static const char *broken_memory(const struct sheaf_context *context, const struct sheaf_block *block) {
    memset(context->scratch, N_POKE, POKE_SCRATCH);
    for (int f = 0; f < N_POKE; f++)
        memset(block->out[f], f, poke_row_bytes[f] * (size_t)block->n_padded);
    for (int f = 0; f < N_POKE; f++)
        for (size_t i = 0; i < poke_row_bytes[f] * (size_t)block->n_padded; i++)
            if (((const unsigned char *)block->out[f])[i] != f)
                return "two outputs share memory";
    for (size_t i = 0; i < POKE_SCRATCH; i++)
        if (((const unsigned char *)context->scratch)[i] != N_POKE)
            return "scratch and outputs share memory";
    return NULL;
}

static void poke_row(const struct sheaf_block *block, int64_t k, double x) {
    int64_t ten_i = 10 * (int64_t)floor(x);
    ((double *)block->out[F64])[k] = x;
    for (int j = 0; j < 2; j++)
        ((float *)block->out[F32])[2 * k + j] = (float)(ten_i + j);
    for (int j = 0; j < 3; j++)
        ((int64_t *)block->out[I64])[3 * k + j] = ten_i + j;
    for (int j = 0; j < 4; j++)
        ((int32_t *)block->out[I32])[4 * k + j] = (int32_t)(ten_i + j);
    for (int j = 0; j < 5; j++)
        ((uint8_t *)block->out[U8])[5 * k + j] = (uint8_t)((ten_i + j) & 255);
}

static int poke_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    const double *x = block->in[0];
    const char *broken = broken_promise(context, block);
    if (broken == NULL)
        broken = broken_memory(context, block);
    if (broken != NULL) {
        for (int64_t k = 0; k < block->n; k++)
            context->fail(context, k, "%s", broken);
        return 0;
    }

    for (int f = 0; f < N_POKE; f++)
        memset(block->out[f], POISON, poke_row_bytes[f] * (size_t)block->n_padded);
    for (int64_t k = 0; k < block->n; k++) {
        if (!(fabs(x[k]) < 1e6))
            context->fail(context, k, "x is %g: below 1e6 only, or float32 would round", x[k]);
        else
            poke_row(block, k, x[k]);
    }
    return 0;
}

KERNEL(poke, "checks alignment and padding, writes everything it may", .n_inputs = 1, .inputs = input_x,
       .open = poke_open, .map = poke_map);

#define SHARED_WORDS ((size_t)1 << 18) /* 1 MB */

/* Word i of the shared data (Knuth's multiplicative hash): nothing a stray copy would have by chance. */
static uint32_t shared_word(size_t i) {
    return (uint32_t)(i + 1) * 2654435761u;
}

static size_t shared_check_bytes(const void *self) {
    (void)self;
    return SHARED_WORDS * sizeof(uint32_t);
}

static int shared_check_prepare(const void *self, const struct sheaf_setup *setup, void *memory) {
    (void)self;
    uint32_t *words = memory;
    if (!aligned(memory))
        return setup->refuse(setup, "the memory for shared data is not aligned");
    for (size_t i = 0; i < SHARED_WORDS; i++) {
        if (words[i] != 0)
            return setup->refuse(setup, "the memory for shared data is not zeroed");
        words[i] = shared_word(i);
    }
    return 0;
}

static int shared_check_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    const double *x = block->in[0];
    double *y = block->out[0];
    const uint32_t *words = context->shared;
    size_t wrong = 0;
    if (words == NULL || !aligned(words) || context->shared_bytes != SHARED_WORDS * sizeof *words) {
        context->fail(context, SHEAF_WHOLE_BLOCK, "shared data is missing, not aligned or of another size");
        return -1;
    }
    for (size_t i = 0; i < SHARED_WORDS; i++)
        wrong += words[i] != shared_word(i);
    for (int64_t k = 0; k < block->n; k++) {
        y[k] = x[k];
        if (wrong > 0)
            context->fail(context, k, "%zu words of the shared data are wrong", wrong);
    }
    return 0;
}

KERNEL(shared_check, "checks 1 MB of shared data in every call", .n_inputs = 1, .inputs = input_x, .open = y_open,
       .shared_bytes = shared_check_bytes, .prepare = shared_check_prepare, .map = shared_check_map);

/* Global state, which kernels must not have: it is how overlapping calls find out about each other. */
static atomic_int calls_inside;

static int impure_serial_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    shape->flags = SHEAF_SERIAL;
    return y_open(setup, shape, self);
}

static int impure_serial_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    double *y = block->out[0];
    bool alone = atomic_fetch_add(&calls_inside, 1) == 0;
    sleep_ms(1);
    for (int64_t k = 0; k < block->n; k++)
        y[k] = (double)(block->first + k);
    alone = atomic_fetch_sub(&calls_inside, 1) == 1 && alone;
    if (alone)
        return 0;
    context->fail(context, SHEAF_WHOLE_BLOCK, "two calls of a serial kernel overlap");
    return -1;
}

KERNEL(impure_serial, "is not thread-safe", .open = impure_serial_open, .map = impure_serial_map);

static const struct sheaf_field text_in_inputs[] = {FIELD("word", SHEAF_TEXT, 1)};
static const struct sheaf_field text_in_outputs[] = {
    FIELD("length", SHEAF_INT64, 1),
    FIELD("checksum", SHEAF_INT64, 1),
};

static int text_in_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    (void)setup;
    (void)self;
    shape->n_outputs = 2;
    shape->outputs = text_in_outputs;
    shape->block = 3;
    shape->flags = SHEAF_PURE;
    return 0;
}

static int text_in_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    (void)context;
    const struct sheaf_text *word = block->in[0];
    int64_t *length = block->out[0];
    int64_t *checksum = block->out[1];
    for (int64_t k = 0; k < block->n_padded; k++) { /* the padding as well: it must be readable text */
        uint32_t hash = 2166136261u;
        for (size_t i = 0; i < word[k].length; i++)
            hash = (hash ^ (unsigned char)word[k].data[i]) * 16777619u;
        length[k] = (int64_t)word[k].length;
        checksum[k] = (int64_t)hash;
    }
    return 0;
}

KERNEL(text_in, "takes text", .n_inputs = 1, .inputs = text_in_inputs, .open = text_in_open, .map = text_in_map);

static const struct sheaf_field line_in_inputs[] = {FIELD("line", SHEAF_TEXT, 1)};
KERNEL(line_in, "takes lines", .n_inputs = 1, .inputs = line_in_inputs, .open = text_in_open, .map = text_in_map);

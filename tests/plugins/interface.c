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
 */
#include <stdlib.h>
#include <string.h>

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

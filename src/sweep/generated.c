#include "sweep/generated.h"

#include <string.h>

#include "core/type.h"

/* --- making the block ---------------------------------------------------------------------------------------------- */

static const struct sweep_field *field_of(const struct generated_setup *setup, int k) {
    return &setup->sweep->fields[setup->field[k]];
}

static bool is_generated(const struct generated_setup *setup, int k) {
    return setup->field[k] >= 0 && setup->field[k] < setup->sweep->n_fields &&
           !(field_of(setup, k)->draw && field_of(setup, k)->n_values == 0 && setup->inputs[k].type == SHEAF_TEXT);
}

static size_t head_bytes(const struct generated_setup *setup) {
    return sheaf_round_up((size_t)setup->n_inputs * sizeof(struct generated), SHEAF_ALIGN);
}

/* The texts of a table lie behind it, which has offsets in place of pointers. */
static void place_texts(const struct sheaf_text *texts, int64_t n, char *block, size_t begin, size_t *at) {
    for (int64_t i = 0; i < n; *at += texts[i++].length) {
        const struct sheaf_text placed = {(const char *)(uintptr_t)*at, texts[i].length};
        if (!block)
            continue;
        if (texts[i].length)
            memcpy(block + *at, texts[i].data, texts[i].length);
        memcpy(block + begin + (size_t)i * sizeof placed, &placed, sizeof placed);
    }
}

/* The values that are listed for an input at *at, which moves behind them; block is NULL to measure. */
static int place_table(const struct generated_setup *setup, int k, char *block, size_t *at) {
    const struct sweep_field *field = field_of(setup, k);
    const struct sweep_field listed = {.about = field->about, .values = field->values, .written = field->written};
    const struct sweep_axis axis = {.size = field->n_values, .stride = 1};
    const struct sweep table = {.n_axes = 1, .axes = {axis}, .n_fields = 1, .fields = &listed};
    const enum sheaf_type type = setup->inputs[k].type;
    const size_t begin = *at, n_bytes = (size_t)field->n_values * sheaf_type_bytes(type);
    struct sheaf_arena arena = {0};
    void *values = block && type != SHEAF_TEXT ? block + begin : sheaf_arena_take(&arena, n_bytes);
    int rc = values ? sheaf_sweep_convert(&table, 0, type, 0, field->n_values, values, &arena) : -1;
    *at += n_bytes;
    if (rc == 0 && type == SHEAF_TEXT)
        place_texts(values, field->n_values, block, begin, at);
    *at = sheaf_round_up(*at, SHEAF_ALIGN);
    sheaf_arena_free(&arena);
    return rc;
}

/* An input at *at, which moves behind it; block is NULL to measure. */
static int place(const struct generated_setup *setup, int k, char *block, size_t *at, struct sheaf_error *error) {
    const struct sweep_field *field = field_of(setup, k);
    const int64_t draw = field->draw ? (int64_t)*at : 0;
    if (field->draw && block)
        memcpy(block + *at, field->draw, sizeof *field->draw);
    *at += field->draw ? sheaf_round_up(sizeof *field->draw, SHEAF_ALIGN) : 0;
    if (block)
        ((struct generated *)(void *)block)[k] =
            (struct generated){setup->sweep->axes[field->axis].stride, field->n_values, (int64_t)*at, draw};
    return field->n_values && place_table(setup, k, block, at) ? sheaf_fail_memory(error, "the axes") : 0;
}

static int walk(const struct generated_setup *setup, char *block, size_t *n_bytes, struct sheaf_error *error) {
    *n_bytes = head_bytes(setup);
    for (int k = 0; k < setup->n_inputs; k++)
        if (is_generated(setup, k) && place(setup, k, block, n_bytes, error))
            return -1;
    return 0;
}

int sheaf_generated_measure(const struct generated_setup *setup, size_t *n_bytes, struct sheaf_error *error) {
    return walk(setup, NULL, n_bytes, error);
}

int sheaf_generated_make(const struct generated_setup *setup, void *block, struct sheaf_error *error) {
    size_t n_bytes;
    memset(block, 0, head_bytes(setup));
    return walk(setup, block, &n_bytes, error);
}

/* --- taking values from it ------------------------------------------------------------------------------------------ */

/* Texts lie in the block, which is elsewhere in each process. */
static void point(struct sheaf_text *texts, int64_t n, const char *block) {
    for (int64_t i = 0; i < n; i++)
        texts[i].data = block + (uintptr_t)texts[i].data;
}

/* Values first … first + n - 1 along the axis of an input that is drawn. */
static void fill_drawn(const char *block, const struct generated *g, enum sheaf_type type, int64_t first, int64_t n,
                       char *to) {
    enum { BATCH = 64 };
    const struct draw *draw = (const void *)(block + g->draw);
    const size_t value_bytes = sheaf_type_bytes(type);
    int64_t choices[BATCH];
    if (g->n_values == 0)
        sheaf_draw_numbers(draw, type, first, n, to);
    for (int64_t i = 0; g->n_values && i < n; i++) {
        if (i % BATCH == 0)
            sheaf_draw_choices(draw, first + i, n - i < BATCH ? n - i : BATCH, choices);
        memcpy(to + (size_t)i * value_bytes, block + g->offset + (size_t)choices[i % BATCH] * value_bytes, value_bytes);
    }
}

/* The same for items, of which several in a row may have one value. */
static void spread_drawn(const char *block, const struct generated *g, enum sheaf_type type, int64_t first, int64_t n,
                         char *to) {
    enum { BATCH = 256 };
    const size_t value_bytes = sheaf_type_bytes(type);
    _Alignas(SHEAF_ALIGN) char values[BATCH * sizeof(struct sheaf_text)];
    for (int64_t at = 0, m; at < n; at += m) {
        m = n - at < BATCH ? n - at : BATCH;
        const int64_t low = (first + at) / g->stride, high = (first + at + m - 1) / g->stride;
        fill_drawn(block, g, type, low, high - low + 1, values);
        sheaf_sweep_spread(values, value_bytes, high - low + 1, g->stride, first + at - low * g->stride, m,
                           to + (size_t)at * value_bytes);
    }
}

void sheaf_generated_fill(const void *block, int k, enum sheaf_type type, int64_t first, int64_t n, void *to) {
    const struct generated *g = (const struct generated *)block + k;
    if (!g->draw)
        sheaf_sweep_spread((const char *)block + g->offset, sheaf_type_bytes(type), g->n_values, g->stride, first, n,
                           to);
    else if (g->stride == 1)
        fill_drawn(block, g, type, first, n, to);
    else
        spread_drawn(block, g, type, first, n, to);
    if (type == SHEAF_TEXT)
        point(to, n, block);
}

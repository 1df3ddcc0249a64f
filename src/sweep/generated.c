#include "sweep/generated.h"

#include <string.h>

#include "core/type.h"

/* --- making the block ---------------------------------------------------------------------------------------------- */

static const struct sweep_axis *axis_of(const struct generated_setup *setup, int k) {
    return &setup->sweep->axes[setup->sweep->fields[setup->field[k]].axis];
}

/* The texts of an input, in the arena. */
static struct sheaf_text *convert_texts(const struct generated_setup *setup, int k, struct sheaf_arena *arena) {
    const int64_t n = axis_of(setup, k)->size;
    struct sheaf_text *texts = sheaf_arena_take(arena, (size_t)n * sizeof *texts);
    return texts && sheaf_sweep_convert(setup->sweep, setup->field[k], SHEAF_TEXT, 0, n, texts, arena) == 0 ? texts
                                                                                                            : NULL;
}

static size_t head_bytes(const struct generated_setup *setup) {
    return sheaf_round_up((size_t)setup->n_inputs * sizeof(struct generated), SHEAF_ALIGN);
}

/* The values of an input at *at, which moves behind them; block is NULL to measure. */
static int place(const struct generated_setup *setup, int k, char *block, size_t *at, struct sheaf_error *error) {
    const struct sweep_axis *axis = axis_of(setup, k);
    const enum sheaf_type type = setup->inputs[k].type;
    struct sheaf_arena arena = {0};
    const size_t begin = *at;
    int rc = 0;
    *at = begin + (size_t)axis->size * sheaf_type_bytes(type);
    if (type == SHEAF_TEXT) {
        struct sheaf_text *texts = convert_texts(setup, k, &arena);
        rc = texts ? 0 : -1;
        for (int64_t i = 0; texts && i < axis->size; *at += texts[i++].length)
            if (block) {
                const struct sheaf_text placed = {(const char *)(uintptr_t)*at, texts[i].length};
                if (texts[i].length)
                    memcpy(block + *at, texts[i].data, texts[i].length);
                memcpy(block + begin + (size_t)i * sizeof placed, &placed, sizeof placed);
            }
    } else if (block)
        rc = sheaf_sweep_convert(setup->sweep, setup->field[k], type, 0, axis->size, block + begin, &arena);
    if (block)
        ((struct generated *)(void *)block)[k] = (struct generated){axis->stride, axis->size, (int64_t)begin};
    *at = sheaf_round_up(*at, SHEAF_ALIGN);
    sheaf_arena_free(&arena);
    return rc ? sheaf_fail_memory(error, "the axes") : 0;
}

static int walk(const struct generated_setup *setup, char *block, size_t *n_bytes, struct sheaf_error *error) {
    *n_bytes = head_bytes(setup);
    for (int k = 0; k < setup->n_inputs; k++)
        if (setup->field[k] >= 0 && place(setup, k, block, n_bytes, error))
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

void sheaf_generated_fill(const void *block, int k, enum sheaf_type type, int64_t first, int64_t n, void *to) {
    const struct generated *g = (const struct generated *)block + k;
    sheaf_sweep_spread((const char *)block + g->offset, sheaf_type_bytes(type), g->n_values, g->stride, first, n, to);
    if (type == SHEAF_TEXT)
        point(to, n, block);
}

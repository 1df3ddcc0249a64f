/* What a compute thread makes of the items of a grain together. */
#include <fenv.h>

#include "core/type.h"
#include "exec/thread.h"
#include "plan/status.h"

/* A grain, and where the chunk that it is of begins. */
struct folded_grain {
    const struct parcel *parcel;
    int64_t chunk_item;
};

/* Values of an input from an item on; those that are worked out are put into `room`. */
static const void *find_input(const struct thread *t, const struct folded_grain *grain, int c, int64_t first, int64_t n,
                              void *room) {
    const struct sheaf_field *field = &t->shape->inputs[c];
    const size_t row = sheaf_field_row_bytes(field);
    if (sheaf_generated_has(t->shape->generated, c)) {
        sheaf_generated_fill(t->shape->generated, c, (enum sheaf_type)field->type, first, n, room);
        return room;
    }
    if (sheaf_chunk_decodes(t->shape, c))
        return t->fetched.columns[c] + (size_t)(first - t->fetched.first_item) * row;
    return (const char *)t->columns[c] + (size_t)(first - grain->chunk_item) * row;
}

/* At most FOLD_BATCH items. */
static void fold_batch(const struct thread *t, struct fold *fold, const struct folded_grain *grain, int64_t at,
                       int64_t n) {
    struct fold_column *columns = fold->columns;
    const int64_t first = grain->parcel->first_item + at;
    for (int k = 0; k < fold->plan->n_inputs; k++) {
        const int32_t input = fold->plan->inputs[k];
        if (input >= 0) {
            columns[k] =
                (struct fold_column){t->shape->inputs[input].type, find_input(t, grain, input, first, n, fold->raw[k])};
            continue;
        }
        const struct sheaf_field *field = &t->shape->outputs[-1 - input];
        columns[k] = (struct fold_column){field->type,
                                          grain->parcel->out[-1 - input] + (size_t)at * sheaf_field_row_bytes(field)};
    }
    sheaf_fold_add(fold, first, n, grain->parcel->status + at, columns);
}

void sheaf_thread_fold(const struct thread *t, struct fold *fold, const char *chunk_data, const struct parcel *parcel) {
    const struct folded_grain grain = {parcel, sheaf_chunk_blocks(chunk_data).first * t->shape->block};
    fenv_t kernels; /* a kernel may have it that doubles are rounded otherwise, or denormal ones flushed */
    fegetenv(&kernels);
    fesetenv(FE_DFL_ENV);
    for (int64_t at = 0, upto = 0; sheaf_status_run(parcel->status, parcel->n_items, &at, &upto); at = upto)
        for (int64_t n; at < upto; at += n) {
            n = upto - at < FOLD_BATCH ? upto - at : FOLD_BATCH;
            fold_batch(t, fold, &grain, at, n);
        }
    fesetenv(&kernels);
}

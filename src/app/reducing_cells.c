/* Reductions written into the results file, and read from there. */
#include <string.h>

#include "app/reducing_inside.h"
#include "core/file.h"

int sheaf_reducing_write(const struct reducing *r, int k, int64_t begin, int64_t n, const char *states,
                         struct sheaf_error *error) {
    enum { CELLS = 512 };
    const struct fold_one *one = &r->list[k];
    char values[CELLS * 8];
    int64_t counts[CELLS][REDUCED_COUNTS];
    for (int64_t at = 0, n_now; at < n; at += n_now) {
        n_now = n - at < CELLS ? n - at : CELLS;
        for (int64_t i = 0; i < n_now; i++) {
            const char *state = states + (size_t)(at + i) * one->state_bytes;
            memcpy(&counts[i][REDUCED_UNDONE], state, sizeof(int64_t));
            counts[i][REDUCED_IN] = sheaf_reduction_n(state + sizeof(int64_t));
            counts[i][REDUCED_NAN] = sheaf_reduction_n_nan(state + sizeof(int64_t));
            sheaf_reduction_end((enum reduction_kind)one->kind, state + sizeof(int64_t), r->asked[k].propagates,
                                values + 8 * i);
        }
        if (sheaf_results_write_reduction(&r->stage->session->results, k, begin + at, n_now, values, counts[0], error))
            return -1;
    }
    return 0;
}

int sheaf_reducing_take(const struct reducing *r, const char *block, struct sheaf_error *error) {
    const struct fold_plan plan = {.n = r->n_folded, .list = r->list};
    for (int k = 0; k < r->n_folded; k++)
        if (sheaf_reducing_write(r, k, 0, r->list[k].n_cells, sheaf_fold_states(&plan, block, k), error))
            return -1;
    return 0;
}

int sheaf_reducing_read(const struct reducing *r, int k, struct reduced *value, struct sheaf_arena *arena,
                        struct sheaf_error *error) {
    const struct results *results = &r->stage->session->results;
    const struct reduction_place *at = &results->reductions[k];
    char *all = sheaf_arena_take(arena, (size_t)at->width * 8);
    if (!all)
        return sheaf_fail_memory(error, "the reductions");
    value->numbers = (const double *)(void *)all;
    value->wholes = (const int64_t *)(void *)all;
    if (sheaf_file_pread(results->fd, all, (size_t)at->width * 8, at->values, results->path, error))
        return -1;
    value->number = value->numbers[0];
    value->whole = value->wholes[0];
    return sheaf_file_pread(results->fd, value->counts, (size_t)at->n_counts * sizeof(int64_t), at->counts,
                            results->path, error);
}

#include "app/suspicion.h"

#include <stdlib.h>

/* Gives up the items of a block that are still pending. */
static int give_up_block(struct results *results, int64_t block, struct sheaf_error *error) {
    int64_t counts[ITEM_SKIPPED + 1], end = (block + 1) * results->block;
    end = end < results->n_items ? end : results->n_items;
    for (int64_t i = block * results->block; i < end; i++) {
        if (sheaf_results_count(results, i, i + 1, counts, error))
            return -1;
        if (counts[ITEM_PENDING] &&
            sheaf_results_give_up(results, i, ITEM_CRASHED,
                                  "the run died while this was computed, and died again when it was computed alone",
                                  error))
            return -1;
    }
    return 0;
}

/* Whether a block is to be watched any longer. */
static int is_pending(const struct suspects *suspects, int64_t block, bool *pending, struct sheaf_error *error) {
    struct span run;
    if (suspects->pending->next(suspects->pending->self, block, block + 1, &run, error))
        return -1;
    *pending = run.n > 0;
    return 0;
}

/* Gives up what has died alone, and forgets what is done. */
static int settle(struct suspects *suspects, struct results *results, struct sheaf_error *error) {
    int64_t kept = 0;
    for (int64_t i = 0; i < suspects->n; i++) {
        const struct suspect suspect = suspects->list[i];
        bool pending = false;
        if ((suspect.doubt >= DOUBT_CRASHED && give_up_block(results, suspect.block, error)) ||
            is_pending(suspects, suspect.block, &pending, error))
            return -1;
        if (pending)
            suspects->list[kept++] = suspect;
    }
    suspects->n = kept;
    return 0;
}

int sheaf_suspicion_open(struct suspects *suspects, struct results *results, const struct pending *pending,
                         struct sheaf_error *error) {
    int64_t n_notes;
    struct flight_note *notes = malloc(FLIGHTS_MOST * sizeof *notes);
    if (!notes)
        return sheaf_fail_memory(error, "the notes of the last run");
    suspects->pending = pending;
    int rc = sheaf_results_read_flights(results, notes, &n_notes, suspects, error);
    if (rc == 0 && (n_notes > 0 || suspects->n > 0))
        rc = sheaf_suspects_add(suspects, notes, n_notes, error) || settle(suspects, results, error) ||
                     sheaf_results_write_suspects(results, suspects, error)
                 ? -1
                 : 0;
    free(notes);
    return rc;
}

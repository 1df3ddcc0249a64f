/* Which blocks were at work when a run died, which ranks, and who is under suspicion. */
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "plan/flight.h"
#include "store/layout.h"
#include "store/results.h"

int sheaf_results_read_flights(struct results *r, struct flight_note *notes, int64_t *n, bool *from_outside,
                               struct suspects *suspects, struct sheaf_error *error) {
    uint8_t *lives = malloc(LIVES_MOST);
    int rc = lives ? sheaf_file_pread(r->fd, lives, LIVES_MOST, r->sink.layout.lives_offset, r->path, error)
                   : sheaf_fail_memory(error, "the ranks of the last run");
    *from_outside = rc == 0 && sheaf_lives_ended_outside(lives, LIVES_MOST);
    free(lives);
    if (rc)
        return -1;
    *n = suspects->n = 0;
    if (sheaf_file_pread(r->fd, notes, FLIGHTS_MOST * sizeof *notes, r->sink.layout.flights_offset, r->path, error) ||
        sheaf_file_pread(r->fd, suspects->list, sizeof suspects->list, r->suspects_offset, r->path, error))
        return -1;
    int64_t n_blocks = (r->n_items + r->block - 1) / r->block;
    for (int64_t i = 0; i < FLIGHTS_MOST; i++)
        if (notes[i].n > 0 && notes[i].first >= 0 && notes[i].first <= n_blocks - notes[i].n &&
            (!r->power_failed || (notes[i].flags & FLIGHT_CRASHED))) /* no item does that */
            notes[(*n)++] = notes[i];
    while (suspects->n < SUSPECTS_MOST && suspects->list[suspects->n].doubt > 0)
        suspects->n++;
    return 0;
}

int sheaf_results_clear_flights(struct results *r, struct sheaf_error *error) {
    static const struct flight_note none[64];
    static const uint8_t no_life[LIVES_MOST];
    if (sheaf_file_pwrite(r->fd, no_life, sizeof no_life, r->sink.layout.lives_offset, r->path, error))
        return -1;
    for (int64_t i = 0; i < FLIGHTS_MOST; i += 64)
        if (sheaf_file_pwrite(r->fd, none, sizeof none, r->sink.layout.flights_offset + i * (off_t)sizeof *none,
                              r->path, error))
            return -1;
    return 0;
}

int sheaf_results_write_suspects(struct results *r, const struct suspects *suspects, struct sheaf_error *error) {
    static const struct suspect none;
    size_t n_bytes = (size_t)suspects->n * sizeof none;
    if (sheaf_results_clear_flights(r, error)) /* first: or after a kill they would count once more */
        return -1;
    if (sheaf_file_pwrite(r->fd, suspects->list, n_bytes, r->suspects_offset, r->path, error) ||
        (suspects->n < SUSPECTS_MOST &&
         sheaf_file_pwrite(r->fd, &none, sizeof none, r->suspects_offset + (off_t)n_bytes, r->path, error)))
        return -1;
    return 0;
}

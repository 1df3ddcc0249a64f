#include "plan/flight.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"

_Static_assert(sizeof(struct flight_note) == FLIGHT_WIDTH * sizeof(int64_t), "a row of the table");
_Static_assert(sizeof(struct suspect) == SUSPECT_WIDTH * sizeof(int64_t), "a row of the table");

/* A kill between two stores leaves a row that is not used. */
static void store(volatile struct flight_note *row, const struct flight_note *note) {
    row->n = 0;
    atomic_signal_fence(memory_order_seq_cst);
    row->first = note->first;
    row->party = note->party;
    row->n_parties = note->n_parties;
    row->flags = note->flags;
    atomic_signal_fence(memory_order_seq_cst);
    row->n = note->n;
}

int sheaf_flight_note(struct flight *flight, struct span blocks, const char *path, struct sheaf_error *error) {
    flight->note.first = blocks.first;
    flight->note.n = blocks.n;
    if (flight->fd < 0)
        return 0;
    if (flight->row) {
        store(flight->row, &flight->note);
        return 0;
    }
    return sheaf_file_pwrite(flight->fd, &flight->note, sizeof flight->note, flight->offset, path, error);
}

void sheaf_flight_crashed(struct flight *flight, int64_t block) {
    struct flight_note note = flight->note;
    if (flight->fd < 0 || note.n == 0)
        return;
    note.first = block;
    note.n = 1;
    note.flags |= FLIGHT_CRASHED;
    if (flight->row)
        store(flight->row, &note);
    else if (pwrite(flight->fd, &note, sizeof note, flight->offset) < 0)
        return; /* nothing more can be done */
}

/* --- judging notes ------------------------------------------------------------------------------------------------- */

static struct suspect *find(struct suspects *suspects, int64_t block) {
    for (int64_t i = 0; i < suspects->n; i++)
        if (suspects->list[i].block == block)
            return &suspects->list[i];
    return NULL;
}

static int by_block(const void *a, const void *b) {
    int64_t x = ((const struct suspect *)a)->block, y = ((const struct suspect *)b)->block;
    return (x > y) - (x < y);
}

static void add_doubt(struct suspects *suspects, int64_t block, int64_t doubt) {
    struct suspect *known = find(suspects, block);
    if (known)
        known->doubt += doubt;
    else if (suspects->n < SUSPECTS_MOST)
        suspects->list[suspects->n++] = (struct suspect){block, doubt};
}

static int first_pending(const struct suspects *suspects, const struct flight_note *note, int64_t from,
                         struct span *run, struct sheaf_error *error) {
    return suspects->pending->next(suspects->pending->self, from, note->first + note->n, run, error);
}

/* Keeps the notes that have pending blocks, in front; returns their number, or -1. */
static int64_t keep_pending(const struct suspects *suspects, struct flight_note *notes, int64_t n_notes,
                            struct sheaf_error *error) {
    int64_t kept = 0;
    for (int64_t i = 0; i < n_notes; i++) {
        struct span run = {0, 0};
        if (notes[i].n > 0 && first_pending(suspects, &notes[i], notes[i].first, &run, error))
            return -1;
        if (run.n > 0)
            notes[kept++] = notes[i];
    }
    return kept;
}

static int by_party(const void *a, const void *b) {
    int64_t x = ((const struct flight_note *)a)->party, y = ((const struct flight_note *)b)->party;
    return (x > y) - (x < y);
}

/* Whether a signal was caught; whether all who computed died in the middle of something. notes[n > 0] by party. */
static void look_at_death(const struct flight_note *notes, int64_t n, bool *caught, bool *from_outside) {
    int64_t n_parties = 1;
    *caught = (notes[0].flags & FLIGHT_CRASHED) != 0;
    for (int64_t i = 1; i < n; i++) {
        *caught = *caught || (notes[i].flags & FLIGHT_CRASHED);
        n_parties += notes[i].party != notes[i - 1].party;
    }
    *from_outside = notes[0].n_parties > 1 && n_parties == notes[0].n_parties;
}

static int add_note(struct suspects *suspects, const struct flight_note *note, int64_t doubt,
                    struct sheaf_error *error) {
    struct span run;
    for (int64_t at = note->first; at < note->first + note->n; at = run.first + run.n) {
        if (first_pending(suspects, note, at, &run, error))
            return -1;
        if (run.n == 0)
            break;
        for (int64_t b = run.first; b < run.first + run.n; b++)
            add_doubt(suspects, b, doubt);
    }
    return 0;
}

int sheaf_suspects_add(struct suspects *suspects, const struct flight_note *notes, int64_t n_notes,
                       struct sheaf_error *error) {
    bool caught, from_outside;
    int rc = 0;
    struct flight_note *own = malloc((size_t)(n_notes + 1) * sizeof *own);
    if (!own)
        return sheaf_fail_memory(error, "the notes of the last run");
    memcpy(own, notes, (size_t)n_notes * sizeof *own);
    int64_t n = keep_pending(suspects, own, n_notes, error);
    if (n > 0) {
        qsort(own, (size_t)n, sizeof *own, by_party);
        look_at_death(own, n, &caught, &from_outside);
    }
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        bool culprit = own[i].flags & FLIGHT_CRASHED, alone = own[i].flags & FLIGHT_ALONE;
        if (!caught || culprit)
            rc = add_note(suspects, &own[i],
                          alone                     ? DOUBT_CRASHED
                          : caught || !from_outside ? DOUBT_SUSPECT
                                                    : 1,
                          error);
    }
    free(own);
    qsort(suspects->list, (size_t)suspects->n, sizeof *suspects->list, by_block);
    return n < 0 ? -1 : rc;
}

/* --- as sources of pending blocks ---------------------------------------------------------------------------------- */

static bool is_suspect(const struct suspect *suspect) {
    return suspect->doubt >= DOUBT_SUSPECT && suspect->doubt < DOUBT_CRASHED;
}

int64_t sheaf_suspects_count(const struct suspects *suspects) {
    int64_t n = 0;
    for (int64_t i = 0; i < suspects->n; i++)
        n += is_suspect(&suspects->list[i]);
    return n;
}

/* The first suspect block at or behind `from`; INT64_MAX if there is none. */
static int64_t next_suspect(const struct suspects *suspects, int64_t from) {
    for (int64_t i = 0; i < suspects->n; i++)
        if (suspects->list[i].block >= from && is_suspect(&suspects->list[i]))
            return suspects->list[i].block;
    return INT64_MAX;
}

static int next_other(void *self, int64_t from, int64_t end, struct span *run, struct sheaf_error *error) {
    const struct suspects *suspects = self;
    *run = (struct span){from, 0};
    for (; from < end; from++) {
        if (suspects->pending->next(suspects->pending->self, from, end, run, error))
            return -1;
        int64_t suspect = run->n ? next_suspect(suspects, run->first) : INT64_MAX;
        if (suspect >= run->first + run->n)
            return 0;
        run->n = suspect - run->first;
        if (run->n > 0)
            return 0;
        from = suspect;
    }
    run->n = 0;
    return 0;
}

static int next_only(void *self, int64_t from, int64_t end, struct span *run, struct sheaf_error *error) {
    const struct suspects *suspects = self;
    *run = (struct span){from, 0};
    for (int64_t block = next_suspect(suspects, from); block < end; block = next_suspect(suspects, block + 1)) {
        if (suspects->pending->next(suspects->pending->self, block, block + 1, run, error))
            return -1;
        if (run->n > 0)
            return 0;
    }
    return 0;
}

struct pending sheaf_suspects_others(struct suspects *suspects) {
    return (struct pending){suspects, next_other};
}

struct pending sheaf_suspects_only(struct suspects *suspects) {
    return (struct pending){suspects, next_only};
}

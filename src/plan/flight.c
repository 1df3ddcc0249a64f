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

/* Room that is left for blocks that are to be given up, so that these are never forgotten. */
enum { RESERVE = 64 };

static bool has_room(const struct suspects *suspects, int64_t doubt) {
    return suspects->n < SUSPECTS_MOST - (doubt >= DOUBT_CRASHED ? 0 : RESERVE);
}

static void insert(struct suspects *suspects, int64_t at, struct suspect suspect) {
    memmove(&suspects->list[at + 1], &suspects->list[at], (size_t)(suspects->n - at) * sizeof suspect);
    suspects->list[at] = suspect;
    suspects->n++;
}

/* Cuts the suspect at `at` in two, the second one beginning at a block inside it. False: there is no room. */
static bool cut(struct suspects *suspects, int64_t at, int64_t block, int64_t doubt) {
    struct suspect *whole = &suspects->list[at], rest = *whole;
    if (!has_room(suspects, doubt))
        return false;
    rest.first = block;
    rest.n = whole->first + whole->n - block;
    whole->n = block - whole->first;
    insert(suspects, at + 1, rest);
    return true;
}

/* Adds doubt to a span: to what is known of it, and as a new suspect where nothing is. What finds no room is computed
   as other blocks are. */
static void add_doubt(struct suspects *suspects, struct span span, int64_t doubt) {
    int64_t from = span.first, end = span.first + span.n;
    for (int64_t i = 0; i < suspects->n && from < end; i++) {
        const struct suspect known = suspects->list[i];
        if (known.first + known.n <= from)
            continue;
        if (from < known.first) { /* a gap before it */
            int64_t upto = known.first < end ? known.first : end;
            if (has_room(suspects, doubt))
                insert(suspects, i, (struct suspect){from, upto - from, doubt});
            else
                i--;
            from = upto;
            continue;
        }
        if (known.first < from) { /* the part before stays as it is */
            if (!cut(suspects, i, from, doubt))
                from = known.first + known.n;
            continue;
        }
        if (known.first + known.n > end && !cut(suspects, i, end, doubt))
            return;
        suspects->list[i].doubt += doubt;
        from = suspects->list[i].first + suspects->list[i].n;
    }
    if (from < end && has_room(suspects, doubt))
        insert(suspects, suspects->n, (struct suspect){from, end - from, doubt});
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

bool sheaf_lives_ended_outside(const uint8_t *lives, int64_t n) {
    int64_t n_alive = 0, n_left = 0;
    for (int64_t i = 0; i < n; i++) {
        n_alive += lives[i] == LIFE_ALIVE;
        n_left += lives[i] == LIFE_LEFT;
    }
    return n_alive > 1 && n_left == 0;
}

/* Whether a signal was caught. */
static bool was_caught(const struct flight_note *notes, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (notes[i].flags & FLIGHT_CRASHED)
            return true;
    return false;
}

static int add_note(struct suspects *suspects, const struct flight_note *note, int64_t doubt,
                    struct sheaf_error *error) {
    struct span run;
    for (int64_t at = note->first; at < note->first + note->n; at = run.first + run.n) {
        if (first_pending(suspects, note, at, &run, error))
            return -1;
        if (run.n == 0)
            break;
        add_doubt(suspects, run, doubt);
    }
    return 0;
}

int sheaf_suspects_add(struct suspects *suspects, const struct flight_note *notes, int64_t n_notes, bool from_outside,
                       struct sheaf_error *error) {
    int rc = 0;
    struct flight_note *own = malloc((size_t)(n_notes + 1) * sizeof *own);
    if (!own)
        return sheaf_fail_memory(error, "the notes of the last run");
    if (n_notes > 0)
        memcpy(own, notes, (size_t)n_notes * sizeof *own);
    int64_t n = keep_pending(suspects, own, n_notes, error);
    const bool caught = n > 0 && was_caught(own, n);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        bool culprit = own[i].flags & FLIGHT_CRASHED, alone = own[i].flags & FLIGHT_ALONE;
        int64_t doubt = alone && culprit          ? DOUBT_CRASHED
                        : alone                   ? DOUBT_CRASHED / 2
                        : caught || !from_outside ? DOUBT_SUSPECT
                                                  : 1;
        if (!caught || culprit)
            rc = add_note(suspects, &own[i], doubt, error);
    }
    free(own);
    return n < 0 ? -1 : rc;
}

/* --- as sources of pending blocks ---------------------------------------------------------------------------------- */

static bool is_suspect(const struct suspect *suspect) {
    return suspect->doubt >= DOUBT_SUSPECT && suspect->doubt < DOUBT_CRASHED;
}

int64_t sheaf_suspects_count(const struct suspects *suspects) {
    int64_t n = 0;
    for (int64_t i = 0; i < suspects->n; i++)
        n += is_suspect(&suspects->list[i]) ? suspects->list[i].n : 0;
    return n;
}

/* The first suspect that has blocks at or behind `from`; NULL if there is none. */
static const struct suspect *next_suspect(const struct suspects *suspects, int64_t from) {
    for (int64_t i = 0; i < suspects->n; i++)
        if (suspects->list[i].first + suspects->list[i].n > from && is_suspect(&suspects->list[i]))
            return &suspects->list[i];
    return NULL;
}

static int next_other(void *self, int64_t from, int64_t end, struct span *run, struct sheaf_error *error) {
    const struct suspects *suspects = self;
    *run = (struct span){from, 0};
    while (from < end) {
        if (suspects->pending->next(suspects->pending->self, from, end, run, error))
            return -1;
        const struct suspect *suspect = run->n ? next_suspect(suspects, run->first) : NULL;
        if (!suspect || suspect->first >= run->first + run->n)
            return 0;
        run->n = suspect->first - run->first;
        if (run->n > 0)
            return 0;
        from = suspect->first + suspect->n;
    }
    run->n = 0;
    return 0;
}

static int next_only(void *self, int64_t from, int64_t end, struct span *run, struct sheaf_error *error) {
    const struct suspects *suspects = self;
    *run = (struct span){from, 0};
    for (const struct suspect *s = next_suspect(suspects, from); s && s->first < end;
         s = next_suspect(suspects, s->first + s->n)) {
        int64_t begin = s->first > from ? s->first : from, upto = s->first + s->n < end ? s->first + s->n : end;
        if (suspects->pending->next(suspects->pending->self, begin, upto, run, error))
            return -1;
        if (run->n > 0)
            return 0;
    }
    run->n = 0;
    return 0;
}

struct pending sheaf_suspects_others(struct suspects *suspects) {
    return (struct pending){suspects, next_other};
}

struct pending sheaf_suspects_only(struct suspects *suspects) {
    return (struct pending){suspects, next_only};
}

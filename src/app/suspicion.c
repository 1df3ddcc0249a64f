#include "app/suspicion.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/file.h"
#include "core/interrupt.h"

/* Gives up the items of a block that are still pending. */
static int give_up_block(struct results *results, int64_t block, struct sheaf_error *error) {
    int64_t counts[ITEM_SKIPPED + 1], end = (block + 1) * results->block;
    end = end < results->n_items ? end : results->n_items;
    for (int64_t i = block * results->block; i < end; i++) {
        struct span item = {i, 1};
        const struct asked only = {1, &item};
        if (sheaf_results_count(results, &only, counts, error))
            return -1;
        if (counts[ITEM_PENDING] &&
            sheaf_results_give_up(results, i, ITEM_CRASHED,
                                  "the run died while this was computed, and died again when it was computed alone",
                                  error))
            return -1;
    }
    return 0;
}

/* Whether blocks are to be watched any longer. */
static int is_pending(const struct suspects *suspects, const struct suspect *suspect, bool *pending,
                      struct sheaf_error *error) {
    struct span run;
    if (suspects->pending->next(suspects->pending->self, suspect->first, suspect->first + suspect->n, &run, error))
        return -1;
    *pending = run.n > 0;
    return 0;
}

/* Gives up what has died alone, and forgets what is done. */
static int give_up_dead(struct suspects *suspects, struct results *results, struct sheaf_error *error) {
    int64_t kept = 0;
    for (int64_t i = 0; i < suspects->n; i++) {
        const struct suspect suspect = suspects->list[i];
        bool pending = false;
        for (int64_t b = 0; suspect.doubt >= DOUBT_CRASHED && b < suspect.n; b++)
            if (give_up_block(results, suspect.first + b, error))
                return -1;
        if (is_pending(suspects, &suspect, &pending, error))
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
    bool from_outside;
    struct flight_note *notes = malloc(FLIGHTS_MOST * sizeof *notes);
    if (!notes)
        return sheaf_fail_memory(error, "the notes of the last run");
    suspects->pending = pending;
    int rc = sheaf_results_read_flights(results, notes, &n_notes, &from_outside, suspects, error);
    if (rc == 0 && !results->created)
        rc = sheaf_suspects_add(suspects, notes, n_notes, from_outside, error) ||
                     give_up_dead(suspects, results, error) || sheaf_results_write_suspects(results, suspects, error)
                 ? -1
                 : 0;
    free(notes);
    return rc;
}

/* What a rank tells; what it is told. */
struct party {
    int32_t notes, is_noted, n_threads; /* its threads note themselves; rank 0 notes its pool */
};
struct flight_rows {
    int64_t first_row;
};

static void assign(const struct party *parties, int n_ranks, struct flight_rows *rows) {
    struct flight_rows next = {0};
    for (int r = 0; r < n_ranks; r++) {
        rows[r].first_row = next.first_row;
        next.first_row += parties[r].notes ? parties[r].n_threads : 0;
    }
}

/* Rank 0 marks all: not every rank has the file. */
static int mark_all(const struct row_sink *sink, int n_ranks, struct sheaf_error *error) {
    int rc = 0;
    for (int r = 0; rc == 0 && r < n_ranks; r++)
        rc = sheaf_row_sink_mark(sink, r, LIFE_ALIVE, error);
    return rc;
}

/* The table of notes in memory, from a row on; NULL where it cannot be had, or should not, since servers and other nodes
   would see notes late. It stays until the process ends. */
static volatile struct flight_note *map_rows(const struct row_sink *sink, int64_t first_row) {
    const off_t page = (off_t)sysconf(_SC_PAGESIZE), begin = sink->layout.flights_offset / page * page;
    const size_t n_bytes = (size_t)(sink->layout.flights_offset - begin) + FLIGHTS_MOST * sizeof(struct flight_note);
    if (sheaf_disk_of_open(sink->fd) != DISK_LOCAL)
        return NULL;
    char *pages = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, sink->fd, begin);
    if (pages == MAP_FAILED)
        return NULL;
    sheaf_interrupt_name_results(pages, n_bytes);
    return (struct flight_note *)(void *)(pages + (sink->layout.flights_offset - begin)) + first_row;
}

int sheaf_suspicion_share_rows(struct flight *flight, off_t *end, struct comm *comm, bool is_noted, int n_threads,
                               const struct row_sink *sink, struct sheaf_error *error) {
    const struct comm_self self = sheaf_comm_self(comm);
    const struct party own = {sink != NULL, is_noted, n_threads};
    struct party *parties = NULL;
    struct flight_rows assigned = {0}, *rows = NULL;
    int rc = 0;
    if (self.rank == 0) {
        parties = calloc((size_t)self.n_ranks, sizeof *parties);
        rows = calloc((size_t)self.n_ranks, sizeof *rows);
        rc = parties && rows ? 0 : sheaf_fail_memory(error, "the ranks");
    }
    rc = sheaf_comm_agree(comm, rc, error);
    if (rc == 0)
        rc = sheaf_comm_gather(comm, &own, parties, sizeof own, error);
    if (rc == 0 && rows)
        assign(parties, self.n_ranks, rows);
    if (rc == 0)
        rc = sheaf_comm_scatter(comm, rows, &assigned, sizeof assigned, error);
    if (rc == 0 && parties)
        rc = mark_all(sink, self.n_ranks, error);
    free(parties);
    free(rows);
    *flight = (struct flight){.fd = -1, .note.party = self.rank};
    if (sink) {
        flight->fd = sink->fd;
        flight->offset = sink->layout.flights_offset + assigned.first_row * (off_t)sizeof flight->note;
        flight->row = map_rows(sink, assigned.first_row);
        *end = sink->layout.flights_offset + FLIGHTS_MOST / 2 * (off_t)sizeof flight->note;
    }
    return sheaf_comm_agree(comm, rc, error);
}

/*
 * flight - which blocks were being computed when a run died, and which of them to suspect (R4). Pure, but for writing
 * the note.
 *
 * Each thread notes its grain in a small table of the results file before it begins; rank 0 notes the chunks of pools
 * that cannot. A run that ends in order clears the table, so notes that a later run finds are of a run that died. Blocks
 * under suspicion are computed last and one at a time; one that dies so is given up as crashed.
 */
#ifndef SHEAF_PLAN_FLIGHT_H
#define SHEAF_PLAN_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "plan/span.h"

/* A row of the table in the results file: FLIGHT_WIDTH int64. */
struct flight_note {
    int64_t first, n; /* blocks; n = 0: unused */
    int64_t party;    /* who computed: a process or a pool that dies as a whole */
    int64_t flags;
};
#define FLIGHT_WIDTH 4
#define FLIGHT_POOLS (INT64_C(1) << 32) /* parties are ranks, or pools from here on */
#define FLIGHT_CRASHED 1                /* a signal ended the program in this very block */
#define FLIGHT_ALONE 2                  /* nothing else was being computed */

/* The mark of a rank in the results file, a byte: whether it computed when the run died, or had left in order. */
enum life { LIFE_NONE = 0, LIFE_ALIVE = 1, LIFE_LEFT = 2 };
enum { LIVES_MOST = 65536 }; /* ranks beyond have none */

/* Whether a run with these marks was ended from outside: all ranks of several died at work, and no single item does
   that, since the launcher asks the other ranks to leave when one has died. */
bool sheaf_lives_ended_outside(const uint8_t *lives, int64_t n);

/* Rows of the tables: threads and pools beyond take no notes; suspects beyond are computed as others are. */
enum { FLIGHTS_MOST = 2048, SUSPECTS_MOST = 1024 };

/* Who writes a row of the table. */
struct flight {
    int fd;       /* of the results file, -1: takes no notes */
    off_t offset; /* of the row */
    volatile struct flight_note
        *row; /* the row itself where the table is mapped, so that a note costs no system call */
    struct flight_note note;
};

/* Notes blocks that are about to be computed; n = 0 clears the row. */
int sheaf_flight_note(struct flight *flight, struct span blocks, const char *path, struct sheaf_error *error);

/* Says which block of those noted was at work when the program crashed. Async-signal-safe. */
void sheaf_flight_crashed(struct flight *flight, int64_t block);

/* Blocks under suspicion, a row of a table of int64: how much. */
struct suspect {
    int64_t first, n, doubt;
};
#define SUSPECT_WIDTH 3
#define DOUBT_SUSPECT 2   /* from here on they are computed last and alone */
#define DOUBT_CRASHED 100 /* a block that has died alone, by a signal that was caught or twice: it is given up */

struct suspects {
    int64_t n;
    struct suspect list[SUSPECTS_MOST]; /* by block, not overlapping */
    const struct pending *pending;      /* of the stage; set by the caller */
};

/* Adds what notes[n_notes] of a run that died say about the blocks that are still pending. The block in which a crash
   was caught is the culprit, the others go free. Without that: whatever was in flight is suspect; but where the end came
   from outside (a power cut, kill -9 of everything) only a second time counts, since hours of long items would else be
   repeated one by one. A SIGKILL that hits a block that is computed alone may come from
   outside, too, and counts half. */
int sheaf_suspects_add(struct suspects *suspects, const struct flight_note *notes, int64_t n_notes, bool from_outside,
                       struct sheaf_error *error);

/* How many blocks are to be computed last; some may be done by now. */
int64_t sheaf_suspects_count(const struct suspects *suspects);

/* The pending blocks that are not under suspicion, and those that are; valid as long as `suspects`. */
struct pending sheaf_suspects_others(struct suspects *suspects);
struct pending sheaf_suspects_only(struct suspects *suspects);

#endif

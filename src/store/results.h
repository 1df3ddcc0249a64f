/*
 * results - the results file of a job while a run writes it (R1).
 *
 * It is created whole, under a temporary name, by HDF5 (create.c); from then on HDF5 only reads it, and rows are
 * written with pwrite at the datasets' own offsets. Outputs that are texts have no rows here: they go to journals
 * (plan/journal.h) and are packed into the file in the end (pack.h). Only rank 0 uses this module.
 */
#ifndef SHEAF_STORE_RESULTS_H
#define SHEAF_STORE_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "job/items.h"
#include "plan/asked.h"
#include "plan/flight.h"
#include "plan/row_sink.h"
#include "plan/span.h"
#include "store/reductions.h"
#include "store/sums.h"

/* To be called before MPI starts. A parallel HDF5 that starts later has MPI_Finalize close its files, which crashes
   after a full disk. */
void sheaf_results_start(void);

/* What a results file is made from; everything is borrowed. */
struct results_plan {
    const char *path;
    const char *job_name, *job_text; /* the job file as it was read */
    const char *arguments;           /* how the run was called */
    const char *kernel;              /* its name */
    const char *identity;            /* canonical text, a part on each line (R10) */
    const char *files;               /* what is known of the files that it names (core/known.h), or NULL */
    struct items *items;             /* whose fields are copied, or linked, or coordinates */
    int n_outputs;
    const struct sheaf_field *outputs; /* [n_outputs] */
    int64_t block;
    int64_t seed;        /* of random numbers */
    bool attempts;       /* keep how often each item was tried */
    bool accept_changes; /* open it although files that the identity names, or the plugin, were changed */
    bool links_inputs;   /* fields of hdf5 become external links */
    int n_reductions;
    const struct reduction_field *reductions; /* [n_reductions] */
    int n_inputs;                             /* that the kernel takes: */
    const struct sheaf_field *inputs;         /* [n_inputs] as it takes them */
    const int *input_fields;                  /* [n_inputs] which fields of the items these are; -1: none */
    bool pure;           /* what an item gives depends on its inputs alone, not on its index, nor on random numbers */
    const char *origins; /* files that rows may be taken over from, a line each, or NULL */
    const char *stage;   /* its group in the file; NULL: the root, of a plain job, */
    const char *stages;  /* and a line for each stage of the job, in the order in which they run */
    bool added;          /* the stage is in the file, and no run has written to it */
};

/* Whether the file has a row of inputs for each item: what lies along axes are coordinates. */
static inline bool sheaf_results_copies_inputs(const struct results_plan *plan) {
    return !plan->links_inputs && !sheaf_items_are_generated(plan->items);
}

/* What the results file at a path has of the files that its job, or a stage of it, names; NULL if it is none, or has
   nothing. New memory. */
char *sheaf_results_files(const char *path, const char *stage);

/* The identity of the job, or stage, whose results are at a path, or NULL. New memory. */
char *sheaf_results_identity(const char *path, const char *stage);

/* Its plan->origins. New memory, or NULL. */
char *sheaf_results_origins(const char *path);

/* Why a run ended; the values of the dataset `/sheaf/runs/reason`. */
enum run_reason { RUN_BROKEN_OFF = 0, RUN_COMPLETE = 1, RUN_PARTIAL = 2, RUN_INTERRUPTED = 3 };

/* One run, as recorded in the file. */
struct run_record {
    double start_unix_s, end_unix_s;
    int32_t n_ranks, n_threads, n_nodes; /* n_threads: of a rank */
    int64_t n_items;                     /* computed in this run */
    int64_t n_before;                    /* of the file's items, not pending when it began */
    int64_t n_wanted;                    /* those of the pending ones that it is to compute */
    uint8_t reason;                      /* enum run_reason */
    char host[64];                       /* rank 0's */
};

#define RUN_COLUMNS 10

struct results {
    char *path;
    int fd;
    struct sheaf_stamp stamp; /* of the open file: which one it is */
    bool created;             /* no run has written to it, when it was opened; and not yet published: */
    bool aside;               /* made under its temporary name */
    bool looks;               /* nothing is written, */
    bool asks_anew;           /* and the plan has other reductions than the file */
    bool is_new;              /* all items were pending when it was opened, and are asked for: nobody need look */
    int64_t n_items, block;
    struct extent extent; /* of the items; names are borrowed from them */
    int n_outputs;
    const struct sheaf_field *outputs; /* [n_outputs], borrowed */
    /* [n_fields] where the copies of the items' fields lie: values of the field's own type, [n_items][width] in one piece; -1:
       nowhere, since it is a text or linked, or nobody knows whether the copy is what was written. */
    int64_t *inputs;
    struct reduction_place *reductions; /* [n_reductions] of the plan, */
    off_t reduced_offset;               /* and the mark that they are worked out */
    struct row_sink sink;
    struct sums sums;
    uint64_t turn;      /* store/sums.h: as it is in the file, */
    bool turn_begun;    /* and whether it is that of this run */
    bool sums_unsynced; /* some were forgotten, which need not last a power cut yet */
    struct span
        first_changed;     /* items of a segment whose bytes are not those of its sum any more; n = 0: none is known */
    bool more_changed;     /* there are others */
    bool inputs_changed;   /* copies of inputs have, and are not used */
    char *piece;           /* [SEGMENT_PIECE] */
    uint64_t token;        /* a number of this file's own, which its journals bear; 0: of an older version, no texts */
    off_t attempts_offset; /* uint8, one for each item; 0: not kept */
    off_t origin_offset;   /* uint8, one for each item: from which file its row was taken over; 0: not kept */
    int64_t *proof_tables; /* [n_fields] of the items, where these are in segments */
    bool same_input;       /* the file they are from is as it was when this one was made */
    struct noted *noted;   /* the sink's, of earlier runs */
    off_t suspects_offset;
    bool power_failed;              /* since the file was written last: its machine was started anew */
    int64_t n_journals;             /* when it was opened, */
    uint64_t last_journal;          /* and the highest number of one */
    bool lost_texts;                /* of items that are done, store/texts.h */
    int64_t n_unsafe;               /* items that are pending again: a power cut may have lost their rows */
    off_t run_offsets[RUN_COLUMNS]; /* the columns of /sheaf/runs */
    int64_t run;                    /* this run's row there, */
    double mark;                    /* and its first value, once it was written */
    char *window;                   /* for reading status; */
    struct span seen;               /* of which items it has them, to find those that are pending */
    struct sheaf_string kept;       /* lines: what the job calls its fields otherwise than the file, which stays so */
    struct sheaf_string changed;    /* what was, as "a, b were"; empty: nothing. The caller may take it */
};

/* Endings of the files that a run makes beside the results file: its lock, a new results file, and the copy that texts
   are packed into; NULL ends the list. */
extern const char *const sheaf_results_beside[];

/* What was at a path when somebody looked. */
struct results_found {
    bool there;
    struct sheaf_stamp stamp; /* of what was there */
};

/* Looks what is there. Refuses what is no regular file (a pipe, a device, a folder), where no results file can be; where
   nobody can say whether something is there, that is an error too. */
int sheaf_results_find(const char *path, struct results_found *found, struct sheaf_error *error);

/* Whether a file may be replaced by a new results file: it is not there, or empty, or a results file, also one that is
   damaged, as far as it can be known as one. Anything else is somebody's data and is refused. */
int sheaf_results_may_replace(const char *path, struct sheaf_error *error);

/* The same for the files that a run makes beside it, whose names may be those of somebody's data: what a killed run has
   left of them may be the wreck of any HDF5 file. */
int sheaf_results_may_make(const char *path, struct sheaf_error *error);

/* Whether the results file at a path has more at its root than the one that was made aside: what somebody has put there. */
bool sheaf_results_have_more(const char *path);

/* Removes PATH.new where it is a results file: a run was killed while it made it, or had just given it its name. To be
   called under the lock. */
void sheaf_results_tidy(const char *path);

/* Creates the file aside, as PATH.new, with everything in it, and reserves its space. */
int sheaf_results_create(const struct results_plan *plan, struct sheaf_error *error);

/* Renames the file that was created into place: of what was found there before, which is replaced, and its journals are
   removed; any other file that came there meanwhile is an error, and stays. What fails when it is in place is no error,
   and told in *said. Or removes the new one again: until it is published, a run that is refused destroys nothing. */
int sheaf_results_publish(const char *path, const struct results_found *before, struct sheaf_string *said,
                          struct sheaf_error *error);
void sheaf_results_discard(const char *path);

/* Where a results file differs from the plan in nothing but reductions, gives it those of the plan, without values; *changed:
   it was so. A kill leaves the file as it was, or with the others. Under the lock. */
int sheaf_results_ask_anew(const struct results_plan *plan, bool *changed, struct sheaf_error *error);

/* Opens the results file, or where `created` the one that is not yet published, for writing rows; refuses one that is
   no results file, is damaged or belongs to another job, saying what differs, unless it is what
   plan->accept_changes accepts. Release with sheaf_results_close, also
   after an error. */
int sheaf_results_open(struct results *results, const struct results_plan *plan, bool created,
                       struct sheaf_error *error);

/* Opens the results file for looking at what is done, refusing what sheaf_results_open refuses; writes nothing. */
int sheaf_results_look(struct results *results, const struct results_plan *plan, struct sheaf_error *error);

/* Where the file is at present, which is elsewhere until it is published: new memory, or NULL. Where in it the beginning
   of this run is recorded, as float64 seconds since 1970. */
char *sheaf_results_path(const struct results *results);
off_t sheaf_results_run_offset(const struct results *results);

/* Which blocks have pending items that the sink takes. Valid while `results` is open. */
struct pending sheaf_results_pending(struct results *results);

/* Counts the items that are asked for (NULL: all) by status; counts[ITEM_SKIPPED + 1]. */
int sheaf_results_count(struct results *results, const struct asked *asked, int64_t *counts, struct sheaf_error *error);

/* Values, of the field's type, and counts[n][n_counts] of cells first … first + n - 1 of a reduction, whose number in the
   plan is k. */
int sheaf_results_write_reduction(struct results *results, int k, int64_t first, int64_t n, const void *values,
                                  const int64_t *counts, struct sheaf_error *error);

/* Whether the reductions are those of the rows that are there. */
int sheaf_results_mark_reduced(struct results *results, bool are, struct sheaf_error *error);
int sheaf_results_are_reduced(struct results *results, bool *are, struct sheaf_error *error);

/* Record the beginning and the end of a run. The table holds RUNS_MOST; later runs share the last row. */
int sheaf_results_begin_run(struct results *results, const struct run_record *record, struct sheaf_error *error);
int sheaf_results_end_run(struct results *results, const struct run_record *record, struct sheaf_error *error);

/* Takes over the runs of another results file. */
int sheaf_results_copy_runs(struct results *results, const char *from, struct sheaf_error *error);

/* What was in flight when the last run died: *n rows of notes[FLIGHTS_MOST]; whether its end came from outside; and who
   was under suspicion before. */
int sheaf_results_read_flights(struct results *results, struct flight_note *notes, int64_t *n, bool *from_outside,
                               struct suspects *suspects, struct sheaf_error *error);

/* Clears the notes and the ranks' marks, and then keeps the suspects. */
int sheaf_results_write_suspects(struct results *results, const struct suspects *suspects, struct sheaf_error *error);

/* Clears all notes and marks, at the end of a run that ends in order. */
int sheaf_results_clear_flights(struct results *results, struct sheaf_error *error);

/* Gives an item up: its row has the fill value, its status is `status`, and the message says why. */
int sheaf_results_give_up(struct results *results, int64_t item, uint8_t status, const char *message,
                          struct sheaf_error *error);

/* Gives rows first … first + n - 1 up as skipped, without a message. */
int sheaf_results_skip_rows(struct results *results, int64_t first, int64_t n, struct sheaf_error *error);

/* What was skipped: what the items' filter leaves out, and what has no value. */
struct skipped {
    int64_t n_left_out, n_without;
    char first[FAILURE_BYTES]; /* why the first of the latter is, or "" */
};

/* For a new file (asked: NULL), or items that are to be computed again: gives up, as skipped, the items that their filter
   leaves out, that their source lacks, or for which one of these fields[n_fields] of theirs (-1: none) has no value that could
   be taken as inputs[n_fields] says. Of those that are computed again the ones that are marked as skipped for nothing are made
   pending. */
int sheaf_results_skip(struct results *results, const struct asked *asked, struct items *items, const int *fields,
                       const struct sheaf_field *inputs, int n_fields, struct skipped *skipped,
                       struct sheaf_error *error);

/* Drops messages of items that have not failed, as a killed run leaves them, and closes the gaps: those in use are the
   first, and results->sink knows them. Safe from kills. When a file is opened, and after items were made pending. */
int sheaf_results_tidy_messages(struct results *results, struct sheaf_error *error);

/* Makes items that are asked for pending again, *n of them, and forgets why they failed: those that failed, timed out or
   crashed, or all but those that were skipped. Lasting before a row of them is written anew. */
enum results_again { RESULTS_FAILED, RESULTS_ALL };
int sheaf_results_again(struct results *results, const struct asked *asked, enum results_again which, int64_t *n,
                        struct sheaf_error *error);

/* Says of the results file of n_items at a path that texts are lost, and what can be done, without an end of line. */
void sheaf_results_say_lost_texts(const char *path, int64_t n_items, struct sheaf_string *said);

/* When the file is opened, and in the end: finds out whether texts of items that are done are gone, and remembers it in
   the file. */
int sheaf_results_judge_texts(struct results *results, struct sheaf_error *error);

/* When a run ends: the same of texts that were there when the file was opened. */
int sheaf_results_check_texts(struct results *results, struct sheaf_error *error);

/* To be called when all items were made pending again: no text of theirs is missed any more. */
int sheaf_results_forget_texts(struct results *results, struct sheaf_error *error);

/* Before rows or statuses of items first … first + n - 1 are written: the sums of their segments are unknown from now on,
   once sheaf_results_sync_forgotten has made that last; but those of bytes that have changed since stay, and accuse them,
   unless all items of the segment are to be written (`anew`). */
int sheaf_results_forget_sums(struct results *results, int64_t first, int64_t n, bool anew, struct sheaf_error *error);
int sheaf_results_sync_forgotten(struct results *results, struct sheaf_error *error);

/* Before anything is computed: the same of all segments with a pending item. */
int sheaf_results_forget_pending(struct results *results, struct sheaf_error *error);

/* When a run ends in order, and nothing is written any more: sums what has no sum, makes all last, and then says that the
   sums count. */
int sheaf_results_end_turn(struct results *results, struct sheaf_error *error);

/* Gives every pending row the fill value, for a run that ends in order. */
int sheaf_results_fill_pending(struct results *results, struct sheaf_error *error);

/* To be called before anything is said of the results: whether the file at the path is still the one that is written.
   One that was removed is written again, and *said tells so (at_work: threads may write rows; no more should be written
   after that); else an error says what became of it and where the rows
   are. */
int sheaf_results_confirm(struct results *results, bool at_work, struct sheaf_string *said, struct sheaf_error *error);

/* Makes what was written last a power cut. */
int sheaf_results_sync(struct results *results, struct sheaf_error *error);

/* The same, and closes. */
int sheaf_results_close(struct results *results, struct sheaf_error *error);

#endif

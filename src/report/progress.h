/*
 * progress - how far a run is: a bar with rate and ETA on a terminal, a line now and then otherwise.
 */
#ifndef SHEAF_REPORT_PROGRESS_H
#define SHEAF_REPORT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out;
    const char *name;          /* of the job */
    bool bar;                  /* a terminal: redraw one line */
    int n_columns;             /* of the terminal */
    int64_t n_items, n_before; /* to be done in all; done before this run */
    double began_s, next_s;
    double pause_s; /* until the next line */
    bool drawn;     /* a bar stands on the current line */
};

/* Begins now. Looks whether `out` ends on a terminal, also through mpirun, which hands the ranks a pipe.
   `out` NULL: shows nothing. */
void sheaf_progress_begin(struct progress *progress, FILE *out, const char *name, int64_t n_items, int64_t n_before);

/* Shows n_done and n_failed items of this run if it is time to; cheap to call often. */
void sheaf_progress_show(struct progress *progress, int64_t n_done, int64_t n_failed);

/* Says why the first item failed, at once: it may be why all will. */
void sheaf_progress_say_failure(struct progress *progress, int64_t item, const char *message);

/* Says what the kernel warns of. */
void sheaf_progress_say_warning(struct progress *progress, const char *kernel, const char *text);

/* Removes the bar. */
void sheaf_progress_end(struct progress *progress);

/* The bar's text for a terminal of n_columns, without control characters; for tests. Returns `text`. */
const char *sheaf_progress_bar(const struct progress *progress, int64_t n_done, int64_t n_failed, double elapsed_s,
                               char *text, size_t text_bytes);

#endif

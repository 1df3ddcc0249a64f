/*
 * verify - whether a results file's bytes are those that were written, by its sums (plan/segments.h).
 *
 * Reads only, takes no lock, and needs no MPI: a run may be at work on the file.
 */
#ifndef SHEAF_STORE_VERIFY_H
#define SHEAF_STORE_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/text.h"
#include "plan/segments.h"
#include "plan/span_list.h"

struct verified {
    bool has_sums;                     /* else the file was made by an older version, and nothing is known */
    bool moved_inputs;                 /* inputs cannot be checked: the file was repacked */
    bool settled;                      /* the last run has ended in order */
    bool unknown_texts[SEGMENT_PARTS]; /* texts have no sums, or were moved; */
    bool lost_texts;                   /* some are not there any more (store/texts.h) */
    bool has_links;                    /* inputs that are linked, which have no sums */
    int64_t n_items, n_bytes;
    int64_t n_checked;                             /* items whose outputs and statuses were; of the others: */
    int64_t n_pending;                             /* have no values yet */
    int64_t n_unknown;                             /* no sum yet */
    int64_t n_doubtful;                            /* a sum that was not safe when the machine went down */
    int64_t n_unsettled;                           /* were written while they were looked at */
    struct span_list changed[SEGMENT_PARTS];       /* items of segments, */
    struct span_list changed_texts[SEGMENT_PARTS]; /* and items by their texts */
    struct sheaf_string changed_coordinates;       /* "mass, charge" */
    char *arguments;                               /* how the run was called that made the file, or NULL */
};

/* Release with sheaf_verified_free, also after an error. */
int sheaf_verify(const char *path, const char *stage, struct verified *verified, struct sheaf_error *error);
void sheaf_verified_free(struct verified *verified);

#endif

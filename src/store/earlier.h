/*
 * earlier - the results of an earlier job as items: their fields, the axes of their cube, and what became of each there.
 *
 * Inputs and outputs are fields alike. What lies along an axis of a cube stays a coordinate; the items of a list, and of one
 * axis, are a list again. Private to store/.
 */
#ifndef SHEAF_STORE_EARLIER_H
#define SHEAF_STORE_EARLIER_H

#include <stddef.h>

#include "job/items.h"
#include "job/job.h"
#include "store/missing.h"

struct reader;

/* A dataset that is to be a field of the items. */
struct wanted_field {
    const char *name, *dataset;
    const struct yaml_node *node; /* where the job asks for it */
};

/* All but the reader and `undone` lives in the arena of the items. Starts as {0}; to be closed in every case. */
struct earlier {
    struct reader *reader;
    const char *stage;     /* of the file, or NULL: the job of it has no stages */
    struct missing undone; /* the status of its items, where not all are done */
    int n_fields;
    struct wanted_field *fields; /* [n_fields] with values for each item */
    struct sweep *sweep;         /* the axes and what lies along them; NULL: a list */
};

/* Opens the results file that a job names, and finds the fields that it asks for; sets n_items. Refuses one that a run is
   writing, or in which items are pending: this job would not look at these again. */
int sheaf_earlier_open(struct earlier *earlier, const struct job *job, struct items *items, struct sheaf_error *error);

/* "item 17 failed in earlier.h5: …" */
void sheaf_earlier_say(const struct earlier *earlier, const char *name, int64_t item, char *text, size_t most);

void sheaf_earlier_close(struct earlier *earlier);

#endif

/*
 * labels - what the fields of a results file are said to be, for people: their units and long names. They are no part of the
 * identity, and the file keeps those that it was made with. Private to store/.
 */
#ifndef SHEAF_STORE_LABELS_H
#define SHEAF_STORE_LABELS_H

#include <hdf5.h>

#include "core/text.h"
#include "store/results.h"

/* What the job says, two lines for each field, as the file keeps it in bytes: attributes lie in the heap, which a run reads only
   where something differs. */
void sheaf_labels_list(const struct results_plan *plan, struct sheaf_string *text);

/* Adds a line for each of which the job says something else now: the field, both, and how it can be changed. Of inputs only
   those along axes have labels from the job. */
void sheaf_labels_compare(hid_t file, const struct results_plan *plan, struct sheaf_string *lines);

#endif

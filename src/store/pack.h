/*
 * pack - brings texts from the journals into the results file, as variable-length UTF-8 datasets (R1).
 *
 * HDF5 writes them into a copy, which then takes the place of the file, and the journals are removed: a kill at any
 * instant leaves the old file with its journals, or the new one, perhaps with journals that say the same. What has a
 * place of its own in the file stays at that place.
 */
#ifndef SHEAF_STORE_PACK_H
#define SHEAF_STORE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "plan/span_list.h"

/* What was packed. */
struct packed {
    int64_t n_items, n_texts, n_bytes;
    int64_t n_dropped;        /* damaged records that were passed over */
    bool knows;               /* which texts should be there: the file has their sums */
    struct span_list lacking; /* items whose texts are gone, or not those that were computed */
    bool lost;                /* texts of other items are not there any more, store/texts.h */
    struct sheaf_stamp file;  /* which one has taken the place of the results file; all zero where none has */
};

/* Says of the file at the path which texts are missing, without an end of line; nothing where none are. */
void sheaf_packed_say_lacking(const char *path, const struct packed *packed, struct sheaf_string *said);

/* Of a results file, or of a stage of it (else NULL): packs all texts of items that are not pending; those of pending items are dropped, since their items will be computed
   again. Does nothing where there are no journals. The caller holds the lock of the results file and writes nothing to it.
   Memory does not grow with the number of items or texts. After an error nothing is lost. */
int sheaf_pack(const char *path, const char *stage, struct packed *packed, struct sheaf_error *error);

#endif

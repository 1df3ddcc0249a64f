/*
 * journal_index - what the journals of a results file hold: which texts there are, and their bytes.
 *
 * Also while a run appends to them: what is there when they are looked through counts. A record that was torn by a kill
 * ends a file; one that is damaged, with others behind it, is passed over and counted. Pure files: needs no HDF5. One
 * thread at a time.
 */
#ifndef SHEAF_PLAN_JOURNAL_INDEX_H
#define SHEAF_PLAN_JOURNAL_INDEX_H

#include <stdint.h>

#include "core/error.h"

/* Where the text of an output of an item lies. */
struct journal_entry {
    int64_t item;
    int32_t output;
    uint32_t file; /* which of the journals */
    int64_t offset, n_bytes;
    uint64_t checksum; /* of its record */
};

struct journal_index;

/* For the results file at `path`. Release with sheaf_journal_index_close, also after an error. */
int sheaf_journal_index_open(struct journal_index **index, const char *path, uint64_t token, struct sheaf_error *error);
void sheaf_journal_index_close(struct journal_index *index);

/* How many journals there are, and how many bytes they had when they were looked through last. */
int64_t sheaf_journal_index_files(const struct journal_index *index);
int64_t sheaf_journal_index_bytes(const struct journal_index *index);

/* Looks through all journals for texts of items first … end - 1, and forgets those of other items: memory grows with
   the number of texts in a window, which the caller chooses. Checks every record. Later scans of the same index read only
   where the first has seen texts of such items; what has been appended since may be passed over. */
int sheaf_journal_index_scan(struct journal_index *index, int64_t first, int64_t end, struct sheaf_error *error);

/* How many damaged records the first scan passed over. */
int64_t sheaf_journal_index_dropped(const struct journal_index *index);

/* What the last scan found, by item and output; of several records of one text the one that counts. Borrowed until the
   next scan. */
const struct journal_entry *sheaf_journal_index_entries(const struct journal_index *index, int64_t *n);

/* The same from an item on: *n entries. Thread-safe as long as nobody scans. */
const struct journal_entry *sheaf_journal_index_from(const struct journal_index *index, int64_t item, int64_t *n);

/* The entry of one text, or NULL. Borrowed until the next scan. */
const struct journal_entry *sheaf_journal_index_find(const struct journal_index *index, int64_t item, int32_t output);

/* The bytes of a text into text[n_bytes]. */
int sheaf_journal_index_read(struct journal_index *index, const struct journal_entry *entry, char *text,
                             struct sheaf_error *error);

#endif

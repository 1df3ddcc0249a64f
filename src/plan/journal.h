/*
 * journal - texts of finished items (standard output, …) on their way into the results file (R1).
 *
 * HDF5 cannot write texts of any length in a way that survives a kill, so they go to append-only files in the folder
 * OUT.d beside the results file: records with a checksum, written before the status of their item. A writer makes a
 * file of its own, OUT.d/TOKEN.NNNN.texts, when it has the first record; a torn record at the end of one, left by a kill,
 * is dropped by readers. The token is a number of the results file, so that journals of another file are not mistaken for
 * its own. store/ packs them into the results file in the end. Pure files: needs no HDF5.
 */
#ifndef SHEAF_PLAN_JOURNAL_H
#define SHEAF_PLAN_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"

/* Puts one record behind `records`: the text[n_bytes] of output field number `output` of the item. */
int sheaf_journal_put(struct sheaf_buffer *records, int64_t item, int32_t output, const char *text, size_t n_bytes,
                      struct sheaf_error *error);

/* Who appends. */
struct journal;

/* For the results file at `path`. Makes no file yet. Release with sheaf_journal_close. */
int sheaf_journal_open(struct journal **journal, const char *path, uint64_t token, struct sheaf_error *error);

/* Appends records in one piece. Thread-safe. */
int sheaf_journal_append(struct journal *journal, const char *records, size_t n_bytes, struct sheaf_error *error);

/* Makes what was appended last a power cut. Thread-safe. */
int sheaf_journal_sync(struct journal *journal, struct sheaf_error *error);

/* Takes NULL. */
int sheaf_journal_close(struct journal *journal, struct sheaf_error *error);

#endif

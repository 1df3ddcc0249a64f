/*
 * journal - texts of finished items (standard output, …) on their way into the results file (R1).
 *
 * HDF5 cannot write texts of any length in a way that survives a kill, so they go to append-only files in the folder
 * OUT.d beside the results file: records with a checksum, written before the status of their item. A writer makes a
 * file of its own, OUT.d/TOKEN.NNNN.texts, when it has the first record; a torn record at the end of one, left by a kill,
 * is dropped by readers (journal_index.h). The token is a number of the results file, so that journals of another file
 * are not mistaken for its own. Of several records of one text the one in the file with the highest number counts, and
 * there the last; so whoever computes an item again puts its empty texts too. store/ packs the texts into the results
 * file in the end. Pure files: needs no HDF5.
 */
#ifndef SHEAF_PLAN_JOURNAL_H
#define SHEAF_PLAN_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"

/* --- writing ------------------------------------------------------------------------------------------------------- */

/* Puts one record behind `records`: the text[n_bytes] of output field number `output` of the item. What is no UTF-8
   becomes U+FFFD and NUL becomes U+2400, so that HDF5 takes the text as it is. */
int sheaf_journal_put(struct sheaf_buffer *records, int64_t item, int32_t output, const char *text, size_t n_bytes,
                      struct sheaf_error *error);

/* Who appends. */
struct journal;

/* The numbers that its file may have: each writer of a run has others, so that none takes the name of one that was just
   removed. {0}: those behind the highest that is there. */
struct journal_numbers {
    uint64_t first, step;
};

/* For the results file at `path`. Makes no file yet. Release with sheaf_journal_close. */
int sheaf_journal_open(struct journal **journal, const char *path, uint64_t token, struct journal_numbers numbers,
                       struct sheaf_error *error);

/* Appends records in one piece. Thread-safe. After an error, such as a full disk, every later call fails too. */
int sheaf_journal_append(struct journal *journal, const char *records, size_t n_bytes, struct sheaf_error *error);

/* Makes what was appended last a power cut. Thread-safe. */
int sheaf_journal_sync(struct journal *journal, struct sheaf_error *error);

/* Makes all journals of a results file last a power cut, as runs left them that were killed. */
int sheaf_journal_sync_all(const char *path, uint64_t token, struct sheaf_error *error);

/* Whether the file was removed while it was written, and was made again with all that was in it. Each of these calls sees
   to that. */
bool sheaf_journal_was_restored(struct journal *journal);

/* Takes NULL. */
int sheaf_journal_close(struct journal *journal, struct sheaf_error *error);

/* --- the files ----------------------------------------------------------------------------------------------------- */

/* The head of a record; the text follows. */
struct journal_head {
    uint32_t magic;
    int32_t output;
    uint64_t checksum; /* of this head, with 0 here, and the text */
    int64_t item;
    uint64_t n_bytes; /* of the text */
};

/* Its first byte, 0xff, and its last, 0, are in no text that was put: where the magic is, a record begins. */
#define JOURNAL_MAGIC UINT32_C(0x007453ff)

/* The checksum is that of the head, carried on over pieces of the text of this size. */
enum { JOURNAL_PIECE = 1 << 20 };

/* Checksum of a head, whose own is taken as 0: the seed for the text's first piece. */
uint64_t sheaf_journal_checksum(const struct journal_head *head);

/* OUT.d for a results file: OUT.h5 gives OUT.d, any other name has ".d" behind it; symbolic links at the end of the
   path are followed. New memory, or NULL. */
char *sheaf_journal_folder(const char *path);

/* One journal of a results file. */
struct journal_file {
    uint64_t token;
    uint64_t number;
};

/* The path of a journal. New memory, or NULL. */
char *sheaf_journal_path(const char *folder, struct journal_file file);

/* The journals in a folder, by token and number, as files[*n] of new memory (NULL where there are none). A folder that
   is not there has none. */
int sheaf_journal_list(const char *folder, struct journal_file **files, size_t *n, struct sheaf_error *error);

/* Removes the journals of a results file: those with its token, the oldest first, so that a kill leaves none that says
   more than the newest; or, where `others` is set, those with any other token, unless the folder is that of two results
   files (OUT and OUT.h5). Then the folder, if it is empty. */
int sheaf_journal_remove(const char *path, uint64_t token, bool others, struct sheaf_error *error);

#endif

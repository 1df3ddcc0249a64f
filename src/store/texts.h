/*
 * texts - whether the texts of items that are done are still there.
 *
 * Until they are packed they lie in the folder OUT.d beside the results file, which somebody may remove, or leave behind
 * when he copies the file. Nothing else in the file would tell an empty text from one that is gone, so a mark says that
 * there are texts beside it, and another that they were lost; the latter stays until all items are computed again.
 */
#ifndef SHEAF_STORE_TEXTS_H
#define SHEAF_STORE_TEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/h5.h"

/* The two bytes of the dataset TEXTS. */
enum { TEXTS_BESIDE, TEXTS_LOST, TEXTS_MARKS };

/* Whether texts of the open file at `path` are gone, as far as it is known; its journals bear the token. */
bool sheaf_texts_are_lost(hid_t file, const char *path, uint64_t token);

/* Whether texts of the open file at `path` wait beside it. */
bool sheaf_texts_are_beside(hid_t file, const char *path, uint64_t token);

/* Whether all texts of the open file at `path` are in it. */
bool sheaf_texts_are_packed(hid_t file, const char *path, uint64_t token);

/* In the open copy that they are packed into: none are beside it any more. */
int sheaf_texts_mark_packed(hid_t file, bool lost);

#endif

/*
 * input_texts - datasets of text as items' fields: of any length, or of a fixed one, which ends at its first NUL or with the
 * blanks that fill it. Private to store/.
 */
#ifndef SHEAF_STORE_INPUT_TEXTS_H
#define SHEAF_STORE_INPUT_TEXTS_H

#include <stdbool.h>

#include <hdf5.h>

#include <sheaf/kernel.h>

#include "core/arena.h"

/* Whether a dataset holds text. */
bool sheaf_input_is_text(hid_t dataset);

/* Texts first … first + n - 1 into texts[n], their bytes into the arena; -1 and no message where HDF5, or memory, fails. */
int sheaf_input_read_texts(hid_t dataset, int64_t first, int64_t n, struct sheaf_text *texts,
                           struct sheaf_arena *arena);

/* The longest of n texts, and all of them together, in bytes. */
int sheaf_input_measure_texts(hid_t dataset, int64_t n, size_t *most, size_t *all);

#endif

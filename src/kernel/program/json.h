/*
 * json - JSON (jansson) from programs, and its values as those of output fields.
 */
#ifndef SHEAF_KERNEL_JSON_H
#define SHEAF_KERNEL_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "core/buffer.h"
#include "core/error.h"
#include "job/kind.h"

/* To be called before threads use the others. */
void sheaf_json_start(void);

/* Reads text[length], also with the NaN and Infinity that Python's json writes. NULL: it is no JSON, and *error says why.
   The caller drops the reference. */
json_t *sheaf_json_read(const char *text, size_t length, struct sheaf_error *error);

/* What lies at a dotted path: keys of objects, numbers for arrays. Borrowed; NULL, and *error says what there is. */
json_t *sheaf_json_find(json_t *root, const char *path, struct sheaf_error *error);

/* The value as the output's type: numbers into value[output->width], a text into found, which is replaced. null is NaN;
   anything else than the type wants is refused. */
int sheaf_json_take(const json_t *json, const struct job_output *output, void *value, struct sheaf_buffer *found,
                    struct sheaf_error *error);

#endif

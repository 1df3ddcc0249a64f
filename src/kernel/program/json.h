/*
 * json - JSON (jansson) from programs, and its values as those of output fields.
 */
#ifndef SHEAF_KERNEL_JSON_H
#define SHEAF_KERNEL_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "job/kind.h"

/* To be called before threads use the others. */
void sheaf_json_start(void);

/* A number as it was written. */
struct json_number {
    const char *text;
    size_t length;
};

/* JSON that was read. Its numbers are integers that count them: what they are is in `numbers`. */
struct sheaf_json {
    json_t *root;
    struct json_number *numbers;
};

/* Reads text[length], which is borrowed until sheaf_json_free. A number is whatever core/text takes for a float, be it too
   large for one: also the NaN and Infinity that Python's json writes, and C's nan and inf. -1: it is no JSON, and *error
   says why. */
int sheaf_json_read(struct sheaf_json *json, const char *text, size_t length, struct sheaf_error *error);
void sheaf_json_free(struct sheaf_json *json);

/* What lies at a dotted path: keys of objects, numbers for arrays. Borrowed; NULL, and *error says what there is. */
json_t *sheaf_json_find(json_t *root, const char *path, struct sheaf_error *error);

/* A value of json as the output's type: numbers into value[output->width], a text into found, which is replaced: that of
   a number is as it was written. null is NaN; anything else than the type wants is refused. */
int sheaf_json_take(const struct sheaf_json *json, const json_t *from, const struct job_output *output, void *value,
                    struct sheaf_buffer *found, struct sheaf_error *error);

/* A whole number, or true or false. -1: it is anything else, or an int64 does not hold it. */
int sheaf_json_whole(const struct sheaf_json *json, const json_t *value, int64_t *whole);

#endif

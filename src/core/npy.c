#include "core/npy.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arrays.h"
#include "core/type.h"

enum { MAGIC_BYTES = 6, FRONT = MAGIC_BYTES + 4 /* magic, version, length of the text */, MOST_TEXT = 4096 };

static const char magic[MAGIC_BYTES + 1] = "\x93NUMPY";

/* What each type is called there. */
static const struct {
    enum sheaf_type type;
    const char *name;
} types[] = {{SHEAF_FLOAT64, "<f8"}, {SHEAF_FLOAT32, "<f4"}, {SHEAF_INT64, "<i8"},
             {SHEAF_INT32, "<i4"},   {SHEAF_UINT8, "|u1"},   {SHEAF_UINT8, "|b1"}};
enum { N_TYPES = sizeof types / sizeof *types };

/* --- writing ------------------------------------------------------------------------------------------------------- */

size_t sheaf_npy_write_header(const struct sheaf_array *array, bool is_bool, char header[NPY_HEADER_BYTES]) {
    char text[NPY_HEADER_BYTES];
    int which = 0;
    while (which < N_TYPES - 1 && (int32_t)types[which].type != array->type)
        which++;
    int n = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                     is_bool ? "|b1" : types[which].name);
    for (int d = 0; d < array->n_dims; d++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%" PRId64 "%s", array->shape[d],
                      d == array->n_dims - 1 && d > 0 ? ""
                      : d > 0 || array->n_dims > 1    ? ", "
                                                      : ",");
    n += snprintf(text + n, sizeof text - (size_t)n, "), }");
    const size_t n_bytes = sheaf_round_up(FRONT + (size_t)n + 1, SHEAF_ALIGN), n_text = n_bytes - FRONT;
    memset(header, ' ', NPY_HEADER_BYTES);
    memcpy(header, magic, MAGIC_BYTES);
    header[MAGIC_BYTES] = 1;
    header[MAGIC_BYTES + 1] = 0;
    header[MAGIC_BYTES + 2] = (char)(n_text & 0xff);
    header[MAGIC_BYTES + 3] = (char)(n_text >> 8);
    memcpy(header + FRONT, text, (size_t)n);
    header[n_bytes - 1] = '\n';
    return n_bytes;
}

size_t sheaf_npy_bytes(const struct sheaf_array *array) {
    char header[NPY_HEADER_BYTES];
    return sheaf_npy_write_header(array, false, header) +
           (size_t)sheaf_array_count(array) * sheaf_type_bytes((enum sheaf_type)array->type);
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* What stands behind 'key': in the header, or NULL. */
static const char *find_key(const char *text, const char *key) {
    const char *at = strstr(text, key);
    if (!at)
        return NULL;
    at += strlen(key);
    at += strspn(at, " :");
    return at;
}

bool sheaf_npy_is_bool(const void *bytes, size_t n_bytes) {
    static const char descr[] = "'|b1'";
    const size_t n = n_bytes < NPY_HEADER_BYTES ? n_bytes : NPY_HEADER_BYTES;
    return memmem(bytes, n, descr, sizeof descr - 1) != NULL;
}

static int read_type(const char *path, const char *text, struct sheaf_array *array, struct sheaf_error *error) {
    const char *at = find_key(text, "'descr'");
    const size_t n = at && *at == '\'' ? strcspn(at + 1, "'") : 0;
    for (int k = 0; n && k < N_TYPES; k++)
        if (strlen(types[k].name) == n && strncmp(at + 1, types[k].name, n) == 0) {
            array->type = (int32_t)types[k].type;
            return 0;
        }
    const char *type = n > 1 ? at + 2 : "";
    if (*type == 'c')
        return sheaf_refuse(error,
                            "%s: holds complex numbers, of type '%.*s'; save their parts as two arrays: a.real.copy() "
                            "and a.imag.copy()",
                            path, (int)n, at + 1);
    if (*type && strchr("USOVmM", *type))
        return sheaf_refuse(error, "%s: holds values of type '%.*s'; it should be numbers", path, (int)n, at + 1);
    return sheaf_refuse(
        error,
        "%s: holds values of type %.*s; it should be float64, float32, int64, int32, uint8 or bool of this "
        "machine's byte order: numpy.save(\"%s\", a.astype(float))",
        path, at ? (int)strcspn(at, ",}") : 0, at ? at : "", path);
}

static int read_shape(const char *path, const char *text, struct sheaf_array *array, struct sheaf_error *error) {
    const char *at = find_key(text, "'shape'"), *order = find_key(text, "'fortran_order'");
    if (!at || *at != '(' || !order)
        return sheaf_refuse(error, "%s: is no file of numpy.save: its header is damaged", path);
    if (strncmp(order, "True", 4) == 0)
        return sheaf_refuse(error, "%s: is in Fortran's order; save it with numpy.ascontiguousarray(a)", path);
    int64_t all = 1;
    for (at++; *at && *at != ')'; at += strspn(at, ", ")) {
        char *end;
        const long long size = strtoll(at, &end, 10);
        if (end == at || size < 0 || (size > 0 && all > INT64_MAX / 16 / size))
            return sheaf_refuse(error, "%s: is no file of numpy.save: its header is damaged", path);
        if (array->n_dims == ARRAY_DIMS_MOST)
            return sheaf_refuse(error, "%s: has more than %d dimensions", path, ARRAY_DIMS_MOST);
        array->shape[array->n_dims++] = size;
        all *= size;
        at = end;
    }
    return *at ? 0 : sheaf_refuse(error, "%s: is no file of numpy.save: its header is damaged", path);
}

int sheaf_npy_read(const char *path, const void *bytes, size_t n_bytes, struct sheaf_array *array,
                   struct sheaf_error *error) {
    const unsigned char *front = bytes;
    char text[MOST_TEXT + 1];
    *array = (struct sheaf_array){0};
    if (n_bytes < FRONT + 2 || memcmp(bytes, magic, MAGIC_BYTES) != 0)
        return sheaf_refuse(error, "%s: is no file of numpy.save", path);
    const bool is_long = front[MAGIC_BYTES] >= 2; /* its text has four bytes of length */
    const size_t n_front = is_long ? FRONT + 2 : FRONT;
    size_t n_text = front[MAGIC_BYTES + 2] | (size_t)front[MAGIC_BYTES + 3] << 8;
    if (is_long)
        n_text |= (size_t)front[MAGIC_BYTES + 4] << 16 | (size_t)front[MAGIC_BYTES + 5] << 24;
    if (n_text > MOST_TEXT || n_front + n_text > n_bytes)
        return sheaf_refuse(error, "%s: is cut short, or no file of numpy.save", path);
    memcpy(text, front + n_front, n_text);
    text[n_text] = '\0';
    if (read_type(path, text, array, error) || read_shape(path, text, array, error))
        return -1;
    array->data = front + n_front + n_text;
    const size_t needed = (size_t)sheaf_array_count(array) * sheaf_type_bytes((enum sheaf_type)array->type);
    return n_bytes - n_front - n_text >= needed
               ? 0
               : sheaf_refuse(error, "%s: is cut short: it has %zu of %zu bytes of numbers", path,
                              n_bytes - n_front - n_text, needed);
}

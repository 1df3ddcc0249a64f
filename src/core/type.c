#include "core/type.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* netCDF's defaults (NC_FILL_INT64, NC_FILL_INT, NC_FILL_UBYTE). */
static const double fill_float64 = NAN;
static const float fill_float32 = NAN;
static const int64_t fill_int64 = -9223372036854775806LL;
static const int32_t fill_int32 = -2147483647;
static const uint8_t fill_uint8 = 255;

static const struct {
    const char *name;
    size_t n_bytes;
    const void *fill;
} types[] = {
    [SHEAF_FLOAT64] = {"float64", 8, &fill_float64},
    [SHEAF_FLOAT32] = {"float32", 4, &fill_float32},
    [SHEAF_INT64] = {"int64", 8, &fill_int64},
    [SHEAF_INT32] = {"int32", 4, &fill_int32},
    [SHEAF_UINT8] = {"uint8", 1, &fill_uint8},
    [SHEAF_TEXT] = {"text", sizeof(struct sheaf_text), NULL},
    [SHEAF_FILE] = {"file", 0, NULL}, /* a param's, never a field's */
};

size_t sheaf_type_bytes(int32_t type) {
    return (uint32_t)type < sizeof types / sizeof *types ? types[type].n_bytes : 0;
}

const char *sheaf_type_name(int32_t type) {
    const bool known = type > 0 && (uint32_t)type < sizeof types / sizeof *types;
    return known ? types[type].name : "unknown";
}

size_t sheaf_field_row_bytes(const struct sheaf_field *field) {
    return sheaf_type_bytes(field->type) * (size_t)field->width;
}

void sheaf_type_fill(int32_t type, void *values, int64_t n_values) {
    size_t n_bytes = types[type].n_bytes;
    for (int64_t i = 0; i < n_values; i++)
        memcpy((char *)values + (size_t)i * n_bytes, types[type].fill, n_bytes);
}

double sheaf_type_to_double(int32_t type, const void *value) {
    union {
        double float64;
        float float32;
        int64_t int64;
        int32_t int32;
        uint8_t uint8;
    } v;
    if (type == SHEAF_TEXT)
        return NAN;
    memcpy(&v, value, types[type].n_bytes);
    switch (type) {
    case SHEAF_FLOAT64:
        return v.float64;
    case SHEAF_FLOAT32:
        return v.float32;
    case SHEAF_INT64:
        return (double)v.int64;
    case SHEAF_INT32:
        return v.int32;
    default:
        return v.uint8;
    }
}

#define CONVERT(TYPE)                                                                                                  \
    do {                                                                                                               \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            TYPE value;                                                                                                \
            memcpy(&value, at + (size_t)i * sizeof value, sizeof value);                                               \
            to[i] = (double)value;                                                                                     \
        }                                                                                                              \
    } while (0)

void sheaf_type_to_doubles(int32_t type, const void *values, int64_t n, double *to) {
    const char *at = values;
    switch (type) {
    case SHEAF_FLOAT64:
        memcpy(to, values, (size_t)n * sizeof *to);
        break;
    case SHEAF_FLOAT32:
        CONVERT(float);
        break;
    case SHEAF_INT64:
        CONVERT(int64_t);
        break;
    case SHEAF_INT32:
        CONVERT(int32_t);
        break;
    case SHEAF_UINT8:
        CONVERT(uint8_t);
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            to[i] = NAN;
    }
}

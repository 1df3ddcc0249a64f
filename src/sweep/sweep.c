#include "sweep/sweep.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "core/type.h"

int sheaf_sweep_measure(struct sweep *sweep, int64_t most) {
    sweep->n_items = 1;
    for (int a = sweep->n_axes - 1; a >= 0; a--) {
        struct sweep_axis *axis = &sweep->axes[a];
        axis->stride = sweep->n_items;
        if (axis->size > most / sweep->n_items)
            return -1;
        sweep->n_items *= axis->size;
    }
    return 0;
}

static const void *value_at(const struct sweep_field *field, int64_t i) {
    return (const char *)field->values + (size_t)i * sheaf_type_bytes(field->about.type);
}

/* A number that is whole, and in the range of the type. */
static bool is_whole(const struct sweep_field *field, int64_t i, double least, double most) {
    const double value = sheaf_type_to_double(field->about.type, value_at(field, i));
    return value >= least && value <= most && rint(value) == value;
}

static bool fits(const struct sweep_field *field, int64_t i, enum sheaf_type type) {
    switch (type) {
    case SHEAF_TEXT:
        return true;
    case SHEAF_FLOAT64:
    case SHEAF_FLOAT32:
        return field->about.type != SHEAF_TEXT;
    case SHEAF_INT64:
        return field->about.type == SHEAF_INT64 ||
               (field->about.type == SHEAF_FLOAT64 && is_whole(field, i, -0x1p63, 0x1p63 - 1024));
    case SHEAF_INT32:
        return field->about.type != SHEAF_TEXT && is_whole(field, i, INT32_MIN, INT32_MAX);
    case SHEAF_UINT8:
        return field->about.type != SHEAF_TEXT && is_whole(field, i, 0, UINT8_MAX);
    case SHEAF_NO_TYPE:
    case SHEAF_FILE:
        break;
    }
    return false;
}

/* Of numbers that are drawn. */
static bool draw_fits(const struct draw *draw, enum sheaf_type type) {
    const int64_t low = draw->low, high = low + draw->n_values - 1;
    const bool is_whole = draw->law == DRAW_INTEGERS;
    switch (type) {
    case SHEAF_INT64:
        return is_whole;
    case SHEAF_INT32:
        return is_whole && low >= INT32_MIN && high <= INT32_MAX;
    case SHEAF_UINT8:
        return is_whole && low >= 0 && high <= UINT8_MAX;
    case SHEAF_FLOAT64:
    case SHEAF_FLOAT32:
    case SHEAF_TEXT:
        return true;
    case SHEAF_NO_TYPE:
    case SHEAF_FILE:
        break;
    }
    return false;
}

bool sheaf_sweep_fits(const struct sweep *sweep, int field, enum sheaf_type type, int64_t *first) {
    const struct sweep_field *f = &sweep->fields[field];
    *first = 0;
    if (f->draw && f->n_values == 0)
        return draw_fits(f->draw, type);
    for (; *first < f->n_values; ++*first)
        if (!fits(f, *first, type))
            return false;
    return true;
}

static int64_t to_int64(const struct sweep_field *field, int64_t i) {
    const void *value = value_at(field, i);
    return field->about.type == SHEAF_INT64 ? *(const int64_t *)value : (int64_t) * (const double *)value;
}

/* A number as text: as it was written, or the shortest that reads back as the same. */
static int write_text(const struct sweep_field *field, int64_t i, struct sheaf_text *to, struct sheaf_arena *arena) {
    char number[40];
    if (field->written) {
        *to = field->written[i];
        return 0;
    }
    if (field->about.type == SHEAF_INT64)
        snprintf(number, sizeof number, "%" PRId64, to_int64(field, i));
    else
        sheaf_text_double(*(const double *)value_at(field, i), number);
    *to = (struct sheaf_text){sheaf_arena_text(arena, number, strlen(number)), strlen(number)};
    return to->data ? 0 : -1;
}

static int convert(const struct sweep_field *field, enum sheaf_type type, int64_t i, void *to,
                   struct sheaf_arena *arena) {
    switch (type) {
    case SHEAF_TEXT:
        if (field->about.type != SHEAF_TEXT)
            return write_text(field, i, to, arena);
        memcpy(to, value_at(field, i), sizeof(struct sheaf_text));
        return 0;
    case SHEAF_FLOAT64:
        *(double *)to = sheaf_type_to_double(field->about.type, value_at(field, i));
        return 0;
    case SHEAF_FLOAT32:
        *(float *)to = (float)sheaf_type_to_double(field->about.type, value_at(field, i));
        return 0;
    case SHEAF_INT64:
        *(int64_t *)to = to_int64(field, i);
        return 0;
    case SHEAF_INT32:
        *(int32_t *)to = (int32_t)to_int64(field, i);
        return 0;
    case SHEAF_UINT8:
        *(uint8_t *)to = (uint8_t)to_int64(field, i);
        return 0;
    case SHEAF_NO_TYPE:
    case SHEAF_FILE:
        break;
    }
    return -1;
}

int sheaf_sweep_say(const struct sweep *sweep, int field, int64_t place, struct sheaf_text *to,
                    struct sheaf_arena *arena) {
    return convert(&sweep->fields[field], SHEAF_TEXT, place, to, arena);
}

/* A number that was drawn, as text. */
static int draw_text(const struct sweep_field *f, int64_t i, struct sheaf_text *to, struct sheaf_arena *arena) {
    double real;
    int64_t whole;
    const bool is_whole = f->about.type == SHEAF_INT64;
    sheaf_draw_numbers(f->draw, f->about.type, i, 1, is_whole ? (void *)&whole : (void *)&real);
    const struct sweep_field one = {.about = f->about, .values = is_whole ? (void *)&whole : (void *)&real};
    return write_text(&one, 0, to, arena);
}

/* Of a field that is drawn. */
static int convert_drawn(const struct sweep_field *f, enum sheaf_type type, int64_t first, int64_t n, char *to,
                         struct sheaf_arena *arena) {
    enum { BATCH = 64 };
    const size_t value_bytes = sheaf_type_bytes(type);
    int64_t choices[BATCH];
    if (f->n_values == 0 && type != SHEAF_TEXT) {
        sheaf_draw_numbers(f->draw, type, first, n, to);
        return 0;
    }
    for (int64_t i = 0; i < n; i++) {
        if (f->n_values && i % BATCH == 0)
            sheaf_draw_choices(f->draw, first + i, n - i < BATCH ? n - i : BATCH, choices);
        void *value = to + (size_t)i * value_bytes;
        if (f->n_values ? convert(f, type, choices[i % BATCH], value, arena) : draw_text(f, first + i, value, arena))
            return -1;
    }
    return 0;
}

int sheaf_sweep_convert(const struct sweep *sweep, int field, enum sheaf_type type, int64_t first, int64_t n, void *to,
                        struct sheaf_arena *arena) {
    const struct sweep_field *f = &sweep->fields[field];
    const size_t value_bytes = sheaf_type_bytes(type);
    if (f->draw)
        return convert_drawn(f, type, first, n, to, arena);
    if (type == f->about.type) {
        memcpy(to, value_at(f, first), (size_t)n * value_bytes);
        return 0;
    }
    for (int64_t i = 0; i < n; i++)
        if (convert(f, type, first + i, (char *)to + (size_t)i * value_bytes, arena))
            return -1;
    return 0;
}

/* --- values of many items ------------------------------------------------------------------------------------------- */

static void repeat(char *to, const char *value, size_t value_bytes, int64_t n) {
    if (value_bytes == sizeof(uint64_t)) {
        uint64_t bits;
        memcpy(&bits, value, sizeof bits);
        for (int64_t i = 0; i < n; i++)
            ((uint64_t *)(void *)to)[i] = bits;
    } else
        for (int64_t i = 0; i < n; i++)
            memcpy(to + (size_t)i * value_bytes, value, value_bytes);
}

/* Of the last axis: its values one after the other, again and again. */
static void spread_in_turn(const char *values, size_t value_bytes, int64_t n_values, int64_t first, int64_t n,
                           char *to) {
    int64_t index = first % n_values;
    for (int64_t run; n > 0; n -= run, index = 0) {
        run = n_values - index < n ? n_values - index : n;
        memcpy(to, values + (size_t)index * value_bytes, (size_t)run * value_bytes);
        to += (size_t)run * value_bytes;
    }
}

void sheaf_sweep_spread(const char *values, size_t value_bytes, int64_t n_values, int64_t stride, int64_t first,
                        int64_t n, char *to) {
    int64_t index = first / stride % n_values, left = stride - first % stride;
    if (stride == 1) {
        spread_in_turn(values, value_bytes, n_values, first, n, to);
        return;
    }
    for (int64_t run; n > 0; n -= run, left = stride, index = (index + 1) % n_values) {
        run = left < n ? left : n;
        repeat(to, values + (size_t)index * value_bytes, value_bytes, run);
        to += (size_t)run * value_bytes;
    }
}

int sheaf_sweep_items(const struct sweep *sweep, int field, enum sheaf_type type, int64_t first, int64_t n, void *to,
                      struct sheaf_arena *arena) {
    const struct sweep_field *f = &sweep->fields[field];
    const struct sweep_axis *axis = &sweep->axes[f->axis];
    const size_t value_bytes = sheaf_type_bytes(type);
    if (!f->draw && type == f->about.type) {
        sheaf_sweep_spread(f->values, value_bytes, axis->size, axis->stride, first, n, to);
        return 0;
    }
    for (int64_t at = 0, run; at < n; at += run) { /* items of one value, or on the last axis as far as that goes */
        const int64_t item = first + at, index = item / axis->stride % axis->size;
        const int64_t fit = axis->stride > 1 ? axis->stride - item % axis->stride : axis->size - index;
        char *values = (char *)to + (size_t)at * value_bytes;
        run = fit < n - at ? fit : n - at;
        if (sheaf_sweep_convert(sweep, field, type, index, axis->stride > 1 ? 1 : run, values, arena))
            return -1;
        if (axis->stride > 1)
            repeat(values, values, value_bytes, run);
    }
    return 0;
}

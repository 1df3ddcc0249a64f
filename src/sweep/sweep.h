/*
 * sweep - items that are the cells of a grid: axes, the fields that vary along them, and the value of a field of an item.
 *
 * The last axis varies fastest. Values along an axis are listed, or drawn (sweep/draw.h). Pure: what it holds is what is listed,
 * however many items there are.
 */
#ifndef SHEAF_SWEEP_SWEEP_H
#define SHEAF_SWEEP_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/arena.h"
#include "sweep/draw.h"

enum { SWEEP_AXES_MOST = 31 };

struct sweep_axis {
    const char *name;
    int64_t size;
    int64_t stride; /* items from one of its values to the next */
};

/* Where a job file says the values of a field, for messages. */
struct sweep_place {
    int line, column; /* from 1; 0: not known */
};
struct sweep_said {
    const char *file; /* NULL: nowhere */
    struct sweep_place place;
    const struct sweep_place *places; /* [n_values] each of them, or NULL */
};

/* A field that varies along an axis. */
struct sweep_field {
    struct sheaf_field about; /* of width 1 */
    int axis;
    const struct draw *draw; /* how its values are drawn; NULL: they are listed */
    int64_t n_values;        /* as many as its axis; of a choice those that it takes; of others that are drawn 0 */
    const void *values;      /* [n_values] of its type */
    const struct sheaf_text *written; /* [n_values] numbers as the user wrote them; NULL: they were worked out */
    const char *why_text;             /* where the value is that makes a text of the field, and which: for messages */
    struct sweep_said said;
};

struct sweep {
    int n_axes;
    struct sweep_axis axes[SWEEP_AXES_MOST];
    int n_fields;
    const struct sweep_field *fields; /* [n_fields] */
    int64_t n_items;
};

/* Sets the strides and the number of items; -1 where there are more than most. */
int sheaf_sweep_measure(struct sweep *sweep, int64_t most);

/* Which value of its axis a field has at an item. */
static inline int64_t sheaf_sweep_index(const struct sweep *sweep, int field, int64_t item) {
    const struct sweep_axis *axis = &sweep->axes[sweep->fields[field].axis];
    return item / axis->stride % axis->size;
}

/* Whether all values of the field can be given as `type`; *first is the place of the first of those listed that cannot. */
bool sheaf_sweep_fits(const struct sweep *sweep, int field, enum sheaf_type type, int64_t *first);

/* Values first … first + n - 1 along the field's axis, as `type`, which they fit. Texts of numbers are made in the arena,
   which is used for nothing else. -1: no memory. */
int sheaf_sweep_convert(const struct sweep *sweep, int field, enum sheaf_type type, int64_t first, int64_t n, void *to,
                        struct sheaf_arena *arena);

/* The value at a place of those listed, as text. */
int sheaf_sweep_say(const struct sweep *sweep, int field, int64_t place, struct sheaf_text *to,
                    struct sheaf_arena *arena);

/* Items first … first + n - 1 as `type`, as above. */
int sheaf_sweep_items(const struct sweep *sweep, int field, enum sheaf_type type, int64_t first, int64_t n, void *to,
                      struct sheaf_arena *arena);

/* Items first … first + n - 1 of a field that has values[n_values] along its axis, each for `stride` items. */
void sheaf_sweep_spread(const char *values, size_t value_bytes, int64_t n_values, int64_t stride, int64_t first,
                        int64_t n, char *to);

#endif
